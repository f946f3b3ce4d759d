//! The set-up of plugins from the server's settings: paths, and backends.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use mortise_native::{Settings as NativeSettings, sandbox::Mode};
use mortise_runtime::{Protected, plugin::Loader};

use crate::{
    config::{Changed, Config, NativeSandbox},
    plugins::{BackendError, ChangedFile, Settings, Trust},
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
        traces: config.keep_traces,
        retry: config.listener_retry,
        idle: config.plugin_idle,
        clock: config.clock.clone(),
        protected: protected(config),
    }
}

/// Creates the backends, in the order in which they are asked for a file: with the folder
/// for compiled components, and the settings of native plugins.
pub type Backends = fn(PathBuf, NativeSettings) -> Result<Vec<Arc<dyn Loader>>, BackendError>;

/// Creates the backends of a server. Processes find its address on this machine in
/// their environment.
///
/// # Errors
///
/// A machine that lacks something that a backend needs.
pub(crate) fn of_server(
    config: &Config,
    address: SocketAddr,
    backends: Backends,
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
    backends(config.data_dir.join("cache"), settings)
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
