//! Passwords and tokens in the forms of a Gotify server, from which users and
//! applications were imported.
//!
//! A password's hash is bcrypt's. A token of Gotify 3 is the seed of an Ed25519
//! key: its holder has `gtfya.` and the seed, and the database has the same
//! prefix and the public key.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// The costliest hash that is computed, as a power of two: each step doubles the
/// time, and this one takes some seconds.
pub const MOST_COST: u32 = 16;
/// The start of a token of Gotify 3, behind which one letter names its kind.
const PREFIX: &str = "gtfy";

/// Returns the cost of a hash by bcrypt; none for other texts.
pub fn bcrypt_cost(hash: &str) -> Option<u32> {
    let parts: bcrypt::HashParts = hash.parse().ok()?;
    Some(parts.get_cost())
}

/// Returns true if a password matches a hash by bcrypt.
pub(super) fn bcrypt_matches(password: &str, hash: &str) -> Result<bool, String> {
    let cost = bcrypt_cost(hash).ok_or("the stored value is no hash by bcrypt")?;
    if cost > MOST_COST {
        return Err(format!(
            "the stored hash has the cost {cost}, and this server computes at most {MOST_COST}"
        ));
    }
    bcrypt::verify(password, hash).map_err(|error| error.to_string())
}

/// Does the work of [`bcrypt_matches`] without a result.
pub(super) fn bcrypt_work(password: &str, cost: u32) {
    // The cost is within its bounds, so there is no error.
    let _ = bcrypt::hash_with_salt(password, cost, [0; 16]);
}

/// The form in which Gotify 3 stores a token that a request brings; none if it is
/// in another form.
pub(super) fn stored_form(token: &str) -> Option<String> {
    let rest = token.strip_prefix(PREFIX)?;
    let (kind, seed) = rest.split_once('.')?;
    let seed = BASE64_URL_SAFE_NO_PAD.decode(seed).ok()?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
    let key = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key());
    Some(format!("{PREFIX}{kind}.{key}"))
}

/// A new token of Gotify 3's form from random bytes.
pub(super) fn token(kind: char, seed: &[u8; 32]) -> String {
    format!("{PREFIX}{kind}.{}", BASE64_URL_SAFE_NO_PAD.encode(seed))
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::{bcrypt_cost, bcrypt_matches, stored_form, token};

    /// From the Ed25519 test vectors of RFC 8032, section 7.1, test 1.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    fn encoded(hex: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(hex::decode(hex).unwrap())
    }

    #[test]
    fn a_seed_is_stored_as_its_public_key() {
        let brought = format!("gtfya.{}", encoded(SEED));
        let stored = format!("gtfya.{}", encoded(PUBLIC));
        assert_eq!(stored_form(&brought), Some(stored.clone()));
        // The stored form is no way in.
        assert_ne!(stored_form(&stored), Some(stored));
        let mut seed = [0; 32];
        hex::decode_to_slice(SEED, &mut seed).unwrap();
        assert_eq!(token('a', &seed), brought);
    }

    #[test]
    fn other_tokens_have_no_stored_form() {
        for other in [
            "",
            "A0123456789abcd",
            "gtfya",
            "gtfya.",
            "gtfya.short",
            "gtfya.....",
            &format!("gtfya.{}.5", encoded(PUBLIC)),
            &format!("gtfya.{}.x.y", encoded(PUBLIC)),
            &format!("gtfya.{}=", encoded(SEED)),
        ] {
            assert_eq!(stored_form(other), None, "{other}");
        }
    }

    #[test]
    fn a_password_is_held_against_a_hash_by_bcrypt() {
        // Of `U*U`, from the test vectors of the original implementation.
        let hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        assert_eq!(bcrypt_cost(hash), Some(5));
        assert_eq!(bcrypt_matches("U*U", hash), Ok(true));
        assert_eq!(bcrypt_matches("U*V", hash), Ok(false));
        let costly = hash.replace("$05$", "$31$");
        assert!(bcrypt_matches("U*U", &costly).unwrap_err().contains("31"));
        for other in ["", "$argon2id$v=19$m=1,t=1,p=1$YWFhYWFhYWE$YWFh", "$2a$05$"] {
            assert_eq!(bcrypt_cost(other), None, "{other}");
        }
    }
}
