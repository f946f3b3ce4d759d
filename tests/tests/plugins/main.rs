//! The server's plugins, from outside: real components in a real server.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod calls;
mod changed_grants;
mod commands;
mod configuration;
mod control;
mod doctor;
mod dropped;
mod escapes;
mod events;
mod filters;
mod fixture;
mod folder;
mod granting;
mod grants;
mod hosts;
mod integrity;
mod intent;
mod listeners;
mod metrics;
mod natives;
mod own_messages;
mod replay;
mod residence;
mod storage;
mod swaps;
mod timers;
#[cfg(target_os = "linux")]
mod tls;
mod upstream;
mod webhooks;

use std::{path::Path, sync::Arc, time::Duration};

use mortise_runtime::{
    Plugin as _, Step,
    log::Source,
    types::{Application, Content, Draft},
};
use mortise_server::{
    Config, Server,
    auth::Actor,
    config::Retry,
    pipeline::{PostError, Posted, Sender, TraceEntry},
    plugins::{CommandError, Plugins, Slot, Status, Upload},
    time::{Clock, ClockHand},
};
use mortise_store::{MessageRow, NewApplication};
use mortise_wait::until;
use reqwest::{Method, StatusCode};

/// The administrator, who is the first user.
const ADA: i64 = 1;
/// The actor of a test's commands.
const BY: Actor = Actor::Server;
const PASSWORD: &str = "correct horse";

/// A server on a data directory that outlives it.
struct Rig {
    server: Server,
    /// Moves the server's clock.
    clock: ClockHand,
    client: reqwest::Client,
}

