//! `mortise message`: stored messages, what filters did to them, and what filters
//! dropped.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::Context as _;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Common, applications, carry_out};
use crate::plugin::{Body, Call, Remote, printable, table, understood};

/// Messages in one answer, at most.
const PAGE: u32 = 200;

/// List and delete your messages, and show the effect of filters.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mortise message list
  mortise message delete 42
  mortise message trace 42
  mortise message restore 7")]
pub(crate) struct Message {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List messages, the newest first.
    #[command(after_help = "\
With --json, the command prints the messages as one JSON array.

Examples:
  mortise message list
  mortise message list --app backup --limit 500
  mortise message list --before 42 --json")]
    List(List),
    /// Delete messages.
    #[command(after_help = "Examples:
  mortise message delete 42 43
  mortise message delete --app backup
  mortise message delete --all")]
    Delete(Delete),
    /// Show the effect of each filter on a message, and its deliveries to listeners.
    #[command(after_help = "\
If a plugin sent the message, the command also shows the call that sent it. If the plugin ran for
another user, the command shows only the plugin.

Examples:
  mortise message trace 42
  mortise message trace 42 --json")]
    Trace(One),
    /// Show the dropped messages that the server still keeps.
    #[command(after_help = "Examples:
  mortise message dropped
  mortise message dropped --json")]
    Dropped(Listed),
    /// Store a message that a filter dropped.
    #[command(after_help = "\
`mortise message dropped` shows the number. Filters do not see the message again. If the end of the
message has passed, the restored message has no end.

Examples:
  mortise message restore 7
  mortise message restore 7 --json")]
    Restore(One),
}

