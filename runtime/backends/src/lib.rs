//! The backends of plugins with their usual settings: components in this process, and
//! executables as processes of their own.

use std::{path::PathBuf, sync::Arc};

use mortise_native::Settings as NativeSettings;
#[cfg(unix)]
use mortise_native::{NativeBackend, SetupError};
use mortise_runtime::plugin::Loader;
use mortise_wasm::{EngineError, Settings as WasmSettings, WasmBackend};

/// A backend that cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// That for components.
    #[error(transparent)]
    Wasm(#[from] EngineError),
    /// That for executables.
    #[cfg(unix)]
    #[error(transparent)]
    Native(#[from] SetupError),
}

/// Creates the backend for components. It keeps compiled components in `cache`.
///
/// # Errors
///
/// A machine without a feature that the engine needs.
pub fn wasm(cache: Option<PathBuf>) -> Result<WasmBackend, EngineError> {
    WasmBackend::new(&WasmSettings {
        cache,
        ..WasmSettings::default()
    })
}

/// Creates the backend for executables. None on a system that the bridge starts no
/// processes on, and in a program that cannot launch them, because it does not call
/// [`launch::intercept`](mortise_native::launch::intercept) first: there, no backend takes
/// an executable.
///
/// # Errors
///
/// A machine that lacks something that the bridge needs.
pub fn native(settings: NativeSettings) -> Result<Option<Arc<dyn Loader>>, BackendError> {
    #[cfg(unix)]
    match NativeBackend::new(settings) {
        Ok(native) => return Ok(Some(Arc::new(native))),
        Err(SetupError::NoLauncher) => {}
        Err(error) => return Err(error.into()),
    }
    #[cfg(not(unix))]
    drop(settings);
    tracing::info!("native plugins are not offered");
    Ok(None)
}

/// Creates both, in the order in which they are asked for a file.
///
/// # Errors
///
/// [`BackendError`].
pub fn all(
    cache: Option<PathBuf>,
    settings: NativeSettings,
) -> Result<Vec<Arc<dyn Loader>>, BackendError> {
    let mut loaders: Vec<Arc<dyn Loader>> = vec![Arc::new(wasm(cache)?)];
    loaders.extend(native(settings)?);
    Ok(loaders)
}

/// As [`all`], for a server.
///
/// # Errors
///
/// [`BackendError`].
pub fn of_server(
    cache: PathBuf,
    settings: NativeSettings,
) -> Result<Vec<Arc<dyn Loader>>, Box<dyn std::error::Error + Send + Sync>> {
    Ok(all(Some(cache), settings)?)
}
