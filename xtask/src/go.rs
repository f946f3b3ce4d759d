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
    find()?;
    let at = workspace.root.join(folder);
    let name = Path::new(if package == "." { folder } else { package })
        .file_name()
        .context("a package has no name")?;
    let program = workspace
        .tools()
        .join("go")
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION);
    say(format_args!("building {folder} {package}"));
    run(Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(&program)
        .arg(package)
        .current_dir(at))
    .context("its modules come from a module proxy (GOPROXY) the first time")?;
    Ok(program)
}
