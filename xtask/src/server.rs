//! The real server, as other commands here run it: built, started, waited for,
//! and ended with this program, however it ends.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{
    cross,
    progress::{self, Reporter},
    run::{Tied, say},
    workspace::Workspace,
};

/// The time in which it must be ready; it may compile components first.
const UP: Duration = Duration::from_secs(120);
/// The time in which it must end by itself.
const DOWN: Duration = Duration::from_secs(15);

/// Builds the server, if it is not up to date, and returns the program. It is the one of
/// the tests, which compiles components faster than the one that is built fastest.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    build_in("test", "debug", workspace, None)
}

/// Builds the server for release, for measurements of time.
pub(crate) fn build_release(workspace: &Workspace) -> Result<PathBuf> {
    build_in("release", "release", workspace, None)
}

/// Builds the server for release, for a platform as rustc names it; for this machine's
/// if none.
pub(crate) fn build_for(workspace: &Workspace, target: Option<&str>) -> Result<PathBuf> {
    build_in("release", "release", workspace, target)
}

fn build_in(
    profile: &str,
    folder: &str,
    workspace: &Workspace,
    target: Option<&str>,
) -> Result<PathBuf> {
    progress::alone(|reporter| build_and_report(profile, folder, workspace, target, reporter))
}

/// As [`build`], for a platform as rustc names it.
pub(crate) fn build_for_tests(workspace: &Workspace, target: Option<&str>) -> Result<PathBuf> {
    build_in("test", "debug", workspace, target)
}

/// Builds the server that is built fastest, beside other work.
pub(crate) fn build_beside(workspace: &Workspace, reporter: &Reporter) -> Result<PathBuf> {
    build_and_report("dev", "debug", workspace, None, reporter)
}

fn build_and_report(
    profile: &str,
    folder: &str,
    workspace: &Workspace,
    target: Option<&str>,
    reporter: &Reporter,
) -> Result<PathBuf> {
    let crates = progress::crates(workspace, &workspace.root.join("server"), target)?;
    let mut command = workspace.cargo();
    command
        // Of the whole workspace, so that the tests have built the same.
        .args(["build", "--locked", "--workspace", "--bin", "mortise"])
        .args(["--profile", profile])
        .arg("--message-format=json-render-diagnostics");
    if folder == "debug" {
        // See its manifest: without it, nearly all crates would be compiled a second time.
        command.args(["--bin", "xtask-features"]);
    }
    if let Some(target) = target {
        command.args(["--target", target]);
        cross::prepare(workspace, target, &mut command)?;
    }
    reporter.cargo("the server", crates, &mut command)?;
    Ok(workspace
        .target
        .join(target.unwrap_or_default())
        .join(folder)
        .join(format!("mortise{}", std::env::consts::EXE_SUFFIX)))
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Kept open: a server that cannot write its output might stop.
    _lines: Lines<BufReader<ChildStdout>>,
    /// Such as `http://127.0.0.1:8080`.
    pub(crate) url: String,
}

/// The server's line of JSON when it is ready.
#[derive(Deserialize)]
struct Ready {
    url: String,
}

impl Server {
    /// Starts it and waits until it is ready. `password` becomes the
    /// administrator's if the data directory is new.
    pub(crate) async fn start(
        mortise: &Path,
        data: &Path,
        port: u16,
        password: &str,
    ) -> Result<Self> {
        Self::spawn(Self::command(mortise, data, port, password)?).await
    }

    /// The command of [`Self::start`].
    pub(crate) fn command(
        mortise: &Path,
        data: &Path,
        port: u16,
        password: &str,
    ) -> Result<Command> {
        let mut command = Command::from(Tied::command(mortise)?);
        command
            .args(["serve", "--json", "--listen"])
            .arg(format!("127.0.0.1:{port}"))
            .arg("--data-dir")
            .arg(data)
            .env("MORTISE_ADMIN_PASSWORD", password)
            // Programs read its log here; a person needs its errors.
            .env(
                "RUST_LOG",
                std::env::var_os("RUST_LOG").unwrap_or("warn".into()),
            );
        Ok(command)
    }

    /// Starts it by a command that prints JSON, and waits until it is ready.
    pub(crate) async fn spawn(mut command: Command) -> Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        // It gets its own process group, so that an interrupt from the
        // terminal reaches only this program, which then ends it in good order.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().context("the server cannot be started")?;
        let out = child.stdout.take().context("its output is not captured")?;
        let mut lines = BufReader::new(out).lines();
        let line = timeout(UP, lines.next_line())
            .await
            .context("the server was not ready in time")?
            .context("the server's output broke off")?;
        let Some(line) = line else {
            let status = child.wait().await?;
            bail!("the server ended before it was ready ({status}): see its own words above");
        };
        let ready: Ready = serde_json::from_str(&line)
            .with_context(|| format!("the server's first line is not the expected JSON: {line}"))?;
        Ok(Self {
            child,
            _lines: lines,
            url: ready.url,
        })
    }

    /// Its process.
    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> Result<u32> {
        self.child.id().context("the server has ended")
    }

    /// Waits until it ends by itself, which it should not.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        let status = self.child.wait().await?;
        bail!("the server ended by itself ({status})");
    }

    /// Kills it.
    #[cfg(target_os = "linux")]
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child
            .kill()
            .await
            .context("the server cannot be killed")
    }

    /// Asks it to end, and ends it if it does not.
    pub(crate) async fn stop(mut self) -> Result<()> {
        #[cfg(unix)]
        if let Some(pid) = self
            .child
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
        {
            // Not waited for yet, so the id cannot be another process's.
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)
                .context("the server cannot be asked to end")?;
            if let Ok(status) = timeout(DOWN, self.child.wait()).await {
                let status = status?;
                if !status.success() {
                    bail!("the server ended with {status}");
                }
                return Ok(());
            }
            say(format_args!(
                "the server did not end within {} s: killing it",
                DOWN.as_secs()
            ));
        }
        self.child.kill().await?;
        Ok(())
    }
}
