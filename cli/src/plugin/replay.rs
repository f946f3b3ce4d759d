//! `mortise plugin replay`: the recorded calls of a filter, put to a version of its
//! plugin again.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::Method;
use humantime::parse_duration;
use owo_colors::Style;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{
    Refusal,
    commands::{self, Named, Own},
    remote::{Body, Remote, understood},
    show::{paint, printable},
};

/// The plugin, the version and the calls.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The server keeps a trace of each message that passed a filter. A replay gives these messages to a
version of the plugin, in the same order, and shows the answers that differ. It has no effect: the
version starts with your configuration and a copy of the storage, and the server sends nothing.
The version has no HTTP, no directories and no environment variables.

Examples:
  mortise plugin replay rules
  mortise plugin replay rules --version rules-2.wasm --since 7days
  mortise plugin replay rules --pending
  mortise plugin replay rules --cases cases/recorded.yaml")]
pub(super) struct Replay {
    #[command(flatten)]
    pub(super) plugin: Named,
    /// Replay with this file, which is not installed [default: the active version].
    #[arg(long, value_name = "FILE")]
    version: Option<PathBuf>,
    /// Replay with the version that waits for approval.
    #[arg(long, conflicts_with = "version")]
    pending: bool,
    /// Replay the calls of this period.
    #[arg(long, value_name = "TIME", default_value = "1day", value_parser = parse_duration)]
    since: Duration,
    /// Look at this many of the newest messages, at most 10000.
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 10_000)]
    limit: u32,
    /// Write the recorded calls to this new file, as a case for `mortise plugin test`,
    /// and replay nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["version", "pending"])]
    cases: Option<PathBuf>,
    /// Begin the case with the present storage of your instance, which may hold secrets
    /// [default: with an empty storage].
    #[arg(long, requires = "cases")]
    storage: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Replayed {
    version: String,
    calls: usize,
    same: usize,
    different: usize,
    differences: Vec<Difference>,
    incomplete: usize,
    left: usize,
    micros: u64,
    #[serde(flatten)]
    effects: Effects,
}

/// The effects that a version would have had.
#[derive(Deserialize)]
pub(super) struct Effects {
    sends: usize,
    sent: Vec<Sent>,
    requests: usize,
    requested: Vec<Requested>,
    writes: usize,
    #[serde(default)]
    others: BTreeMap<String, usize>,
    denied: Vec<Denied>,
}

#[derive(Deserialize)]
struct Difference {
    message: Numbered,
    application: String,
    title: String,
    recorded: Answer,
    replayed: Answer,
}

#[derive(Deserialize)]
struct Numbered {
    id: i64,
    dropped: bool,
}

/// A filter's answer.
#[derive(Deserialize)]
pub(super) struct Answer {
    action: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    field: String,
    after: Option<String>,
}

#[derive(Deserialize)]
struct Sent {
    title: String,
    message: String,
}

#[derive(Deserialize)]
struct Requested {
    method: String,
    url: String,
}

#[derive(Deserialize)]
struct Denied {
    permission: String,
    what: String,
    count: u64,
}

