//! Components built from the guests' sources: the examples and the fixtures.

#![expect(clippy::expect_used, reason = "only tests use this")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Builds a crate of the guests' workspace, if it is not up to date, and
/// returns its component.
///
/// # Panics
///
/// When it does not build: a test could do nothing else.
pub fn example(name: &str) -> PathBuf {
    let target = target();
    let status = cargo()
        .args(["build", "--release", "--locked", "--quiet"])
        .args(["--target", "wasm32-wasip2", "--package", name])
        .current_dir(root().join("examples"))
        .env("CARGO_TARGET_DIR", &target)
        .stdin(Stdio::null())
        .status()
        .expect("cargo starts");
    assert!(
        status.success(),
        "`{name}` does not build; if the target is missing: rustup target add wasm32-wasip2"
    );
    target
        .join("wasm32-wasip2/release")
        .join(format!("{}.wasm", name.replace('-', "_")))
}

/// Where guests are built.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |target| root().join(target))
        .join("guests")
}

/// The versions of crates that guests are built with.
pub fn lock() -> PathBuf {
    root().join("examples/Cargo.lock")
}

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate is in a folder of the repository")
}

/// `cargo` in the repository's root, as a person would call it.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // `cargo test` says which package is tested. Build scripts that look at
    // such variables would be run anew, and all that depends on them.
    for (name, _) in std::env::vars_os() {
        let about_us = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if about_us {
            command.env_remove(name);
        }
    }
    command
}
