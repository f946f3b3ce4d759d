//! Native plugins for tests, in Python and Go.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "only tests use this"
)]

use std::{path::Path, process::Command};

/// A program of one file that runs this source with the SDK for Python beside
/// it.
///
/// # Panics
///
/// When it cannot be made: a test could do nothing else.
pub fn python(source: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let parts = folder.path().join("parts");
    std::fs::create_dir(&parts).unwrap();
    std::fs::write(parts.join("__main__.py"), source).unwrap();
    let sdk = parts.join("mortise_plugin");
    std::fs::create_dir(&sdk).unwrap();
    for entry in std::fs::read_dir(root.join("guest-sdk/python/mortise_plugin")).unwrap() {
        let file = entry.unwrap().path();
        if file.is_file() {
            std::fs::copy(&file, sdk.join(file.file_name().unwrap())).unwrap();
        }
    }
    let program = folder.path().join("program");
    let made = Command::new("python3")
        .args(["-m", "zipapp", "-p", "/usr/bin/env python3", "-o"])
        .args([&program, &parts])
        .output()
        .expect("native plugins of tests are in Python: install Python 3.11 or newer");
    assert!(made.status.success(), "{made:?}");
    std::fs::read(program).unwrap()
}

/// The program of a module in Go, in this folder of the repository.
///
/// # Panics
///
/// When it cannot be built: a test could do nothing else.
pub fn go(folder: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let made = tempfile::tempdir().unwrap();
    let program = made.path().join("program");
    let built = Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(root.join(folder))
        .output()
        .expect("these tests build plugins in Go: install Go 1.22 or newer, and put it into PATH");
    assert!(
        built.status.success(),
        "{folder} does not build; the first time this wants a module proxy (GOPROXY):\n{}",
        String::from_utf8_lossy(&built.stderr)
    );
    std::fs::read(program).unwrap()
}

/// The filter in `tests/natives/stamp.py`, of this id and version.
pub fn stamp(id: &str, version: &str) -> Vec<u8> {
    let source = include_str!("../natives/stamp.py");
    python(&source.replace("@ID@", id).replace("@VERSION@", version))
}
