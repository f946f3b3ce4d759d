//! The server of a run, and the ways into it: an administrator's by the key in its
//! data directory, a user's and an application's by tokens.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{operator::State, usage::Usage};
use crate::{
    api::{Api, Application, As, Plugin, Token},
    server::Server,
};

/// Only for the time of a run, on loopback.
pub(super) const PASSWORD: &str = "only while it runs";

/// A server, and who speaks to it.
pub(super) struct Host {
    server: Server,
    pub(super) api: Api,
    local: Local,
    pub(super) sender: Sender,
    client_token: String,
}

/// The server's file in its data directory.
#[derive(Clone, Debug, Deserialize)]
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
        let tokens = tokens_of(&api).await?;
        Self::with(server, api, data, tokens)
    }

    /// Starts it again.
    pub(super) async fn start_again(mortise: &Path, data: &Path, tokens: Tokens) -> Result<Self> {
        let server = start(mortise, data).await?;
        let api = Api::new(&server.url)?;
        Self::with(server, api, data, tokens)
    }

    /// Starts it with a folder for temporary files, for the first time or with the
    /// values of the time before.
    pub(super) async fn start_in(
        mortise: &Path,
        data: &Path,
        temporary: &Path,
        tokens: Option<Tokens>,
    ) -> Result<Self> {
        std::fs::create_dir_all(data.join("plugins"))
            .with_context(|| format!("{} cannot be made", data.display()))?;
        let mut command = Server::command(mortise, data, 0, PASSWORD)?;
        command.env("TMPDIR", temporary);
        Self::spawn(command, data, tokens).await
    }

    /// Starts it by a command.
    pub(super) async fn spawn(
        command: tokio::process::Command,
        data: &Path,
        tokens: Option<Tokens>,
    ) -> Result<Self> {
        let server = Server::spawn(command).await?;
        let api = Api::new(&server.url)?;
        let tokens = match tokens {
            Some(tokens) => tokens,
            None => tokens_of(&api).await?,
        };
        Self::with(server, api, data, tokens)
    }

    /// Starts it for the first time by a command that gives it a mount namespace of
    /// its own, in which its data directory is.
    pub(super) async fn spawn_apart(command: tokio::process::Command, data: &Path) -> Result<Self> {
        let server = Server::spawn(command).await?;
        let data = seen(server.id()?, data);
        let api = Api::new(&server.url)?;
        let tokens = tokens_of(&api).await?;
        Self::with(server, api, &data, tokens)
    }

    fn with(server: Server, api: Api, data: &Path, tokens: Tokens) -> Result<Self> {
        let local = std::fs::read(data.join("running.json"))
            .context("the server has no key for commands")?;
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

    pub(super) fn client_token(&self) -> &str {
        &self.client_token
    }

    /// The address at which it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.local.address
    }

    /// Its process.
    pub(super) fn id(&self) -> Result<u32> {
        self.server.id()
    }

    pub(super) fn usage(&self) -> Result<Usage> {
        Usage::of(self.id()?)
    }

    /// The ways into it, for another task.
    pub(super) fn interface(&self) -> Interface {
        Interface {
            local: self.local.clone(),
            client: self.sender.client.clone(),
            url: self.sender.url.trim_end_matches("/message").to_owned(),
            token: self.client_token.clone(),
        }
    }

    pub(super) async fn install(&self, bytes: Vec<u8>) -> Result<String> {
        self.interface().install(bytes).await
    }

    pub(super) async fn uninstall(&self, id: &str) -> Result<()> {
        self.interface().uninstall(id).await
    }

    /// Returns the number of installed plugins, and the problems with files.
    pub(super) async fn installed(&self) -> Result<(usize, Vec<Value>)> {
        let list = answer(self.interface().order(Method::GET, "")).await?;
        let part = |name: &str| list.get(name).and_then(Value::as_array).cloned();
        let plugins = part("plugins").context("the server told no plugins")?;
        Ok((plugins.len(), part("problems").unwrap_or_default()))
    }

    /// Returns the titles of all stored messages.
    pub(super) async fn titles(&self) -> Result<Vec<String>> {
        let mut titles = Vec::new();
        let mut since = 0;
        loop {
            let page = self.api.messages_before(since, self.user()).await?;
            let Some(last) = page.last() else {
                return Ok(titles);
            };
            let id = last.get("id").and_then(Value::as_u64);
            since = id.context("a message has no id")?;
            let texts = page.iter().filter_map(|one| one.get("title")?.as_str());
            titles.extend(texts.map(str::to_owned));
        }
    }

    /// Enables one of the user's plugins.
    pub(super) async fn enable(&self, id: &str) -> Result<()> {
        let plugins: Vec<Plugin> = self.api.list("plugin", self.user()).await?;
        let found = plugins.iter().find(|plugin| plugin.plugin_id == id);
        let plugin = found.with_context(|| format!("the server does not have {id}"))?;
        self.api.enable(plugin, self.user()).await
    }

    /// Kills it, and returns the values for the next start.
    pub(super) async fn kill(self) -> Result<Tokens> {
        self.server.kill().await?;
        Ok(Tokens {
            client: self.client_token,
            application: self.sender.token,
        })
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

/// The ways into a server. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    local: Local,
    client: Client,
    url: String,
    token: String,
}

