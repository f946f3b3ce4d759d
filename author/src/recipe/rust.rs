//! Rust: `cargo` makes the component itself, with the macros of the crate
//! `mortise-plugin`. The plugin's source names its capabilities.

use std::path::{Path, PathBuf};

use mortise_toolchain::{
    process::output,
    rust::{Build, Built, DEBIAN_PACKAGES, TARGET, Toolchain, executable},
};

use super::{Recipe, sockets};
use crate::{Error, MissingTool, job::Job};

/// The file that names the plugin's dependencies.
const MANIFEST: &str = "Cargo.toml";

/// Plugins in Rust.
#[derive(Clone, Copy, Debug)]
pub struct Rust;

impl Recipe for Rust {
    fn component(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let cargo = cargo(job)?;
        let toolchain = Toolchain::find().ok_or_else(missing_target)?;
        job.own_sdk()?;
        job.step("look for dependencies that open sockets", || {
            find_sockets(job, &cargo)
        })?;
        let build = Build {
            folder: job.folder(),
            target: None,
            locked: false,
        };
        let built = job.step(
            &format!("compile with cargo and {}", toolchain.describe()),
            || Ok(toolchain.build(job.command(cargo), &build)?),
        )?;
        match built {
            Built::Component(component) => job.collect_file(&component),
            Built::Module(module) => job.step("make a component", || {
                job.collect(&job.componentize(&module, None)?)
            }),
        }
    }

    fn native(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let cargo = cargo(job)?;
        job.own_sdk()?;
        let mut command = job.command(cargo);
        command.args([
            "build",
            "--release",
            "--message-format=json-render-diagnostics",
        ]);
        let place = match job.other_platform() {
            Some(target) => {
                let triple = target.triple().ok_or_else(|| Error::Platform {
                    language: job.project().language,
                    target: target.clone(),
                    reason: "its name for rustc is not known; build there, and publish with \
                             `mortise plugin push --platform`",
                })?;
                command.args(["--target", triple]);
                triple
            }
            None => "this machine",
        };
        let program = job.step(&format!("compile with cargo for {place}"), || {
            let messages = output(&mut command)?;
            Ok(executable(&messages, job.folder())?)
        })?;
        job.collect_file(&program)
    }

    fn by_hand(&self, name: &str) -> Vec<String> {
        vec![
            format!("cargo build --release --target {TARGET}"),
            format!("# makes target/{TARGET}/release/{name}.wasm"),
        ]
    }
}

/// Warns of the component's dependencies that open sockets.
///
/// # Errors
///
/// The plugin itself depends on one.
fn find_sockets(job: &Job<'_>, cargo: &Path) -> Result<(), Error> {
    let mut command = job.command(cargo);
    command
        .args(["tree", "--target", TARGET])
        .args(["--edges", "normal,no-proc-macro", "--prefix", "depth"])
        .args(["--format", sockets::FORMAT]);
    for found in sockets::in_tree(&output(&mut command)?) {
        if found.is_direct() {
            return Err(Error::Project {
                file: job.folder().join(MANIFEST),
                text: found.describe(),
            });
        }
        job.warn(&found.describe());
    }
    Ok(())
}

fn cargo(job: &Job<'_>) -> Result<PathBuf, Error> {
    job.tool(
        "cargo",
        "compiles Rust",
        &[
            "install Rust as https://rustup.rs says",
            "Debian: apt-get install cargo (1.85 or newer)",
        ],
    )
}

fn missing_target() -> Error {
    Error::MissingTool(MissingTool {
        tool: TARGET.to_owned(),
        why:
            "is the target that the compiler in use lacks, with the standard library of components"
                .to_owned(),
        get: vec![
            format!("rustup target add {TARGET}"),
            format!("Debian: apt-get install {}", DEBIAN_PACKAGES.join(" ")),
        ],
    })
}
