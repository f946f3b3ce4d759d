//! The policy of deny.toml, held against every crate of this repository
//! without a network: licences, banned crates, sources.
//!
//! It reads what `cargo deny` reads, so that there is one policy. It knows
//! nothing of vulnerabilities, whose list is only published. It fails on a crate
//! that is compiled twice, too.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{
    run::{output, say},
    twice,
    workspace::Workspace,
};

/// The allowed source of crates; crates without a source are in the repository.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Debug, Deserialize)]
struct Policy {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    license_file: Option<String>,
    source: Option<String>,
}

/// Checks the workspace and the guests'.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let file = workspace.root.join("deny.toml");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let policy: Policy =
        toml::from_str(&text).with_context(|| format!("{} is malformed", file.display()))?;

    let folders = [workspace.root.clone(), workspace.guests_folder()];
    let mut seen = BTreeSet::new();
    let mut complaints = BTreeSet::new();
    for folder in &folders {
        for package in packages(workspace, folder)? {
            if seen.insert((package.name.clone(), package.version.clone())) {
                complaints.extend(policy.complaints(&package));
            }
        }
    }
    for complaint in &complaints {
        say(format_args!("{complaint}"));
    }
    if !complaints.is_empty() {
        bail!(
            "{} dependencies break the policy of deny.toml: replace them, or change the policy and say why",
            complaints.len()
        );
    }
    say(format_args!("{} crates keep to deny.toml", seen.len()));
    twice::check(workspace)
}

fn packages(workspace: &Workspace, folder: &Path) -> Result<Vec<Package>> {
    let text = output(
        workspace
            .cargo()
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(folder),
    )?;
    let metadata: Metadata =
        serde_json::from_str(&text).context("cargo's metadata is malformed")?;
    Ok(metadata.packages)
}

impl Policy {
    fn complaints(&self, package: &Package) -> Vec<String> {
        let who = format!("{} {}", package.name, package.version);
        let mut complaints = Vec::new();
        match &package.license {
            Some(license) if allowed(license, &self.licenses.allow) => {}
            Some(license) => complaints.push(format!("{who}: the licence `{license}`")),
            None => complaints.push(match &package.license_file {
                Some(file) => format!("{who}: a licence of its own, in {file}"),
                None => format!("{who}: no licence"),
            }),
        }
        if let Some(ban) = self.bans.deny.iter().find(|ban| ban.name == package.name) {
            complaints.push(format!("{who}: banned: {}", ban.reason));
        }
        if let Some(source) = package
            .source
            .as_deref()
            .filter(|source| *source != REGISTRY)
        {
            complaints.push(format!("{who}: it comes from {source}"));
        }
        complaints
    }
}

/// Returns true if allowed licences satisfy an SPDX expression. Older crates
/// write `/` instead of `OR`. An expression that does not parse is not allowed.
fn allowed(expression: &str, allow: &BTreeSet<String>) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let mut parser = Spdx {
        words: spaced.split_whitespace().peekable(),
        allow,
    };
    parser.any() == Some(true) && parser.words.next().is_none()
}

struct Spdx<'a, I: Iterator<Item = &'a str>> {
    words: std::iter::Peekable<I>,
    allow: &'a BTreeSet<String>,
}

impl<'a, I: Iterator<Item = &'a str>> Spdx<'a, I> {
    fn any(&mut self) -> Option<bool> {
        let mut met = self.all()?;
        while self.words.next_if_eq(&"OR").is_some() {
            met |= self.all()?;
        }
        Some(met)
    }

    fn all(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.words.next_if_eq(&"AND").is_some() {
            met &= self.one()?;
        }
        Some(met)
    }

    fn one(&mut self) -> Option<bool> {
        match self.words.next()? {
            "(" => {
                let met = self.any()?;
                self.words.next_if_eq(&")").map(|_| met)
            }
            ")" | "AND" | "OR" | "WITH" => None,
            license => Some(if self.words.next_if_eq(&"WITH").is_some() {
                let exception = self.words.next()?;
                self.allow.contains(&format!("{license} WITH {exception}"))
            } else {
                self.allow.contains(license)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn expressions_are_read_as_spdx_says() {
        let allow = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]
            .map(str::to_owned)
            .into();
        for yes in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "MIT AND ISC",
            "(GPL-3.0 OR ISC) AND MIT",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-3.0 OR MIT AND ISC",
        ] {
            assert!(allowed(yes, &allow), "{yes}");
        }
        for no in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "Apache-2.0",
            "MIT WITH LLVM-exception",
            "(MIT",
            "MIT)",
            "MIT ISC",
            "OR MIT",
        ] {
            assert!(!allowed(no, &allow), "{no}");
        }
    }
}
