//! `mortise completions`: a script that completes this command line.

use std::{io::Write as _, process::ExitCode};

use clap::Args;
use miette::IntoDiagnostic as _;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mortise completions bash > ~/.local/share/bash-completion/completions/mortise
  mortise completions fish > ~/.config/fish/completions/mortise.fish")]
pub(super) struct Completions {
    /// The shell.
    shell: clap_complete::Shell,
}

impl Completions {
    /// Prints the script for this command line.
    pub(super) fn run(self, mut command: clap::Command) -> miette::Result<ExitCode> {
        // Through a buffer: the generator panics where writing fails.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "mortise", &mut script);
        std::io::stdout().write_all(&script).into_diagnostic()?;
        Ok(ExitCode::SUCCESS)
    }
}
