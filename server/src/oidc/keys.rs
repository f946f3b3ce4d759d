//! The public keys of a provider, and signatures with them. The server verifies with
//! the cryptography that it has for TLS. A key verifies only the algorithms of its own
//! kind, so that no token chooses how it is verified.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;
use serde_json::Value;

/// A public key that can verify a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Its name, if it has one.
    name: Option<String>,
    material: Material,
}

#[derive(Debug, PartialEq, Eq)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A key as JSON (RFC 7517).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

impl Key {
    /// Reads a key; none for one that signs no tokens, or of a kind that is not known
    /// here.
    pub(super) fn read(json: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(json).ok()?;
        if jwk
            .purpose
            .as_deref()
            .is_some_and(|purpose| purpose != "sig")
        {
            return None;
        }
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        // Uncompressed, as the signatures' algorithms take it.
        let point = |length: usize| {
            let (x, y) = (bytes(&jwk.x)?, bytes(&jwk.y)?);
            (x.len() == length && y.len() == length).then(|| [&[4][..], &x, &y].concat())
        };
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Material::Rsa {
                modulus: bytes(&jwk.n)?,
                exponent: bytes(&jwk.e)?,
            },
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(&jwk.x)?),
            _ => return None,
        };
        Some(Self {
            name: jwk.kid,
            material,
        })
    }

    /// Returns true if a token that names this key, or none, may be its.
    pub(super) fn is_named(&self, name: Option<&str>) -> bool {
        name.is_none_or(|name| self.name.as_deref() == Some(name))
    }

    /// Verifies a signature. None if the key is of another kind than the algorithm.
    pub(super) fn verify(&self, algorithm: &str, message: &[u8], signed: &[u8]) -> Option<bool> {
        let plain = |parameters: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(parameters, key)
                .verify(message, signed)
                .is_ok()
        };
        Some(match (&self.material, algorithm) {
            (Material::Rsa { modulus, exponent }, algorithm) => {
                let parameters = match algorithm {
                    "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                    "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                    "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                    "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => return None,
                };
                let key = RsaPublicKeyComponents {
                    n: modulus,
                    e: exponent,
                };
                key.verify(parameters, message, signed).is_ok()
            }
            (Material::P256(key), "ES256") => plain(&signature::ECDSA_P256_SHA256_FIXED, key),
            (Material::P384(key), "ES384") => plain(&signature::ECDSA_P384_SHA384_FIXED, key),
            (Material::Ed25519(key), "EdDSA" | "Ed25519") => plain(&signature::ED25519, key),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Key;

    #[test]
    fn a_key_verifies_with_algorithms_of_its_kind() {
        // RFC 8037, appendix A.
        let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "one",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let key = Key::read(key).unwrap();
        let signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt\
                         9g7sVvpAr_MuM0KAg";
        let bytes = |text| {
            use base64::Engine as _;
            super::URL_SAFE_NO_PAD.decode(text).unwrap()
        };
        assert_eq!(key.verify("EdDSA", signed, &bytes(signature)), Some(true));
        assert_eq!(
            key.verify("EdDSA", b"other", &bytes(signature)),
            Some(false)
        );
        for other in ["RS256", "ES256", "HS256", "none", ""] {
            assert_eq!(key.verify(other, signed, &bytes(signature)), None);
        }
        assert!(key.is_named(Some("one")) && key.is_named(None) && !key.is_named(Some("two")));
    }

    #[test]
    fn keys_that_sign_no_tokens_are_left_out() {
        for other in [
            json!({"kty": "oct", "k": "c2VjcmV0"}),
            json!({"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "EC", "crv": "secp256k1", "x": "AQAB", "y": "AQAB"}),
            json!({"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"}),
            json!({"kty": "RSA", "n": "no base64!", "e": "AQAB"}),
            json!("no key"),
        ] {
            assert_eq!(Key::read(other.clone()), None, "{other}");
        }
    }
}
