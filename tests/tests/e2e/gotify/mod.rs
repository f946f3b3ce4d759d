//! Plugins for Gotify's plugin API v1 in the forms of real ones, with only
//! `main` changed, under the real server. The assertions describe Gotify's
//! behaviour.
//!
//! - this module: building and installing them, and requests as a user.
//! - `webhooks`: requests, responses, streams, crashes.
//! - `lives`: enabling, configuring, storing, users, signals.

mod lives;
mod webhooks;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use mortise_tests::server::{Data, Server, body, run};
use mortise_wait::until;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// The folder with the programs, one for each folder in
/// `native-bridge/go/testplugins`, and `config-strict`, a later version of
/// `config`.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gotify-plugins");
        std::fs::create_dir_all(&folder).unwrap();
        go(&["build", "-o", folder.to_str().unwrap(), "./testplugins/..."]);
        let strict = folder.join("config-strict");
        let strict = strict.to_str().unwrap();
        let flags = ["build", "-ldflags", "-X main.least=50", "-o", strict];
        go(&[&flags[..], &["./testplugins/config"]].concat());
        folder
    })
}

fn go(arguments: &[&str]) {
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/../native-bridge/go");
    let built = Command::new("go")
        .args(arguments)
        .current_dir(module)
        .output()
        .expect(
            "these tests build plugins in Go: install Go 1.22 or newer, for example Debian's \
             package `golang-go`, and put it into PATH",
        );
    assert!(
        built.status.success(),
        "the plugins in Go do not build; the first time this wants a module proxy (GOPROXY):\n{}",
        String::from_utf8_lossy(&built.stderr)
    );
}

/// Puts a program into the plugins folder of a server, granted as it asks.
fn install(data: &Data, name: &str, id: &str) {
    place(data, name, name);
    data.grant_as_asked(id);
}

/// Puts a program into the plugins folder under some name.
fn place(data: &Data, program: &str, name: &str) {
    let bytes = std::fs::read(programs().join(program)).unwrap();
    data.executable(name, &bytes);
}

/// Grants more than a plugin asks for.
fn grant(data: &Data, id: &str, more: &[&str]) {
    let data = data.path().to_str().unwrap();
    let arguments = [&["plugin", "grant", id, "--data-dir", data], more].concat();
    let output = run(arguments);
    assert!(output.status.success(), "{output:?}");
}

/// One user's plugin, as the user reaches it.
struct Plugin<'a> {
    server: &'a Server,
    user: (String, String),
    id: i64,
    token: String,
}

impl<'a> Plugin<'a> {
    /// The administrator's.
    async fn of_admin(server: &'a Server, id: &str) -> Self {
        use mortise_tests::server::{PASSWORD, USER};
        Self::of(server, id, USER, PASSWORD).await
    }

    async fn of(server: &'a Server, id: &str, name: &str, password: &str) -> Self {
        let answer = server
            .request(Method::GET, "/plugin")
            .basic_auth(name, Some(password))
            .send()
            .await
            .unwrap();
        let all = body(answer).await;
        let found = all
            .as_array()
            .unwrap()
            .iter()
            .find(|plugin| plugin["pluginId"] == id)
            .unwrap_or_else(|| panic!("no {id} in {all}:\n{}", server.log()));
        Self {
            server,
            user: (name.to_owned(), password.to_owned()),
            id: found["id"].as_i64().unwrap(),
            token: found["token"].as_str().unwrap().to_owned(),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.server
            .request(method, path)
            .basic_auth(&self.user.0, Some(&self.user.1))
    }

    /// An order about the plugin, `enable`, `disable`, `config` or `display`.
    async fn order(&self, method: Method, what: &str, text: &str) -> Response {
        self.request(method, &format!("/plugin/{}/{what}", self.id))
            .header("Content-Type", "application/x-yaml")
            .body(text.to_owned())
            .send()
            .await
            .unwrap()
    }

    async fn enable(&self) {
        let answer = self.order(Method::POST, "enable", "").await;
        assert_eq!(refusal(answer).await, (200, String::new()));
    }

    async fn disable(&self) {
        let answer = self.order(Method::POST, "disable", "").await;
        assert_eq!(refusal(answer).await, (200, String::new()));
    }

    async fn configure(&self, text: &str) {
        let answer = self.order(Method::POST, "config", text).await;
        assert_eq!(refusal(answer).await, (200, String::new()));
    }

    async fn config(&self) -> String {
        let answer = self.order(Method::GET, "config", "").await;
        answer.text().await.unwrap()
    }

    async fn display(&self) -> String {
        let answer = self.order(Method::GET, "display", "").await;
        body(answer).await.as_str().unwrap().to_owned()
    }

    async fn is_enabled(&self) -> bool {
        let answer = self.request(Method::GET, "/plugin").send().await.unwrap();
        let all = body(answer).await;
        let own = all.as_array().unwrap().iter().find(|p| p["id"] == self.id);
        own.unwrap()["enabled"].as_bool().unwrap()
    }

    /// Returns the plugin's log.
    async fn log(&self) -> String {
        let path = format!("/plugin/{}/log", self.id);
        let answer = self.request(Method::GET, &path).send().await.unwrap();
        body(answer).await.to_string()
    }

    /// Returns the address of its webhooks.
    fn base(&self) -> String {
        format!("/plugin/{}/custom/{}/", self.id, self.token)
    }

    /// A request of a stranger to a webhook of the plugin.
    fn hook(&self, method: Method, path: &str) -> RequestBuilder {
        self.server
            .request(method, &format!("{}{path}", self.base()))
    }

    async fn get(&self, path: &str) -> Response {
        self.hook(Method::GET, path).send().await.unwrap()
    }

    async fn post(&self, path: &str) -> Response {
        self.hook(Method::POST, path).send().await.unwrap()
    }

    /// The user's messages, newest first.
    async fn messages(&self) -> Vec<Value> {
        let answer = self.request(Method::GET, "/message").send().await.unwrap();
        body(answer).await["messages"].as_array().unwrap().clone()
    }

    /// Titles and texts of the user's messages, newest first.
    async fn texts(&self) -> Vec<String> {
        let messages = self.messages().await;
        let text = |message: &Value, part: &str| message[part].as_str().unwrap().to_owned();
        messages
            .iter()
            .map(|message| format!("{}|{}", text(message, "title"), text(message, "message")))
            .collect()
    }
}

/// The status of an answer, and its text where Gotify's errors have theirs.
async fn refusal(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    let error: Value = serde_json::from_str(&text).unwrap_or_default();
    if status < 400 {
        return (status, text);
    }
    assert_eq!(error["errorCode"], status, "{text}");
    (
        status,
        error["errorDescription"].as_str().unwrap().to_owned(),
    )
}

/// Makes a user with the password `secret secret`.
async fn user(server: &Server, name: &str) -> i64 {
    let made = server
        .admin(Method::POST, "/user")
        .json(&json!({"name": name, "pass": SECRET, "admin": false}))
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), StatusCode::OK);
    body(made).await["id"].as_i64().unwrap()
}

const SECRET: &str = "secret secret";
