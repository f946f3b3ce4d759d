//! `cargo xtask bindings`: generates the part of the SDK for Go that is made from
//! the contract. The code is in the tree, so that `go build` needs no generator;
//! the tests compare it with the contract.

use std::process::Command;

use anyhow::Result;

use crate::{run::run as run_command, workspace::Workspace};

const SDK: &str = "guest-sdk/go";
/// The generator, an example of the crate of tests.
const GENERATOR: &str = "go_bindings";

/// The options of `cargo xtask bindings`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail if a file differs from the contract.
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    run_command(workspace.cargo().args([
        "build",
        "--locked",
        "--workspace",
        "--example",
        GENERATOR,
    ]))?;
    let generator = workspace
        .target
        .join("debug/examples")
        .join(format!("{GENERATOR}{}", std::env::consts::EXE_SUFFIX));
    run_command(
        Command::new(generator)
            .arg(workspace.root.join(SDK))
            .arg(workspace.tools().join("wit"))
            .args(arguments.check.then_some("--check")),
    )
}
