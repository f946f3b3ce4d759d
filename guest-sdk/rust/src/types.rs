//! The types of the contract, `wit/types.wit`, which explains the fields.
//!
//! One definition serves both ways a plugin is built: as a component, the
//! generated bindings take these types by name, so that a field that differs
//! does not compile; as an executable, serde writes them as data. Form as data:
//! names in `snake_case`, a variant without payload as its name, one with
//! payload as an object of one field, bytes as base64, an absent option as
//! `null` or left out.

use serde::{Deserialize, Serialize};

/// Why the host refused what a plugin asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    /// The plugin lacks a grant.
    #[error("denied: {0}")]
    Denied(String),
    /// The argument is malformed or exceeds a bound.
    #[error("invalid: {0}")]
    Invalid(String),
    /// A quota or rate is used up.
    #[error("exhausted: {0}")]
    Exhausted(String),
    /// The host could not do it now.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// The user whom an instance belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Unique on the server.
    pub id: u64,
    /// Login name.
    pub name: String,
    /// Whether the user administers the server. Grants nothing.
    pub admin: bool,
}

/// What a person reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Empty means the application's name.
    pub title: String,
    /// Not empty.
    pub body: String,
    /// 0 (silent) to 10 (urgent) by convention.
    pub priority: i32,
    /// A JSON object as text.
    #[serde(default)]
    pub extras: Option<String>,
}

/// One sender of messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Unique on the server.
    pub id: u64,
    /// As a person named it.
    pub name: String,
}

/// A message that has not been stored yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Where it comes from.
    pub application: Application,
    /// What it says.
    pub content: Content,
    /// When the server received it, in milliseconds since the epoch.
    pub received_ms: u64,
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Unique on the server; grows with time.
    pub id: u64,
    /// Where it comes from.
    pub application: Application,
    /// What it says.
    pub content: Content,
    /// When it was stored, in milliseconds since the epoch.
    pub created_ms: u64,
}

/// A message that a plugin sends to its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// One of the plugin's own applications; none for its main one.
    #[serde(default)]
    pub application: Option<String>,
    /// What it says.
    pub content: Content,
}

/// What a filter decides about a draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Leave it as it is.
    Keep,
    /// Put this content in place of what it had.
    Replace(Content),
    /// Do not store it, for this reason.
    Drop(String),
}

/// When a timer fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Each time this many milliseconds have passed.
    EveryMs(u64),
    /// By a cron expression, in the server's time zone.
    Cron(String),
    /// Once, at this many milliseconds since the epoch.
    OnceAtMs(u64),
}

/// Weight of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// A directory a plugin asks for.
#[derive(PartialOrd, Ord, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Absolute path, the same on the host and in the plugin.
    pub path: String,
    /// Whether the plugin may change what is in it.
    #[serde(default)]
    pub writable: bool,
}

/// Something a plugin may do only when a person agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Send messages to the user.
    SendMessages,
    /// Be given messages of these applications; `*` for all.
    ReadMessages(Vec<String>),
    /// See, change and drop messages before they are stored.
    FilterMessages,
    /// Be reachable by HTTP.
    Webhook,
    /// See these cookies of webhook requests.
    Cookies(Vec<String>),
    /// Call out by HTTP to these hosts.
    Http(Vec<String>),
    /// Use these directories.
    Files(Vec<Directory>),
    /// Read these environment variables of the server.
    Environment(Vec<String>),
    /// Be woken by timers.
    Timers,
}

/// A permission a plugin asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What it asks for.
    pub permission: Permission,
    /// Why, for the person who decides.
    pub reason: String,
}

/// Who a plugin is and what it asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Unique and stable across versions.
    pub id: String,
    /// For people.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// A sentence or two.
    #[serde(default)]
    pub description: String,
    /// Who wrote it.
    #[serde(default)]
    pub author: String,
    /// SPDX expression.
    #[serde(default)]
    pub license: String,
    /// URL, or empty.
    #[serde(default)]
    pub website: String,
    /// What it cannot work without.
    #[serde(default)]
    pub wants: Vec<Request>,
}

/// Why an instance is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum StopReason {
    /// Its user disabled it, or was removed.
    Disabled,
    /// A new version or configuration takes its place.
    Reloading,
    /// It was not called for a while.
    Idle,
    /// The server ends.
    ShuttingDown,
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where, such as `rules[2].pattern`; empty means the whole.
    pub path: String,
    /// What is wrong and what is expected.
    pub text: String,
}

/// One HTTP header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Lower case.
    pub name: String,
    /// As text.
    pub value: String,
}

/// An HTTP request to a plugin's secret address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRequest {
    /// Upper case.
    pub method: String,
    /// Below the base path, without a leading slash, not decoded.
    pub path: String,
    /// Behind `?`, not decoded.
    #[serde(default)]
    pub query: Option<String>,
    /// In the order they came.
    pub headers: Vec<Header>,
    /// Whole.
    #[serde(with = "crate::bytes")]
    pub body: Vec<u8>,
    /// The client's address.
    pub client: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Host and port, as the client sees them.
    pub host: String,
    /// `/plugin/<id>/custom/<token>/`.
    pub base_path: String,
}

/// The answer to a webhook request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookResponse {
    /// 200 to 599.
    pub status: u16,
    /// In order; names may repeat.
    #[serde(default)]
    pub headers: Vec<Header>,
    /// Whole.
    #[serde(with = "crate::bytes", default)]
    pub body: Vec<u8>,
}
