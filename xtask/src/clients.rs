//! Other people's programs that the tests need: Gotify clients, which the
//! end-to-end tests send through, and what makes components of Python,
//! JavaScript and TypeScript. Installed under `target`, at pinned versions, each
//! from its own language's registry.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    run::{answers, run, say},
    workspace::Workspace,
};

/// From PyPI. The client `gotify` uses a module that later `websockets` lack.
const PYTHON: [&str; 10] = [
    "apprise==2.2.0",
    "componentize-py==0.25.1",
    "gotify-handler==1.0.3",
    "gotify-message==0.2.1",
    "gotify[stream]==0.6.0",
    "gotipy==0.2.2",
    "mypy==2.4.1",
    "schemathesis==4.32.5",
    "websockets==13.1",
    ZIG,
];
/// From PyPI, too: a compiler for C, which brings along the headers of each platform.
const ZIG: &str = "ziglang==0.15.2";
/// From PyPI, too: the tool that packs the Python SDK.
const SETUPTOOLS: &str = "setuptools==80.9.0";
/// From npm: the folder that names them, at pinned versions.
const NPM: &str = "tests/npm";
/// From npm, too: the OpenID provider, and the program that runs it.
const OIDC: &str = "tests/oidc";
/// From npm, too: Gotify clients.
const SENDERS: &str = "tests/senders";
/// From the Go module proxy. It insists on tokens of Gotify's old form.
const SHOUTRRR: (&str, &str) = ("github.com/containrrr/shoutrrr/shoutrrr", "v0.8.0");
/// From the Go module proxy, too: the authority that issues the tests' certificates,
/// and its name server. The module's checksum is in Go's database.
const PEBBLE: ([&str; 2], &str) = (
    [
        "github.com/letsencrypt/pebble/v2/cmd/pebble",
        "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv",
    ],
    "v2.7.0",
);

/// The paths of the clients.
#[derive(Debug)]
pub(crate) struct Clients {
    /// A Python that has `apprise` and `gotify`.
    pub(crate) python: PathBuf,
    /// The program `shoutrrr`.
    pub(crate) shoutrrr: PathBuf,
    /// The script that runs the OpenID provider, beside its packages.
    pub(crate) oidc: PathBuf,
    /// The folder of the programs of the certificate authority.
    pub(crate) pebble: PathBuf,
    /// The folder of the clients from npm.
    pub(crate) senders: PathBuf,
}

impl Clients {
    /// Finds them, or installs them.
    pub(crate) fn install(workspace: &Workspace) -> Result<Self> {
        npm(workspace)?;
        Ok(Self {
            oidc: oidc(workspace)?,
            python: python(workspace)?,
            senders: senders(workspace)?,
            shoutrrr: shoutrrr(workspace)
                .context("the Go client is not to be had: this needs `go` and its module proxy")?,
            pebble: pebble(workspace).context(
                "the certificate authority is not to be had: this needs `go` and its module proxy",
            )?,
        })
    }

    /// Tells a test where they are.
    pub(crate) fn set(&self, command: &mut Command) {
        command
            .env("MORTISE_TEST_OIDC", &self.oidc)
            .env("MORTISE_TEST_PEBBLE", &self.pebble)
            .env("MORTISE_TEST_PYTHON", &self.python)
            .env("MORTISE_TEST_SENDERS", &self.senders)
            .env("MORTISE_TEST_SHOUTRRR", &self.shoutrrr);
    }
}

/// Installs what builds plugins in Python, JavaScript and TypeScript, and returns
/// a path on which it is.
pub(crate) fn path_for_authors(workspace: &Workspace) -> Result<OsString> {
    npm(workspace)?;
    let python = python(workspace)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = python.parent().map(Path::to_owned).into_iter();
    std::env::join_paths(folders.chain(std::env::split_paths(&path)))
        .context("a folder's name has a character that no path can have")
}

fn python(workspace: &Workspace) -> Result<PathBuf> {
    let modules = "apprise, gotify, gotify_handler, gotify_message, gotipy, websockets";
    install_python(workspace, "python", &PYTHON, modules)
}

/// A Python that has the module `ziglang`, and nothing else.
pub(crate) fn zig(workspace: &Workspace) -> Result<PathBuf> {
    install_python(workspace, "zig", &[ZIG], "ziglang")
}

/// A Python that has the module `setuptools`, and nothing else.
pub(crate) fn setuptools(workspace: &Workspace) -> Result<PathBuf> {
    install_python(workspace, "setuptools", &[SETUPTOOLS], "setuptools")
}