impl Rig {
    async fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, |_| {}).await
    }

    async fn start_with(data_dir: &Path, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::on(data_dir);
        config.admin_name = "ada".to_owned();
        config.admin_password = Some(PASSWORD.to_owned());
        config.listener_retry = Retry {
            first: Duration::from_millis(2),
            most: Duration::from_millis(10),
            attempts: 3,
        };
        let (clock, hand) = Clock::with_hand();
        config.clock = clock;
        change(&mut config);
        Self {
            clock: hand,
            server: Server::start(config, mortise_backends::of_server)
                .await
                .unwrap(),
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
        }
    }

    async fn stop(self) {
        self.server.shutdown().await;
    }

    fn plugins(&self) -> &Arc<Plugins> {
        &self.server.state().plugins
    }

    /// Installs a plugin by order.
    async fn installed(&self, bytes: &[u8]) -> Result<Status, CommandError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, bytes).unwrap();
        self.plugins().install(Upload::of(file.path()), &BY).await
    }

    /// The steps that failed, by the names of the files.
    fn failed(&self) -> Vec<(String, Step)> {
        let reports = self.plugins().failures();
        let named = reports.iter().map(|report| {
            let name = report.file.file_name().unwrap().to_str().unwrap();
            (name.to_owned(), report.step)
        });
        named.collect()
    }

    /// The title that a message has when it is stored.
    async fn title(&self) -> String {
        self.stored("backup", "done").await.title
    }

    /// One of Ada's plugins.
    async fn slot(&self, id: &str) -> Arc<Slot> {
        let slots = self.server.state().plugins.of_user(ADA).await.unwrap();
        slots
            .into_iter()
            .find(|slot| slot.plugin().manifest().id == id)
            .unwrap_or_else(|| panic!("no plugin {id}"))
    }

    /// Enables one of Ada's plugins.
    async fn enable(&self, id: &str) -> Arc<Slot> {
        let slot = self.slot(id).await;
        let (status, text) = self.post(&slot, "enable", "").await;
        assert_eq!(status, 200, "{text}");
        slot
    }

    async fn request(&self, method: Method, path: &str, body: &str) -> (StatusCode, String) {
        let response = self
            .client
            .request(method, format!("{}{path}", self.server.url()))
            .basic_auth("ada", Some(PASSWORD))
            .header("content-type", "application/json")
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        (response.status(), response.text().await.unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        self.request(Method::GET, path, "").await
    }

    async fn post(&self, slot: &Slot, action: &str, body: &str) -> (StatusCode, String) {
        self.request(Method::POST, &format!("/plugin/{}/{action}", slot.id), body)
            .await
    }

    /// The JSON of a request that succeeds.
    async fn api(&self, method: Method, path: &str, body: &str) -> serde_json::Value {
        let (status, text) = self.request(method, path, body).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Returns one of Ada's plugins from `GET /plugin`.
    async fn shown(&self, id: &str) -> serde_json::Value {
        let (_, text) = self.get("/plugin").await;
        let plugins: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        plugins
            .into_iter()
            .find(|plugin| plugin["pluginId"] == id)
            .unwrap_or_else(|| panic!("{id} is not in {text}"))
    }

    /// Sends a message as Ada's application of this name.
    async fn send(&self, application: &str, body: &str) -> Result<Posted, PostError> {
        let state = self.server.state();
        let known = state.store.applications(ADA).await.unwrap();
        let id = match known.iter().find(|row| row.name == application) {
            Some(row) => row.id,
            None => {
                let token = mortise_server::auth::Token::from_request(application);
                let new = NewApplication {
                    name: application,
                    description: "",
                    default_priority: 0,
                    sort_key: None,
                };
                let hash = token.hash();
                let row = state.store.create_application(ADA, &hash, new).await;
                row.unwrap().id
            }
        };
        let draft = Draft {
            application: Application {
                id: id.unsigned_abs(),
                name: application.to_owned(),
            },
            content: Content {
                title: "plain".to_owned(),
                body: body.to_owned(),
                priority: 1,
                extras: None,
            },
            received_ms: state.store.now_ms().unsigned_abs(),
        };
        state.pipeline.post(ADA, draft, Sender::Application).await
    }

    /// Sends `done` by HTTP as an application that [`Rig::send`] made, whose
    /// name is its token.
    async fn sent_by_http(&self, application: &str) -> reqwest::Response {
        self.client
            .post(format!("{}/message", self.server.url()))
            .header("x-gotify-key", application)
            .json(&serde_json::json!({ "message": "done" }))
            .send()
            .await
            .unwrap()
    }

    /// As [`Rig::send`], where it has to be stored.
    async fn stored(&self, application: &str, body: &str) -> MessageRow {
        match self.send(application, body).await {
            Ok(Posted::Stored(row)) => row,
            other => panic!("{other:?}"),
        }
    }

    async fn trace(&self, message: &MessageRow) -> Vec<TraceEntry> {
        let path = format!("/message/{}/trace", message.id);
        serde_json::from_value(self.api(Method::GET, &path, "").await).unwrap()
    }

    /// Moves the clock ahead by two hours, and waits after each until the timer of a
    /// plugin fired that is to fire every hour.
    async fn hours_pass(&self, hourly: &Slot) {
        for _ in 0..2 {
            let before = said(hourly).len();
            self.clock.advance(Duration::from_secs(3600));
            until("the hourly timer fired", async || {
                said(hourly).len() > before
            })
            .await;
        }
    }

    async fn is_healthy(&self) -> bool {
        self.get("/health").await.0 == StatusCode::OK
    }
}

/// Returns a plugin's log so far.
fn said(slot: &Slot) -> Vec<String> {
    let entries = slot.log.since(0);
    let own = entries.into_iter().filter(|e| e.source == Source::Plugin);
    own.map(|entry| entry.text).collect()
}

/// A data directory with these plugins in it.
fn data(plugins: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path(), plugins);
    folder
}

fn install(data_dir: &Path, plugins: &[(&str, Vec<u8>)]) {
    let folder = data_dir.join("plugins");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in plugins {
        std::fs::write(folder.join(format!("{name}.wasm")), bytes).unwrap();
    }
}

/// Puts a complete plugin in the place of another at once, as a careful program
/// does.
fn replace(data_dir: &Path, name: &str, bytes: &[u8]) {
    let folder = data_dir.join("plugins");
    let aside = folder.join(".new");
    std::fs::write(&aside, bytes).unwrap();
    std::fs::rename(&aside, folder.join(format!("{name}.wasm"))).unwrap();
}

/// Lets the administrator grant these lines to these plugins.
fn grant(data_dir: &Path, plugins: &[&str], lines: &str) {
    let text: String = plugins
        .iter()
        .map(|id| format!("[\"{id}\"]\n{lines}\n"))
        .collect();
    std::fs::write(data_dir.join("grants.toml"), text).unwrap();
}
