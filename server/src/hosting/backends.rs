//! The set-up of plugins from the server's settings: paths, and backends.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

#[cfg(unix)]
use mortise_native::{NativeBackend, SetupError};
use mortise_native::{Settings as NativeSettings, sandbox::Mode};
use mortise_runtime::{Protected, plugin::Loader};
use mortise_wasm::{EngineError, Settings as WasmSettings, WasmBackend};

use crate::{
    config::{Changed, Config, NativeSandbox},
    plugins::{ChangedFile, Settings, Trust},
};

impl From<NativeSandbox> for Mode {
    fn from(sandbox: NativeSandbox) -> Self {
        match sandbox {
            NativeSandbox::Strict => Self::Strict,
            NativeSandbox::BestEffort => Self::BestEffort,
            NativeSandbox::Off => Self::Off,
        }
    }
}

impl From<Changed> for ChangedFile {
    fn from(changed: Changed) -> Self {
        match changed {
            Changed::Load => Self::Load,
            Changed::Reject => Self::Reject,
        }
    }
}

/// Returns the settings of a server's plugins.
pub(crate) fn settings(config: &Config) -> Settings {
    Settings {
        folder: config.plugins_dir(),
        grants: grants_file(&config.data_dir),
        trust: Trust {
            keys: config.data_dir.join("trusted-keys"),
            required: config.require_signed_plugins,
        },
        changed: config.changed_plugins.into(),
        versions: config.data_dir.join("versions"),
        filter_deadline: config.filter_deadline,
        retry: config.listener_retry,
        idle: config.plugin_idle,
        clock: config.clock.clone(),
        protected: protected(config),
    }
}

/// Creates the backends of a server. Processes find its address on this machine in
/// their environment.
///
/// # Errors
///
/// A machine that lacks what a backend needs.
pub(crate) fn of_server(
    config: &Config,
    address: SocketAddr,
) -> Result<Vec<Arc<dyn Loader>>, BackendError> {
    let mut settings = NativeSettings {
        protected: protected(config),
        attached: Some(config.data_dir.join("attached")),
        variables: vec![
            ("MORTISE_SERVER_URL".to_owned(), format!("http://{address}")),
            // Of Gotify, whose plugins use it to call their server.
            ("GOTIFY_SERVER_PORT".to_owned(), address.port().to_string()),
        ],
        ..NativeSettings::default()
    };
    if let Some(sandbox) = config.native_sandbox {
        settings.sandbox = sandbox.into();
    }
    loaders_with(Some(config.data_dir.join("cache")), settings)
}

/// The server's own directories, which no plugin may use.
fn protected(config: &Config) -> Protected {
    Protected::new([config.data_dir.clone(), config.plugins_dir()])
}

/// Returns the default folder for plugins.
pub fn default_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("plugins")
}

/// Returns the path of the administrator's grants.
pub fn grants_file(data_dir: &Path) -> PathBuf {
    data_dir.join("grants.toml")
}

/// Creates the backend for components.
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

/// The backend for executables; none where they are not offered. They are for
/// systems that the bridge starts processes on, which is Unix so far, and for
/// programs that can launch them, as `mortise` can: in another, which embeds the
/// server without
/// [`launch::intercept`](mortise_native::launch::intercept), an
/// executable in the plugins folder is reported as what no backend takes.
///
/// # Errors
///
/// A machine that lacks what the bridge needs.
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

/// The backends, in the order in which they are asked for a file.
///
/// # Errors
///
/// A machine that lacks what a backend needs.
pub fn loaders(cache: Option<PathBuf>) -> Result<Vec<Arc<dyn Loader>>, BackendError> {
    loaders_with(cache, NativeSettings::default())
}

/// The backends, with settings of the one for executables.
///
/// # Errors
///
/// A machine that lacks what a backend needs.
pub fn loaders_with(
    cache: Option<PathBuf>,
    settings: NativeSettings,
) -> Result<Vec<Arc<dyn Loader>>, BackendError> {
    let mut loaders: Vec<Arc<dyn Loader>> = vec![Arc::new(wasm(cache)?)];
    loaders.extend(native(settings)?);
    Ok(loaders)
}

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
