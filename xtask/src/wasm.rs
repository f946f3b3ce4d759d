//! What turns a guest's source into a component: the target that rustup
//! installs where it can be had, or else Debian's packages.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{
    run::{answers, output, run, say},
    workspace::Workspace,
};

/// The target of all guests.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// What Debian's route needs: a compiler, the standard library's source, a
/// linker for Wasm, and the C library under the standard library.
const DEBIAN_PACKAGES: [&str; 5] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "lld-22",
    "wasi-libc",
];
const DEBIAN_LINKER: &str = "wasm-ld-22";
/// Makes a component of what [`DEBIAN_LINKER`] links.
const COMPONENT_LINKER: (&str, &str) = ("wasm-component-ld", "0.5.31");

/// A way to build guests, found to work on this machine.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The compiler in use has the target.
    Target {
        /// Whether it had to be installed first.
        added: bool,
    },
    /// Debian's compiler builds the standard library from source.
    Debian {
        /// The program that turns a linked module into a component.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// Finds a way, installing what is missing.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        if has_target() {
            return Ok(Self::Target { added: false });
        }
        say(format_args!(
            "the target {TARGET} is missing: asking rustup for it"
        ));
        let added = answers(Command::new("rustup").args(["target", "add", TARGET]));
        if added && has_target() {
            return Ok(Self::Target { added: true });
        }
        say(format_args!(
            "rustup did not provide {TARGET}: trying Debian's packages"
        ));
        debian(workspace).with_context(|| {
            format!(
                "nothing here can build components; install the target with `rustup target add {TARGET}`, or on Debian `apt-get install {}`",
                DEBIAN_PACKAGES.join(" ")
            )
        })
    }

    /// Which way was taken, for a person.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Target { added: false } => format!("{TARGET}, installed already"),
            Self::Target { added: true } => format!("{TARGET}, installed now by rustup"),
            Self::Debian { .. } => {
                "Debian's compiler, with the standard library built from source".to_owned()
            }
        }
    }

    /// Builds the crate in a folder and returns the component.
    pub(crate) fn build(&self, workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
        let mut command = match self {
            Self::Target { .. } => {
                let mut command = workspace.cargo();
                command.args(["build", "--target", TARGET]);
                command
            }
            Self::Debian { linker } => {
                let mut command = Command::new("/usr/bin/cargo");
                command
                    .args(["build", "--target", "wasm32-wasip1"])
                    .arg("-Zbuild-std=std,panic_abort")
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("CARGO_TARGET_WASM32_WASIP1_LINKER", linker)
                    .env(
                        "CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS",
                        format!(
                            "-L native=/usr/lib/wasm32-wasi -C link-self-contained=no -C link-arg=--wasm-ld-path={DEBIAN_LINKER}"
                        ),
                    );
                command
            }
        };
        command
            .args([
                "--release",
                "--locked",
                "--message-format=json-render-diagnostics",
            ])
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", workspace.guests_target());
        let messages = output(&mut command)?;
        component(&messages, folder)
    }
}

/// Whether the compiler in use has the target's standard library.
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

fn debian(workspace: &Workspace) -> Result<Toolchain> {
    let there = |name: &str| answers(Command::new("dpkg").args(["--status", name]));
    if !DEBIAN_PACKAGES.iter().all(|name| there(name)) {
        if !answers(Command::new("apt-get").arg("--version")) {
            bail!("this is no Debian");
        }
        run(Command::new("apt-get").arg("update"))?;
        run(Command::new("apt-get")
            .args(["install", "--yes", "--no-install-recommends"])
            .args(DEBIAN_PACKAGES)
            .env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    let (name, version) = COMPONENT_LINKER;
    let linker = workspace.tools().join("bin").join(name);
    if !linker.is_file() {
        run(workspace
            .cargo()
            .args(["install", "--locked", name, "--version", version, "--root"])
            .arg(workspace.tools()))?;
    }
    Ok(Toolchain::Debian { linker })
}

/// The part of cargo's messages that is of interest here.
#[derive(Deserialize)]
struct Built {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Finds the component among cargo's messages.
fn component(messages: &str, folder: &Path) -> Result<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Built>(line).ok())
        .filter(|built| {
            built.reason == "compiler-artifact" && built.manifest_path.starts_with(folder)
        })
        .flat_map(|built| built.filenames)
        .find(|file| {
            file.extension()
                .is_some_and(|extension| extension == "wasm")
        })
        .with_context(|| {
            format!(
                "{} built, but made no component: its Cargo.toml needs `crate-type = [\"cdylib\"]`",
                folder.display()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::component;
    use std::path::{Path, PathBuf};

    #[test]
    fn the_component_is_the_crates_own_wasm_file() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/r/dep/Cargo.toml","filenames":["/t/dep.wasm"]}
{"reason":"build-script-executed","linked_libs":[]}
{"reason":"compiler-artifact","manifest_path":"/r/a/Cargo.toml","filenames":["/t/a.rlib","/t/a.wasm"]}
{"reason":"build-finished","success":true}"#;
        let found = component(messages, Path::new("/r/a")).unwrap();
        assert_eq!(found, PathBuf::from("/t/a.wasm"));
    }

    #[test]
    fn a_crate_that_makes_no_component_is_told_what_to_write() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/r/a/Cargo.toml","filenames":["/t/a.rlib"]}"#;
        let error = component(messages, Path::new("/r/a")).unwrap_err();
        assert!(error.to_string().contains("cdylib"), "{error}");
    }
}
