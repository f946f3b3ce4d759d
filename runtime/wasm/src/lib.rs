//! The WebAssembly backend: components, run by wasmtime in this process.
//!
//! A file becomes a plugin in `loader` (read, decode, compile or take from the
//! `cache`, link, describe, check). A plugin gives each user an `instance`: a
//! handle whose store comes up at the first call and is dropped after a trap, a
//! time-out or when it is idle.
//!
//! - `engine`: wasmtime's settings, and the ticker that makes time pass for
//!   running guests.
//! - `cache`: compiled code between runs, trusted only when authenticated.
//! - `settings`: the settings of the backend.
//! - `embedded`: a manifest in the component's file.
//! - `linked`: a component ready to be instantiated.
//! - `loader`: from file to plugin, with a report of what is wrong.
//! - `misfit`: reports of components that do not fit this host.
//! - `store`: what one store holds: WASI with exactly what was granted, the
//!   memory bound, the way to the guard.
//! - `budget`: the bounds of what the host holds for guests.
//! - `files`: opening files in granted directories.
//! - `sockets`: refusing sockets, and saying so.
//! - `imports`: the contract's imports, answered by the guard.
//! - `active_config`: the values of the configuration in force, by name.
//! - `standard`: the standard's drafts of storage, configuration and log.
//! - `outbound`: the allow-list in front of `wasi:http`.
//! - `output`: standard output and error, into the instance's log.
//! - `incoming`: webhooks for components that export `wasi:http/incoming-handler`.
//! - `exports`: which of the contract's functions a component has.
//! - `profile`: the stacks of calls, for an author.
//! - `deadline`: one bound on the time of a call.
//! - `instance`: bringing up, calling by a deadline, discarding.

mod active_config;
mod budget;
mod cache;
mod deadline;
mod embedded;
mod engine;
mod exports;
#[cfg(unix)]
mod files;
mod imports;
mod incoming;
mod instance;
mod linked;
mod loader;
mod misfit;
mod outbound;
mod output;
mod profile;
mod released;
mod settings;
mod sockets;
mod standard;
mod store;

use std::{path::Path, sync::Arc};

use self::engine::Shared;
pub use self::{
    embedded::{Configuration, Embedded, SECTION},
    engine::EngineError,
    loader::Inspection,
    profile::Profile,
    settings::Settings,
};
use async_trait::async_trait;
use mortise_runtime::{LoadError, Loader, Plugin, PluginDescription, Staged};

/// Loads components. One per process is enough; clones share everything.
#[derive(Clone, Debug)]
pub struct WasmBackend {
    shared: Arc<Shared>,
}

impl WasmBackend {
    /// Sets up the engine and the cache.
    ///
    /// # Errors
    ///
    /// A machine that lacks what wasmtime needs, or a cache folder that cannot
    /// be used.
    pub fn new(settings: &Settings) -> Result<Self, EngineError> {
        Ok(Self {
            shared: Arc::new(Shared::new(settings)?),
        })
    }

    /// Loads a component and describes its content.
    ///
    /// # Errors
    ///
    /// As [`Loader::load`].
    pub async fn inspect(&self, file: &Path) -> Result<Inspection, LoadError> {
        loader::inspect(&self.shared, file).await
    }
}

#[async_trait]
impl Loader for WasmBackend {
    fn recognizes(&self, _file: &Path, head: &[u8]) -> bool {
        head.starts_with(b"\0asm")
    }

    async fn load(&self, file: &Path) -> Result<Arc<dyn Plugin>, LoadError> {
        loader::load(&self.shared, loader::Source::File(file)).await
    }

    async fn load_staged(&self, staged: &Staged) -> Result<Arc<dyn Plugin>, LoadError> {
        loader::load(&self.shared, loader::Source::Staged(staged)).await
    }

    /// Runs nothing of the plugin: only a new version can have another
    /// manifest.
    async fn load_again(
        &self,
        file: &Path,
        described: &PluginDescription,
    ) -> Result<Arc<dyn Plugin>, LoadError> {
        loader::load_again(&self.shared, file, described).await
    }
}
