//! `mortise plugin list` and `status`: how plugins are.

use std::fmt::Write as _;

use owo_colors::Style;
use serde::Deserialize;
use serde_json::Value;

use super::{
    commands::Named,
    remote::{Which, understood},
    show::{Report, line, paint, printable, table},
};

/// All plugins.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mortise plugin list
  mortise plugin list --data-dir /var/lib/mortise --json
  MORTISE_PASSWORD=... mortise plugin list --url https://push.example.org --user admin")]
pub(super) struct List {
    #[command(flatten)]
    which: Which,
    /// Print one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// A plugin as the administrator has it.
#[derive(Deserialize)]
pub(super) struct Status {
    pub(super) id: String,
    name: String,
    pub(super) version: String,
    pub(super) digest: String,
    backend: String,
    pub(super) contract: Option<String>,
    file: String,
    state: String,
    instances: Option<u64>,
    last: Option<String>,
    report: Option<Report>,
    waiting: Option<Waiting>,
    changed: bool,
    previous: Option<VersionOf>,
    pub(super) source: Option<Source>,
}

/// The registry that a plugin came from.
#[derive(Deserialize)]
pub(super) struct Source {
    reference: String,
    digest: String,
}

#[derive(Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
enum Waiting {
    Failed {
        report: Report,
    },
    Pending {
        version: VersionOf,
        difference: Difference,
    },
}

#[derive(Deserialize)]
pub(super) struct VersionOf {
    pub(super) version: String,
    pub(super) digest: String,
}

#[derive(Deserialize)]
pub(super) struct Difference {
    pub(super) lines: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Everything {
    pub(super) plugins: Vec<Status>,
    problems: Vec<Report>,
}

impl Status {
    /// Describes its status.
    fn state(&self) -> String {
        match (self.state.as_str(), self.instances) {
            ("loaded", Some(1)) => "loaded, 1 instance".to_owned(),
            ("loaded", Some(instances)) => format!("loaded, {instances} instances"),
            (state, _) => state.replace('_', " "),
        }
    }

    /// Returns the pending version, if there is one, and its requested
    /// permissions.
    pub(super) fn pending(&self) -> Option<(&str, &[String])> {
        match &self.waiting {
            Some(Waiting::Pending {
                version,
                difference,
            }) => Some((&version.version, &difference.lines)),
            _ => None,
        }
    }

    /// Returns the reason for which the newest version does not run, if there
    /// is one.
    pub(super) fn notice(&self) -> Option<String> {
        match &self.waiting {
            Some(Waiting::Pending {
                version,
                difference,
            }) => Some(format!(
                "version {} asks for more and waits for your approval: {}\nto allow it: mortise \
                 plugin approve {}",
                version.version,
                printable(&difference.lines.join("; ")),
                self.id
            )),
            Some(Waiting::Failed { .. }) => Some(format!(
                "the file does not load, and the previous version runs: mortise plugin status {}",
                self.id
            )),
            None => None,
        }
    }

    fn short_notice(&self) -> &'static str {
        match &self.waiting {
            Some(Waiting::Pending { .. }) => "a version waits for approval",
            Some(Waiting::Failed { .. }) => "its file does not load",
            None if self.changed => "its file changed",
            None => "",
        }
    }
}

impl List {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let all: Value = self.which.remote()?.get("/admin/plugins").await?;
        if self.json {
            return Ok(format!("{all}\n"));
        }
        let Everything { plugins, problems } = understood(all)?;
        let mut text = String::new();
        if plugins.is_empty() {
            text.push_str("no plugin is installed; mortise plugin install --help shows how\n");
        } else {
            let mut table = table(&["id", "version", "runs as", "state", ""]);
            for plugin in &plugins {
                table.add_row([
                    plugin.id.clone(),
                    plugin.version.clone(),
                    plugin.backend.clone(),
                    plugin.state(),
                    plugin.short_notice().to_owned(),
                ]);
            }
            writeln!(text, "{table}")?;
        }
        for problem in problems {
            text.push('\n');
            text.push_str(&problem.text());
        }
        Ok(text)
    }
}

impl Named {
    pub(super) async fn status(&self) -> anyhow::Result<String> {
        let status: Value = self.which.remote()?.get(&self.path("")).await?;
        if self.json {
            return Ok(format!("{status}\n"));
        }
        let status: Status = understood(status)?;
        let title = format!("{} {}", printable(&status.name), status.version);
        let mut text = paint(&title, Style::new().bold()) + "\n";
        line(&mut text, "id", &status.id);
        line(&mut text, "state", &status.state());
        if let Some(last) = &status.last {
            line(&mut text, "last", last);
        }
        line(&mut text, "runs as", &status.backend);
        if let Some(contract) = &status.contract {
            line(&mut text, "contract", contract);
        }
        line(&mut text, "digest", &status.digest);
        line(&mut text, "file", &status.file);
        if status.changed {
            line(&mut text, "", "which changed and is looked at in a moment");
        }
        if let Some(previous) = &status.previous {
            let version = format!("{} {}", previous.version, previous.digest);
            line(&mut text, "before", &version);
        }
        if let Some(source) = &status.source {
            let source = format!("{} {}", source.reference, source.digest);
            line(&mut text, "registry", &source);
        }
        if let Some(report) = &status.report {
            text.push_str(&report.text());
        }
        match &status.waiting {
            Some(Waiting::Failed { report }) => text.push_str(&report.text()),
            Some(Waiting::Pending { .. }) => {
                writeln!(text, "{}", status.notice().unwrap_or_default())?;
            }
            None => {}
        }
        Ok(text)
    }
}
