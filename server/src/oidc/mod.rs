//! Logins at an OpenID provider, as Gotify has them: the authorization code flow
//! with PKCE, for browsers and for apps.
//!
//! - `keys`: the provider's keys, and signatures with them.
//! - `pending`: logins that have not come back.
//! - `provider`: the provider's description, keys and endpoints.
//! - `token`: the check of an ID token.
//! - this file: from the start of a login to the user's identity.
//!
//! Who that user is here, and what a login gives, is `api::oidc`'s.

mod keys;
mod pending;
mod provider;
mod token;

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

pub(crate) use self::pending::{Pending, Purpose};
use self::{
    pending::Logins,
    provider::{FRESH, KEYS_FRESH, Provider},
    token::{Expected, TokenError, check},
};
use crate::config;

/// The longest text of a provider that an error repeats, in characters.
const SHOWN: usize = 200;

/// The settings that a login needs.
#[derive(Clone)]
struct Settings {
    issuer: String,
    client_id: String,
    client_secret: Option<String>,
    scopes: String,
    username_claim: String,
}

/// The logins at a provider.
pub(crate) struct Oidc {
    settings: Settings,
    logins: Logins,
    provider: Mutex<Option<Arc<Provider>>>,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Oidc")
            .field("issuer", &self.settings.issuer)
            .finish_non_exhaustive()
    }
}

/// The start of a login.
#[derive(Debug)]
pub(crate) struct Begun {
    /// The address at which the user logs in.
    pub(crate) at: Url,
    /// The state, which comes back.
    pub(crate) state: String,
}

/// A user at the provider.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The issuer, `#`, and the subject.
    pub(crate) id: String,
    /// The value of the username claim, or the reason why there is none.
    pub(crate) name: Result<String, String>,
}

/// The reason for which a login failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    /// The provider does not answer as it should.
    #[error("the OpenID provider failed at {at}: {cause}")]
    Provider {
        /// The address.
        at: String,
        /// The cause.
        cause: String,
        /// The error's code by OAuth 2.0, such as `invalid_grant`; none if the provider gives
        /// none.
        code: Option<String>,
    },
    /// The provider does not know the code, or no longer.
    #[error("the OpenID provider rejected the login: {0}")]
    Code(String),
    /// The provider's token cannot be believed.
    #[error("the OpenID provider's ID token was rejected: {0}")]
    Token(String),
    /// The operating system has no randomness.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

impl Oidc {
    /// The logins of the settings; none without an issuer.
    pub(crate) fn of(config: &config::Oidc) -> Option<Self> {
        let issuer = config.issuer.clone()?;
        if issuer.starts_with("http:") {
            tracing::warn!(
                issuer,
                "the OpenID provider is asked without TLS: whoever is on the way can be any user"
            );
        }
        let secret = config.client_secret.clone();
        Some(Self {
            settings: Settings {
                issuer,
                client_id: config.client_id.clone().unwrap_or_default(),
                client_secret: secret.filter(|secret| !secret.is_empty()),
                scopes: scopes(&config.scopes),
                username_claim: config.username_claim.clone(),
            },
            logins: Logins::default(),
            provider: Mutex::default(),
        })
    }

