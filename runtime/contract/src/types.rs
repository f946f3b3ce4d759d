//! The types of `wit/types.wit`, as Rust values and as data.
//!
//! Each type is all three at once: what a component lifts and lowers, what
//! serde writes for native plugins and the API, and what Rust code holds. The
//! WIT file explains the fields; a name, an order or a type that differs from
//! it fails when the first plugin is linked, and `tests/golden` pins the data
//! form that Go and Python read.
//!
//! As data: names in `snake_case`, a variant without payload as its name, one
//! with payload as an object of one field, bytes as base64 where the format is
//! human readable, an absent option as `null` or left out.

use serde::{Deserialize, Serialize};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

/// Declares a record: fields in the order of the WIT file.
macro_rules! record {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $wit:literal $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "component", derive(ComponentType, Lift, Lower))]
        #[cfg_attr(feature = "component", component(record))]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[cfg_attr(feature = "component", component(name = $wit))]
                pub $field: $type,
            )*
        }
    };
}

/// An error of the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[cfg_attr(feature = "component", derive(ComponentType, Lift, Lower))]
#[cfg_attr(feature = "component", component(variant))]
#[serde(rename_all = "snake_case")]
pub enum Error {
    /// The plugin lacks a grant.
    #[error("denied: {0}")]
    #[cfg_attr(feature = "component", component(name = "denied"))]
    Denied(String),
    /// The argument is malformed or exceeds a bound.
    #[error("invalid: {0}")]
    #[cfg_attr(feature = "component", component(name = "invalid"))]
    Invalid(String),
    /// A quota or rate is used up.
    #[error("exhausted: {0}")]
    #[cfg_attr(feature = "component", component(name = "exhausted"))]
    Exhausted(String),
    /// The host could not do it now.
    #[error("unavailable: {0}")]
    #[cfg_attr(feature = "component", component(name = "unavailable"))]
    Unavailable(String),
}

record! {
    /// The user whom an instance belongs to.
    User {
        /// Unique on the server.
        "id" id: u64,
        /// Login name.
        "name" name: String,
        /// True if the user administers the server. Grants nothing.
        "admin" admin: bool,
    }
}

record! {
    /// The content of a message.
    Content {
        /// Empty means the application's name.
        "title" title: String,
        /// Not empty.
        "body" body: String,
        /// 0 (silent) to 10 (urgent) by convention.
        "priority" priority: i32,
        /// A JSON object as text.
        #[serde(default)]
        "extras" extras: Option<String>,
    }
}

record! {
    /// One sender of messages.
    Application {
        /// Unique on the server.
        "id" id: u64,
        /// As a person named it.
        "name" name: String,
    }
}

record! {
    /// A message that has not been stored yet.
    Draft {
        /// Its application.
        "application" application: Application,
        /// Its content.
        "content" content: Content,
        /// The time of its arrival, in milliseconds since the epoch.
        "received-ms" received_ms: u64,
    }
}

record! {
    /// A stored message.
    Message {
        /// Unique on the server; grows with time.
        "id" id: u64,
        /// Its application.
        "application" application: Application,
        /// Its content.
        "content" content: Content,
        /// The time of its receipt, in milliseconds since the epoch.
        "created-ms" created_ms: u64,
    }
}

record! {
    /// A message that a plugin sends to its user.
    Outgoing {
        /// One of the plugin's own applications; none for its main one.
        #[serde(default)]
        "application" application: Option<String>,
        /// Its content.
        "content" content: Content,
    }
}

/// A filter's decision about a draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "component", derive(ComponentType, Lift, Lower))]
#[cfg_attr(feature = "component", component(variant))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Leave it as it is.
    #[cfg_attr(feature = "component", component(name = "keep"))]
    Keep,
    /// Replace its content by this one.
    #[cfg_attr(feature = "component", component(name = "replace"))]
    Replace(Content),
    /// Do not store it, for this reason.
    #[cfg_attr(feature = "component", component(name = "drop"))]
    Drop(String),
}

