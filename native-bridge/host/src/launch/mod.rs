//! The processes between the host and a plugin: the host's own executable,
//! started again, in two stages.
//!
//! 1. The **monitor** (`monitor`) lives as long as the plugin. It is the
//!    plugin's parent, adopts what the plugin leaves behind, and holds a socket
//!    to the host. When the socket ends, because the host wants it or because
//!    the host was killed, the monitor kills everything below it and removes
//!    the plugin's folder. So no process and no socket file outlives a host.
//! 2. The **stage** (`stage`) is the process that becomes the plugin: it
//!    closes descriptors, applies the sandbox to itself and executes the file.
//!    What it does is ordinary code in a process of its own, not code between
//!    `fork` and `exec` in a copy of a server with threads.
//!
//! Where there is a socket and may be no monitor, which is where a process
//! started by hand can attach, a **reaper** (`reaper`) waits for
//! the host's end in the same way and removes the socket's folder.
//!
//! An embedder calls [`intercept`] first thing in `main`. The stage must
//! not start a thread, for the sandbox is applied to the one that asks for it;
//! neither may print: their output is the plugin's.

mod monitor;
pub(crate) mod pass;
pub(crate) mod plan;
mod reaper;
pub(crate) mod remove;
mod stage;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rustix::process::Pid;
use tokio::{
    process::Command,
    signal::unix::{Signal, SignalKind, signal},
};

pub(crate) use self::reaper::Reaper;

/// The first argument of the monitor.
pub(crate) const MONITOR: &str = "mortise-native-monitor";
/// The first argument of the reaper.
const REAPER: &str = "mortise-native-reaper";
/// The first argument of the stage.
pub(crate) const STAGE: &str = "mortise-native-stage";

/// The longest time between the end of a killed process's sockets and its own
/// end.
const ORPHANED: Duration = Duration::from_secs(1);

static INTERCEPTS: AtomicBool = AtomicBool::new(false);

/// Returns true if this executable can be its own launcher.
pub(crate) fn intercepts() -> bool {
    INTERCEPTS.load(Ordering::Relaxed)
}

/// Becomes the launcher if this process was started as one, and does not
/// return then. To be called first thing in `main`, before any thread is
/// started.
pub fn intercept() {
    match std::env::args_os().nth(1) {
        Some(first) if first == MONITOR => std::process::exit(monitor::run()),
        Some(first) if first == REAPER => std::process::exit(reaper::run()),
        Some(first) if first == STAGE => std::process::exit(stage::run()),
        _ => {}
    }
    INTERCEPTS.store(true, Ordering::Relaxed);
}

/// The launcher in a part of its own that outlives the host, away from the
/// host's environment and terminal: what interrupts the host there is the host's
/// to pass on.
pub(crate) fn command(launcher: &Path, part: &str) -> Command {
    let mut command = Command::new(launcher);
    command
        .arg(part)
        .env_clear()
        .current_dir("/")
        .process_group(0);
    command
}

/// Ignores what asks a process to end, while the result is kept. A service
/// manager signals every process of the service; the host decides when its
/// plugins end. To be called in a runtime of tokio.
fn ignore_signals() -> std::io::Result<[Signal; 3]> {
    Ok([
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
    ])
}

/// Removes the host's own folder, which this one was in, if it is empty and the
/// host was killed: it goes with the last in it. Of a host that only wants no
/// more it stays. Which of the two it is shows a moment later, for a process
/// loses its sockets before its children are orphans.
fn remove_above(folder: &Path, host: Option<Pid>) {
    let until = Instant::now() + ORPHANED;
    while rustix::process::getppid() == host {
        if Instant::now() > until {
            return;
        }
        std::thread::sleep(ORPHANED / 100);
    }
    if let Some(above) = folder.parent() {
        let _ = std::fs::remove_dir(above);
    }
}