impl Interface {
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

    pub(super) async fn grant(&self, id: &str, host: &str) -> Result<()> {
        self.change_grants(id, "grant", host).await
    }

    pub(super) async fn revoke(&self, id: &str, host: &str) -> Result<()> {
        self.change_grants(id, "revoke", host).await
    }

    async fn change_grants(&self, id: &str, change: &str, host: &str) -> Result<()> {
        let request = self.order(Method::POST, &format!("/{id}/{change}"));
        let hosts = json!({ "allow": { "http": [host] } });
        answer(request.json(&hosts)).await.map(drop)
    }

    /// Grants a plugin all that it asks of the administrator.
    pub(super) async fn grant_as_asked(&self, id: &str) -> Result<()> {
        let request = self.order(Method::POST, &format!("/{id}/grant"));
        let all = json!({ "asAsked": true });
        answer(request.json(&all)).await.map(drop)
    }

    /// Returns the hosts that a plugin was granted.
    pub(super) async fn hosts(&self, id: &str) -> Result<BTreeSet<String>> {
        let rights = answer(self.order(Method::GET, &format!("/{id}/grants"))).await?;
        let hosts = rights.pointer("/allowed/http").and_then(Value::as_array);
        let hosts = hosts.into_iter().flatten().filter_map(Value::as_str);
        Ok(hosts.map(str::to_owned).collect())
    }

    async fn user_plugin(&self, id: &str) -> Result<Option<Plugin>> {
        let plugins = answer(self.user(Method::GET, "/plugin")).await?;
        let plugins: Vec<Plugin> = serde_json::from_value(plugins)?;
        Ok(plugins.into_iter().find(|plugin| plugin.plugin_id == id))
    }

    /// Enables or disables a plugin of the user.
    pub(super) async fn set_enabled(&self, id: &str, enabled: bool) -> Result<()> {
        let plugin = self.user_plugin(id).await?;
        let plugin = plugin.with_context(|| format!("the server does not have {id}"))?;
        let verb = if enabled { "enable" } else { "disable" };
        let path = format!("/plugin/{}/{verb}", plugin.id);
        answer(self.user(Method::POST, &path)).await.map(drop)
    }

    /// Saves a configuration of the user's plugin.
    pub(super) async fn configure(&self, id: &str, text: String) -> Result<()> {
        let plugin = self.user_plugin(id).await?;
        let plugin = plugin.with_context(|| format!("the server does not have {id}"))?;
        let path = format!("/plugin/{}/config", plugin.id);
        let request = self.user(Method::POST, &path).body(text);
        let request = request.header("content-type", "application/x-yaml");
        answer(request).await.map(drop)
    }

