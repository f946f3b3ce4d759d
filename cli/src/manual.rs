//! `mortise manual`: the pages of the manual, as packages contain them.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Args;
use miette::{IntoDiagnostic as _, WrapErr as _};

/// Write the pages of the manual.
#[derive(Debug, Args)]
#[command(after_help = "\
Writes mortise.1 and a page for each command, such as mortise-serve.1.

Examples:
  mortise manual ~/.local/share/man/man1
  mortise manual /tmp/manual && man -l /tmp/manual/mortise-serve.1")]
pub(super) struct Manual {
    /// The folder, which the command creates.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Manual {
    /// Writes the pages of this command line.
    pub(super) fn run(self, command: clap::Command) -> miette::Result<ExitCode> {
        let folder = self.folder.display().to_string();
        fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(command, &self.folder))
            .into_diagnostic()
            .wrap_err_with(|| format!("the manual cannot be written to {folder}"))?;
        Ok(ExitCode::SUCCESS)
    }
}
