//! The JSON of the administrator's routes.

use mortise_runtime::{log, process, types::Level};
use mortise_store::AuditRow;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    api::plugins::Problem,
    plugins::{Status, logs::Line},
    time::rfc3339,
};

/// All that is in the plugins folder.
#[derive(Serialize, ToSchema)]
pub(super) struct PluginList {
    /// By id.
    pub(super) plugins: Vec<Status>,
    /// Files that are not plugins, and problems with the grants file.
    pub(super) problems: Vec<Problem>,
}

/// An entry of one of a plugin's logs.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogLine {
    /// The instance's user; absent for the plugin's process.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// Grows by one with each entry of the same log.
    number: u64,
    /// Milliseconds since the epoch.
    time: u64,
    date: String,
    /// `trace` to `error`.
    #[schema(value_type = String)]
    level: Level,
    /// `plugin`, `stdout`, `stderr`, or `host` for the server's entries.
    #[schema(value_type = String)]
    source: log::Source,
    text: String,
}

impl From<Line> for LogLine {
    fn from(line: Line) -> Self {
        let entry = line.entry;
        Self {
            user: line.user,
            number: entry.number,
            time: entry.time_ms,
            date: rfc3339(i64::try_from(entry.time_ms).unwrap_or(i64::MAX)),
            level: entry.level,
            source: entry.source,
            text: entry.text,
        }
    }
}

/// The variables for a process that takes the place of a plugin's own.
#[derive(Serialize, ToSchema)]
pub(super) struct Attachment {
    /// For its environment, as `MORTISE_SOCKET`.
    socket: String,
    /// The value of `MORTISE_SECRET` for its environment. A process with it
    /// acts as the plugin.
    secret: String,
}

impl From<process::Attachment> for Attachment {
    fn from(attachment: process::Attachment) -> Self {
        Self {
            socket: attachment.socket.display().to_string(),
            secret: attachment.secret,
        }
    }
}

/// Entries of the audit log, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditPage {
    pub(super) entries: Vec<AuditEntry>,
    /// The value of `before` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<i64>,
}

/// A change to a plugin.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditEntry {
    id: i64,
    date: String,
    /// `user`, `command line`, `folder` or `server`.
    by: String,
    /// The user, for the first two kinds of actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<AuditUser>,
    /// Such as `installed`.
    action: String,
    /// The manifest's id.
    plugin: String,
    /// Details of the action: versions, or permissions.
    #[schema(value_type = Object)]
    details: Option<Box<RawValue>>,
}

/// A user, as named at the time.
#[derive(Serialize, ToSchema)]
struct AuditUser {
    id: i64,
    name: String,
}

impl From<AuditRow> for AuditEntry {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.id,
            date: rfc3339(row.created_ms),
            by: row.actor,
            user: row
                .user_id
                .zip(row.user_name)
                .map(|(id, name)| AuditUser { id, name }),
            action: row.action,
            plugin: row.plugin,
            // Only objects were stored.
            details: RawValue::from_string(row.details).ok(),
        }
    }
}
