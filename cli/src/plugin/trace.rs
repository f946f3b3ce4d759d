//! `mortise plugin trace`: the last calls of a plugin.

use serde::Deserialize;
use serde_json::Value;

use super::{
    commands::{Named, Own},
    remote::understood,
    show::{printable, table},
};

/// Ids that are written out in a row.
const IDS: usize = 4;

/// The plugin, and its calls.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The server keeps the last 1000 calls of a plugin for a week: batches of messages for its
listener, timers and webhook requests. `mortise message trace` shows the filters of a message.

Examples:
  mortise plugin trace forward
  mortise plugin trace forward --failed -n 10")]
pub(super) struct Trace {
    #[command(flatten)]
    pub(super) plugin: Named,
    /// Show only calls that failed.
    #[arg(long)]
    failed: bool,
    /// Show this many of the newest calls, at most 1000.
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 50)]
    limit: u32,
}

/// A call of a plugin.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Call {
    module_path: String,
    version: String,
    #[serde(flatten)]
    subject: Subject,
    date: String,
    micros: u64,
    cause: Option<String>,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    sent: Vec<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Subject {
    Listener {
        messages: Vec<u64>,
    },
    Timer {
        timer: String,
    },
    Webhook {
        method: String,
        path: String,
        status: Option<u16>,
    },
}

impl Call {
    /// The plugin and its version.
    pub(crate) fn plugin(&self) -> String {
        format!(
            "{} {}",
            printable(&self.module_path),
            printable(&self.version)
        )
    }

    /// The time of its start.
    pub(crate) fn date(&self) -> &str {
        &self.date
    }

    /// The subject, in a few words.
    pub(crate) fn subject(&self) -> String {
        match &self.subject {
            Subject::Listener { messages } => match messages.as_slice() {
                [one] => format!("message {one}"),
                [first, .., last] => {
                    format!("{} messages, {first} to {last}", messages.len())
                }
                [] => "no message".to_owned(),
            },
            Subject::Timer { timer } => format!("timer {}", printable(timer)),
            Subject::Webhook { method, path, .. } => {
                format!("{} /{}", printable(method), printable(path))
            }
        }
    }

    /// The result, in a few words.
    pub(crate) fn result(&self) -> String {
        let Some(cause) = &self.cause else {
            return match &self.subject {
                Subject::Webhook {
                    status: Some(status),
                    ..
                } => status.to_string(),
                _ => "ok".to_owned(),
            };
        };
        let cause = cause.replace('_', " ");
        match self.detail.as_str() {
            "" => cause,
            detail => format!("{cause}: {}", printable(detail)),
        }
    }

    /// Its duration in milliseconds.
    pub(crate) fn duration(&self) -> String {
        let ms = std::time::Duration::from_micros(self.micros).as_secs_f64() * 1e3;
        format!("{ms:.1} ms")
    }

    /// The messages that the plugin sent meanwhile.
    pub(crate) fn sent(&self) -> String {
        let ids: Vec<_> = self.sent.iter().take(IDS).map(u64::to_string).collect();
        let more = match self.sent.len().saturating_sub(IDS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        ids.join(", ") + &more
    }
}

impl Trace {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let remote = self.plugin.which.remote()?;
        let own = Own::find(&remote, &self.plugin.id).await?;
        let query = format!("/trace?limit={}&failed={}", self.limit, self.failed);
        let calls: Value = remote.get(&own.path(&query)).await?;
        if self.plugin.json {
            return Ok(format!("{calls}\n"));
        }
        let calls: Vec<Call> = understood(calls)?;
        if calls.is_empty() {
            let which = if self.failed { "failed call" } else { "call" };
            return Ok(format!(
                "no {which} of {} as a listener, timer or webhook is kept\n",
                self.plugin.id
            ));
        }
        let mut table = table(&["when", "call", "took", "result", "sent"]);
        for call in calls {
            table.add_row([
                call.date().to_owned(),
                call.subject(),
                call.duration(),
                call.result(),
                call.sent(),
            ]);
        }
        Ok(format!("{table}\n"))
    }
}
