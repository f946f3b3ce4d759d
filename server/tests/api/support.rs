//! A running server and a client that speaks to it.

use mortise_server::{
    Config, Server,
    time::{Clock, ClockHand},
};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "a password of the tests";

/// A server with an administrator, and a directory that goes with it.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) http: reqwest::Client,
    pub(crate) directory: TempDir,
}

/// The credentials of a request.
#[derive(Clone, Debug)]
pub(crate) enum As {
    Nobody,
    Token(String),
    Password(&'static str, &'static str),
}

pub(crate) const ADMIN: As = As::Password("admin", PASSWORD);

pub(crate) fn config(directory: &TempDir) -> Config {
    Config {
        admin_password: Some(PASSWORD.to_owned()),
        ..Config::on(directory.path())
    }
}

pub(crate) async fn start() -> Running {
    start_with_clock().await.0
}

/// Starts a server with a clock that the test moves.
pub(crate) async fn start_with_clock() -> (Running, ClockHand) {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(&directory);
    let (clock, hand) = Clock::with_hand();
    config.clock = clock;
    let server = Server::start(config, mortise_backends::of_server)
        .await
        .unwrap();
    let running = Running {
        server,
        http: reqwest::Client::new(),
        directory,
    };
    (running, hand)
}

impl Running {
    pub(crate) fn request(&self, method: Method, path: &str, who: &As) -> RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}{path}", self.server.url()));
        match who {
            As::Nobody => request,
            As::Token(token) => request.header("X-Gotify-Key", token),
            As::Password(name, password) => request.basic_auth(name, Some(password)),
        }
    }

    /// Sends a request and returns the status and the JSON of the answer, null
    /// if it is empty.
    pub(crate) async fn send(&self, request: RequestBuilder) -> (StatusCode, Value) {
        let response = request.send().await.unwrap();
        let status = response.status();
        let body = response.bytes().await.unwrap();
        let value = match body.as_ref() {
            [] => Value::Null,
            body => serde_json::from_slice(body)
                .unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(body))),
        };
        (status, value)
    }

    pub(crate) async fn get(&self, path: &str, who: &As) -> (StatusCode, Value) {
        self.send(self.request(Method::GET, path, who)).await
    }

    pub(crate) async fn delete(&self, path: &str, who: &As) -> (StatusCode, Value) {
        self.send(self.request(Method::DELETE, path, who)).await
    }

    pub(crate) async fn post(&self, path: &str, who: &As, body: Value) -> (StatusCode, Value) {
        self.send(self.request(Method::POST, path, who).json(&body))
            .await
    }

    pub(crate) async fn put(&self, path: &str, who: &As, body: Value) -> (StatusCode, Value) {
        self.send(self.request(Method::PUT, path, who).json(&body))
            .await
    }

    /// Creates an application of the administrator: its id and token.
    pub(crate) async fn application(&self, name: &str) -> (i64, As) {
        let (status, answer) = self
            .post("/application", &ADMIN, json!({ "name": name }))
            .await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        (id(&answer), token(&answer))
    }

    /// Creates a client: its id and token.
    pub(crate) async fn client(&self, who: &As) -> (i64, As) {
        let (status, answer) = self.post("/client", who, json!({ "name": "test" })).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        (id(&answer), token(&answer))
    }
}

pub(crate) fn id(value: &Value) -> i64 {
    value["id"].as_i64().unwrap()
}

pub(crate) fn token(value: &Value) -> As {
    As::Token(value["token"].as_str().unwrap().to_owned())
}

/// Asserts that an answer is an error in Gotify's form, of this status, and
/// that its description says so.
#[track_caller]
pub(crate) fn refused((status, body): (StatusCode, Value), expected: u16, says: &str) {
    assert_eq!(status.as_u16(), expected, "{body}");
    assert_eq!(body["errorCode"], expected, "{body}");
    assert_eq!(body["error"].as_str(), status.canonical_reason(), "{body}");
    let description = body["errorDescription"].as_str().unwrap();
    assert!(description.contains(says), "{description:?} lacks {says:?}");
}

#[track_caller]
pub(crate) fn ok((status, body): (StatusCode, Value)) -> Value {
    assert!(status.is_success(), "{status} {body}");
    body
}
