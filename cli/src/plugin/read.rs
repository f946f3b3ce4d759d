//! `mortise plugin logs` and `audit`: what there is to read.

use std::{collections::HashSet, fmt::Write as _, time::Duration};

use owo_colors::Style;
use serde::Deserialize;
use serde_json::Value;

use crate::output::say;

use super::{
    commands::Named,
    remote::{Remote, Which, encoded, understood},
    show::{paint, printable, table},
};

/// The interval between checks of a followed log.
const LOOK: Duration = Duration::from_millis(500);

/// A plugin's log.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The log has the plugin's entries for you, the server's entries about every user's instance, and the
output of a native plugin. You cannot see the entries that a plugin wrote for other users.

Examples:
  mortise plugin logs io.example.weather
  mortise plugin logs io.example.weather --follow")]
pub(super) struct Logs {
    #[command(flatten)]
    pub(super) plugin: Named,
    /// Print new entries until interrupted.
    #[arg(long, short)]
    follow: bool,
}

/// Selects the entries of the audit log.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mortise plugin audit
  mortise plugin audit io.example.weather --limit 10 --json")]
pub(super) struct Audit {
    /// Show only changes to this plugin: its id, or a part of it that no
    /// other has.
    pub(super) id: Option<String>,
    /// Show this many of the newest entries, 1 to 200.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    pub(super) which: Which,
    /// Print one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// An entry of a plugin's log.
#[derive(Clone, Deserialize)]
pub(super) struct Entry {
    pub(super) user: Option<String>,
    number: u64,
    time: u64,
    date: String,
    level: String,
    pub(super) source: String,
    pub(super) text: String,
}

/// A plugin's log from its beginning on, each entry once.
#[derive(Default)]
pub(super) struct Tail {
    since: u64,
    told: HashSet<(Option<String>, u64, u64)>,
}

impl Tail {
    /// The same from a time on, in milliseconds since the epoch.
    pub(super) fn from(since: u64) -> Self {
        Self {
            since,
            ..Self::default()
        }
    }

    /// Returns the entries since the previous call, with all fields of the
    /// server.
    pub(super) async fn next(
        &mut self,
        remote: &Remote,
        id: &str,
    ) -> anyhow::Result<Vec<(Value, Entry)>> {
        let path = format!("/admin/plugins/{}/log?since={}", encoded(id), self.since);
        let mut new = Vec::new();
        let mut now = HashSet::new();
        for value in remote.get::<Vec<Value>>(&path).await? {
            let entry: Entry = understood(value.clone())?;
            let key = (entry.user.clone(), entry.number, entry.time);
            self.since = self.since.max(entry.time);
            if !self.told.contains(&key) {
                new.push((value, entry));
            }
            now.insert(key);
        }
        self.told = now;
        Ok(new)
    }
}

impl Entry {
    /// As a line for a person.
    pub(super) fn text(&self) -> String {
        let style = match self.level.as_str() {
            "error" => Style::new().red(),
            "warn" => Style::new().yellow(),
            _ => Style::new(),
        };
        let whose = self.user.as_deref().unwrap_or("process");
        format!(
            "{} {} {}/{}: {}\n",
            paint(&self.date, Style::new().dimmed()),
            paint(&format!("{:<5}", self.level), style),
            whose,
            self.source,
            printable(&self.text).trim_end().replace('\n', "\n  ")
        )
    }
}

impl Logs {
    /// Says what there is as it comes.
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let remote = self.plugin.which.remote()?;
        let mut tail = Tail::default();
        loop {
            let mut text = String::new();
            for (value, entry) in tail.next(&remote, &self.plugin.id).await? {
                if self.plugin.json {
                    writeln!(text, "{value}")?;
                } else {
                    text.push_str(&entry.text());
                }
            }
            let heard = say(&text);
            if !self.follow || !heard {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[derive(Deserialize)]
struct Page {
    entries: Vec<Audited>,
}

#[derive(Deserialize)]
struct Audited {
    date: String,
    by: String,
    user: Option<User>,
    action: String,
    plugin: String,
    details: Value,
}

#[derive(Deserialize)]
struct User {
    name: String,
}

impl Audit {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let mut path = format!("/admin/audit?limit={}", self.limit);
        if let Some(id) = &self.id {
            write!(path, "&plugin={}", encoded(id))?;
        }
        let page: Value = self.which.remote()?.get(&path).await?;
        if self.json {
            return Ok(format!("{page}\n"));
        }
        let Page { entries } = understood(page)?;
        if entries.is_empty() {
            return Ok("nothing was done yet\n".to_owned());
        }
        let mut table = table(&["when", "who", "what", "plugin", "details"]);
        for entry in entries {
            let who = match entry.user {
                Some(user) if entry.by == "user" => printable(&user.name),
                Some(user) => format!("{}, as {}", entry.by, printable(&user.name)),
                None => entry.by,
            };
            let details = printable(&details(&entry.details));
            table.add_row([entry.date, who, entry.action, entry.plugin, details]);
        }
        Ok(format!("{table}\n"))
    }
}

/// Details, of versions without their digests.
fn details(details: &Value) -> String {
    fn text(value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" "),
            other => other.to_string(),
        }
    }
    let Some(fields) = details.as_object() else {
        return String::new();
    };
    let parts = fields.iter().filter_map(|(name, value)| {
        let value = match (name.as_str(), value) {
            ("digest", _) => return None,
            ("before", before) => text(before.get("version")?),
            (_, value) => text(value),
        };
        Some(format!("{name} {value}"))
    });
    parts.collect::<Vec<_>>().join(", ")
}
