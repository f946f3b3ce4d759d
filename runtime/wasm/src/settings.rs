//! Settings of the backend.

use std::{path::PathBuf, sync::Arc};

use mortise_runtime::Limits;

use crate::profile::Profile;

/// Settings of the backend.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder for compiled code; created if it does not exist. None
    /// compiles at each start.
    pub cache: Option<PathBuf>,
    /// The most bytes of compiled code to keep; the least recently used goes
    /// first.
    pub cache_bytes: u64,
    /// The number of instances of all plugins that can be in memory at a time.
    pub instances: u32,
    /// The largest component, in bytes.
    pub component_bytes: u64,
    /// Bounds of the throw-away instance that is asked for the manifest.
    pub describe: Limits,
    /// A profile of all calls, for an author. None for a server, because guests yield
    /// more often for it.
    pub profile: Option<Arc<Profile>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache: None,
            cache_bytes: 2 << 30,
            instances: 512,
            component_bytes: 128 << 20,
            describe: Limits {
                call_ms: 5_000,
                ..Limits::default()
            },
            profile: None,
        }
    }
}
