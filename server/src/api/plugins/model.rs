//! The JSON of plugins: Gotify's fields, and what Mortise shows beside them.

use mortise_runtime::{
    LoadError, guard, log,
    schedule::Timing,
    types::{Level, MissedRuns, Permission, Request, Schedule},
};
use mortise_store::DeadLetterRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{plugins::Timer, time::rfc3339};

/// A plugin as one user has it. Beside Gotify's fields, it has those of Mortise.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PluginConf)]
pub(super) struct PluginConf {
    pub(super) id: i64,
    pub(super) name: String,
    /// The secret part of its webhook address.
    pub(super) token: String,
    /// The module path as the plugin's author wrote it; the manifest's id of a plugin
    /// that was not written for Gotify.
    pub(super) module_path: String,
    /// The manifest's id, which commands and grants name.
    pub(super) plugin_id: String,
    pub(super) author: String,
    pub(super) license: String,
    pub(super) website: String,
    pub(super) enabled: bool,
    /// Its capabilities, as far as Gotify knows them.
    pub(super) capabilities: Vec<&'static str>,
    /// The interfaces of the contract that it implements.
    pub(super) exports: Vec<&'static str>,
    pub(super) created_at: String,
    pub(super) version: String,
    pub(super) description: String,
    /// `wasm` or `native`.
    pub(super) backend: String,
    /// The version of the contract that it was built for, if it tells one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) contract: Option<String>,
    /// Digest of the file it was loaded from.
    pub(super) digest: String,
    /// Its last failure; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_error: Option<String>,
    /// True if it is down, or if the last call of one of its functions failed.
    pub(super) failing: bool,
    /// The path of its webhook's address, behind the server's; absent if it has
    /// none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) webhook_path: Option<String>,
    /// The permissions that it asks for.
    pub(super) permissions: Vec<Asked>,
    /// The command with which the administrator grants the missing permissions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grant_command: Option<String>,
    /// Its place among the user's filters; absent if it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<FilterPlace>,
}

/// A permission that a plugin asks for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Asked {
    /// As the contract names it.
    pub(super) name: &'static str,
    /// The permission itself, in the contract's data form.
    #[schema(value_type = Object)]
    pub(super) permission: Permission,
    /// In the author's words.
    pub(super) reason: String,
    /// `user` (by enabling it) or `administrator`.
    pub(super) answered_by: &'static str,
    /// True if the plugin has it, or will have it when it is enabled.
    pub(super) granted: bool,
}

/// A filter's place.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterPlace {
    /// Filters are asked in this order, smallest first.
    pub(super) order: i64,
    /// True if the server rejects messages when this filter fails.
    pub(super) fail_closed: bool,
    /// The applications whose messages it is asked about; null for all. Set by
    /// `/plugin/{id}/filter/applications`.
    #[serde(skip_deserializing)]
    #[schema(read_only)]
    pub(super) applications: Option<Vec<u64>>,
}

/// A file in the plugins folder that is no plugin of this server, or the grants
/// file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The file.
    pub(super) file: String,
    /// The failed step.
    pub(super) step: String,
    /// The expected content.
    pub(super) expected: String,
    /// The found content.
    pub(super) found: String,
    /// The fix.
    pub(super) fix: String,
}

/// One entry of a plugin's log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogEntry {
    /// Grows by one with each entry.
    pub(super) number: u64,
    pub(super) date: String,
    /// `trace` to `error`.
    #[schema(value_type = String)]
    pub(super) level: Level,
    /// `plugin`, `stdout`, `stderr`, or `host` for the server's entries.
    #[schema(value_type = String)]
    pub(super) source: log::Source,
    pub(super) text: String,
}

/// A message that the plugin failed on again and again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeadLetter {
    pub(super) message_id: i64,
    /// The application that the message came from.
    pub(super) appid: i64,
    /// The message's title.
    pub(super) title: String,
    pub(super) attempts: i64,
    pub(super) error: String,
    pub(super) date: String,
}

/// A timer of a plugin.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PluginTimer {
    /// The plugin's name for it.
    name: String,
    /// The interval in milliseconds, of a timer that repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    every_ms: Option<u64>,
    /// The cron expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    /// The time zone of the cron expression; left out for the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// The most by which its times are put off, in milliseconds; left out for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter_ms: Option<u64>,
    /// True if it does not fire for times that it missed.
    skips_missed: bool,
    /// The next times at which it is due; a single one for a timer that does not repeat.
    next: Vec<String>,
}

impl From<Timer> for PluginTimer {
    fn from(timer: Timer) -> Self {
        let Timing { schedule, options } = timer.timing;
        let (every_ms, cron) = match schedule {
            Schedule::EveryMs(every) => (Some(every), None),
            Schedule::Cron(expression) => (None, Some(expression)),
            Schedule::OnceAtMs(_) => (None, None),
        };
        Self {
            name: timer.name,
            every_ms,
            cron,
            zone: options.zone,
            jitter_ms: Some(options.jitter_ms).filter(|jitter| *jitter > 0),
            skips_missed: options.missed == MissedRuns::Skip,
            next: timer.next_ms.into_iter().map(rfc3339).collect(),
        }
    }
}

/// A denied attempt of a plugin.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Denied {
    /// The permission it lacks, as the contract names it.
    pub(super) permission: &'static str,
    /// The object, such as a host.
    pub(super) what: String,
    pub(super) count: u64,
    /// The time of the last denial.
    pub(super) date: String,
}

impl Asked {
    pub(in crate::api) fn new(request: &Request, granted: bool) -> Self {
        Self {
            name: request.permission.name(),
            granted,
            permission: request.permission.clone(),
            reason: request.reason.clone(),
            answered_by: if request.permission.is_for_user() {
                "user"
            } else {
                "administrator"
            },
        }
    }
}

impl From<&LoadError> for Problem {
    fn from(failure: &LoadError) -> Self {
        Self {
            file: failure.file.display().to_string(),
            step: failure.step.to_string(),
            expected: failure.expected.clone(),
            found: failure.found.clone(),
            fix: failure.fix.clone(),
        }
    }
}

impl From<log::Entry> for LogEntry {
    fn from(entry: log::Entry) -> Self {
        Self {
            number: entry.number,
            date: date(entry.time_ms),
            level: entry.level,
            source: entry.source,
            text: entry.text,
        }
    }
}

impl From<DeadLetterRow> for DeadLetter {
    fn from(row: DeadLetterRow) -> Self {
        Self {
            message_id: row.message_id,
            appid: row.application_id,
            title: row.title,
            attempts: row.attempts,
            error: row.error,
            date: rfc3339(row.created_ms),
        }
    }
}

impl From<guard::Denial> for Denied {
    fn from(denial: guard::Denial) -> Self {
        Self {
            permission: denial.permission,
            what: denial.what,
            count: denial.count,
            date: date(denial.last_ms),
        }
    }
}

fn date(ms: u64) -> String {
    rfc3339(i64::try_from(ms).unwrap_or(i64::MAX))
}
