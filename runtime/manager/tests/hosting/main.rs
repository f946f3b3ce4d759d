//! The manager with a real component and its own catalogue, without a server.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect has failed"
)]

mod catalogue;
#[allow(dead_code, reason = "its `main` asks on the terminal")]
#[path = "../../examples/host.rs"]
mod example;
mod lives;

use std::{path::PathBuf, sync::Arc};

use mortise_fixtures::components::{dropping, plugin_asking};
use mortise_runtime::Loader;
use mortise_wasm::{Settings, WasmBackend};

/// A directory with the files of two versions of a filter, and a backend for them.
struct Rig {
    directory: tempfile::TempDir,
    backends: Vec<Arc<dyn Loader>>,
}

/// The permissions `filter-messages` and `timers`.
const WANTS: [u32; 2] = [2, 8];

impl Rig {
    fn new() -> Self {
        let backend = WasmBackend::new(&Settings::default()).unwrap();
        Self {
            directory: tempfile::tempdir().unwrap(),
            backends: vec![Arc::new(backend)],
        }
    }

    /// Writes a filter that drops every message for this reason.
    fn version(&self, reason: &str) -> PathBuf {
        let world = "export mortise:plugin/filter@0.2.0;";
        let bytes = plugin_asking("a.filter", &WANTS, world, &dropping(reason)).unwrap();
        let file = self.directory.path().join(reason);
        std::fs::write(&file, bytes).unwrap();
        file
    }
}
