//! Rust: `cargo` makes the component itself, with the macros of the crate
//! `mortise-plugin`. The plugin's source names its capabilities.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;

use super::Recipe;
use crate::{
    Capability, Error, MissingTool,
    job::{Job, find},
    process::{answers, output},
};

/// The target of all plugins.
pub const TARGET: &str = "wasm32-wasip2";
/// The packages for Debian: a compiler, the standard library's source, a linker
/// for Wasm, and the C library below the standard library.
pub const DEBIAN_PACKAGES: [&str; 5] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "lld-22",
    "wasi-libc",
];
const DEBIAN_LINKER: &str = "wasm-ld-22";
/// Makes a component of what `DEBIAN_LINKER` links.
pub const COMPONENT_LINKER: (&str, &str) = ("wasm-component-ld", "0.5.31");

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
        let toolchain = Toolchain::find(None).ok_or_else(missing_target)?;
        let component = job.step(&format!("compile with cargo for {TARGET}"), || {
            toolchain.build(job.command(cargo), &Build::of(job.folder()))
        })?;
        job.collect_file(&component)
    }

    fn native(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let cargo = cargo(job)?;
        let program = job.step("compile with cargo for this machine", || {
            let messages = output(job.command(cargo).args([
                "build",
                "--release",
                "--message-format=json-render-diagnostics",
            ]))?;
            artifacts(&messages, job.folder())
                .find_map(|built| built.executable)
                .ok_or_else(|| Error::Output {
                    file: job.folder().to_owned(),
                    text: "built, but made no executable: a native plugin is a program, with `mortise_plugin::main!` in src/main.rs".to_owned(),
                })
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
            format!(
                "Debian: apt-get install {} && cargo install {}",
                DEBIAN_PACKAGES.join(" "),
                COMPONENT_LINKER.0
            ),
        ],
    })
}

/// A way to build components, found to be on this machine.
#[derive(Clone, Debug)]
pub enum Toolchain {
    /// The compiler in use has the target.
    Target,
    /// Debian's compiler builds the standard library from source.
    Debian {
        /// The program that turns a linked module into a component.
        linker: PathBuf,
    },
}

/// The crate to build, and the options.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// The crate's folder.
    pub folder: &'a Path,
    /// The target folder; cargo's own choice if none.
    pub target: Option<&'a Path>,
    /// True if the lock file must exist and stay unchanged.
    pub locked: bool,
}

impl<'a> Build<'a> {
    const fn of(folder: &'a Path) -> Self {
        Self {
            folder,
            target: None,
            locked: false,
        }
    }
}

impl Toolchain {
    /// Finds a way that is there already. `tools` is where else than on the
    /// path [`COMPONENT_LINKER`] may be.
    pub fn find(tools: Option<&Path>) -> Option<Self> {
        if has_target() {
            return Some(Self::Target);
        }
        let there = |name: &str| answers(Command::new("dpkg").args(["--status", name]));
        if !DEBIAN_PACKAGES.iter().all(|name| there(name)) {
            return None;
        }
        let own = tools.map(|tools| tools.join("bin").join(COMPONENT_LINKER.0));
        let linker = own
            .filter(|own| own.is_file())
            .or_else(|| find(COMPONENT_LINKER.0))?;
        Some(Self::Debian { linker })
    }

    /// Describes the way for a person.
    pub const fn describe(&self) -> &'static str {
        match self {
            Self::Target => "the target wasm32-wasip2",
            Self::Debian { .. } => "Debian's compiler, with the standard library built from source",
        }
    }

    /// Builds a crate with a `cargo`, and returns the component.
    ///
    /// # Errors
    ///
    /// It does not build, or makes no component.
    pub fn build(&self, cargo: Command, build: &Build<'_>) -> Result<PathBuf, Error> {
        let mut command = match self {
            Self::Target => {
                let mut command = cargo;
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
            .args(["--release", "--message-format=json-render-diagnostics"])
            .current_dir(build.folder);
        if build.locked {
            command.arg("--locked");
        }
        if let Some(target) = build.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        let messages = output(&mut command)?;
        component(&messages, build.folder)
    }
}

/// Returns true if the current compiler has the target's standard library.
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

/// The part of cargo's messages that is of interest here.
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

/// Returns cargo's results for the crate in a folder.
fn artifacts<'a>(messages: &'a str, folder: &'a Path) -> impl Iterator<Item = Artifact> + 'a {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter(move |built| {
            built.reason == "compiler-artifact" && built.manifest_path.starts_with(folder)
        })
}

/// Finds the component among cargo's messages.
fn component(messages: &str, folder: &Path) -> Result<PathBuf, Error> {
    artifacts(messages, folder)
        .flat_map(|built| built.filenames)
        .find(|file| {
            file.extension()
                .is_some_and(|extension| extension == "wasm")
        })
        .ok_or_else(|| Error::Output {
            file: folder.to_owned(),
            text: "built, but made no component: a library's Cargo.toml needs `crate-type = [\"cdylib\"]`".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::{Recipe as _, Rust, component};
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
