//! Builds guests: with the target that rustup installs where it can be had, or
//! else with Debian's packages.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use mortise_toolchain::rust::{Build, Built, DEBIAN_PACKAGES, TARGET, Toolchain};

use crate::{
    debian,
    progress::{self, Reporter},
    run::{answers, run, say},
    workspace::Workspace,
};

/// Finds a way to build guests, installing the missing tools.
pub(crate) fn provide() -> Result<Toolchain> {
    if let Some(there) = Toolchain::find() {
        return Ok(there);
    }
    say(format_args!(
        "the target {TARGET} is missing: asking rustup for it"
    ));
    if !answers(Command::new("rustup").args(["target", "add", TARGET])) {
        say(format_args!(
            "rustup did not provide {TARGET}: trying Debian's packages"
        ));
        debian()?;
    }
    Toolchain::find().with_context(|| {
        format!(
            "nothing here can build components; install the target with `rustup target add {TARGET}`, or on Debian `apt-get install {}`",
            DEBIAN_PACKAGES.join(" ")
        )
    })
}

/// Settings of cargo with which a guest is compiled in a quarter of the time, and is a third
/// larger: it is not optimised across crates.
pub(crate) const QUICKLY: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_LTO", "false"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];

/// Compiles the guest in a folder, with these settings of cargo in place of its own.
pub(crate) fn compile(
    toolchain: Toolchain,
    workspace: &Workspace,
    folder: &Path,
    settings: &[(&str, &str)],
    reporter: &Reporter,
) -> Result<Built> {
    let build = Build {
        folder,
        target: Some(&workspace.guests_target()),
        locked: true,
    };
    let name = workspace.short(folder).to_string();
    let crates = progress::crates(workspace, folder, Some(TARGET))?;
    let mut command = toolchain.command(workspace.cargo(), &build);
    command.envs(settings.iter().copied());
    let messages = reporter.cargo(&name, crates, &mut command)?;
    Ok(toolchain.built(&messages, folder)?)
}

/// Makes a component of a compiled guest, with the program `mortise` where the
/// compiler makes only modules.
pub(crate) fn component(workspace: &Workspace, mortise: &Path, built: &Built) -> Result<PathBuf> {
    let module = match built {
        Built::Component(file) => return Ok(file.clone()),
        Built::Module(file) => file,
    };
    let name = module.file_name().context("a module has no name")?;
    let folder = workspace.guests_target().join("components");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let component = folder.join(name);
    run(Command::new(mortise)
        .args(["plugin", "componentize"])
        .arg(module)
        .arg("--output")
        .arg(&component))?;
    Ok(component)
}

/// Builds the guest in a folder and returns the component.
pub(crate) fn build(workspace: &Workspace, mortise: &Path, folder: &Path) -> Result<PathBuf> {
    let toolchain = provide()?;
    let built = progress::alone(|reporter| compile(toolchain, workspace, folder, &[], reporter))?;
    component(workspace, mortise, &built)
}

fn debian() -> Result<()> {
    if !debian::is_here() {
        bail!("this is no Debian; install the target with `rustup target add {TARGET}`");
    }
    debian::install(&DEBIAN_PACKAGES)
}
