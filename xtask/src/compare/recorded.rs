//! The answers of Gotify's own server, from `tests/gotify/answers.json`, for runs
//! without its program.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Parts, normal, script};
use crate::workspace::Workspace;

const FILE: &str = "tests/gotify/answers.json";
/// The way to a new file.
const AGAIN: &str = "record them with `cargo xtask compare-gotify --gotify BINARY --record`";

/// Leaves out the words of errors, which may differ.
pub(super) fn without_words(parts: Parts) -> Parts {
    let keep = |(name, _): &(String, String)| !name.ends_with(normal::WORDS);
    parts.into_iter().filter(keep).collect()
}

/// The answer to a request, without the words of errors and without values that differ
/// from run to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answered {
    /// The request's name.
    pub(super) request: String,
    /// The names of the values in it that later requests use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) kept: Vec<String>,
    pub(super) parts: Parts,
}

/// All answers, in the order of the requests.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recorded {
    /// The digest of the requests.
    requests: String,
    answers: Vec<Answered>,
}

impl Recorded {
    /// Reads them. They must be of the requests as they are now.
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        let text = std::fs::read(path(workspace));
        let text = text.with_context(|| format!("{FILE} cannot be read: {AGAIN}"))?;
        let recorded: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{FILE} is malformed: {AGAIN}"))?;
        if recorded.requests != digest() {
            bail!("the requests have changed since the answers in {FILE}: {AGAIN}");
        }
        Ok(recorded)
    }

    /// Writes them, one in a line.
    pub(super) fn write(workspace: &Workspace, answers: Vec<Answered>) -> Result<()> {
        let lines: Vec<_> = answers
            .into_iter()
            .map(|answer| {
                serde_json::to_string(&Answered {
                    parts: without_words(answer.parts),
                    ..answer
                })
            })
            .collect::<Result<_, _>>()?;
        let text = format!(
            "{{\"requests\":\"{}\",\"answers\":[\n{}\n]}}\n",
            digest(),
            lines.join(",\n")
        );
        let path = path(workspace);
        let folder = path.parent().context("the file has no folder")?;
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .with_context(|| format!("{FILE} cannot be written"))
    }

    /// The answer to a request.
    pub(super) fn answer(&self, request: &str) -> Result<Answered> {
        let found = self.answers.iter().find(|one| one.request == request);
        let found = found.with_context(|| format!("{FILE} lacks `{request}`: {AGAIN}"))?;
        Ok(found.clone())
    }
}

fn path(workspace: &Workspace) -> PathBuf {
    workspace.root.join(FILE)
}

fn digest() -> String {
    hex::encode(Sha256::digest(script::SCRIPT))
}
