//! `mortise plugin`: look at plugins, and decide what they may do.

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Plugin {}

impl Plugin {
    pub(super) fn run(self) -> miette::Result<ExitCode> {
        match self {}
    }
}
