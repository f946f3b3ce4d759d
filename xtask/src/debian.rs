//! Debian's packages, for tools that no language's own registry has.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

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

/// Where Debian has the programs of PostgreSQL, by version.
const POSTGRES: &str = "/usr/lib/postgresql";

/// Finds the folder with the programs of PostgreSQL, or installs them.
pub(crate) fn postgres() -> Result<PathBuf> {
    let found = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let versions = std::fs::read_dir(POSTGRES).into_iter().flatten().flatten();
        let versions = versions.map(|version| version.path().join("bin"));
        std::env::split_paths(&path)
            .chain(versions)
            .find(|folder| has(folder, "initdb") && has(folder, "postgres"))
    };
    if let Some(folder) = found() {
        return Ok(folder);
    }
    say(format_args!("installing PostgreSQL for the tests"));
    if is_here() {
        install(&["postgresql"])?;
    }
    found().context(
        "there is no PostgreSQL for the tests: install it, for example Debian's package \
         `postgresql`, and have `initdb` and `postgres` in PATH",
    )
}

/// The programs of MariaDB that tests run by their names, beside the server.
const MARIADB: [&str; 3] = ["mariadb", "mariadb-dump", "mariadb-install-db"];

/// Finds the server's program of MariaDB, or installs it. Debian's packages of the
/// programs alone start no server.
pub(crate) fn mariadb() -> Result<PathBuf> {
    let found = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<_> = std::env::split_paths(&path)
            .chain([PathBuf::from("/usr/sbin")])
            .collect();
        let find = |name: &str| folders.iter().find(|folder| has(folder, name));
        let all = MARIADB.iter().all(|name| find(name).is_some());
        find("mariadbd")
            .filter(|_| all)
            .map(|folder| folder.join("mariadbd"))
    };
    if let Some(program) = found() {
        return Ok(program);
    }
    say(format_args!("installing MariaDB for the tests"));
    if is_here() {
        install(&["mariadb-server-core", "mariadb-client"])?;
    }
    found().context(
        "there is no MariaDB for the tests: install it, for example Debian's packages \
         `mariadb-server-core` and `mariadb-client`, and have `mariadbd` and `mariadb-dump` in PATH",
    )
}

fn has(folder: &Path, program: &str) -> bool {
    folder.join(program).is_file()
}
