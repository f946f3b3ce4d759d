//! The ways to compile Rust to WebAssembly: the target that rustup installs, or
//! Debian's compiler.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;

use crate::{
    Error,
    process::{answers, output},
};

/// The target of all plugins.
pub const TARGET: &str = "wasm32-wasip2";
/// Debian's way needs a compiler, the standard library's source, a linker for
/// Wasm, and the C library under the standard library.
pub const DEBIAN_PACKAGES: [&str; 5] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "lld-22",
    "wasi-libc",
];
const DEBIAN_LINKER: &str = "wasm-ld-22";
/// The target on Debian's way: its modules become components without a linker
/// that makes components.
const DEBIAN_TARGET: &str = "wasm32-wasip1";

/// A way to build plugins that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The compiler in use has the target.
    Target,
    /// Debian's compiler builds the standard library from source, and makes a
    /// core module.
    Debian,
}

/// A crate to build.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// The crate's folder.
    pub folder: &'a Path,
    /// The build folder; cargo's own choice if none.
    pub target: Option<&'a Path>,
    /// True if the lock file must exist and stay as it is.
    pub locked: bool,
}

/// A file that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Built {
    /// A component: the plugin itself.
    Component(PathBuf),
    /// A core module, which has to be encoded as a component.
    Module(PathBuf),
}

impl Toolchain {
    /// Finds a way that needs no installation.
    pub fn find() -> Option<Self> {
        if has_target() {
            return Some(Self::Target);
        }
        let there = |name: &str| answers(Command::new("dpkg").args(["--status", name]));
        DEBIAN_PACKAGES
            .iter()
            .all(|name| there(name))
            .then_some(Self::Debian)
    }

    /// A description for people.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Target => "the target wasm32-wasip2",
            Self::Debian => "Debian's compiler, with the standard library built from source",
        }
    }

    /// The command that builds a crate with a `cargo`. On standard output it
    /// prints the messages that [`Self::built`] reads.
    pub fn command(self, cargo: Command, build: &Build<'_>) -> Command {
        let mut command = match self {
            Self::Target => {
                let mut command = cargo;
                command.args(["build", "--target", TARGET]);
                command
            }
            Self::Debian => {
                // Not the one of rustup, which comes first on the path.
                let mut command = Command::new("/usr/bin/cargo");
                command
                    .args(["build", "--target", DEBIAN_TARGET])
                    .arg("-Zbuild-std=std,panic_abort")
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("CARGO_TARGET_WASM32_WASIP1_LINKER", DEBIAN_LINKER)
                    .env(
                        "CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS",
                        "-L native=/usr/lib/wasm32-wasi -C link-self-contained=no",
                    );
                command
            }
        };
        command
            .args(["--release", "--message-format=json-render-diagnostics"])
            .current_dir(build.folder);
        if build.locked {
            command.arg("--locked");
        }
        if let Some(target) = build.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        command
    }

    /// Finds the file that was built from the crate in a folder, in cargo's
    /// messages.
    ///
    /// # Errors
    ///
    /// The crate makes no component.
    pub fn built(self, messages: &str, folder: &Path) -> Result<Built, Error> {
        let file = artifacts(messages, folder)
            .flat_map(|built| built.filenames)
            .find(|file| {
                file.extension()
                    .is_some_and(|extension| extension == "wasm")
            })
            .ok_or_else(|| Error::Output {
                folder: folder.to_owned(),
                text: "built, but made no component: a library's Cargo.toml needs `crate-type = [\"cdylib\"]`",
            })?;
        Ok(match self {
            Self::Target => Built::Component(file),
            Self::Debian => Built::Module(file),
        })
    }

    /// Builds a crate with a `cargo`.
    ///
    /// # Errors
    ///
    /// It does not build, or makes no component.
    pub fn build(self, cargo: Command, build: &Build<'_>) -> Result<Built, Error> {
        let messages = output(&mut self.command(cargo, build))?;
        self.built(&messages, build.folder)
    }
}

/// Finds the program that was built from the crate in a folder, in cargo's
/// messages.
///
/// # Errors
///
/// The crate makes no program.
pub fn executable(messages: &str, folder: &Path) -> Result<PathBuf, Error> {
    artifacts(messages, folder)
        .find_map(|built| built.executable)
        .ok_or_else(|| Error::Output {
            folder: folder.to_owned(),
            text: "built, but made no executable: a native plugin is a program, with `mortise_plugin::main!` in src/main.rs",
        })
}

/// Returns true if the compiler in use has the target's standard library.
fn has_target() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .stderr(Stdio::null())
        .output();
    folder.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout);
        output.status.success() && Path::new(folder.trim_end()).is_dir()
    })
}

/// The part of cargo's messages that is read here.
#[derive(Deserialize)]
struct Artifact {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    #[serde(default)]
    executable: Option<PathBuf>,
}

/// The artifacts of the crate in a folder.
fn artifacts<'a>(messages: &'a str, folder: &'a Path) -> impl Iterator<Item = Artifact> + 'a {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter(move |built| {
            built.reason == "compiler-artifact" && built.manifest_path.starts_with(folder)
        })
}

#[cfg(test)]
mod tests {
    use super::{Built, Toolchain};
    use std::path::Path;

    #[test]
    fn the_plugin_is_the_crates_own_wasm_file() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/r/dep/Cargo.toml","filenames":["/t/dep.wasm"]}
{"reason":"build-script-executed","linked_libs":[]}
{"reason":"compiler-artifact","manifest_path":"/r/a/Cargo.toml","filenames":["/t/a.rlib","/t/a.wasm"]}
{"reason":"build-finished","success":true}"#;
        let found = |toolchain: Toolchain| toolchain.built(messages, Path::new("/r/a")).unwrap();
        assert_eq!(
            found(Toolchain::Target),
            Built::Component("/t/a.wasm".into())
        );
        assert_eq!(found(Toolchain::Debian), Built::Module("/t/a.wasm".into()));
    }

    #[test]
    fn a_crate_that_makes_no_component_is_told_what_to_write() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/r/a/Cargo.toml","filenames":["/t/a.rlib"]}"#;
        let error = Toolchain::Target
            .built(messages, Path::new("/r/a"))
            .unwrap_err();
        assert!(error.to_string().contains("cdylib"), "{error}");
    }
}
