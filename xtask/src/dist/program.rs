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

/// The largest stripped program of a release, in bytes.
const MOST_BYTES: u64 = 30_000_000;

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
        let speaks = if platform.is_here() {
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

    /// Checks that the program is small enough for a release.
    pub(super) fn check_size(&self) -> Result<()> {
        let data = fs::metadata(&self.file)
            .with_context(|| format!("{} cannot be read", self.file.display()))?;
        check_bytes(data.len())
    }
}

/// A command that removes everything that debuggers need, and adds the section with the
/// crates.
fn strip(platform: &Platform, section: &Path) -> Command {
    let mut command = Command::new(platform.objcopy());
    command
        .args(["--strip-all", "--remove-section=.comment"])
        .arg(format!("--add-section=.dep-v0={}", section.display()));
    command
}

/// Rejects a stripped program that is too large.
fn check_bytes(bytes: u64) -> Result<()> {
    if bytes > MOST_BYTES {
        bail!(
            "the stripped program has {bytes} bytes, and at most {MOST_BYTES} are allowed: remove a \
             dependency, or raise the limit in xtask/src/dist/program.rs"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{MOST_BYTES, check_bytes};

    #[test]
    fn a_program_that_is_too_large_is_rejected() {
        check_bytes(MOST_BYTES).unwrap();
        let error = check_bytes(MOST_BYTES + 1).unwrap_err().to_string();
        assert!(error.contains("has 30000001 bytes"), "{error}");
    }
}
