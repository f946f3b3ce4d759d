//! `cargo xtask` runs this: it builds the program `xtask` and becomes it.
//!
//! `cargo run --package xtask` would compile each dependency with the features
//! that `xtask` asks for, and everything else here with those of the whole
//! workspace: most of them twice. Only `cargo build` takes `--workspace`, and this
//! program has no dependencies.

use std::{
    env,
    ffi::OsStr,
    io::{self, Write as _},
    path::PathBuf,
    process::{Command, ExitCode},
};

/// Settings of cargo with which the crates of this workspace are compiled from nothing in
/// half of the time: no incremental cache, and no lines in backtraces. Whoever edits and
/// compiles in turn uses cargo itself, whose builds are kept beside these.
const FROM_NOTHING: [(&str, &str); 2] = [
    ("CARGO_INCREMENTAL", "0"),
    ("CARGO_PROFILE_DEV_DEBUG", "none"),
];

fn main() -> ExitCode {
    start().unwrap_or_else(|error| {
        say(&format!("error: {error}"));
        ExitCode::FAILURE
    })
}

fn start() -> Result<ExitCode, String> {
    // As it is now, and not as it was when this program was built: cargo does not build
    // it again in a folder that was moved or copied with its `target`.
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .ok_or("run this program by `cargo xtask`")?;
    let root = package
        .ancestors()
        .nth(2)
        .filter(|root| root.join("Cargo.toml").is_file())
        .ok_or("the repository was moved while it was in use: run `cargo xtask` again")?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--workspace", "--bin", "xtask"])
        .current_dir(root);
    // `cargo run` describes its package to this program. Build scripts that read
    // such variables would run again, and all that depends on them.
    for (name, _) in env::vars_os() {
        if describes_a_package(&name) {
            cargo.env_remove(name);
        }
    }
    let settings =
        FROM_NOTHING.map(|(name, value)| (name, env::var_os(name).unwrap_or_else(|| value.into())));
    cargo.envs(settings.clone());
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let program = root
        .join(target)
        .join("debug")
        .join(format!("xtask{}", env::consts::EXE_SUFFIX));
    if !program.exists() {
        say("building xtask first, of about 100 crates; the server needs most of them, too");
    }
    let status = cargo
        .status()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !status.success() {
        return Ok(ExitCode::FAILURE);
    }
    let mut xtask = Command::new(&program);
    xtask
        .args(env::args_os().skip(1))
        .env("XTASK_ROOT", root)
        .envs(settings);
    become_program(&mut xtask)
        .map_err(|error| format!("{} cannot be started: {error}", program.display()))
}

fn say(text: &str) {
    // A closed output is no reason to stop.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn describes_a_package(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
}

/// Does not return unless it fails.
#[cfg(unix)]
fn become_program(command: &mut Command) -> io::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;

    Err(command.exec())
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> io::Result<ExitCode> {
    let status = command.status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
