//! `mortise plugin grants`, `pending`, `approve` and `denials`: requested
//! permissions, pending versions, and denials.

use std::fmt::Write as _;

use http::Method;
use mortise_runtime::types::Permission;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    commands::Named,
    grant,
    remote::{Body, Which, understood},
    show::{printable, table},
    status::{Status, VersionOf},
};
use mortise_server::plugins::grants::PluginGrants;

/// All pending versions.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mortise plugin pending
  mortise plugin pending --json")]
pub(super) struct PendingVersions {
    #[command(flatten)]
    which: Which,
    /// Print one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// A pending version.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mortise plugin pending
  mortise plugin approve io.example.weather
  mortise plugin approve io.example.weather --without")]
pub(super) struct Approve {
    #[command(flatten)]
    pub(super) plugin: Named,
    /// Approve without granting the new permissions.
    #[arg(long)]
    without: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rights {
    asked: Vec<Asked>,
    allowed: PluginGrants,
    answered_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    permission: Permission,
    reason: String,
    answered_by: String,
    granted: bool,
}

#[derive(Deserialize)]
struct Waiting {
    id: String,
    running: VersionOf,
    version: VersionOf,
    difference: Difference,
}

#[derive(Deserialize)]
struct Difference {
    lines: Vec<String>,
}

/// Selects a plugin's denials.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Denied {
    pub(super) user: String,
    pub(super) permission: String,
    pub(super) what: String,
    pub(super) count: u64,
    date: String,
}

impl Named {
    pub(super) async fn grants(&self) -> anyhow::Result<String> {
        let rights: Value = self.which.remote()?.get(&self.path("/grants")).await?;
        if self.json {
            return Ok(format!("{rights}\n"));
        }
        let rights: Rights = understood(rights)?;
        let mut text = String::new();
        if !rights.asked.is_empty() {
            let mut table = table(&["it asks for", "because", "granted"]);
            for asked in &rights.asked {
                let granted = match (asked.answered_by.as_str(), asked.granted) {
                    ("user", _) => "by each user who enables it",
                    (_, true) => "yes",
                    (_, false) => "no, or not all of it",
                };
                table.add_row([
                    printable(&asked.permission.to_string()),
                    printable(&asked.reason),
                    granted.to_owned(),
                ]);
            }
            writeln!(text, "{table}")?;
        }
        let lines = grant::lines(&rights.allowed);
        match (lines.as_slice(), &rights.answered_at) {
            ([], _) => text.push_str("the administrator allows it nothing\n"),
            (_, Some(date)) => writeln!(text, "the administrator allows it, since {date}:")?,
            (_, None) => text.push_str("the administrator allows it:\n"),
        }
        for line in lines {
            writeln!(text, "  {}", printable(&line))?;
        }
        Ok(text)
    }

    pub(super) async fn denials(&self) -> anyhow::Result<String> {
        let denials: Value = self.which.remote()?.get(&self.path("/denials")).await?;
        if self.json {
            return Ok(format!("{denials}\n"));
        }
        let denials: Vec<Denied> = understood(denials)?;
        if denials.is_empty() {
            return Ok("it has no denials\n".to_owned());
        }
        let mut table = table(&["user", "permission", "attempt", "times", "last"]);
        for denied in denials {
            table.add_row([
                printable(&denied.user),
                denied.permission,
                printable(&denied.what),
                denied.count.to_string(),
                denied.date,
            ]);
        }
        Ok(format!("{table}\n"))
    }
}

impl PendingVersions {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let waiting: Value = self.which.remote()?.get("/admin/pending").await?;
        if self.json {
            return Ok(format!("{waiting}\n"));
        }
        let waiting: Vec<Waiting> = understood(waiting)?;
        if waiting.is_empty() {
            return Ok("nothing waits for your approval\n".to_owned());
        }
        let mut text = String::new();
        for Waiting {
            id,
            running,
            version,
            difference,
        } in waiting
        {
            writeln!(
                text,
                "{id}: version {} waits, and {} runs; it asks for more:",
                version.version, running.version
            )?;
            for line in difference.lines {
                writeln!(text, "  {}", printable(&line))?;
            }
            writeln!(text, "to allow that: mortise plugin approve {id}")?;
        }
        Ok(text)
    }
}

impl Approve {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let body = Body::Json(json!({ "without": self.without }));
        let remote = self.plugin.which.remote()?;
        let path = self.plugin.path("/approve");
        let answer = remote.send(Method::POST, &path, body).await?;
        if self.plugin.json {
            return Ok(format!("{answer}\n"));
        }
        let status: Status = understood(answer)?;
        let how = if self.without {
            "without the new permissions"
        } else {
            "with the permissions that it asked for"
        };
        Ok(format!("{} {} runs, {how}\n", status.id, status.version))
    }
}
