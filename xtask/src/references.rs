//! `cargo xtask references`: writes the reference of each SDK, `docs/reference/LANGUAGE.md`,
//! from the contract and the SDK's source; the tests compare them. The generator is in
//! `tests/examples/references`, for it needs the parser of the contract.

use std::process::Command;

use anyhow::Result;

use crate::{bindings::build_generators, run::run as run_command, workspace::Workspace};

/// The generator, an example of the crate of tests.
const GENERATOR: &str = "references";

/// Options of the command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask references
  cargo xtask references --check")]
pub(crate) struct Arguments {
    /// Write nothing; fail if a page differs from the contract or from an SDK.
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let [generator] = build_generators(workspace, [GENERATOR])?;
    run_command(
        Command::new(generator)
            .arg(&workspace.root)
            .args(arguments.check.then_some("--check")),
    )
}
