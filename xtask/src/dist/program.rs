//! The program of a release: stripped, with the texts that it writes about itself.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::{Platform, libraries, sbom::Crates};
use crate::{
    run::{output, run},
    server,
    workspace::Workspace,
};

/// The shells that get completions, by the names of the command line.
const SHELLS: [&str; 3] = ["bash", "fish", "zsh"];

/// The program and its texts.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// The stripped program.
    pub(super) file: PathBuf,
    /// Its shared libraries; none for a static program.
    pub(super) libraries: Vec<PathBuf>,
    /// The newest version of the C library of which it needs something; none for a
    /// static program.
    pub(super) glibc: Option<String>,
    /// The pages of its manual.
    pub(super) manuals: Vec<PathBuf>,
    /// A completion script for each shell.
    pub(super) completions: Vec<(&'static str, String)>,
}

impl Program {
    /// Strips a program, and has it write its texts. A program for another processor
    /// cannot: then the one that is built for development here does.
    pub(super) fn new(
        workspace: &Workspace,
        platform: &Platform,
        built: &Path,
        work: &Path,
    ) -> Result<Self> {
        let file = work.join("mortise");
        let section = work.join("crates");
        fs::write(&section, Crates::read(workspace, platform)?.section())
            .with_context(|| format!("{} cannot be written", section.display()))?;
        run(strip(platform, &section).arg(built).arg(&file))
            .with_context(|| format!("{} cannot be stripped", built.display()))?;
        let speaks = if platform.processor == std::env::consts::ARCH {
            file.clone()
        } else {
            server::build(workspace)?
        };
        let folder = work.join("manual");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        run(Command::new(&speaks).arg("manual").arg(&folder))?;
        let mut manuals = fs::read_dir(&folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<Vec<_>>>()?;
        manuals.sort();
        if manuals.is_empty() {
            bail!("`mortise manual` wrote no page");
        }
        let mut completions = Vec::new();
        for shell in SHELLS {
            let script = output(Command::new(&speaks).args(["completions", shell]))?;
            completions.push((shell, script));
        }
        let libraries = libraries::of(&file)?;
        let glibc = match libraries.as_slice() {
            [] => None,
            _ => Some(libraries::glibc(&file)?),
        };
        Ok(Self {
            file,
            libraries,
            glibc,
            manuals,
            completions,
        })
    }
}

/// A command that removes everything that debuggers need, and adds the section with the
/// crates.
fn strip(platform: &Platform, section: &Path) -> Command {
    let name = if platform.processor == std::env::consts::ARCH {
        "objcopy".to_owned()
    } else {
        format!("{}-linux-gnu-objcopy", platform.processor)
    };
    let mut command = Command::new(name);
    command
        .args(["--strip-all", "--remove-section=.comment"])
        .arg(format!("--add-section=.dep-v0={}", section.display()));
    command
}
