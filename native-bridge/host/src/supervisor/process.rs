//! One process of a plugin, below its monitor.
//!
//! The monitor's standard input is the socket for commands and reports. Dropping
//! [`Process`] drops that socket, and the monitor then kills everything below
//! it.

use std::{
    os::{fd::AsFd as _, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use mortise_runtime::{log::Source, process::Protection};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::unix::{OwnedReadHalf, OwnedWriteHalf},
    process::Child,
    sync::watch,
    task::JoinHandle,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::output;
use crate::{
    folders::{self, Folders},
    imports::Imports,
    launch::{
        self, MONITOR,
        plan::{Plan, Report, StopCommand},
        remove::Folder,
    },
    proxy,
    settings::Settings,
};

/// The end of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It ended by itself.
    Code(i32),
    /// A signal killed it.
    Signal(i32),
    /// It was never executed.
    NotStarted(String),
    /// Its monitor is gone, and so is it.
    Unknown,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "its process exited with status {code}"),
            Self::Signal(signal) => write!(
                formatter,
                "its process was killed by signal {signal}{}",
                name(*signal)
            ),
            Self::NotStarted(why) => write!(formatter, "its process could not be started: {why}"),
            Self::Unknown => formatter.write_str("its process and what guarded it are gone"),
        }
    }
}

fn name(signal: i32) -> &'static str {
    match signal {
        4 => " (illegal instruction)",
        6 => " (it aborted)",
        7 => " (bus error)",
        8 => " (arithmetic error)",
        9 => " (SIGKILL; unless a person sent it, the machine was out of memory)",
        11 => " (segmentation fault)",
        15 => " (SIGTERM)",
        25 => " (a file grew beyond its limit)",
        31 => " (a forbidden system call)",
        _ => "",
    }
}

/// A process that was asked for.
#[derive(Debug)]
pub(crate) struct Process {
    commands: tokio::sync::Mutex<OwnedWriteHalf>,
    state: watch::Receiver<Known>,
    /// The id of the monitor's process.
    monitor: Option<u32>,
    outputs: parking_lot::Mutex<Vec<JoinHandle<()>>>,
    /// The folder of its working directory. Removed by the monitor if this
    /// process is killed.
    _folder: Folder,
}

#[derive(Clone, Debug, Default)]
struct Known {
    protection: Option<Protection>,
    exit: Option<Exit>,
    /// Nothing is left of it.
    gone: bool,
}

/// The folder of a process that is about to be started.
pub(crate) fn folder(folders: &Folders) -> std::io::Result<Folder> {
    let folder = Folder::of(folders.make(folders::PROCESS)?);
    std::fs::create_dir_all(directory(folder.path()).join("tmp"))?;
    Ok(folder)
}

/// The working directory in a process's folder.
pub(crate) fn directory(folder: &Path) -> PathBuf {
    folder.join("work")
}

impl Process {
    /// Starts the monitor and tells it the plan, whose folder is `folder`. The
    /// plugin is given `connection`.
    pub(crate) async fn start(
        launcher: &Path,
        plan: &Plan,
        connection: UnixStream,
        folder: Folder,
        imports: &Arc<Imports>,
        settings: &Settings,
    ) -> std::io::Result<Self> {
        let (own, theirs) = UnixStream::pair()?;
        let (listeners, others) = UnixStream::pair()?;
        launch::pass::send(&own, connection.as_fd())?;
        launch::pass::send(&own, others.as_fd())?;
        drop((connection, others));
        own.set_nonblocking(true)?;
        let mut child = launch::command(launcher, MONITOR)
            .arg(&plan.folder)
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let monitor = child.id();
        let mut outputs = Vec::new();
        let pace = settings.output_bytes_per_second;
        if let Some(pipe) = child.stdout.take() {
            let captured = output::capture(pipe, Arc::clone(imports), Source::Stdout, pace);
            outputs.push(tokio::spawn(captured));
        }
        if let Some(pipe) = child.stderr.take() {
            let captured = output::capture(pipe, Arc::clone(imports), Source::Stderr, pace);
            outputs.push(tokio::spawn(captured));
        }
        let (reports, mut commands) = tokio::net::UnixStream::from_std(own)?.into_split();
        let (known, state) = watch::channel(Known::default());
        let over = CancellationToken::new();
        let proxy = proxy::serve(listeners, Arc::clone(imports), over.clone())?;
        tokio::spawn(follow(child, reports, known, over.drop_guard()));
        tokio::spawn(proxy);
        let mut line = serde_json::to_vec(plan)?;
        line.push(b'\n');
        commands.write_all(&line).await?;
        Ok(Self {
            commands: tokio::sync::Mutex::new(commands),
            state,
            monitor,
            outputs: parking_lot::Mutex::new(outputs),
            _folder: folder,
        })
    }

    /// Returns its protection; empty before it is executed.
    pub(crate) fn protection(&self) -> Protection {
        self.state.borrow().protection.clone().unwrap_or_default()
    }

    /// Returns the id of the monitor's process; none once it is gone.
    pub(crate) fn monitor(&self) -> Option<u32> {
        self.monitor.filter(|_| !self.state.borrow().gone)
    }

    /// Waits until the plugin's own process has ended.
    pub(crate) async fn exited(&self) -> Exit {
        self.wait(|known| known.exit.is_some()).await;
        self.state.borrow().exit.clone().unwrap_or(Exit::Unknown)
    }

    /// Waits until nothing is left of it, and all it printed was read.
    pub(crate) async fn gone(&self) {
        self.wait(|known| known.gone).await;
        let outputs = std::mem::take(&mut *self.outputs.lock());
        for output in outputs {
            // Its end was seen, or it panicked and there is nothing to wait for.
            let _ = output.await;
        }
    }

    async fn wait(&self, is: impl FnMut(&Known) -> bool) {
        // The other end says `gone` before it goes.
        let _ = self.state.clone().wait_for(is).await;
    }

    /// Commands the monitor. It may be gone, and the process with it.
    pub(crate) async fn command(&self, command: StopCommand) {
        if let Ok(mut line) = serde_json::to_vec(&command) {
            line.push(b'\n');
            let _ = self.commands.lock().await.write_all(&line).await;
        }
    }

    /// Kills it and everything it started, and waits until it is gone, at most
    /// this long.
    pub(crate) async fn kill(&self, deadline: Duration) {
        self.command(StopCommand::Kill).await;
        let _ = tokio::time::timeout(deadline, self.gone()).await;
    }
}

/// Reads the monitor's reports until it ends.
/// `connected` ends the process's connections with it.
async fn follow(
    mut child: Child,
    reports: OwnedReadHalf,
    known: watch::Sender<Known>,
    connected: DropGuard,
) {
    let mut lines = BufReader::new(reports).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Report::Protected(protection)) => {
                known.send_modify(|known| known.protection = Some(protection));
            }
            Ok(Report::Failed(why)) => {
                known.send_modify(|known| known.exit = Some(Exit::NotStarted(why)));
            }
            Ok(Report::Exited { code, signal }) => known.send_modify(|known| {
                known.exit.get_or_insert(match (code, signal) {
                    (Some(code), _) => Exit::Code(code),
                    (None, Some(signal)) => Exit::Signal(signal),
                    (None, None) => Exit::Unknown,
                });
            }),
            // Of a launcher of another version; what matters is its end.
            Err(_) => {}
        }
    }
    let _ = child.wait().await;
    drop(connected);
    known.send_modify(|known| {
        known.exit.get_or_insert(Exit::Unknown);
        known.gone = true;
    });
}
