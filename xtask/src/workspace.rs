//! Paths, and calling `cargo`.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::run::output;

/// The repository and its build folder.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The repository's root.
    pub(crate) root: PathBuf,
    /// The folder for all build results.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Finds the repository: `cargo xtask` names it. Without that, it is the one that
    /// this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let root = match std::env::var_os("XTASK_ROOT") {
            Some(root) => PathBuf::from(root),
            None => Path::new(env!("CARGO_MANIFEST_DIR"))
                .parent()
                .context("xtask is not inside a repository")?
                .to_owned(),
        };
        if !root.join("Cargo.toml").is_file() {
            bail!(
                "{} is not there any more: run `cargo xtask` inside the repository",
                root.display()
            );
        }
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(target) => root.join(target),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// `cargo`, the one that runs this program, in the repository's root.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.current_dir(&self.root);
        // `cargo run` says which package runs. Build scripts that look at such
        // variables would be run anew each time, and all that depends on them.
        for (name, _) in std::env::vars_os() {
            let about_us = name.to_str().is_some_and(|name| {
                ["CARGO_PKG_", "CARGO_MANIFEST_"]
                    .iter()
                    .any(|prefix| name.starts_with(prefix))
            });
            if about_us {
                command.env_remove(name);
            }
        }
        command
    }

    /// `rustc`, the one that cargo calls, in the repository's root.
    pub(crate) fn rustc(&self) -> Command {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
        let mut command = Command::new(rustc);
        command.current_dir(&self.root);
        command
    }

    /// The platform of this machine, as the compiler names it.
    pub(crate) fn host(&self) -> Result<String> {
        let text = output(self.rustc().arg("-vV"))?;
        let host = text.lines().find_map(|line| line.strip_prefix("host: "));
        Ok(host.context("`rustc -vV` names no host")?.to_owned())
    }

    /// The tools that [`crate::clients`] installs.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Returns one target folder for all guests, so that shared crates are
    /// built once.
    pub(crate) fn guests_target(&self) -> PathBuf {
        self.target.join("guests")
    }

    /// The root of the guests' cargo workspace: the examples, the SDK and the
    /// tests' fixtures, which are built for another target.
    pub(crate) fn guests_folder(&self) -> PathBuf {
        self.root.join("examples")
    }

    /// A path as it is written in the repository.
    pub(crate) fn short<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}
