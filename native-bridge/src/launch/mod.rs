//! What runs between the host and a plugin: the host's own executable, started
//! again, in two stages.
//!
//! 1. The **guardian** (`guardian`) lives as long as the plugin. It is the
//!    plugin's parent, adopts what the plugin leaves behind, and holds a socket
//!    to the host. When the socket ends, because the host wants it or because
//!    the host was killed, the guardian kills everything below it and removes
//!    the plugin's folder. So no process and no socket file outlives a host.
//! 2. The **stage** (`stage`) is the process that becomes the plugin: it
//!    closes descriptors, applies the sandbox to itself and executes the file.
//!    What it does is ordinary code in a process of its own, not code between
//!    `fork` and `exec` in a copy of a server with threads.
//!
//! An embedder calls [`intercept`] first thing in `main`. The stage must
//! not start a thread, for the sandbox is applied to the one that asks for it;
//! neither may print: their output is the plugin's.

mod guardian;
pub(crate) mod plan;
mod stage;

use std::sync::atomic::{AtomicBool, Ordering};

/// The first argument of the guardian.
pub(crate) const GUARDIAN: &str = "mortise-native-guardian";
/// The first argument of the stage.
pub(crate) const STAGE: &str = "mortise-native-stage";

static INTERCEPTS: AtomicBool = AtomicBool::new(false);

/// Whether this executable can be its own launcher.
pub(crate) fn intercepts() -> bool {
    INTERCEPTS.load(Ordering::Relaxed)
}

/// Becomes the launcher if this process was started as one, and does not
/// return then. To be called first thing in `main`, before any thread is
/// started.
pub fn intercept() {
    match std::env::args_os().nth(1) {
        Some(first) if first == GUARDIAN => std::process::exit(guardian::run()),
        Some(first) if first == STAGE => std::process::exit(stage::run()),
        _ => {}
    }
    INTERCEPTS.store(true, Ordering::Relaxed);
}
