//! Versions in a registry as a person sees them, and `mortise plugin update`.

use std::{fmt::Write as _, process::ExitCode};

use http::Method;
use mortise_runtime::types::Manifest;
use mortise_server::oci::Reference;
use owo_colors::Style;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    check::permissions,
    progress,
    remote::{Body, Refusal, Remote, Which, encoded, understood},
    show::{line, paint, printable},
    status::{Difference, Everything, Status, VersionOf},
};
use crate::output::say;

/// A version in a registry.
#[derive(Deserialize)]
pub(super) struct Version {
    reference: String,
    pub(super) digest: String,
    file: String,
    size: u64,
    backend: String,
    manifest: Option<Manifest>,
    signature: Signature,
    installed: Option<VersionOf>,
    new: bool,
    difference: Difference,
}

#[derive(Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum Signature {
    None,
    Untrusted,
    Trusted { key: String },
}

impl Version {
    /// Finds a version.
    pub(super) async fn find(remote: &Remote, reference: &Reference) -> anyhow::Result<Self> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("reference", &reference.to_string());
        remote
            .get(&format!("/admin/registry?{}", query.finish()))
            .await
    }

    /// Its parts on lines of their own.
    pub(super) fn text(&self) -> String {
        let mut text = paint("found", Style::new().bold()) + "\n";
        if let Some(manifest) = &self.manifest {
            let title = format!("{} {}, {}", manifest.id, manifest.version, manifest.name);
            line(&mut text, "plugin", &title);
            if !manifest.author.is_empty() {
                line(&mut text, "author", &manifest.author);
            }
        }
        line(&mut text, "registry", &self.reference);
        line(&mut text, "digest", &self.digest);
        line(
            &mut text,
            "file",
            &format!("{}, {} bytes", self.file, self.size),
        );
        line(&mut text, "runs as", &self.backend);
        let signer = match &self.signature {
            Signature::None => "no key",
            Signature::Untrusted => "a key that is not trusted",
            Signature::Trusted { key } => key,
        };
        line(&mut text, "signed by", signer);
        let Some(manifest) = &self.manifest else {
            line(
                &mut text,
                "asks for",
                "unknown: its publisher did not add that; mortise plugin grants shows it after \
                 the installation, which grants nothing",
            );
            return text;
        };
        if manifest.wants.is_empty() {
            line(&mut text, "asks for", "no permission");
            return text;
        }
        // Writing to a text does not fail.
        let _ = writeln!(text, "{}", permissions(manifest));
        text
    }
}

/// The plugins to update.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
If the installed tag is a version, such as 1.2.0, the newest version is the highest release.
Otherwise, it is the version to which the same tag points now. A version that asks the
administrator for more waits for approval.

Examples:
  mortise plugin update rules --dry-run
  mortise plugin update rules
  mortise plugin update --all")]
pub(super) struct Update {
    /// The plugin's id, or a part of it that no other has.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(super) id: Option<String>,
    /// Update all plugins that came from a registry.
    #[arg(long)]
    all: bool,
    /// Show the newest versions, and install none.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(super) which: Which,
    /// Print one line of JSON for each plugin.
    #[arg(long)]
    pub(super) json: bool,
}

impl Update {
    pub(super) async fn run(&self) -> anyhow::Result<(String, ExitCode)> {
        let remote = self.which.remote()?;
        if let Some(id) = &self.id {
            let text = self.one(&remote, id).await?;
            return Ok((text, ExitCode::SUCCESS));
        }
        let Everything { plugins, .. } = remote.get("/admin/plugins").await?;
        let ids = plugins
            .into_iter()
            .filter(|plugin| plugin.source.is_some())
            .map(|plugin| plugin.id);
        let (mut any, mut code) = (false, ExitCode::SUCCESS);
        for id in ids {
            any = true;
            match self.one(&remote, &id).await {
                Ok(text) => {
                    say(&text);
                }
                // The others are independent of it.
                Err(error) => {
                    code = ExitCode::FAILURE;
                    say(&self.failed(&id, &error));
                }
            }
        }
        let text = match any || self.json {
            true => String::new(),
            false => "no installed plugin came from a registry\n".to_owned(),
        };
        Ok((text, code))
    }

    /// Updates one plugin.
    async fn one(&self, remote: &Remote, id: &str) -> anyhow::Result<String> {
        let path = format!("/admin/plugins/{}/update", encoded(id));
        let found: Value = remote.get(&path).await?;
        let version: Version = understood(found.clone())?;
        if self.json && (self.dry_run || !version.new) {
            return Ok(json!({ "id": id, "found": found, "updated": false }).to_string() + "\n");
        }
        if !version.new {
            return Ok(format!(
                "{id} is up to date: {} {}\n",
                version.name(),
                version.digest
            ));
        }
        let change = version.change(id);
        if self.dry_run {
            return Ok(change);
        }
        if !self.json {
            say(&change);
        }
        let body = Body::Json(json!({ "digest": version.digest }));
        let sending = remote.send(Method::POST, &path, body);
        let answer = progress::shown(remote, !self.json, sending).await?;
        if self.json {
            let done = json!({ "id": id, "found": found, "updated": true, "status": answer });
            return Ok(format!("{done}\n"));
        }
        let status: Status = understood(answer)?;
        let mut text = match status.pending() {
            Some(_) => String::new(),
            None => format!(
                "{} {} {}\n",
                paint("updated", Style::new().green().bold()),
                status.id,
                status.version
            ),
        };
        if let Some(notice) = status.notice() {
            writeln!(text, "{notice}")?;
        }
        Ok(text)
    }

    fn failed(&self, id: &str, error: &anyhow::Error) -> String {
        if self.json {
            return json!({ "id": id, "error": format!("{error:#}") }).to_string() + "\n";
        }
        let report = error.downcast_ref::<Refusal>();
        let report = report.and_then(|refusal| refusal.report.as_ref());
        match report {
            Some(report) => report.text(),
            None => format!(
                "{} {id}: {}\n",
                paint("failed", Style::new().red().bold()),
                printable(&format!("{error:#}"))
            ),
        }
    }
}

impl Version {
    fn name(&self) -> &str {
        let manifest = self.manifest.as_ref();
        manifest.map_or("a version without a name", |manifest| &manifest.version)
    }

    /// The change that an installation of this version would be.
    fn change(&self, id: &str) -> String {
        let mut text = format!("{}\n", paint(id, Style::new().bold()));
        if let Some(installed) = &self.installed {
            let now = format!("{} {}", installed.version, installed.digest);
            line(&mut text, "now", &now);
        }
        line(
            &mut text,
            "newest",
            &format!("{} {}", self.name(), self.file),
        );
        line(
            &mut text,
            "registry",
            &format!("{} {}", self.reference, self.digest),
        );
        match (self.difference.lines.as_slice(), &self.manifest) {
            (_, None) => line(&mut text, "asks", "unknown: its publisher did not add that"),
            ([], _) => line(&mut text, "asks", "nothing more"),
            (lines, _) => line(&mut text, "asks", &lines.join("\n")),
        }
        text
    }
}
