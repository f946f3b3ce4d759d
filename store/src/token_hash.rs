//! The form in which tokens are stored.

use sha2::{Digest as _, Sha256};

/// The SHA-256 of a token. A token has enough random bits that a plain hash
/// cannot be searched, and looking one up by its hash tells nothing by how long
/// it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token as Gotify's database has it.
    pub fn of_stored(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// As it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
