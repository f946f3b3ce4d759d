//! What host, monitor and stage tell each other, one JSON value in a line
//! each, over the socket that is the lower one's standard input. The plugin's end
//! of its connection and the socket for the listeners of its network come first, as
//! descriptors (`super::pass`).

use std::path::PathBuf;

use mortise_runtime::process::Protection;
use serde::{Deserialize, Serialize};

use crate::sandbox::Policy;

/// The plugin to start. The host's first line, and the monitor's to the stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The plugin's file.
    pub(crate) program: PathBuf,
    /// Its working directory, inside `folder`.
    pub(crate) directory: PathBuf,
    /// The folder to remove with the plugin: its socket and its working
    /// directory.
    pub(crate) folder: PathBuf,
    /// Its environment, but for the variable that names its connection.
    pub(crate) environment: Vec<(String, String)>,
    /// Its policy.
    pub(crate) policy: Policy,
}

/// The host's commands to the monitor. The end of the socket means
/// [`StopCommand::Kill`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StopCommand {
    /// Ask the plugin to end: SIGTERM.
    Term,
    /// End it, and everything it started: SIGKILL.
    Kill,
}

/// Reports of the monitor and the stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// The sandbox is in place; next the file is executed.
    Protected(Protection),
    /// The plugin could not be started.
    Failed(String),
    /// The plugin's process has ended.
    Exited {
        /// Its exit status.
        code: Option<i32>,
        /// The signal that killed it.
        signal: Option<i32>,
    },
}
