//! The set-up of plugins: paths, backends, and errors of the start.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

#[cfg(unix)]
use mortise_native::{NativeBackend, SetupError};
use mortise_native::{Settings as NativeSettings, sandbox::Mode};
use mortise_runtime::{Protected, plugin::Loader, types::Manifest};
use mortise_wasm::{EngineError, Settings as WasmSettings, WasmBackend};

use super::{grants::GrantsFile, signature::Trust};
use crate::{
    config::{Changed, Config, NativeSandbox, Retry},
    store::StoreError,
};

/// Settings for running plugins.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that plugins are loaded from.
    pub folder: PathBuf,
    /// The administrator's answers.
    pub grants: PathBuf,
    /// The accepted signatures.
    pub trust: Trust,
    /// The handling of plugin files that changed without a command.
    pub changed: Changed,
    /// The folder for compiled code.
    pub cache: PathBuf,
    /// The folder for the copies from which plugins run.
    pub versions: PathBuf,
    /// The folder for the sockets of services that are plugins.
    pub attached: PathBuf,
    /// The time for all filters of a message.
    pub filter_deadline: Duration,
    /// The patience with listeners.
    pub retry: Retry,
    /// The idle time after which a component's memory is freed.
    pub idle: Duration,
    /// The server's own directories, which no plugin may use.
    pub protected: Protected,
    /// How much of the sandbox of processes is required.
    pub native_sandbox: Option<NativeSandbox>,
    /// The server's address on this machine, which processes find in their
    /// environment; none for an embedder without one.
    pub address: Option<SocketAddr>,
}

impl From<NativeSandbox> for Mode {
    fn from(sandbox: NativeSandbox) -> Self {
        match sandbox {
            NativeSandbox::Strict => Self::Strict,
            NativeSandbox::BestEffort => Self::BestEffort,
            NativeSandbox::Off => Self::Off,
        }
    }
}

impl Settings {
    /// The settings of the backend for executables.
    pub(super) fn native(&self) -> NativeSettings {
        let mut settings = NativeSettings {
            protected: self.protected.clone(),
            attached: Some(self.attached.clone()),
            ..NativeSettings::default()
        };
        if let Some(sandbox) = self.native_sandbox {
            settings.sandbox = sandbox.into();
        }
        if let Some(address) = self.address {
            settings.variables = vec![
                ("MORTISE_SERVER_URL".to_owned(), format!("http://{address}")),
                // Of Gotify, whose plugins use it to call their server.
                ("GOTIFY_SERVER_PORT".to_owned(), address.port().to_string()),
            ];
        }
        settings
    }

    /// The settings of a server.
    pub fn of(config: &Config) -> Self {
        Self {
            folder: config.plugins_dir(),
            grants: grants_file(&config.data_dir),
            trust: Trust {
                keys: config.data_dir.join("trusted-keys"),
                required: config.require_signed_plugins,
            },
            changed: config.changed_plugins,
            cache: config.data_dir.join("cache"),
            versions: config.data_dir.join("versions"),
            attached: config.data_dir.join("attached"),
            filter_deadline: config.filter_deadline,
            retry: config.listener_retry,
            idle: config.plugin_idle,
            protected: Protected::new([config.data_dir.clone(), config.plugins_dir()]),
            native_sandbox: config.native_sandbox,
            address: None,
        }
    }
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

/// The command that grants what a plugin asks of the administrator and was not
/// granted; none if nothing is missing.
pub fn grant_command(manifest: &Manifest, grants: &GrantsFile) -> Option<String> {
    grants
        .answer(&manifest.id)
        .allowed()
        .missing(manifest)
        .find(|request| !request.permission.is_for_user())
        .map(|_| format!("mortise plugin grant {} --as-asked", manifest.id))
}

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
    /// No backend.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
