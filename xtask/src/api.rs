//! The server's REST API, as far as it is needed here: Gotify's, spoken like
//! any client would.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method, RequestBuilder};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// The credentials of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum As<'a> {
    User(&'a str, &'a str),
    Token(&'a str),
}

#[derive(Debug, Deserialize)]
pub(crate) struct Token {
    pub(crate) token: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Application {
    pub(crate) id: u64,
    pub(crate) token: String,
}

/// An object of which only the id is needed.
#[derive(Debug, Deserialize)]
pub(crate) struct Identified {
    pub(crate) id: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plugin {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) plugin_id: String,
    pub(crate) enabled: bool,
    pub(crate) token: String,
}

/// A server's API.
#[derive(Debug)]
pub(crate) struct Api {
    client: Client,
    url: String,
}

impl Api {
    pub(crate) fn new(url: &str) -> Result<Self> {
        let client = Client::builder()
            .timeout(Duration::from_secs(30))
            // The server is on this machine.
            .no_proxy()
            .build()
            .context("no HTTP client")?;
        Ok(Self {
            client,
            url: url.to_owned(),
        })
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn request(&self, method: Method, path: &str, by: As<'_>) -> RequestBuilder {
        let request = self.client.request(method, self.address(path));
        match by {
            As::User(name, password) => request.basic_auth(name, Some(password)),
            As::Token(token) => request.header("X-Gotify-Key", token),
        }
    }

    /// Returns true if the server accepts these credentials.
    pub(crate) async fn accepts(&self, by: As<'_>) -> Result<bool> {
        let response = self
            .request(Method::GET, "/current/user", by)
            .send()
            .await
            .context("the server does not answer")?;
        Ok(response.status().is_success())
    }

    /// Makes an `application` or a `client`.
    pub(crate) async fn create<T: DeserializeOwned>(
        &self,
        kind: &str,
        name: &str,
        by: As<'_>,
    ) -> Result<T> {
        let request = self
            .request(Method::POST, &format!("/{kind}"), by)
            .json(&json!({ "name": name }));
        answer(request).await
    }

    /// Everything of a kind.
    pub(crate) async fn list<T: DeserializeOwned>(&self, kind: &str, by: As<'_>) -> Result<Vec<T>> {
        answer(self.request(Method::GET, &format!("/{kind}"), by)).await
    }

    /// Grants a plugin all that it asks of the administrator.
    pub(crate) async fn grant_as_asked(&self, plugin: &Plugin, by: As<'_>) -> Result<()> {
        // Its only characters that a path treats specially.
        let id = plugin.plugin_id.replace('/', "%2F");
        let request = self
            .request(Method::POST, &format!("/admin/plugins/{id}/grant"), by)
            .json(&json!({ "asAsked": true }));
        succeed(request)
            .await
            .with_context(|| format!("{} was not granted anything", plugin.name))
    }

    pub(crate) async fn configure(&self, plugin: &Plugin, text: &str, by: As<'_>) -> Result<()> {
        let path = format!("/plugin/{}/config", plugin.id);
        let request = self
            .request(Method::POST, &path, by)
            .header("Content-Type", "application/x-yaml")
            .body(text.to_owned());
        succeed(request).await
    }

    pub(crate) async fn enable(&self, plugin: &Plugin, by: As<'_>) -> Result<()> {
        let path = format!("/plugin/{}/enable", plugin.id);
        succeed(self.request(Method::POST, &path, by)).await
    }

    /// Asks something of a plugin's webhook, as a stranger does.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&'static str>,
    ) -> Result<String> {
        let mut request = self.client.request(method, self.address(path));
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .body(body);
        }
        text(request).await
    }

    pub(crate) async fn send(&self, message: &Value, by: As<'_>) -> Result<Identified> {
        answer(self.request(Method::POST, "/message", by).json(message)).await
    }

    /// The newest messages, as the server tells them.
    pub(crate) async fn messages(&self, by: As<'_>) -> Result<Vec<Value>> {
        self.messages_before(0, by).await
    }

    /// The newest of the messages before the one of this id; 0 for the newest
    /// of all.
    pub(crate) async fn messages_before(&self, id: u64, by: As<'_>) -> Result<Vec<Value>> {
        #[derive(Deserialize)]
        struct Page {
            messages: Vec<Value>,
        }
        let path = format!("/message?limit=200&since={id}");
        let page: Page = answer(self.request(Method::GET, &path, by)).await?;
        Ok(page.messages)
    }
}

#[cfg(target_os = "linux")]
impl Api {
    pub(crate) async fn disable(&self, plugin: &Plugin, by: As<'_>) -> Result<()> {
        let path = format!("/plugin/{}/disable", plugin.id);
        succeed(self.request(Method::POST, &path, by)).await
    }

    /// Removes all messages of a user.
    pub(crate) async fn remove_messages(&self, by: As<'_>) -> Result<()> {
        succeed(self.request(Method::DELETE, "/message", by)).await
    }
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T> {
    let text = text(request).await?;
    serde_json::from_str(&text).with_context(|| format!("an unexpected answer: {text}"))
}

async fn succeed(request: RequestBuilder) -> Result<()> {
    text(request).await.map(drop)
}

async fn text(request: RequestBuilder) -> Result<String> {
    let response = request.send().await.context("the server does not answer")?;
    let (status, url) = (response.status(), response.url().clone());
    let text = response.text().await.context("the answer broke off")?;
    if !status.is_success() {
        bail!("{} answered {status}: {text}", url.path());
    }
    Ok(text)
}