impl Replay {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        // Before the server is asked: a file that cannot be read is no reason to.
        let file = self.version.as_deref();
        let file = file.map(commands::read_file).transpose()?;
        let remote = self.plugin.which.remote()?;
        let own = Own::find(&remote, &self.plugin.id).await?;
        if let Some(cases) = &self.cases {
            return self.write_cases(&remote, &own, cases).await;
        }
        let mut query = self.query();
        let path = match (&self.version, self.pending) {
            (Some(version), _) => {
                let signature = commands::signature_beside(version)?;
                commands::describe(&mut query, Some(version), signature.as_deref());
                "/replay/candidate"
            }
            (None, true) => "/replay/candidate",
            (None, false) => "/replay",
        };
        let path = own.path(&format!("{path}?{}", query.finish()));
        let body = file.map_or(Body::None, Body::File);
        let answer = remote.send(Method::POST, &path, body).await?;
        if self.plugin.json {
            return Ok(format!("{answer}\n"));
        }
        understood::<Replayed>(answer)?.text()
    }

    fn query(&self) -> form_urlencoded::Serializer<'static, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let since = now.unwrap_or_default().saturating_sub(self.since);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("since", &since.as_millis().to_string());
        query.append_pair("limit", &self.limit.to_string());
        query
    }

    /// Writes the recorded calls as one case: a call may depend on those before.
    async fn write_cases(&self, remote: &Remote, own: &Own, file: &Path) -> anyhow::Result<String> {
        let path = own.path(&format!("/calls?{}", self.query().finish()));
        let calls: Vec<Recorded> = remote.get(&path).await?;
        anyhow::ensure!(
            !calls.is_empty(),
            "there is no recorded call of {} in this time; --since asks for a longer one",
            self.plugin.id
        );
        let mut case = Map::new();
        case.insert("name".to_owned(), "recorded calls".into());
        if let Some(config) = configuration(remote, own).await? {
            case.insert("config".to_owned(), config.into());
        }
        if self.storage {
            let values: Vec<StoredValue> = remote.get(&own.path("/storage")).await?;
            let values = values.into_iter().map(StoredValue::entry);
            let values: Map<String, Value> = values.collect::<anyhow::Result<_>>()?;
            case.insert("storage".to_owned(), values.into());
        }
        let steps: Vec<Value> = calls.iter().filter_map(Recorded::step).collect();
        let count = steps.len();
        let failed = calls.iter().find_map(Recorded::failure);
        case.insert("steps".to_owned(), steps.into());
        let text = serde_saphyr::to_string(&case).context("the calls are no YAML")?;
        // A message's own characters, and no variable of the case.
        let text = text.replace("${", "$${");
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        // A person may have written cases into a file that is there.
        std::fs::File::create_new(file)
            .and_then(|mut new| new.write_all(text.as_bytes()))
            .with_context(|| format!("{} cannot be written", file.display()))?;
        if self.plugin.json {
            let done = json!({ "id": self.plugin.id, "file": file, "calls": count });
            return Ok(format!("{done}\n"));
        }
        let mut text = format!(
            "{} {count} calls to {}\nto run them: mortise plugin test PLUGIN --cases {}\n",
            paint("written", Style::new().green().bold()),
            file.display(),
            file.display()
        );
        if let Some(reason) = failed {
            writeln!(
                text,
                "{} failed calls were left out, the first with: {}",
                calls.len() - count,
                printable(reason)
            )?;
        }
        Ok(text)
    }
}

