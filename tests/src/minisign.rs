//! Keys and signatures in minisign's form, made anew for each test.

#![expect(clippy::unwrap_used, reason = "only tests use this")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use blake2::{Blake2b512, Digest as _};
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{Ed25519KeyPair, KeyPair as _},
};

/// A signer.
#[derive(Debug)]
pub struct Signer {
    id: [u8; 8],
    pair: Ed25519KeyPair,
}

impl Default for Signer {
    fn default() -> Self {
        Self::new()
    }
}

impl Signer {
    /// With a new key.
    pub fn new() -> Self {
        let (random, mut seed, mut id) = (SystemRandom::new(), [0; 32], [0; 8]);
        random.fill(&mut seed).unwrap();
        random.fill(&mut id).unwrap();
        Self {
            id,
            pair: Ed25519KeyPair::from_seed_unchecked(&seed).unwrap(),
        }
    }

    /// The public key, as it is given to others.
    pub fn public(&self) -> String {
        let parts = [b"Ed", &self.id[..], self.pair.public_key().as_ref()];
        STANDARD.encode(parts.concat())
    }

    /// Returns the content of `NAME.minisig`.
    pub fn sign(&self, bytes: &[u8]) -> String {
        let hash = Blake2b512::digest(bytes);
        let signature = self.pair.sign(&hash);
        let comment = "made by a test";
        let global = [signature.as_ref(), comment.as_bytes()].concat();
        let global = self.pair.sign(&global);
        let signature = STANDARD.encode([b"ED", &self.id[..], signature.as_ref()].concat());
        let global = STANDARD.encode(global.as_ref());
        format!("untrusted comment: a test's\n{signature}\ntrusted comment: {comment}\n{global}\n")
    }
}
