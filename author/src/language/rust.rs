//! Rust: `cargo` makes the component itself, with the macros of the crate
//! `mortise-plugin`. The plugin's source names its capabilities.

use std::{borrow::Cow, path::PathBuf};

use mortise_toolchain::{
    process::output,
    rust::{Build, Built, DEBIAN_PACKAGES, TARGET, Toolchain, executable},
};

use super::Recipe;
use crate::{Capability, Error, MissingTool, job::Job};

/// Plugins in Rust.
#[derive(Clone, Copy, Debug)]
pub struct Rust;

impl Recipe for Rust {
    fn title(&self) -> &'static str {
        "Rust"
    }

    fn sdk(&self) -> &'static str {
        "rust"
    }

    /// The SDK's manifest without what ties it to the workspace it is
    /// developed in.
    fn adapt_sdk(&self, path: &str, bytes: &'static [u8]) -> Cow<'static, [u8]> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Cow::Borrowed(bytes);
        };
        if path != "Cargo.toml" {
            return Cow::Borrowed(bytes);
        }
        let free: String = text
            .replace("[lints]\nworkspace = true\n\n", "")
            .lines()
            .filter(|line| !line.starts_with("workspace = "))
            .map(|line| format!("{line}\n"))
            .collect();
        Cow::Owned(free.into_bytes())
    }

    fn reads_world(&self) -> bool {
        false
    }

    fn always_exports(&self) -> &'static [Capability] {
        &[Capability::Lifecycle]
    }

    fn component(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let cargo = cargo(job)?;
        let toolchain = Toolchain::find().ok_or_else(missing_target)?;
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
        let program = job.step("compile with cargo for this machine", || {
            let messages = output(job.command(cargo).args([
                "build",
                "--release",
                "--message-format=json-render-diagnostics",
            ]))?;
            Ok(executable(&messages, job.folder())?)
        })?;
        job.collect_file(&program)
    }

    fn made(&self) -> &'static [&'static str] {
        &["target", "Cargo.lock"]
    }

    fn by_hand(&self, name: &str) -> Vec<String> {
        vec![
            format!("cargo build --release --target {TARGET}"),
            format!("# makes target/{TARGET}/release/{name}.wasm"),
        ]
    }
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

#[cfg(test)]
mod tests {
    use super::{Recipe as _, Rust};

    #[test]
    fn the_sdk_stands_alone_where_it_is_copied_to() {
        let manifest = include_bytes!("../../sdk/rust/Cargo.toml");
        let free = Rust.adapt_sdk("Cargo.toml", manifest);
        let free = std::str::from_utf8(&free).unwrap();
        assert!(free.contains("name = \"mortise-plugin\""), "{free}");
        assert!(!free.contains("workspace"), "{free}");
        assert!(!free.contains("[lints]"), "{free}");
    }
}