/// A path for authors on which npm's programs are, too, for plugins in any folder.
pub(crate) fn path_for_authors_anywhere(workspace: &Workspace) -> Result<OsString> {
    let path = path_for_authors(workspace)?;
    let programs = workspace.target.join("authored/node_modules/.bin");
    std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path)))
        .context("a folder's name has a character that no path can have")
}

/// Finds a Python of this name that has packages, or installs them.
fn install_python(
    workspace: &Workspace,
    name: &str,
    packages: &[&str],
    modules: &str,
) -> Result<PathBuf> {
    virtual_environment(&workspace.tools().join(name), packages, modules).context(
        "PyPI's packages are not to be had: this needs `python3` with its module `venv`, and PyPI",
    )
}

fn virtual_environment(folder: &Path, packages: &[&str], modules: &str) -> Result<PathBuf> {
    let python = if cfg!(windows) {
        folder.join("Scripts").join("python.exe")
    } else {
        folder.join("bin").join("python")
    };
    // The stamp is written last, so a broken installation is made anew.
    let stamp = folder.join("mortise-installed");
    let wanted = packages.join("\n");
    let current = std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted);
    let import = format!("import {modules}");
    if current && answers(Command::new(&python).args(["-c", &import])) {
        return Ok(python);
    }
    say(format_args!("installing {}", packages.join(" ")));
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--no-input"])
        .args(packages))?;
    std::fs::write(&stamp, wanted)
        .with_context(|| format!("{} cannot be written", stamp.display()))?;
    Ok(python)
}

/// Puts npm's packages beside the folders in which tests build plugins, where
/// Node.js looks for them.
fn npm(workspace: &Workspace) -> Result<()> {
    install_npm(workspace, NPM, &workspace.target.join("authored"))
}

/// Puts the OpenID provider's packages beside the script that runs it.
fn oidc(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("oidc");
    install_npm(workspace, OIDC, &folder)?;
    let script = folder.join("provider.mjs");
    std::fs::copy(workspace.root.join(OIDC).join("provider.mjs"), &script)
        .with_context(|| format!("{OIDC}/provider.mjs cannot be copied"))?;
    Ok(script)
}

/// Puts the Gotify clients from npm into a folder, and returns it.
fn senders(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("senders");
    install_npm(workspace, SENDERS, &folder)?;
    Ok(folder)
}

fn install_npm(workspace: &Workspace, source: &str, folder: &Path) -> Result<()> {
    packages(workspace, source, folder).context(
        "npm's packages are not to be had: this needs `npm`, which comes with Node.js 20 or newer",
    )
}

fn packages(workspace: &Workspace, source: &str, folder: &Path) -> Result<()> {
    let stamp = folder.join("mortise-installed");
    let wanted = workspace.root.join(source);
    let lock = std::fs::read_to_string(wanted.join("package-lock.json"))
        .with_context(|| format!("{source}/package-lock.json cannot be read"))?;
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == lock) {
        return Ok(());
    }
    say(format_args!("installing what {source}/package.json names"));
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    for name in ["package.json", "package-lock.json"] {
        std::fs::copy(wanted.join(name), folder.join(name))
            .with_context(|| format!("{source}/{name} cannot be copied"))?;
    }
    run(Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder))?;
    std::fs::write(&stamp, lock).with_context(|| format!("{} cannot be written", stamp.display()))
}

fn shoutrrr(workspace: &Workspace) -> Result<PathBuf> {
    let (package, version) = SHOUTRRR;
    let folder = install_go(workspace, "shoutrrr", version, &[package])?;
    Ok(folder.join(format!("shoutrrr{}", std::env::consts::EXE_SUFFIX)))
}

fn pebble(workspace: &Workspace) -> Result<PathBuf> {
    let (packages, version) = PEBBLE;
    install_go(workspace, "pebble", version, &packages)
}

/// Installs programs in Go, and returns their folder. The version is part of its name:
/// another pin is another installation.
fn install_go(
    workspace: &Workspace,
    name: &str,
    version: &str,
    packages: &[&str],
) -> Result<PathBuf> {
    let folder = workspace.tools().join(format!("{name}-{version}"));
    for package in packages {
        let program = package.rsplit('/').next().unwrap_or(package);
        let program = folder.join(format!("{program}{}", std::env::consts::EXE_SUFFIX));
        if !program.is_file() {
            say(format_args!("installing {package} {version}"));
            run(Command::new("go")
                .args(["install", &format!("{package}@{version}")])
                .env("GOBIN", &folder))?;
        }
    }
    Ok(folder)
}
