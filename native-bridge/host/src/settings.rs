//! Settings of the backend. Every value is used; durations are deadlines.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use mortise_runtime::{Protected, contract};

use crate::{
    connection::Patience,
    sandbox::{Mode, Part, ProcessLimits},
};
use mortise_protocol::{
    MAX_CALLS, MAX_FRAME,
    codec::Codec,
    handshake::{Terms, WEBHOOK_STREAM},
};

/// Of all native plugins of a host.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program that becomes launcher and plugin; none for this executable,
    /// which must call [`crate::launch::intercept`] first thing in `main`.
    pub launcher: Option<PathBuf>,
    /// The folder for sockets and working directories, in a folder that only
    /// this user can enter; none for the system's temporary directory. It
    /// should be short, because paths of sockets are limited to about 100
    /// bytes.
    pub runtime_folder: Option<PathBuf>,
    /// The folder of lasting sockets, by which services attach; only this user may
    /// enter it. None if there are to be none.
    pub attached: Option<PathBuf>,
    /// The required strength of the sandbox.
    pub sandbox: Mode,
    /// Parts of the sandbox that are left out, as if the kernel lacked them.
    pub sandbox_without: BTreeSet<Part>,
    /// Bounds of each plugin's process.
    pub process: ProcessLimits,
    /// Files and directories that every plugin may read and execute, beside
    /// the system's, such as an interpreter that is installed elsewhere.
    pub readable: Vec<PathBuf>,
    /// The server's own directories, which no plugin may use whatever is granted.
    pub protected: Protected,
    /// The `PATH` of plugins.
    pub search_path: String,
    /// From a process's start to its handshake.
    pub handshake: Duration,
    /// For `manifest.describe`.
    pub describe: Duration,
    /// The steps of stopping a plugin.
    pub stop: StopLadder,
    /// The restarts of a plugin that crashed.
    pub restart: Restart,
    /// The detection of a plugin that does not answer.
    pub patience: Patience,
    /// After how long without calls a process goes none of whose instances is
    /// started.
    pub linger: Duration,
    /// The longest frame the host takes, in bytes.
    pub max_frame: usize,
    /// Calls a plugin may have open at a time.
    pub max_calls: usize,
    /// The plugin's own log, in bytes.
    pub log_bytes: u64,
    /// The output that a plugin may write in a second, in bytes; further output
    /// waits.
    pub output_bytes_per_second: u32,
    /// Name and version of the host, told to plugins.
    pub host: String,
    /// Environment variables that every plugin has without a grant.
    pub variables: Vec<(String, String)>,
    /// Suspends deadlines while a debugger is attached to a process that the host
    /// started, as for one that was started by hand. For hosts of authors: elsewhere a
    /// plugin could attach a debugger to itself and so have no deadlines.
    pub debugging: bool,
}

/// Ask, then SIGTERM, then SIGKILL.
#[derive(Clone, Copy, Debug)]
pub struct StopLadder {
    /// After being asked by `process.shutdown`.
    pub ask: Duration,
    /// After SIGTERM.
    pub term: Duration,
    /// After SIGKILL, before the process is left to the operating system.
    pub kill: Duration,
}

/// Pauses between crashes.
#[derive(Clone, Copy, Debug)]
pub struct Restart {
    /// After the first crash; doubled after each further one.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
    /// After this many crashes in a row the plugin has failed.
    pub give_up_after: u32,
    /// A process that ran this long did not crash in a row.
    pub stable_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            launcher: None,
            runtime_folder: None,
            attached: None,
            sandbox: Mode::default(),
            sandbox_without: BTreeSet::new(),
            process: ProcessLimits::default(),
            readable: Vec::new(),
            protected: Protected::default(),
            search_path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            handshake: Duration::from_secs(5),
            describe: Duration::from_secs(10),
            stop: StopLadder::default(),
            restart: Restart::default(),
            patience: Patience::default(),
            linger: Duration::from_secs(60),
            max_frame: MAX_FRAME,
            max_calls: MAX_CALLS,
            log_bytes: 256 << 10,
            output_bytes_per_second: 1 << 20,
            host: concat!("mortise ", env!("CARGO_PKG_VERSION")).to_owned(),
            variables: Vec::new(),
            debugging: false,
        }
    }
}

impl Default for StopLadder {
    fn default() -> Self {
        Self {
            ask: Duration::from_secs(5),
            term: Duration::from_secs(2),
            kill: Duration::from_secs(5),
        }
    }
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            give_up_after: 5,
            stable_after: Duration::from_secs(60),
        }
    }
}

impl Settings {
    /// Returns the host's offer in the handshake.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            contracts: contract::VERSIONS.map(str::to_owned).to_vec(),
            codecs: Codec::ALL.to_vec(),
            features: vec![WEBHOOK_STREAM.to_owned()],
            max_frame: self.max_frame,
            max_calls: self.max_calls,
            cancel_grace_ms: u64::try_from(self.patience.cancel_grace.as_millis())
                .unwrap_or(u64::MAX),
            host: self.host.clone(),
        }
    }
}
