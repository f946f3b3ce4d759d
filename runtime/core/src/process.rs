//! How the process of a native plugin is: what its page shows beside what any
//! plugin has.

use std::{path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Log;

/// A plugin's process, all its instances together.
#[derive(Clone, Debug)]
pub struct Process {
    /// How it is now.
    pub state: State,
    /// What it prints, and what the host noticed about it. It may be about any
    /// of its users, so it is for the administrator.
    pub log: Arc<Log>,
}

/// How a plugin's process is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// Not needed now.
    Down,
    /// Being started, or its instances being brought up.
    Starting,
    /// Serving.
    Up {
        /// Which start this was, from 1.
        generation: u64,
        /// What was applied to it.
        protection: Protection,
    },
    /// It crashed and is started again after a pause.
    Pausing {
        /// How many times in a row it crashed.
        crashes: u32,
        /// What happened last.
        last: String,
    },
    /// It crashed too often in a row, and waits for a person.
    Failed {
        /// How many times in a row it crashed.
        crashes: u32,
        /// What happened last.
        last: String,
    },
}

/// What confines a process, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// In place.
    pub applied: Vec<String>,
    /// Not in place, because this kernel or machine lacks it.
    pub missing: Vec<String>,
    /// Not in place, because it cannot be.
    pub open: Vec<String>,
}

/// What a process that somebody starts by hand needs to take the place of the
/// plugin's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// For its environment, as `MORTISE_SOCKET`.
    pub socket: PathBuf,
    /// For its environment, as `MORTISE_SECRET`. Whoever has it is the plugin.
    pub secret: String,
}
