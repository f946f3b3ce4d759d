//! `mortise message`: what filters did to messages, and what they dropped.

use std::{fmt::Write as _, process::ExitCode};

use http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::{output::say, process::runtime};

use super::{
    refused,
    remote::{Body, Which, understood},
    show::{printable, table},
};

/// Look at what filters did to your messages.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mortise message trace 42
  mortise message dropped
  mortise message restore 7")]
pub(crate) struct Message {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what each filter did to a message before it was stored.
    #[command(after_help = "Example:
  mortise message trace 42")]
    Trace(One),
    /// Show the messages that filters dropped, while they are kept.
    #[command(after_help = "Examples:
  mortise message dropped
  mortise message dropped --json")]
    Dropped(Listed),
    /// Store a message that a filter dropped.
    #[command(after_help = "Example:
  mortise message restore 7

The number is that of `mortise message dropped`. No filter is asked again.")]
    Restore(One),
}

/// A message.
#[derive(Debug, clap::Args)]
struct One {
    /// Its number.
    id: u64,
    #[command(flatten)]
    listed: Listed,
}

#[derive(Debug, clap::Args)]
struct Listed {
    #[command(flatten)]
    which: Which,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Step {
    plugin: String,
    #[serde(default)]
    version: String,
    action: String,
    #[serde(default)]
    cause: Option<String>,
    #[serde(default)]
    detail: String,
    micros: u64,
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    field: String,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Dropped>,
}

#[derive(Deserialize)]
struct Dropped {
    id: i64,
    title: String,
    date: String,
    kind: String,
    by: By,
    reason: String,
}

#[derive(Deserialize)]
struct By {
    name: String,
}

#[derive(Deserialize)]
struct Stored {
    id: i64,
}

impl Message {
    pub(crate) fn run(self) -> miette::Result<ExitCode> {
        let json = match &self.command {
            Command::Trace(one) | Command::Restore(one) => one.listed.json,
            Command::Dropped(listed) => listed.json,
        };
        match runtime()?.block_on(self.command.carry_out()) {
            Ok(text) => {
                say(&text);
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => refused(error, json),
        }
    }
}

impl Command {
    async fn carry_out(self) -> anyhow::Result<String> {
        match self {
            Self::Trace(one) => one.trace().await,
            Self::Dropped(listed) => listed.dropped().await,
            Self::Restore(one) => one.restore().await,
        }
    }
}

impl One {
    async fn trace(&self) -> anyhow::Result<String> {
        let path = format!("/message/{}/trace", self.id);
        let trace: Value = self.listed.which.remote()?.get(&path).await?;
        if self.listed.json {
            return Ok(format!("{trace}\n"));
        }
        let steps: Vec<Step> = understood(trace)?;
        if steps.is_empty() {
            return Ok("no filter was asked about it\n".to_owned());
        }
        let mut text = String::new();
        for step in steps {
            let cause = step
                .cause
                .map_or_else(String::new, |cause| format!(" ({cause})"));
            writeln!(
                text,
                "{} {}: {}{cause}, {} ms{}",
                printable(&step.plugin),
                printable(&step.version),
                step.action,
                milliseconds(step.micros),
                match step.detail.as_str() {
                    "" => String::new(),
                    detail => format!(": {}", printable(detail)),
                }
            )?;
            for change in step.changes {
                for (sign, side) in [('-', change.before), ('+', change.after)] {
                    let lines = side.unwrap_or_default();
                    for line in lines.lines() {
                        writeln!(text, "  {sign} {}: {}", change.field, printable(line))?;
                    }
                }
            }
        }
        Ok(text)
    }

    async fn restore(&self) -> anyhow::Result<String> {
        let path = format!("/message/dropped/{}/restore", self.id);
        let remote = self.listed.which.remote()?;
        let stored = remote.send(Method::POST, &path, Body::None).await?;
        if self.listed.json {
            return Ok(format!("{stored}\n"));
        }
        let Stored { id } = understood(stored)?;
        Ok(format!("stored as message {id}\n"))
    }
}

impl Listed {
    async fn dropped(&self) -> anyhow::Result<String> {
        let path = "/message/dropped?limit=200";
        let page: Value = self.which.remote()?.get(path).await?;
        if self.json {
            return Ok(format!("{page}\n"));
        }
        let Page { messages } = understood(page)?;
        if messages.is_empty() {
            return Ok("no filter dropped a message that is still kept\n".to_owned());
        }
        let mut table = table(&["number", "when", "title", "plugin", "", "reason"]);
        for one in messages {
            table.add_row([
                one.id.to_string(),
                one.date,
                printable(&one.title),
                printable(&one.by.name),
                one.kind,
                printable(&one.reason),
            ]);
        }
        Ok(format!("{table}\n"))
    }
}

/// With two digits after the point.
fn milliseconds(micros: u64) -> String {
    format!("{}.{:02}", micros / 1000, micros % 1000 / 10)
}
