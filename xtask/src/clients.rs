//! Other people's Gotify clients, which the end-to-end tests send through:
//! installed under `target/tools`, at pinned versions, each from its own
//! language's registry.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{
    run::{answers, run, say},
    workspace::Workspace,
};

/// From PyPI. The client `gotify` uses a module that later `websockets` lack.
const PYTHON: [&str; 3] = [
    "apprise==2.2.0",
    "gotify[stream]==0.6.0",
    "websockets==13.1",
];
/// From the Go module proxy. It insists on tokens of Gotify's old form.
const SHOUTRRR: (&str, &str) = ("github.com/containrrr/shoutrrr/shoutrrr", "v0.8.0");

/// Where the clients are.
#[derive(Debug)]
pub(crate) struct Clients {
    /// A Python that has `apprise` and `gotify`.
    pub(crate) python: PathBuf,
    /// The program `shoutrrr`.
    pub(crate) shoutrrr: PathBuf,
}

impl Clients {
    /// Finds them, or installs them.
    pub(crate) fn install(workspace: &Workspace) -> Result<Self> {
        Ok(Self {
            python: python(workspace)
                .context("the Python clients are not to be had: this needs `python3` with its module `venv`, and PyPI")?,
            shoutrrr: shoutrrr(workspace)
                .context("the Go client is not to be had: this needs `go` and its module proxy")?,
        })
    }

    /// Tells a test where they are.
    pub(crate) fn set(&self, command: &mut Command) {
        command
            .env("MORTISE_TEST_PYTHON", &self.python)
            .env("MORTISE_TEST_SHOUTRRR", &self.shoutrrr);
    }
}

fn python(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.tools().join("python");
    let python = if cfg!(windows) {
        folder.join("Scripts").join("python.exe")
    } else {
        folder.join("bin").join("python")
    };
    // The stamp is written last, so a broken installation is made anew.
    let stamp = folder.join("mortise-installed");
    let wanted = PYTHON.join("\n");
    let current = std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted);
    if current && answers(Command::new(&python).args(["-c", "import apprise, gotify, websockets"]))
    {
        return Ok(python);
    }
    say(format_args!("installing {}", PYTHON.join(" ")));
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--no-input"])
        .args(PYTHON))?;
    std::fs::write(&stamp, wanted)
        .with_context(|| format!("{} cannot be written", stamp.display()))?;
    Ok(python)
}

fn shoutrrr(workspace: &Workspace) -> Result<PathBuf> {
    let (module, version) = SHOUTRRR;
    // The version is part of the path: another pin is another installation.
    let folder = workspace.tools().join(format!("shoutrrr-{version}"));
    let program = folder.join(format!("shoutrrr{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        say(format_args!("installing {module} {version}"));
        run(Command::new("go")
            .args(["install", &format!("{module}@{version}")])
            .env("GOBIN", &folder))?;
    }
    Ok(program)
}