    /// Begins a login.
    ///
    /// # Errors
    ///
    /// [`OidcError`].
    pub(crate) async fn begin(
        &self,
        purpose: Purpose,
        redirect: String,
        now_ms: i64,
    ) -> Result<Begun, OidcError> {
        let provider = self.provider().await?;
        let (state, nonce) = (random(20)?, random(20)?);
        let (verifier, challenge) = match &purpose {
            Purpose::App { challenge, .. } => (None, challenge.clone()),
            _ => {
                let verifier = random(32)?;
                let challenge = challenge_of(&verifier);
                (Some(verifier), challenge)
            }
        };
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", self.settings.client_id.as_str()),
            ("redirect_uri", redirect.as_str()),
            ("scope", self.settings.scopes.as_str()),
            ("state", state.as_str()),
            ("nonce", nonce.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        if matches!(purpose, Purpose::Elevation { .. }) {
            // An old session at the provider proves nothing about who is there now.
            parameters.push(("prompt", "login"));
        }
        let at = provider.login(&parameters);
        let login = Pending::new(purpose, redirect, nonce, verifier, now_ms);
        self.logins.add(state.clone(), login);
        Ok(Begun { at, state })
    }

    /// Returns true if a provider's name for itself is the issuer's.
    pub(crate) fn is_issuer(&self, name: &str) -> bool {
        name.trim_end_matches('/') == self.settings.issuer.trim_end_matches('/')
    }

    /// Takes the login of a state, once. None if it is unknown or too old.
    pub(crate) fn take(&self, state: &str, now_ms: i64) -> Option<Pending> {
        self.logins.take(state, now_ms)
    }

    /// Exchanges the code of a login for the user's identity.
    ///
    /// # Errors
    ///
    /// [`OidcError`].
    pub(crate) async fn finish(
        &self,
        login: &Pending,
        code: &str,
        verifier: &str,
    ) -> Result<Identity, OidcError> {
        let provider = self.provider().await?;
        let tokens = provider
            .exchange(&self.settings, code, &login.redirect, verifier)
            .await?;
        let id_token = tokens.id_token.ok_or_else(|| {
            OidcError::Token("there is none; the scope `openid` is needed".into())
        })?;
        let (provider, claims) = self.checked(provider, &id_token, &login.nonce).await?;
        let info = provider.userinfo(&tokens.access_token).await?;
        if let Some(info) = &info
            && info.get("sub").and_then(Value::as_str) != Some(claims.sub.as_str())
        {
            return Err(OidcError::Token(
                "the provider's userinfo is about another subject".into(),
            ));
        }
        let claim = &self.settings.username_claim;
        let found = info.as_ref().and_then(|info| info.get(claim));
        let found = found.or_else(|| claims.others.get(claim));
        Ok(Identity {
            id: format!("{}#{}", provider.issuer(), claims.sub),
            name: name_in(claim, found),
        })
    }

    /// Checks an ID token. Keys that the provider changed are read again.
    async fn checked(
        &self,
        provider: Arc<Provider>,
        id_token: &str,
        nonce: &str,
    ) -> Result<(Arc<Provider>, token::Claims), OidcError> {
        let check = |provider: &Provider| {
            let expected = Expected {
                issuer: provider.issuer(),
                client_id: &self.settings.client_id,
                nonce,
            };
            check(id_token, &provider.keys, &expected, now_seconds())
        };
        let rejected = |error: TokenError| OidcError::Token(error.to_string());
        match check(&provider) {
            Err(TokenError::UnknownKey) if provider.read.elapsed() > KEYS_FRESH => {
                let provider = self.read_provider().await?;
                let claims = check(&provider).map_err(rejected)?;
                Ok((provider, claims))
            }
            checked => Ok((provider, checked.map_err(rejected)?)),
        }
    }

    /// The provider as it was read not long ago, or now.
    async fn provider(&self) -> Result<Arc<Provider>, OidcError> {
        let known = self.known().clone();
        match known {
            Some(provider) if provider.read.elapsed() < FRESH => Ok(provider),
            _ => self.read_provider().await,
        }
    }

    async fn read_provider(&self) -> Result<Arc<Provider>, OidcError> {
        let provider = Arc::new(Provider::read(&self.settings.issuer).await?);
        *self.known() = Some(Arc::clone(&provider));
        Ok(provider)
    }

    fn known(&self) -> MutexGuard<'_, Option<Arc<Provider>>> {
        self.provider.lock()
    }
}

/// The hash of a verifier, as PKCE writes it.
pub(crate) fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// Characters of a provider's text that may stand in an error.
pub(crate) fn shown(text: &str) -> String {
    let visible = text.chars().filter(|character| !character.is_control());
    visible.take(SHOWN).collect::<String>().trim().to_owned()
}

/// The scopes, of which `openid` is always one.
fn scopes(named: &[String]) -> String {
    let mut all: Vec<&str> = named.iter().map(String::as_str).collect();
    if !all.contains(&"openid") {
        all.insert(0, "openid");
    }
    all.join(" ")
}

/// The user name in a claim.
fn name_in(claim: &str, found: Option<&Value>) -> Result<String, String> {
    match found {
        Some(Value::String(name)) if !name.is_empty() => Ok(name.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        None => Err(format!(
            "the username claim `{claim}` is missing; choose one that the provider gives with \
             --oidc-username-claim, or ask for its scope with --oidc-scope"
        )),
        Some(_) => Err(format!("the username claim `{claim}` is no name")),
    }
}

/// The time by the clock that the provider has too; a test's clock is not its.
fn now_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn random(bytes: usize) -> Result<String, getrandom::Error> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{challenge_of, name_in, scopes};

    #[test]
    fn a_challenge_is_that_of_the_standard() {
        // The example of RFC 7636.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert_eq!(challenge_of(verifier), challenge);
    }

    #[test]
    fn a_name_is_a_text_or_a_number() {
        assert_eq!(name_in("n", Some(&json!("ann"))), Ok("ann".to_owned()));
        assert_eq!(name_in("n", Some(&json!(7))), Ok("7".to_owned()));
        for value in [json!(""), json!(null), json!(["ann"]), json!(true)] {
            assert!(name_in("n", Some(&value)).unwrap_err().contains("no name"));
        }
        assert!(name_in("n", None).unwrap_err().contains("`n` is missing"));
    }

    #[test]
    fn openid_is_always_asked_for() {
        assert_eq!(scopes(&["profile".to_owned()]), "openid profile");
        assert_eq!(
            scopes(&["email".to_owned(), "openid".to_owned()]),
            "email openid"
        );
    }
}