/// The user's configuration of a plugin; none if it has none.
async fn configuration(remote: &Remote, own: &Own) -> anyhow::Result<Option<String>> {
    match remote.text(&own.path("/config")).await {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.is::<Refusal>() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A value in the storage.
#[derive(Deserialize)]
struct StoredValue {
    key: String,
    /// In base64.
    value: String,
}

impl StoredValue {
    /// The key and the value, which is a text if a case can have it as one.
    fn entry(self) -> anyhow::Result<(String, Value)> {
        let bytes = BASE64_STANDARD.decode(&self.value);
        let bytes = bytes.context("the server sent a stored value that is no base64")?;
        let value = match String::from_utf8(bytes) {
            Ok(text) if !text.contains(char::is_control) => text.into(),
            _ => json!({ "base64": self.value }),
        };
        Ok((self.key, value))
    }
}

/// A recorded call.
#[derive(Deserialize)]
struct Recorded {
    draft: Draft,
    verdict: Verdict,
}

#[derive(Deserialize)]
struct Draft {
    application: Application,
    content: Content,
    received_ms: u64,
}

#[derive(Deserialize)]
struct Application {
    name: String,
}

#[derive(Deserialize)]
struct Content {
    title: String,
    body: String,
    priority: i32,
    extras: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Verdict {
    Keep,
    Replace(Content),
    Drop(String),
    Fail(String),
}

impl Recorded {
    /// The reason for which the filter had no answer.
    fn failure(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Fail(reason) => Some(reason),
            _ => None,
        }
    }

    /// The step of a case; none for a failure, which a case cannot bring about.
    fn step(&self) -> Option<Value> {
        let expected = match &self.verdict {
            Verdict::Keep => "keep".into(),
            Verdict::Replace(after) => json!({ "replace": after.fields() }),
            Verdict::Drop(reason) => json!({ "drop": reason }),
            Verdict::Fail(_) => return None,
        };
        let mut given = self.draft.content.fields();
        given.insert(
            "application".to_owned(),
            (&*self.draft.application.name).into(),
        );
        given.insert("received_ms".to_owned(), self.draft.received_ms.into());
        Some(json!({ "filter": given, "expect": expected }))
    }
}

impl Content {
    fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("title".to_owned(), (&*self.title).into());
        fields.insert("body".to_owned(), (&*self.body).into());
        fields.insert("priority".to_owned(), self.priority.into());
        let extras = self.extras.as_deref().map(serde_json::from_str::<Value>);
        if let Some(Ok(extras)) = extras {
            fields.insert("extras".to_owned(), extras);
        }
        fields
    }
}

impl Replayed {
    fn text(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        if self.calls == 0 && self.incomplete == 0 {
            return Ok(
                "there is no recorded call in this time; --since asks for a longer one\n"
                    .to_owned(),
            );
        }
        for difference in &self.differences {
            difference.write(&mut text)?;
        }
        if self.different > self.differences.len() {
            let more = self.different - self.differences.len();
            writeln!(text, "and {more} more")?;
        }
        let version = printable(&self.version);
        let head = match self.different {
            0 => paint("the same", Style::new().green().bold()),
            different => paint(&format!("{different} differ"), Style::new().yellow().bold()),
        };
        writeln!(
            text,
            "{head}: version {version} answered {} calls in {} ms, {} as recorded",
            self.calls,
            self.micros / 1000,
            self.same
        )?;
        if self.incomplete > 0 {
            writeln!(
                text,
                "{} calls were left out: the trace has their messages only in part",
                self.incomplete
            )?;
        }
        if self.left > 0 {
            writeln!(
                text,
                "{} messages were left out, because the replay took too long; --since and \
                 --limit choose fewer",
                self.left
            )?;
        }
        self.effects.write(&mut text)?;
        Ok(text)
    }
}

impl Effects {
    pub(super) fn write(&self, text: &mut String) -> anyhow::Result<()> {
        if self.sends > 0 {
            writeln!(text, "it would have sent {} messages:", self.sends)?;
            for Sent { title, message } in &self.sent {
                writeln!(text, "  {}: {}", printable(title), printable(message))?;
            }
        }
        if self.requests > 0 {
            writeln!(text, "it would have sent {} HTTP requests:", self.requests)?;
            for Requested { method, url } in &self.requested {
                writeln!(text, "  {} {}", printable(method), printable(url))?;
            }
        }
        if self.writes > 0 {
            writeln!(
                text,
                "it would have changed its storage {} times",
                self.writes
            )?;
        }
        for (function, count) in &self.others {
            let function = printable(function);
            writeln!(text, "it would have called {function} {count} times")?;
        }
        for Denied {
            permission,
            what,
            count,
        } in &self.denied
        {
            writeln!(
                text,
                "denied, because nothing here has an effect: {permission} {}, {count} times",
                printable(what)
            )?;
        }
        Ok(())
    }
}

impl Difference {
    fn write(&self, text: &mut String) -> anyhow::Result<()> {
        let kind = if self.message.dropped {
            "dropped message"
        } else {
            "message"
        };
        let title = match self.title.as_str() {
            "" => String::new(),
            title => format!(", {}", printable(title)),
        };
        writeln!(
            text,
            "{kind} {} of {}{title}",
            self.message.id,
            printable(&self.application)
        )?;
        for (sign, answer, style) in [
            ("-", &self.recorded, Style::new().red()),
            ("+", &self.replayed, Style::new().green()),
        ] {
            writeln!(text, "  {}", paint(&format!("{sign} {answer}"), style))?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.action)?;
        if !self.detail.is_empty() {
            write!(formatter, ": {}", printable(&self.detail))?;
        }
        for (at, change) in self.changes.iter().enumerate() {
            let before = if at == 0 { ": " } else { ", " };
            let after = change.after.as_deref().unwrap_or("none");
            write!(formatter, "{before}{} {}", change.field, printable(after))?;
        }
        Ok(())
    }
}
