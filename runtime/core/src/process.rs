//! The status of a native plugin's process, which its page shows in addition.

use std::{path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Log;

/// A plugin's process, all its instances together.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its current state.
    pub state: State,
    /// Its output, and the host's observations. It may concern any user, so it
    /// is for the administrator.
    pub log: Arc<Log>,
}

/// The state of a plugin's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// Not needed now.
    Down,
    /// Being started, or its instances being brought up.
    Starting,
    /// Serving.
    Up {
        /// The number of this start, from 1.
        generation: u64,
        /// Its protection.
        protection: Protection,
    },
    /// It crashed and is started again after a pause.
    Pausing {
        /// The number of crashes in a row.
        crashes: u32,
        /// The last crash.
        last: String,
    },
    /// It crashed too often in a row, and waits for a person.
    Failed {
        /// The number of crashes in a row.
        crashes: u32,
        /// The last crash.
        last: String,
    },
}

/// The confinement of a process, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// In place.
    pub applied: Vec<String>,
    /// Not in place, because this kernel or machine lacks it.
    pub missing: Vec<String>,
    /// Not in place, because it cannot be.
    pub open: Vec<String>,
    /// The reason why memory and processes are bounded for each process, and not for
    /// the plugin as a whole; none if they are bounded for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unbounded: Option<String>,
}

/// The variables for a process, started by hand, that takes the place of the
/// plugin's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// For its environment, as `MORTISE_SOCKET`.
    pub socket: PathBuf,
    /// The value of `MORTISE_SECRET` for its environment. A process with it
    /// acts as the plugin.
    pub secret: String,
}
