//! What host, guardian and stage tell each other, one JSON value in a line
//! each, over the socket that is the lower one's standard input. The plugin's
//! end of its connection comes first, as a descriptor (`super::pass`).

use std::path::PathBuf;

use mortise_runtime::process::Protection;
use serde::{Deserialize, Serialize};

use crate::sandbox::Policy;

/// What is to be started. The host's first line, and the guardian's to the
/// stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The plugin's file.
    pub(crate) program: PathBuf,
    /// Its working directory, inside `folder`.
    pub(crate) directory: PathBuf,
    /// What goes when the plugin does: its socket and its working directory.
    pub(crate) folder: PathBuf,
    /// Its environment, but for the variable that names its connection.
    pub(crate) environment: Vec<(String, String)>,
    /// What it may do.
    pub(crate) policy: Policy,
}

/// What the host wants of the guardian. The end of the socket is [`Order::Kill`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Ask the plugin to end: SIGTERM.
    Term,
    /// End it, and everything it started: SIGKILL.
    Kill,
}

/// What the guardian and the stage report.
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
