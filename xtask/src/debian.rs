//! Debian's packages, for tools that no language's own registry has.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::run::{answers, run, say};

/// The programs of the tests, which are Debian's packages too: the registry that they
/// install plugins from, and the signer of releases.
const OF_TESTS: [(&str, &str); 2] = [("docker-registry", "--version"), ("minisign", "-v")];

/// Returns true if packages can be installed here.
pub(crate) fn is_here() -> bool {
    answers(Command::new("apt-get").arg("--version"))
}

/// Installs packages.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    run(Command::new("apt-get").arg("update"))?;
    run(Command::new("apt-get")
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))?;
    Ok(())
}

/// Finds the programs of the tests, or installs them.
pub(crate) fn of_tests() -> Result<()> {
    for (name, version) in OF_TESTS {
        let is_there = || answers(Command::new(name).arg(version));
        if is_there() {
            continue;
        }
        say(format_args!("installing {name} for the tests"));
        if is_here() {
            install(&[name])?;
        }
        is_there().then_some(()).with_context(|| {
            format!("there is no `{name}` for the tests: install it, for example Debian's package of that name")
        })?;
    }
    Ok(())
}
