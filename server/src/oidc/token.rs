//! The check of an ID token: its signature with a key of the provider, and its
//! claims. A token that lacks a claim is rejected as one with a wrong claim is.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::keys::Key;

/// The difference between two clocks that is allowed, in seconds.
const LEEWAY_SECONDS: u64 = 60;
/// The longest token, in bytes.
const TOKEN_BYTES: usize = 64 << 10;
/// The longest subject, in bytes, by the standard.
const SUBJECT_BYTES: usize = 255;

/// The head of a token.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that have to be understood; none is.
    #[serde(default)]
    crit: Option<Value>,
}

/// The claims of an ID token that was checked.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    /// The subject: the user at the provider.
    pub(super) sub: String,
    iss: String,
    aud: Audience,
    exp: u64,
    #[serde(default)]
    nbf: Option<u64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    azp: Option<String>,
    /// All others.
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// The requirements on an ID token.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
}

/// The reason for which an ID token is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    /// It has no such form.
    #[error("{0}")]
    Form(&'static str),
    /// The provider has no such key; it may have changed its keys.
    #[error("it is signed with a key or an algorithm that the provider does not publish")]
    UnknownKey,
    /// The signature is of something else.
    #[error("its signature is wrong")]
    Signature,
    /// The issuer.
    #[error("its issuer (`iss`) is another provider")]
    Issuer,
    /// The audience.
    #[error("it is for another client (`aud`)")]
    Audience,
    /// The party that it was issued to.
    #[error("it was issued to another client (`azp`)")]
    Party,
    /// The end of its time.
    #[error("it is over (`exp`); check the clocks of this server and of the provider")]
    Over,
    /// The beginning of its time.
    #[error("it is not valid yet (`nbf`); check the clocks of this server and of the provider")]
    Early,
    /// It is not for this login.
    #[error("its `nonce` is not that of this login")]
    Nonce,
    /// The subject cannot name a user.
    #[error("its subject (`sub`) is empty or longer than {SUBJECT_BYTES} bytes")]
    Subject,
}

/// Checks an ID token and returns its claims.
///
/// # Errors
///
/// [`TokenError`].
pub(super) fn check(
    token: &str,
    keys: &[Key],
    expected: &Expected<'_>,
    now_seconds: u64,
) -> Result<Claims, TokenError> {
    if token.len() > TOKEN_BYTES {
        return Err(TokenError::Form("it is too long"));
    }
    let form = TokenError::Form("it is not three parts of base64, as a signed token is");
    let (message, signature) = token.rsplit_once('.').ok_or(form)?;
    let (header, payload) = message.split_once('.').ok_or(form)?;
    let header: Header = part(header).ok_or(TokenError::Form("its head cannot be read"))?;
    if header.crit.is_some() {
        return Err(TokenError::Form("its head asks for extensions (`crit`)"));
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| form)?;
    verify(keys, &header, message.as_bytes(), &signature)?;
    let claims: Claims = part(payload).ok_or(TokenError::Form(
        "it lacks a claim among `iss`, `sub`, `aud` and `exp`, or one is of a wrong type",
    ))?;
    if claims.iss != expected.issuer {
        return Err(TokenError::Issuer);
    }
    let (for_us, alone) = match &claims.aud {
        Audience::One(one) => (one == expected.client_id, true),
        Audience::Several(all) => (
            all.iter().any(|one| one == expected.client_id),
            all.len() == 1,
        ),
    };
    if !for_us {
        return Err(TokenError::Audience);
    }
    let party = claims.azp.as_deref();
    if party.map_or(!alone, |party| party != expected.client_id) {
        return Err(TokenError::Party);
    }
    if claims.exp.saturating_add(LEEWAY_SECONDS) <= now_seconds {
        return Err(TokenError::Over);
    }
    let begins = claims.nbf.unwrap_or_default();
    if begins > now_seconds.saturating_add(LEEWAY_SECONDS) {
        return Err(TokenError::Early);
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(TokenError::Nonce);
    }
    if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES {
        return Err(TokenError::Subject);
    }
    Ok(claims)
}

