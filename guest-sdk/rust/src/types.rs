//! The types of the contract; `wit/types.wit` explains the fields.
//!
//! One definition serves both builds of a plugin. For a component, the
//! generated bindings use these types by name, so a field that differs does not
//! compile. For an executable, serde writes them as data: names in
//! `snake_case`, a variant without payload as its name, a variant with payload
//! as an object with one field, bytes as base64, an absent option as `null` or
//! left out.

use serde::{Deserialize, Serialize};

/// An error of the host.
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
    /// The host cannot do it now.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// The user of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Unique on the server.
    pub id: u64,
    /// Login name.
    pub name: String,
    /// True if the user administers the server. Grants nothing.
    pub admin: bool,
}

/// The content of a message.
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
    /// The name that a person chose.
    pub name: String,
}

/// A message that is not stored yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Its application.
    pub application: Application,
    /// Its content.
    pub content: Content,
    /// The time of its arrival, in milliseconds since the epoch.
    pub received_ms: u64,
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Unique on the server; grows with time.
    pub id: u64,
    /// Its application.
    pub application: Application,
    /// Its content.
    pub content: Content,
    /// The time at which it was stored, in milliseconds since the epoch.
    pub created_ms: u64,
}

/// A message that a plugin sends to its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// One of the plugin's own applications; none for its main one.
    #[serde(default)]
    pub application: Option<String>,
    /// Its content.
    pub content: Content,
}

/// A filter's decision about a draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Store it unchanged.
    Keep,
    /// Replace its content by this one.
    Replace(Content),
    /// Do not store it, for this reason.
    Drop(String),
}

/// The times at which a timer fires.
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

/// The level of a log entry.
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

/// A directory that a plugin asks for.
#[derive(PartialOrd, Ord, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Absolute path, the same on the host and in the plugin.
    pub path: String,
    /// True if the plugin may write in it.
    #[serde(default)]
    pub writable: bool,
}

/// A permission, which a person must grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Send messages to the user.
    SendMessages,
    /// Receive messages of these applications; `*` for all.
    ReadMessages(Vec<String>),
    /// See, change and drop messages before they are stored.
    FilterMessages,
    /// Receive HTTP requests.
    Webhook,
    /// See these cookies of webhook requests.
    Cookies(Vec<String>),
    /// Send HTTP requests to these hosts.
    Http(Vec<String>),
    /// Use these directories.
    Files(Vec<Directory>),
    /// Read these environment variables of the server.
    Environment(Vec<String>),
    /// Set timers.
    Timers,
}

/// A permission that a plugin asks for, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The permission.
    pub permission: Permission,
    /// The reason, for the person who decides.
    pub reason: String,
}

/// The description of a plugin, and the permissions that it asks for.
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
    /// The author.
    #[serde(default)]
    pub author: String,
    /// SPDX expression.
    #[serde(default)]
    pub license: String,
    /// URL, or empty.
    #[serde(default)]
    pub website: String,
    /// The permissions that it asks for.
    #[serde(default)]
    pub wants: Vec<Request>,
}

/// The reason for stopping an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum StopReason {
    /// Its user disabled it, or was removed.
    Disabled,
    /// A new version or configuration takes its place.
    Reloading,
    /// The instance was idle.
    Idle,
    /// The server ends.
    ShuttingDown,
}

/// A problem of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The path, such as `rules[2].pattern`; empty means the whole
    /// configuration.
    pub path: String,
    /// The mistake, and the expected value.
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
    /// In the order of their arrival.
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
