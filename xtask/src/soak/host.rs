//! The server of a run, and the ways into it: an administrator's by the key in its
//! data directory, a user's and an application's by tokens.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::usage::Usage;
use crate::{
    api::{Api, Application, As, Plugin, Token},
    server::Server,
};

/// Only for the time of a run, on loopback.
const PASSWORD: &str = "only while it runs";

/// A server, and who speaks to it.
pub(super) struct Host {
    server: Server,
    pub(super) api: Api,
    local: Local,
    pub(super) sender: Sender,
    client_token: String,
}

/// The server's file in its data directory.
#[derive(Deserialize)]
struct Local {
    address: SocketAddr,
    key: String,
}

/// A sender of messages. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    client: Client,
    url: String,
    token: String,
}

/// The values that the next start on the same folder needs.
pub(super) struct Tokens {
    client: String,
    application: String,
}

/// The part of a message that is of interest here.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) title: String,
}

impl Host {
    /// Starts a server on a folder, which is made if it is not there.
    pub(super) async fn start(mortise: &Path, data: &Path) -> Result<Self> {
        let server = start(mortise, data).await?;
        let api = Api::new(&server.url)?;
        let admin = As::User("admin", PASSWORD);
        let client: Token = api.create("client", "soak", admin).await?;
        let application: Application = api.create("application", "soak", admin).await?;
        let tokens = Tokens {
            client: client.token,
            application: application.token,
        };
        Self::with(server, api, data, tokens)
    }

    /// Starts it again.
    pub(super) async fn start_again(mortise: &Path, data: &Path, tokens: Tokens) -> Result<Self> {
        let server = start(mortise, data).await?;
        let api = Api::new(&server.url)?;
        Self::with(server, api, data, tokens)
    }

    fn with(server: Server, api: Api, data: &Path, tokens: Tokens) -> Result<Self> {
        let local = std::fs::read(data.join("running.json"))
            .context("the server tells no key for orders")?;
        let client = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60));
        Ok(Self {
            local: serde_json::from_slice(&local)?,
            sender: Sender {
                client: client.build().context("no HTTP client")?,
                url: format!("{}/message", server.url),
                token: tokens.application,
            },
            client_token: tokens.client,
            server,
            api,
        })
    }

    pub(super) fn user(&self) -> As<'_> {
        As::Token(&self.client_token)
    }

    /// Its process.
    pub(super) fn id(&self) -> Result<u32> {
        self.server.id()
    }

    pub(super) fn usage(&self) -> Result<Usage> {
        Usage::of(self.id()?)
    }

    /// Orders a plugin to be installed, and returns the version that runs then.
    pub(super) async fn install(&self, bytes: Vec<u8>) -> Result<String> {
        let request = self.order(Method::POST, "").body(bytes);
        let status = answer(request.header("content-type", "application/octet-stream")).await?;
        let version = status.get("version").and_then(Value::as_str);
        Ok(version.context("the server told no version")?.to_owned())
    }

    pub(super) async fn uninstall(&self, id: &str) -> Result<()> {
        let request = self.order(Method::DELETE, &format!("/{id}"));
        answer(request).await.map(drop)
    }

    /// Returns the number of installed plugins, and the problems with files.
    pub(super) async fn installed(&self) -> Result<(usize, Vec<Value>)> {
        let list = answer(self.order(Method::GET, "")).await?;
        let part = |name: &str| list.get(name).and_then(Value::as_array).cloned();
        let plugins = part("plugins").context("the server told no plugins")?;
        Ok((plugins.len(), part("problems").unwrap_or_default()))
    }

    fn order(&self, method: Method, path: &str) -> RequestBuilder {
        let Local { address, key } = &self.local;
        let url = format!("http://{address}/admin/plugins{path}");
        let request = self.sender.client.request(method, url);
        request.header("x-mortise-key", key)
    }

    /// Enables one of the user's plugins.
    pub(super) async fn enable(&self, id: &str) -> Result<()> {
        let plugins: Vec<Plugin> = self.api.list("plugin", self.user()).await?;
        let found = plugins.iter().find(|plugin| plugin.plugin_id == id);
        let plugin = found.with_context(|| format!("the server does not have {id}"))?;
        self.api.enable(plugin, self.user()).await
    }

    /// Ends it in good order, and returns the values for the next start.
    pub(super) async fn stop(self) -> Result<Tokens> {
        self.server.stop().await?;
        Ok(Tokens {
            client: self.client_token,
            application: self.sender.token,
        })
    }
}

impl Sender {
    /// Sends a message with this title; returns the stored message, or the
    /// status of a rejection.
    pub(super) async fn send(&self, title: &str) -> Result<Result<Message, StatusCode>> {
        let message = json!({ "title": title, "message": "soak", "priority": 1 });
        let request = self.client.post(&self.url);
        let request = request.header("X-Gotify-Key", &self.token).json(&message);
        let response = request.send().await.context("the server does not answer")?;
        let status = response.status();
        if !status.is_success() {
            return Ok(Err(status));
        }
        let message = response.json().await;
        Ok(Ok(message.context("the answer to a message is none")?))
    }
}

async fn start(mortise: &Path, data: &Path) -> Result<Server> {
    std::fs::create_dir_all(data.join("plugins"))
        .with_context(|| format!("{} cannot be made", data.display()))?;
    Server::start(mortise, data, 0, PASSWORD).await
}

async fn answer(request: RequestBuilder) -> Result<Value> {
    let response = request.send().await.context("the server does not answer")?;
    let (status, path) = (response.status(), response.url().path().to_owned());
    let text = response.text().await.context("the answer broke off")?;
    if !status.is_success() {
        bail!("{path} answered {status}: {text}");
    }
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).with_context(|| format!("an unexpected answer: {text}"))
}