/// Verifies the signature with the key that the token names, or with any that fits.
fn verify(keys: &[Key], header: &Header, message: &[u8], signed: &[u8]) -> Result<(), TokenError> {
    let named = keys
        .iter()
        .filter(|key| key.is_named(header.kid.as_deref()));
    let verified: Vec<bool> = named
        .filter_map(|key| key.verify(&header.alg, message, signed))
        .collect();
    match verified.as_slice() {
        [] => Err(TokenError::UnknownKey),
        all if all.contains(&true) => Ok(()),
        _ => Err(TokenError::Signature),
    }
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    use serde_json::{Value, json};

    use super::{Expected, TokenError, check};
    use crate::oidc::keys::Key;

    const NOW: u64 = 1_800_000_000;

    fn base64(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    /// Signs claims in which some differ from good ones, and checks the token.
    fn checked(head: Value, changes: Value) -> Result<String, TokenError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": x});
        let keys = [Key::read(key).unwrap()];
        let mut claims = json!({"iss": "https://a", "aud": "us", "sub": "ann", "nonce": "n",
            "exp": NOW + 60});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let claims = match claims {
            Value::Object(mut all) => {
                all.retain(|_, value| !value.is_null());
                Value::Object(all)
            }
            other => other,
        };
        let message = format!("{}.{}", base64(&head), base64(&claims));
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()));
        let expected = Expected {
            issuer: "https://a",
            client_id: "us",
            nonce: "n",
        };
        let token = format!("{message}.{signature}");
        check(&token, &keys, &expected, NOW).map(|claims| claims.sub)
    }

    #[test]
    fn a_token_is_good_in_each_of_its_claims_or_rejected() {
        let head = || json!({"alg": "EdDSA", "kid": "one"});
        let with = |changes: Value| checked(head(), changes);
        let ann = Ok("ann".to_owned());
        for good in [
            json!({}),
            json!({"aud": ["us"]}),
            json!({"aud": ["them", "us"], "azp": "us"}),
            json!({"exp": NOW - 59}),
            json!({"nbf": NOW + 60}),
        ] {
            assert_eq!(with(good.clone()), ann, "{good}");
        }
        for (bad, error) in [
            (json!({"iss": "https://a/"}), TokenError::Issuer),
            (json!({"aud": "them"}), TokenError::Audience),
            (json!({"aud": []}), TokenError::Audience),
            (json!({"aud": ["them", "us"]}), TokenError::Party),
            (json!({"azp": "them"}), TokenError::Party),
            (json!({"exp": NOW - 60}), TokenError::Over),
            (json!({"nbf": NOW + 61}), TokenError::Early),
            (json!({"nonce": "m"}), TokenError::Nonce),
            (json!({"nonce": null}), TokenError::Nonce),
            (json!({"sub": ""}), TokenError::Subject),
            (json!({"sub": "a".repeat(256)}), TokenError::Subject),
        ] {
            assert_eq!(with(bad.clone()), Err(error), "{bad}");
        }
        // Missing, or of a type that another reader may take for something else.
        for bad in ["iss", "aud", "exp", "sub"] {
            for value in [Value::Null, json!({}), json!(true)] {
                let error = with(json!({ (bad): value })).unwrap_err();
                assert!(error.to_string().contains(bad), "{error}");
            }
        }
        let text = with(json!({"exp": "9999999999"})).unwrap_err();
        assert!(matches!(text, TokenError::Form(_)), "{text}");
    }

    #[test]
    fn a_token_does_not_choose_how_it_is_verified() {
        for head in [
            json!({"alg": "EdDSA", "kid": "two"}),
            json!({"alg": "none", "kid": "one"}),
            json!({"alg": "HS256", "kid": "one"}),
            json!({"alg": "RS256"}),
        ] {
            assert_eq!(checked(head, json!({})), Err(TokenError::UnknownKey));
        }
        let crit = json!({"alg": "EdDSA", "crit": ["b64"]});
        assert!(matches!(checked(crit, json!({})), Err(TokenError::Form(_))));
        assert_eq!(
            checked(json!({"alg": "EdDSA"}), json!({})),
            Ok("ann".to_owned())
        );
        let expected = Expected {
            issuer: "",
            client_id: "",
            nonce: "",
        };
        for token in ["", "a", "a.b", "a.b.c", "e30.e30.", "..", "a.b.c.d"] {
            let error = check(token, &[], &expected, NOW).unwrap_err();
            assert!(matches!(error, TokenError::Form(_)), "{token}: {error}");
        }
    }
}
