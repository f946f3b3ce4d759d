//! The toolchain that turns a guest's source into a component: the target that
//! rustup installs, or else Debian's packages.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use mortise_author::language::rust::{Build, COMPONENT_LINKER, DEBIAN_PACKAGES, TARGET, Toolchain};

use crate::{
    run::{answers, run, say},
    workspace::Workspace,
};

/// Finds a toolchain for guests, and installs missing parts.
pub(crate) fn provide(workspace: &Workspace) -> Result<Toolchain> {
    let tools = workspace.tools();
    if let Some(there) = Toolchain::find(Some(&tools)) {
        return Ok(there);
    }
    say(format_args!(
        "the target {TARGET} is missing: asking rustup for it"
    ));
    if !answers(Command::new("rustup").args(["target", "add", TARGET])) {
        say(format_args!(
            "rustup did not provide {TARGET}: trying Debian's packages"
        ));
        debian(workspace)?;
    }
    Toolchain::find(Some(&tools)).with_context(|| {
        format!(
            "nothing here can build components; install the target with `rustup target add {TARGET}`, or on Debian `apt-get install {}`",
            DEBIAN_PACKAGES.join(" ")
        )
    })
}

/// Builds the guest in a folder and returns the component.
pub(crate) fn build(
    toolchain: &Toolchain,
    workspace: &Workspace,
    folder: &Path,
) -> Result<PathBuf> {
    let build = Build {
        folder,
        target: Some(&workspace.guests_target()),
        locked: true,
    };
    Ok(toolchain.build(workspace.cargo(), &build)?)
}

fn debian(workspace: &Workspace) -> Result<()> {
    if !answers(Command::new("apt-get").arg("--version")) {
        bail!("this is no Debian; install the target with `rustup target add {TARGET}`");
    }
    run(Command::new("apt-get").arg("update"))?;
    run(Command::new("apt-get")
        .args(["install", "--yes", "--no-install-recommends"])
        .args(DEBIAN_PACKAGES)
        .env("DEBIAN_FRONTEND", "noninteractive"))?;
    let (name, version) = COMPONENT_LINKER;
    if !workspace.tools().join("bin").join(name).is_file() {
        run(workspace
            .cargo()
            .args(["install", "--locked", name, "--version", version, "--root"])
            .arg(workspace.tools()))?;
    }
    Ok(())
}
