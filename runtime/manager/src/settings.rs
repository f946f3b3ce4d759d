//! The settings of plugins, and the errors of the start.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use mortise_runtime::Protected;

use super::{embedder::EmbedderError, signature::Trust, time::Clock};

/// The default time for all filters of a message.
const FILTER_DEADLINE: Duration = Duration::from_secs(2);
/// The default idle time after which a component's memory is freed.
const IDLE: Duration = Duration::from_secs(300);

/// Settings for running plugins.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that plugins are loaded from.
    pub folder: PathBuf,
    /// The grants file.
    pub grants: PathBuf,
    /// The accepted signatures.
    pub trust: Trust,
    /// The handling of plugin files that changed without a command.
    pub changed: ChangedFile,
    /// The folder for the copies from which plugins run.
    pub versions: PathBuf,
    /// The time for all filters of a message.
    pub filter_deadline: Duration,
    /// The patience with listeners.
    pub retry: Retry,
    /// The idle time after which a component's memory is freed.
    pub idle: Duration,
    /// The embedder's own directories, which no plugin may use.
    pub protected: Protected,
    /// The clock for messages and timers.
    pub clock: Clock,
    /// Whether traces of calls are kept.
    pub traces: bool,
}

impl Settings {
    /// Returns the default settings, with everything in one directory of the
    /// embedder. No plugin may use the directory.
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            folder: directory.join("plugins"),
            grants: directory.join("grants.toml"),
            trust: Trust {
                keys: directory.join("trusted-keys"),
                required: false,
            },
            changed: ChangedFile::default(),
            versions: directory.join("versions"),
            filter_deadline: FILTER_DEADLINE,
            retry: Retry::default(),
            idle: IDLE,
            protected: Protected::new([directory.to_owned()]),
            clock: Clock::default(),
            traces: true,
        }
    }
}

/// The handling of an installed plugin's file that was changed in the folder by
/// hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChangedFile {
    /// Load it as a new version.
    #[default]
    Load,
    /// Keep the installed version, and report the change.
    Reject,
}

/// The patience with a listener.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The pause after a first failure; it doubles with each.
    pub first: Duration,
    /// The longest pause.
    pub most: Duration,
    /// The number of attempts for a batch, and then for the failing message
    /// alone.
    pub attempts: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            most: Duration::from_secs(300),
            attempts: 8,
        }
    }
}

/// An error of a backend that cannot be set up.
pub type BackendError = Box<dyn std::error::Error + Send + Sync>;

/// The reason for which plugins cannot run at all. A single plugin is never the
/// reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The plugins folder cannot be listed.
    #[error("the plugins folder {path} cannot be listed: {source}; check that the server's user may read it, or choose another with --plugins-dir", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A backend cannot be set up.
    #[error(transparent)]
    Backend(BackendError),
    /// The embedder failed.
    #[error(transparent)]
    Embedder(#[from] EmbedderError),
}
