//! The requests that this server makes at the Gotify behind it, as one user.

use std::{collections::HashMap, fmt};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use parking_lot::Mutex;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::Url;

use super::UpstreamError;
use crate::client;

/// The longest answer, in bytes.
const ANSWER: usize = 256 << 20;
/// The time for a request.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// A user of the Gotify.
pub(super) struct Gotify {
    pub(super) url: Url,
    pub(super) token: String,
    /// Tokens of applications, where Gotify shows them.
    tokens: Mutex<HashMap<i64, String>>,
}

impl fmt::Debug for Gotify {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Gotify");
        shown
            .field("url", &client::origin(&self.url))
            .finish_non_exhaustive()
    }
}

/// An application there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Application {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) token: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) default_priority: i64,
}

/// A message there.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) id: i64,
    pub(super) appid: i64,
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) priority: Option<i64>,
    #[serde(default)]
    pub(super) extras: Option<Value>,
}

impl Gotify {
    pub(super) fn new(url: Url, token: &str) -> Self {
        Self {
            url,
            token: token.to_owned(),
            tokens: Mutex::default(),
        }
    }

    /// Notes all tokens that Gotify shows, in place of those before.
    pub(super) fn note_tokens(&self, shown: HashMap<i64, String>) {
        *self.tokens.lock() = shown;
    }

    /// The name of the user.
    pub(super) async fn user_name(&self) -> Result<String, UpstreamError> {
        #[derive(Deserialize)]
        struct User {
            name: String,
        }
        let user: User = self.ask(Method::GET, "/current/user", None, None).await?;
        Ok(user.name)
    }

    pub(super) async fn applications(&self) -> Result<Vec<Application>, UpstreamError> {
        self.ask(Method::GET, "/application", None, None).await
    }

    /// Adds an application for a plugin.
    pub(super) async fn add_application(
        &self,
        name: &str,
        description: &str,
    ) -> Result<Application, UpstreamError> {
        let body = json!({"name": name, "description": description});
        self.ask(Method::POST, "/application", Some(body), None)
            .await
    }

    /// Messages, newest first, before one or from the newest on.
    pub(super) async fn messages(&self, before: i64) -> Result<Vec<Message>, UpstreamError> {
        #[derive(Deserialize)]
        struct Page {
            messages: Vec<Message>,
        }
        let path = match before {
            0 => "/message?limit=200".to_owned(),
            before => format!("/message?limit=200&since={before}"),
        };
        let page: Page = self.ask(Method::GET, &path, None, None).await?;
        Ok(page.messages)
    }

    /// Checks that Gotify accepts the token of a sender. Gotify looks at the token before
    /// it rejects a message without a text.
    pub(super) async fn check_sender(&self, token: &str) -> Result<(), UpstreamError> {
        let checked = self
            .ask::<Value>(Method::POST, "/message", Some(json!({})), Some(token))
            .await;
        match checked {
            Ok(_) | Err(UpstreamError::Refused { status: 400, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends a message as an application, and returns its number.
    pub(super) async fn send(
        &self,
        application: i64,
        token: Option<&str>,
        mut body: Value,
    ) -> Result<i64, UpstreamError> {
        let shown = {
            let tokens = self.tokens.lock();
            tokens.get(&application).cloned()
        };
        let token = token.map(str::to_owned).or(shown);
        if token.is_none()
            && let Some(body) = body.as_object_mut()
        {
            // As the user, whose application it is.
            body.insert("appid".to_owned(), application.into());
        }
        let sent: Message = self
            .ask(Method::POST, "/message", Some(body), token.as_deref())
            .await?;
        Ok(sent.id)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        token: Option<&str>,
    ) -> Result<T, UpstreamError> {
        let at = || client::origin(&self.url);
        let unreachable = |cause: String| UpstreamError::Unreachable { at: at(), cause };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url.path().trim_end_matches('/')))
            .header("x-gotify-key", token.unwrap_or(&self.token));
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        let request = request
            .body(Full::new(body))
            .map_err(|error| unreachable(error.to_string()))?;
        let asked = async {
            let answer = client::send(&self.url, request)
                .await
                .map_err(|error| unreachable(error.to_string()))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER).collect().await;
            let body = body.map_err(|error| unreachable(error.to_string()))?;
            Ok((status, body.to_bytes()))
        };
        let (status, body) = tokio::time::timeout(PATIENCE, asked)
            .await
            .unwrap_or_else(|_| Err(unreachable(format!("no answer within {PATIENCE:?}"))))?;
        if status != StatusCode::OK {
            let refusal: Value = serde_json::from_slice(&body).unwrap_or_default();
            return Err(UpstreamError::Refused {
                at: at(),
                status: status.as_u16(),
                cause: refusal
                    .get("errorDescription")
                    .and_then(Value::as_str)
                    .unwrap_or("without a reason")
                    .to_owned(),
            });
        }
        serde_json::from_slice(&body).map_err(|error| UpstreamError::NotGotify {
            at: at(),
            cause: error.to_string(),
        })
    }
}