    /// Returns a plugin's state. Its configuration is asked for if it was saved.
    pub(super) async fn state(&self, id: &str, known: &State) -> Result<State> {
        let list = answer(self.order(Method::GET, "")).await?;
        let plugins = list.get("plugins").and_then(Value::as_array);
        let mut plugins = plugins.into_iter().flatten();
        let found = plugins.find(|plugin| plugin.get("id").and_then(Value::as_str) == Some(id));
        let version = found.and_then(|plugin| plugin.get("version")?.as_str());
        let mut state = State {
            version: version.map(str::to_owned),
            hosts: self.hosts(id).await?,
            ..known.clone()
        };
        if state.version.is_none() {
            return Ok(state);
        }
        let Some(plugin) = self.user_plugin(id).await? else {
            // It is installed once its users have it.
            state.version = None;
            return Ok(state);
        };
        state.enabled = plugin.enabled;
        if known.config.is_some() {
            let path = format!("/plugin/{}/config", plugin.id);
            state.config = Some(text(self.user(Method::GET, &path)).await?);
        }
        Ok(state)
    }

    /// Replays the recorded calls of the administrator's filter with a file.
    pub(super) async fn replay(&self, id: &str, bytes: Vec<u8>) -> Result<Value> {
        let plugin = self.user_plugin(id).await?;
        let plugin = plugin.with_context(|| format!("the server does not have {id}"))?;
        let path = format!("/plugin/{}/replay/candidate", plugin.id);
        let request = self.keyed(Method::POST, &path).body(bytes);
        answer(request.header("content-type", "application/octet-stream")).await
    }

    /// Returns the bytes in a plugin's storage, of all users together.
    pub(super) async fn stored_bytes(&self, id: &str) -> Result<u64> {
        let usage = answer(self.order(Method::GET, &format!("/{id}/usage"))).await?;
        let users = usage.get("users").and_then(Value::as_array);
        let users = users.context("the server told no usage")?;
        let used = users
            .iter()
            .filter_map(|user| user.get("used")?.as_array())
            .flatten();
        let stored =
            used.filter(|one| one.get("limit").and_then(Value::as_str) == Some("storage-bytes"));
        Ok(stored.filter_map(|one| one.get("now")?.as_u64()).sum())
    }

    fn user(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        request.header("X-Gotify-Key", &self.token)
    }

    pub(super) fn order(&self, method: Method, path: &str) -> RequestBuilder {
        self.keyed(method, &format!("/admin/plugins{path}"))
    }

    /// A request of the administrator.
    fn keyed(&self, method: Method, path: &str) -> RequestBuilder {
        let Local { address, key } = &self.local;
        let url = format!("http://{address}{path}");
        let request = self.client.request(method, url);
        request.header("x-mortise-key", key)
    }
}

/// The path of a file of a process, from outside its mount namespace.
pub(super) fn seen(process: u32, path: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{process}/root"));
    root.join(path.strip_prefix("/").unwrap_or(path))
}

async fn tokens_of(api: &Api) -> Result<Tokens> {
    let admin = As::User("admin", PASSWORD);
    let client: Token = api.create("client", "soak", admin).await?;
    let application: Application = api.create("application", "soak", admin).await?;
    Ok(Tokens {
        client: client.token,
        application: application.token,
    })
}

impl Sender {
    /// The sender of another application.
    pub(super) fn of(&self, token: String) -> Self {
        Self {
            token,
            ..self.clone()
        }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

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
    let text = text(request).await?;
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).with_context(|| format!("an unexpected answer: {text}"))
}

async fn text(request: RequestBuilder) -> Result<String> {
    let response = request.send().await.context("the server does not answer")?;
    let (status, path) = (response.status(), response.url().path().to_owned());
    let text = response.text().await.context("the answer broke off")?;
    if !status.is_success() {
        bail!("{path} answered {status}: {text}");
    }
    Ok(text)
}
