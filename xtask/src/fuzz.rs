//! `cargo xtask fuzz`: drives what reads bytes from native plugins with
//! `cargo fuzz`, which wants nightly Rust.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    run::{answers, run as run_command, say},
    workspace::Workspace,
};

/// The targets of `native-bridge/fuzz`.
const TARGETS: [&str; 2] = ["connection", "values"];
/// The version to install if there is no `cargo fuzz`.
const VERSION: &str = "0.13.1";

/// The beginning of the names of the fuzzer's findings.
const FINDING: &str = "finding-";

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask fuzz
  cargo xtask fuzz connection --seconds 600")]
pub(crate) struct Arguments {
    /// Run each target for this time, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only the target of this name.
    target: Option<String>,
}

/// Runs the targets; an error at the first finding.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let chosen: Vec<_> = TARGETS
        .into_iter()
        .filter(|target| {
            arguments
                .target
                .as_deref()
                .is_none_or(|wanted| wanted == *target)
        })
        .collect();
    if chosen.is_empty() {
        bail!("there is no such target; there are: {}", TARGETS.join(", "));
    }
    if !answers(Command::new("rustup").args(["run", "nightly", "rustc", "--version"])) {
        bail!("fuzzing wants nightly Rust: `rustup toolchain install nightly --profile minimal`");
    }
    let tools = workspace.tools().join("cargo-fuzz");
    let fuzz = tools
        .join("bin")
        .join(format!("cargo-fuzz{}", std::env::consts::EXE_SUFFIX));
    if !fuzz.is_file() {
        say(format_args!("installing cargo-fuzz {VERSION}"));
        run_command(
            workspace
                .cargo()
                .args(["install", "--locked", "cargo-fuzz", "--version", VERSION])
                .arg("--root")
                .arg(&tools),
        )?;
    }
    for target in chosen {
        say(format_args!(
            "fuzzing {target} for {} seconds",
            arguments.seconds
        ));
        let folder = workspace.root.join("native-bridge/fuzz");
        let found = workspace.target.join("fuzz");
        let new = found.join(target);
        std::fs::create_dir_all(&new)
            .with_context(|| format!("{} cannot be made", new.display()))?;
        let ran = run_command(
            Command::new("rustup")
                .args(["run", "nightly"])
                .arg(&fuzz)
                .arg("fuzz")
                .args(["run", target, "--fuzz-dir"])
                .arg(&folder)
                .arg("--target-dir")
                .arg(found.join("build"))
                .arg(&new)
                .arg(folder.join("corpus").join(target))
                .arg("--")
                .arg(format!("-max_total_time={}", arguments.seconds))
                .arg(format!("-artifact_prefix={}/{FINDING}", found.display()))
                .args(["-max_len=16384", "-print_final_stats=1"])
                // Which Rust runs xtask must not decide which one is used.
                .env_remove("RUSTUP_TOOLCHAIN")
                .env_remove("CARGO")
                .current_dir(&workspace.root),
        );
        ran.with_context(|| match finding(&found) {
            Some(file) => format!(
                "{} is a finding; native-bridge/fuzz/README.md says what to do with it",
                file.display()
            ),
            None => format!("the target {target} was not built or did not run"),
        })?;
    }
    Ok(())
}

/// An input that broke a target.
fn finding(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    files.find(|file| {
        let name = file.file_name().unwrap_or_default();
        name.as_encoded_bytes().starts_with(FINDING.as_bytes())
    })
}
