//! Programs in Go: the examples and benchmarks that are native plugins.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    run::{answers, run, say},
    workspace::Workspace,
};

/// Checks that Go is installed.
///
/// # Errors
///
/// The way to install it.
pub(crate) fn find() -> Result<()> {
    if !answers(Command::new("go").arg("version")) {
        bail!("there is no `go`: install Go 1.22 or newer (Debian's package `golang-go`)");
    }
    Ok(())
}

/// Builds the package in a module's folder and returns the program.
///
/// # Errors
///
/// There is no Go, or it does not build: it may want the network once, for the
/// modules it needs.
pub(crate) fn build(workspace: &Workspace, folder: &str, package: &str) -> Result<PathBuf> {
    build_for(workspace, &workspace.root.join(folder), package, None)
}

/// As [`build`], for a platform as rustc names it; for this machine if none.
pub(crate) fn build_for(
    workspace: &Workspace,
    folder: &Path,
    package: &str,
    target: Option<&str>,
) -> Result<PathBuf> {
    find()?;
    let module = if package == "." {
        folder
    } else {
        Path::new(package)
    };
    let name = module.file_name().context("a package has no name")?;
    let program = workspace
        .tools()
        .join("go")
        .join(target.unwrap_or_default())
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION);
    say(format_args!(
        "building {} {package}",
        workspace.short(folder)
    ));
    let mut command = Command::new("go");
    command
        .args(["build", "-trimpath", "-o"])
        .arg(&program)
        .arg(package)
        .current_dir(folder);
    if let Some(target) = target {
        command
            .env("GOARCH", architecture(target)?)
            .env("CGO_ENABLED", "0");
    }
    run(&mut command).context("its modules come from a module proxy (GOPROXY) the first time")?;
    Ok(program)
}

/// The processor of a platform of Linux, as Go names it.
fn architecture(target: &str) -> Result<&'static str> {
    match target.split('-').next() {
        Some("x86_64") => Ok("amd64"),
        Some("aarch64") => Ok("arm64"),
        _ => bail!("no name of Go is known for the processor of {target}"),
    }
}