/// The times at which a timer fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "component", derive(ComponentType, Lift, Lower))]
#[cfg_attr(feature = "component", component(variant))]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Each time this many milliseconds have passed.
    #[cfg_attr(feature = "component", component(name = "every-ms"))]
    EveryMs(u64),
    /// By a cron expression, in the user's time zone.
    #[cfg_attr(feature = "component", component(name = "cron"))]
    Cron(String),
    /// Once, at this many milliseconds since the epoch.
    #[cfg_attr(feature = "component", component(name = "once-at-ms"))]
    OnceAtMs(u64),
}

/// The treatment of a timer that came due while it could not fire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "component", derive(ComponentType, Lift, Lower))]
#[cfg_attr(feature = "component", component(enum))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum MissedRuns {
    /// It fires once.
    #[default]
    #[cfg_attr(feature = "component", component(name = "once"))]
    Once,
    /// It fires at its next time only.
    #[cfg_attr(feature = "component", component(name = "skip"))]
    Skip,
}

record! {
    /// The details of a timer.
    #[derive(Default)]
    TimerOptions {
        /// The time zone of a cron expression; none for the user's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        "zone" zone: Option<String>,
        /// The most by which all its times are put off, in milliseconds.
        #[serde(default, skip_serializing_if = "is_default")]
        "jitter-ms" jitter_ms: u64,
        /// The treatment of the times that it missed.
        #[serde(default, skip_serializing_if = "is_default")]
        "missed" missed: MissedRuns,
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

record! {
    /// A message that was sent to one of several users.
    Delivery {
        /// The user's name.
        "user" user: String,
        /// The id of the stored message.
        #[serde(with = "outcome")]
        "outcome" outcome: Result<u64, Error>,
    }
}

/// The data form of a result: `{"ok": …}` or `{"err": …}`.
mod outcome {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Error;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Outcome<T, E> {
        Ok(T),
        Err(E),
    }

    pub(super) fn serialize<S: Serializer>(
        result: &Result<u64, Error>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match result {
            Ok(id) => Outcome::Ok(id),
            Err(error) => Outcome::Err(error),
        }
        .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Result<u64, Error>, D::Error> {
        Ok(match Outcome::deserialize(deserializer)? {
            Outcome::Ok(id) => Ok(id),
            Outcome::Err(error) => Err(error),
        })
    }
}

/// Weight of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "component", derive(ComponentType, Lift, Lower))]
#[cfg_attr(feature = "component", component(enum))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    #[cfg_attr(feature = "component", component(name = "trace"))]
    Trace,
    #[cfg_attr(feature = "component", component(name = "debug"))]
    Debug,
    #[cfg_attr(feature = "component", component(name = "info"))]
    Info,
    #[cfg_attr(feature = "component", component(name = "warn"))]
    Warn,
    #[cfg_attr(feature = "component", component(name = "error"))]
    Error,
}

record! {
    /// A directory a plugin asks for.
    #[derive(PartialOrd, Ord)]
    Directory {
        /// Absolute path, the same on the host and in the plugin.
        "path" path: String,
        /// True if the plugin may write in it.
        #[serde(default)]
        "writable" writable: bool,
    }
}

/// Something a plugin may do only when a person agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "component", derive(ComponentType, Lift, Lower))]
#[cfg_attr(feature = "component", component(variant))]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Send messages to the user.
    #[cfg_attr(feature = "component", component(name = "send-messages"))]
    SendMessages,
    /// Be given messages of these applications; `*` for all.
    #[cfg_attr(feature = "component", component(name = "read-messages"))]
    ReadMessages(Vec<String>),
    /// See, change and drop messages before they are stored.
    #[cfg_attr(feature = "component", component(name = "filter-messages"))]
    FilterMessages,
    /// Be reachable by HTTP.
    #[cfg_attr(feature = "component", component(name = "webhook"))]
    Webhook,
    /// See these cookies of webhook requests.
    #[cfg_attr(feature = "component", component(name = "cookies"))]
    Cookies(Vec<String>),
    /// Call out by HTTP to these hosts.
    #[cfg_attr(feature = "component", component(name = "http"))]
    Http(Vec<String>),
    /// Use these directories.
    #[cfg_attr(feature = "component", component(name = "files"))]
    Files(Vec<Directory>),
    /// Read these environment variables of the server.
    #[cfg_attr(feature = "component", component(name = "environment"))]
    Environment(Vec<String>),
    /// Be woken by timers.
    #[cfg_attr(feature = "component", component(name = "timers"))]
    Timers,
    /// Send messages to these users; `*` for all.
    #[cfg_attr(feature = "component", component(name = "send-to-users"))]
    SendToUsers(Vec<String>),
}

record! {
    /// A permission a plugin asks for.
    Request {
        /// The permission.
        "permission" permission: Permission,
        /// The reason, for the person who decides.
        "reason" reason: String,
    }
}

record! {
    /// The messages that a listener wants.
    #[derive(Default)]
    Interests {
        /// The names of applications; empty means all that it may read.
        #[serde(default)]
        "applications" applications: Vec<String>,
        /// The lowest priority.
        #[serde(default)]
        "min-priority" min_priority: Option<i32>,
    }
}

record! {
    /// The description of a plugin, and the permissions that it asks for.
    Manifest {
        /// Unique and stable across versions.
        "id" id: String,
        /// For people.
        "name" name: String,
        /// Semantic version.
        "version" version: String,
        /// A sentence or two.
        #[serde(default)]
        "description" description: String,
        /// The author.
        #[serde(default)]
        "author" author: String,
        /// SPDX expression.
        #[serde(default)]
        "license" license: String,
        /// URL, or empty.
        #[serde(default)]
        "website" website: String,
        /// The permissions that it asks for.
        #[serde(default)]
        "wants" wants: Vec<Request>,
        /// The messages that its listener wants; none for all that it may read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        "listens" listens: Option<Interests>,
    }
}

/// The reason for stopping an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "component", derive(ComponentType, Lift, Lower))]
#[cfg_attr(feature = "component", component(enum))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum StopReason {
    /// Its user disabled it, or was removed.
    #[cfg_attr(feature = "component", component(name = "disabled"))]
    Disabled,
    /// A new version or configuration takes its place.
    #[cfg_attr(feature = "component", component(name = "reloading"))]
    Reloading,
    /// It was not called for a while.
    #[cfg_attr(feature = "component", component(name = "idle"))]
    Idle,
    /// The server ends.
    #[cfg_attr(feature = "component", component(name = "shutting-down"))]
    ShuttingDown,
}

