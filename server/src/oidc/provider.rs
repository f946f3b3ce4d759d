//! The OpenID provider: its description, its keys, and the requests to it.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::{OidcError, Settings, keys::Key};
use crate::client;

/// The most keys.
const KEYS: usize = 64;
/// The longest answer, in bytes.
const ANSWER: usize = 1 << 20;
/// The time for a request.
const PATIENCE: Duration = Duration::from_secs(15);
/// The time after which the description is read again.
pub(super) const FRESH: Duration = Duration::from_secs(60 * 60);
/// The time after which a token with an unknown key has the keys read again.
pub(super) const KEYS_FRESH: Duration = Duration::from_secs(10);

/// The provider's description of itself.
#[derive(Debug, Deserialize)]
struct Discovery {
    issuer: String,
    #[serde(deserialize_with = "address")]
    authorization_endpoint: Url,
    #[serde(deserialize_with = "address")]
    token_endpoint: Url,
    #[serde(default, deserialize_with = "optional_address")]
    userinfo_endpoint: Option<Url>,
    #[serde(deserialize_with = "address")]
    jwks_uri: Url,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| D::Error::custom(format!("`{}` is no address", super::shown(&text))))
}

fn optional_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    address(deserializer).map(Some)
}

/// A provider whose description and keys were read.
#[derive(Debug)]
pub(super) struct Provider {
    discovery: Discovery,
    pub(super) keys: Vec<Key>,
    pub(super) read: Instant,
}

/// The keys that a provider publishes.
#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

/// The tokens for a code.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) access_token: String,
    #[serde(default)]
    pub(super) id_token: Option<String>,
}

impl Provider {
    /// Reads the description and the keys of a provider.
    ///
    /// # Errors
    ///
    /// [`OidcError`].
    pub(super) async fn read(issuer: &str) -> Result<Self, OidcError> {
        let at = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let at: Url = at.parse().map_err(|_| OidcError::Provider {
            at: issuer.to_owned(),
            cause: "it is no address".to_owned(),
            code: None,
        })?;
        let discovery: Discovery = get(&at, None).await?;
        if discovery.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
            return Err(OidcError::Provider {
                at: at.to_string(),
                cause: format!(
                    "it calls itself `{}`; set --oidc-issuer to that, if it is the right one",
                    discovery.issuer
                ),
                code: None,
            });
        }
        let endpoints = [
            Some(&discovery.authorization_endpoint),
            Some(&discovery.token_endpoint),
            discovery.userinfo_endpoint.as_ref(),
            Some(&discovery.jwks_uri),
        ];
        let plain = |url: &Url| url.scheme() != "https";
        if issuer.starts_with("https:")
            && let Some(plain) = endpoints.into_iter().flatten().find(|url| plain(url))
        {
            return Err(OidcError::Provider {
                at: at.to_string(),
                cause: format!("its endpoint {} does not use HTTPS", client::origin(plain)),
                code: None,
            });
        }
        let published: Published = get(&discovery.jwks_uri, None).await?;
        // Keys of kinds that are not known here are for others.
        let keys = published.keys.into_iter().filter_map(Key::read);
        let keys = keys.take(KEYS).collect();
        Ok(Self {
            discovery,
            keys,
            read: Instant::now(),
        })
    }

    /// The issuer as the provider writes it, and so its tokens.
    pub(super) fn issuer(&self) -> &str {
        &self.discovery.issuer
    }

    /// The address at which a browser logs in.
    pub(super) fn login(&self, parameters: &[(&str, &str)]) -> Url {
        let mut url = self.discovery.authorization_endpoint.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        url
    }

    /// Exchanges a code for tokens.
    ///
    /// # Errors
    ///
    /// [`OidcError`].
    pub(super) async fn exchange(
        &self,
        settings: &Settings,
        code: &str,
        redirect: &str,
        verifier: &str,
    ) -> Result<Tokens, OidcError> {
        let (request, body) = self.token_request(settings, code, redirect, verifier);
        let at = &self.discovery.token_endpoint;
        match ask(at, request, body).await {
            Err(OidcError::Provider {
                cause,
                code: Some(code),
                ..
            }) if code == "invalid_grant" => Err(OidcError::Code(cause)),
            answer => answer,
        }
    }

    /// The request for the tokens, and its body.
    fn token_request(
        &self,
        settings: &Settings,
        code: &str,
        redirect: &str,
        verifier: &str,
    ) -> (http::request::Builder, Bytes) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", redirect)
            .append_pair("code_verifier", verifier);
        let mut request = Request::builder()
            .method(Method::POST)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let methods = self
            .discovery
            .token_endpoint_auth_methods_supported
            .as_deref();
        match &settings.client_secret {
            // The default of the standard.
            Some(secret) if methods.is_none_or(|all| has(all, "client_secret_basic")) => {
                let encoded = |text: &str| {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
                };
                let pair = format!("{}:{}", encoded(&settings.client_id), encoded(secret));
                let value = format!("Basic {}", STANDARD.encode(pair));
                request = request.header(header::AUTHORIZATION, value);
            }
            Some(secret) => {
                form.append_pair("client_id", &settings.client_id)
                    .append_pair("client_secret", secret);
            }
            None => {
                form.append_pair("client_id", &settings.client_id);
            }
        }
        (request, form.finish().into())
    }

    /// The claims about the user of an access token; none if the provider has no
    /// such address.
    ///
    /// # Errors
    ///
    /// [`OidcError`].
    pub(super) async fn userinfo(
        &self,
        access_token: &str,
    ) -> Result<Option<Map<String, Value>>, OidcError> {
        match &self.discovery.userinfo_endpoint {
            Some(at) => get(at, Some(access_token)).await.map(Some),
            None => Ok(None),
        }
    }
}

fn has(all: &[String], name: &str) -> bool {
    all.iter().any(|one| one == name)
}

async fn get<T: DeserializeOwned>(at: &Url, bearer: Option<&str>) -> Result<T, OidcError> {
    let mut request = Request::get("/");
    if let Some(token) = bearer {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    ask(at, request, Bytes::new()).await
}

async fn ask<T: DeserializeOwned>(
    at: &Url,
    request: http::request::Builder,
    body: Bytes,
) -> Result<T, OidcError> {
    let failed = |cause: String| OidcError::Provider {
        at: client::origin(at) + at.path(),
        cause,
        code: None,
    };
    let path = client::path(at).map_err(|error| failed(error.to_string()))?;
    let request = request
        .uri(path)
        .header(header::ACCEPT, "application/json")
        .body(Full::new(body))
        .map_err(|error| failed(error.to_string()))?;
    let asked = async {
        let answer = client::send(at, request)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER).collect().await;
        let body = body.map_err(|error| failed(error.to_string()))?;
        Ok((status, body.to_bytes()))
    };
    let (status, body) = tokio::time::timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|_| Err(failed(format!("no answer within {PATIENCE:?}"))))?;
    if status != StatusCode::OK {
        return Err(rejection(at, status, &body));
    }
    serde_json::from_slice(&body)
        .map_err(|error| failed(format!("an answer without JSON: {error}")))
}

/// A provider's rejection, in its words.
fn rejection(at: &Url, status: StatusCode, body: &[u8]) -> OidcError {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name| said.get(name).and_then(Value::as_str);
    let words = ["error", "error_description"].map(|name| text(name).unwrap_or_default());
    let cause = format!("{status} {}", super::shown(&words.join(" ")));
    OidcError::Provider {
        at: client::origin(at) + at.path(),
        cause: cause.trim().to_owned(),
        code: text("error").map(str::to_owned),
    }
}
