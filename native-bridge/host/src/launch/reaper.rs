//! The reaper: a process that removes a folder when the host is killed.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::{Child, ChildStdin};

use super::REAPER;

/// The host's end of a reaper. With it the reaper ends.
#[derive(Debug)]
pub(crate) struct Reaper {
    _process: Child,
    /// The reaper waits for its end.
    _alive: Option<ChildStdin>,
}

impl Reaper {
    /// Has a folder removed when this process ends, however it does.
    ///
    /// # Errors
    ///
    /// The launcher cannot be started.
    pub(crate) fn of(folder: &Path, launcher: &Path) -> io::Result<Self> {
        let mut process = super::command(launcher, REAPER)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            _alive: process.stdin.take(),
            _process: process,
        })
    }
}

/// Returns the exit status.
pub(super) fn run() -> i32 {
    let Some(folder) = std::env::args_os().nth(2).map(PathBuf::from) else {
        return 1;
    };
    match keep(&folder) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

fn keep(folder: &Path) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let entered = runtime.enter();
    let ignored = super::ignore_signals()?;
    let host = rustix::process::getppid();
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    let _ = super::remove::tree(folder);
    super::remove_above(folder, host);
    drop((ignored, entered));
    Ok(())
}