record! {
    /// One thing that is wrong with a configuration.
    Problem {
        /// The path, such as `rules[2].pattern`; empty means the whole
        /// configuration.
        "path" path: String,
        /// The mistake, and the expected value.
        "text" text: String,
    }
}

record! {
    /// One HTTP header.
    Header {
        /// Lower case.
        "name" name: String,
        /// As text.
        "value" value: String,
    }
}

record! {
    /// An HTTP request to a plugin's secret address.
    WebhookRequest {
        /// Upper case.
        "method" method: String,
        /// Below the base path, without a leading slash, not decoded.
        "path" path: String,
        /// Behind `?`, not decoded.
        #[serde(default)]
        "query" query: Option<String>,
        /// In the order they came.
        "headers" headers: Vec<Header>,
        /// Whole.
        #[serde(with = "super::bytes")]
        "body" body: Vec<u8>,
        /// The client's address.
        "client" client: String,
        /// `http` or `https`.
        "scheme" scheme: String,
        /// Host and port, as the client sees them.
        "host" host: String,
        /// `/plugin/<id>/custom/<token>/`, behind the server's path prefix if it
        /// has one.
        "base-path" base_path: String,
    }
}

record! {
    /// The answer to a webhook request.
    WebhookResponse {
        /// 200 to 599.
        "status" status: u16,
        /// In order; names may repeat.
        #[serde(default)]
        "headers" headers: Vec<Header>,
        /// Whole.
        #[serde(with = "super::bytes", default)]
        "body" body: Vec<u8>,
    }
}