#[derive(Debug, clap::Args)]
struct List {
    /// List only messages of this application, by name or number.
    #[arg(short, long, value_name = "APP")]
    app: Option<String>,
    /// List only messages before this number.
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// List at most this many messages.
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which_messages").required(true).args(["ids", "app", "all"]))]
struct Delete {
    /// The numbers of the messages.
    #[arg(value_name = "NUMBER")]
    ids: Vec<u64>,
    /// Delete all messages of this application, by name or number.
    #[arg(short, long, value_name = "APP")]
    app: Option<String>,
    /// Delete all your messages.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    common: Common,
}

/// A message.
#[derive(Debug, clap::Args)]
struct One {
    /// Its number.
    id: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Listed {
    #[command(flatten)]
    common: Common,
}

#[derive(Deserialize)]
struct Messages {
    messages: Vec<Value>,
    paging: Paging,
}

#[derive(Deserialize)]
struct Paging {
    /// The number before which the next page is; 0 after the last page.
    since: u64,
}

#[derive(Deserialize)]
struct Row {
    id: u64,
    appid: i64,
    title: String,
    message: String,
    priority: i64,
    date: String,
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
    #[serde(default)]
    sent: Vec<u64>,
}

#[derive(Deserialize)]
struct Change {
    field: String,
    before: Option<String>,
    after: Option<String>,
    /// Equal bytes before both.
    #[serde(default)]
    skipped: usize,
    /// Whether one of them goes on.
    #[serde(default)]
    cut: bool,
}

#[derive(Deserialize)]
struct Dropped {
    id: i64,
    title: String,
    date: String,
    kind: String,
    by: By,
    reason: String,
    /// The message that it would have changed.
    updates: Option<i64>,
}

#[derive(Deserialize)]
struct By {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    id: i64,
    /// The time at which it is deleted.
    expires_at: Option<String>,
}

impl Message {
    pub(crate) fn run(self) -> miette::Result<ExitCode> {
        let json = match &self.command {
            Command::List(list) => list.common.json,
            Command::Delete(delete) => delete.common.json,
            Command::Trace(one) | Command::Restore(one) => one.common.json,
            Command::Dropped(listed) => listed.common.json,
        };
        carry_out(json, self.command.carry_out())
    }
}

impl Command {
    async fn carry_out(self) -> anyhow::Result<String> {
        match self {
            Self::List(list) => list.run().await,
            Self::Delete(delete) => delete.run().await,
            Self::Trace(one) => one.trace().await,
            Self::Dropped(listed) => listed.dropped().await,
            Self::Restore(one) => one.restore().await,
        }
    }
}

impl List {
    async fn run(&self) -> anyhow::Result<String> {
        let remote = self.common.which.remote()?;
        let applications = applications::all(&remote).await?;
        let path = messages_of(&remote, self.app.as_deref()).await?;
        let found = pages(&remote, &path, self.before, self.limit).await?;
        if self.common.json {
            return Ok(format!("{}\n", Value::Array(found)));
        }
        if found.is_empty() {
            return Ok("there is no message\n".to_owned());
        }
        let mut table = table(&["number", "when", "application", "priority", "title", "text"]);
        for message in found {
            let row: Row = understood(message)?;
            let application = applications.iter().find(|one| one.id == row.appid);
            table.add_row([
                row.id.to_string(),
                row.date,
                application.map_or_else(|| row.appid.to_string(), |one| printable(&one.name)),
                row.priority.to_string(),
                printable(&row.title),
                excerpt(&row.message),
            ]);
        }
        Ok(format!("{table}\n"))
    }
}

/// The messages of a list, newest first: at most `limit`, from below the number `before`.
async fn pages(
    remote: &Remote,
    path: &str,
    before: Option<u64>,
    limit: usize,
) -> anyhow::Result<Vec<Value>> {
    let mut found: Vec<Value> = Vec::new();
    let mut before = before.unwrap_or(0);
    while found.len() < limit {
        let page = format!("{path}?limit={PAGE}&since={before}");
        let Messages { messages, paging } = remote.get(&page).await?;
        found.extend(messages);
        before = paging.since;
        if before == 0 {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// The beginning of a message's text, in one line.
fn excerpt(text: &str) -> String {
    const CHARS: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(CHARS).collect();
    if short.len() < text.trim_end().len() {
        short.push('…');
    }
    printable(&short)
}

/// The calls of plugins that concern a message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Calls {
    /// The plugin from whose application it came.
    of_plugin: Option<OfPlugin>,
    sent_in: Vec<Call>,
    delivered_in: Vec<Call>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfPlugin {
    module_path: String,
}

/// The path of all messages, or of an application's.
async fn messages_of(remote: &Remote, app: Option<&str>) -> anyhow::Result<String> {
    Ok(match app {
        None => "/message".to_owned(),
        Some(app) => {
            let id = applications::named(remote, app).await?.id;
            format!("/application/{id}/message")
        }
    })
}

impl Delete {
    async fn run(&self) -> anyhow::Result<String> {
        let remote = self.common.which.remote()?;
        for id in &self.ids {
            let path = format!("/message/{id}");
            let deleted = remote.send(Method::DELETE, &path, Body::None).await;
            deleted.with_context(|| format!("message {id} was not deleted"))?;
        }
        if self.all || self.app.is_some() {
            let path = messages_of(&remote, self.app.as_deref()).await?;
            remote.send(Method::DELETE, &path, Body::None).await?;
        }
        Ok(match (self.common.json, self.ids.len()) {
            (true, _) => "{}\n".to_owned(),
            (false, 0) => "deleted them all\n".to_owned(),
            (false, 1) => "deleted it\n".to_owned(),
            (false, several) => format!("deleted {several} messages\n"),
        })
    }
}

impl One {
    async fn trace(&self) -> anyhow::Result<String> {
        let remote = self.common.which.remote()?;
        let trace: Value = remote.get(&format!("/message/{}/trace", self.id)).await?;
        let calls: Value = remote.get(&format!("/message/{}/calls", self.id)).await?;
        if self.common.json {
            let all = json!({ "filters": trace, "calls": calls });
            return Ok(format!("{all}\n"));
        }
        let steps: Vec<Step> = understood(trace)?;
        let Calls {
            of_plugin,
            sent_in,
            delivered_in,
        } = understood(calls)?;
        let mut text = String::new();
        if let Some(plugin) = of_plugin.filter(|_| sent_in.is_empty()) {
            let plugin = printable(&plugin.module_path);
            writeln!(text, "from {plugin}; no call of yours that sent it is kept")?;
        }
        for call in sent_in {
            writeln!(
                text,
                "sent by {} at {}: {}",
                call.plugin(),
                call.date(),
                call.subject()
            )?;
        }
        if steps.is_empty() {
            writeln!(text, "no filter was asked about it")?;
        }
        for step in steps {
            if step.action == "restored" {
                writeln!(text, "restored at {}", printable(&step.detail))?;
                continue;
            }
            if step.action == "not_kept" {
                writeln!(text, "no trace is kept: {}", printable(&step.detail))?;
                continue;
            }
            let cause = step.cause.map_or_else(String::new, |cause| {
                format!(" ({})", cause.replace('_', " "))
            });
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
                change.write(&mut text)?;
            }
            for id in step.sent {
                writeln!(text, "  sent message {id}")?;
            }
        }
        for call in delivered_in {
            writeln!(
                text,
                "delivered to {} at {} in {}: {}",
                call.plugin(),
                call.date(),
                call.duration(),
                call.result()
            )?;
        }
        Ok(text)
    }

    async fn restore(&self) -> anyhow::Result<String> {
        let path = format!("/message/dropped/{}/restore", self.id);
        let remote = self.common.which.remote()?;
        let stored = remote.send(Method::POST, &path, Body::None).await?;
        if self.common.json {
            return Ok(format!("{stored}\n"));
        }
        let Stored { id, expires_at } = understood(stored)?;
        let end = expires_at.map_or_else(String::new, |at| {
            format!(", which ends at {}", printable(&at))
        });
        Ok(format!("stored as message {id}{end}\n"))
    }
}

impl Listed {
    async fn dropped(&self) -> anyhow::Result<String> {
        let remote = self.common.which.remote()?;
        let messages = pages(&remote, "/message/dropped", None, usize::MAX).await?;
        if self.common.json {
            return Ok(format!("{}\n", json!({ "messages": messages })));
        }
        if messages.is_empty() {
            return Ok("no filter dropped a message that is still kept\n".to_owned());
        }
        let mut table = table(&["number", "when", "title", "plugin", "", "reason"]);
        for message in messages {
            let one: Dropped = understood(message)?;
            let kind = match one.updates {
                Some(id) => format!("{} change of message {id}", one.kind),
                None => one.kind,
            };
            table.add_row([
                one.id.to_string(),
                one.date,
                printable(&one.title),
                printable(&one.by.name),
                kind,
                printable(&one.reason),
            ]);
        }
        Ok(format!("{table}\n"))
    }
}

impl Change {
    /// Writes both sides, with an ellipsis where the trace leaves text out.
    fn write(self, text: &mut String) -> std::fmt::Result {
        let lead = if self.skipped > 0 { "…" } else { "" };
        let rest = if self.cut { "…" } else { "" };
        for (sign, side) in [('-', self.before), ('+', self.after)] {
            let Some(side) = side else { continue };
            for line in format!("{lead}{side}{rest}").lines() {
                writeln!(text, "  {sign} {}: {}", self.field, printable(line))?;
            }
        }
        Ok(())
    }
}

/// With two digits after the point.
fn milliseconds(micros: u64) -> String {
    format!("{}.{:02}", micros / 1000, micros % 1000 / 10)
}
