//! Places to attach for services: a socket and a secret for each plugin in a
//! folder of the server's, the same after each start of the server and with
//! each version of the plugin. The latest version that has instances gets the
//! process.

use std::{
    collections::HashMap,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

use mortise_runtime::{
    CallError, Digest, files, process::Attachment, registry::versions::sync_folder,
};
use parking_lot::Mutex;
use tempfile::NamedTempFile;
use tokio_util::task::AbortOnDropHandle;

use crate::transport::{Link, Listener};

/// The bytes of an id's digest in the names of its files: paths of sockets are
/// short.
const NAME_BYTES: usize = 8;
/// A secret is 32 bytes in hexadecimal.
const SECRET_BYTES: usize = 64;

/// A version of a plugin, as far as a process can attach to it.
pub(crate) trait Version: Send + Sync {
    /// The plugin's id.
    fn id(&self) -> &str;
    /// Whether it has instances.
    fn is_used(&self) -> bool;
    /// Lets a process in that proves to have the secret.
    fn let_in(self: Arc<Self>, link: Link, secret: String);
    /// Writes an error into the plugin's log.
    fn report(&self, error: &str);
}

/// The places of all plugins.
#[derive(Debug, Default)]
pub(crate) struct Lasting {
    /// None for an embedder that names no folder.
    folder: Option<PathBuf>,
    plugins: Mutex<HashMap<String, Place>>,
}

#[derive(Default)]
struct Place {
    /// The versions in memory, the latest with instances last.
    versions: Vec<Weak<dyn Version>>,
    listening: Option<AbortOnDropHandle<()>>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Place")
            .field("versions", &self.versions.len())
            .field("listening", &self.listening.is_some())
            .finish()
    }
}

impl Lasting {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            plugins: Mutex::default(),
        }
    }

    /// A version has a new instance: it gets the processes from now on. A place
    /// that was made before is opened.
    pub(crate) fn joined(self: &Arc<Self>, version: &Arc<dyn Version>) {
        let Some(folder) = &self.folder else { return };
        let id = version.id();
        let mut plugins = self.plugins.lock();
        let place = plugins.entry(id.to_owned()).or_default();
        let own = Arc::downgrade(version);
        place
            .versions
            .retain(|other| other.strong_count() > 0 && !other.ptr_eq(&own));
        place.versions.push(own);
        if place.listening.is_some() {
            return;
        }
        let opened = read_secret(&file(folder, id, "secret")).and_then(|secret| {
            secret
                .map(|secret| self.open(folder, id, secret))
                .transpose()
        });
        match opened {
            Ok(listening) => place.listening = listening,
            Err(error) => version.report(&error),
        }
    }

    /// Makes a plugin's place; what was made before stays valid.
    ///
    /// # Errors
    ///
    /// [`CallError::Unavailable`]: there is no folder, or it cannot be used.
    pub(crate) fn make(self: &Arc<Self>, id: &str) -> Result<Attachment, CallError> {
        let folder = self.folder.as_ref().ok_or_else(|| {
            CallError::Unavailable("this server has no folder for lasting sockets".to_owned())
        })?;
        let mut plugins = self.plugins.lock();
        let place = plugins.entry(id.to_owned()).or_default();
        let path = file(folder, id, "secret");
        let unavailable = |error: String| CallError::Unavailable(error);
        let secret = match read_secret(&path).map_err(unavailable)? {
            Some(secret) => secret,
            None => write_secret(folder, &path).map_err(|error| {
                unavailable(format!("{} cannot be written: {error}", path.display()))
            })?,
        };
        if place.listening.is_none() {
            let listening = self.open(folder, id, secret.clone()).map_err(unavailable)?;
            place.listening = Some(listening);
        }
        Ok(Attachment {
            socket: file(folder, id, "sock"),
            secret,
        })
    }

    /// Ends a plugin's place. False if there was none.
    ///
    /// # Errors
    ///
    /// [`CallError::Unavailable`]: the secret could not be removed.
    pub(crate) fn end(&self, id: &str) -> Result<bool, CallError> {
        let Some(folder) = &self.folder else {
            return Ok(false);
        };
        if let Some(place) = self.plugins.lock().get_mut(id) {
            place.listening = None;
        }
        let path = file(folder, id, "secret");
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(CallError::Unavailable(format!(
                "{} cannot be removed: {error}",
                path.display()
            ))),
        }
    }

    /// Listens until the handle is dropped.
    fn open(
        self: &Arc<Self>,
        folder: &Path,
        id: &str,
        secret: String,
    ) -> Result<AbortOnDropHandle<()>, String> {
        // A server that was killed leaves its socket.
        let _ = std::fs::remove_file(file(folder, id, "sock"));
        let listener = Listener::bind(folder, &name(id)).map_err(|error| error.to_string())?;
        let task = listen(Arc::downgrade(self), listener, id.to_owned(), secret);
        Ok(AbortOnDropHandle::new(tokio::spawn(task)))
    }

    /// The version that gets a process.
    fn current(&self, id: &str) -> Option<Arc<dyn Version>> {
        let plugins = self.plugins.lock();
        let versions = plugins.get(id)?.versions.iter().rev();
        versions
            .filter_map(Weak::upgrade)
            .find(|version| version.is_used())
    }
}

async fn listen(lasting: Weak<Lasting>, listener: Listener, id: String, secret: String) {
    while let Ok(link) = listener.accept().await {
        let Some(lasting) = lasting.upgrade() else {
            return;
        };
        // Where nobody uses the plugin, the process finds its connection closed.
        if let Some(version) = lasting.current(&id) {
            version.let_in(link, secret.clone());
        }
    }
}

fn name(id: &str) -> String {
    let mut hex = Digest::of(id.as_bytes()).hex();
    hex.truncate(2 * NAME_BYTES);
    hex
}

fn file(folder: &Path, id: &str, ending: &str) -> PathBuf {
    folder.join(format!("{}.{ending}", name(id)))
}

/// The secret that was made before; none if there is none.
fn read_secret(path: &Path) -> Result<Option<String>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    };
    let secret = text.trim();
    if secret.len() != SECRET_BYTES || !secret.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!(
            "{} is not a secret of {SECRET_BYTES} hexadecimal digits; remove it, and run \
             `mortise plugin attach --lasting` again",
            path.display()
        ));
    }
    Ok(Some(secret.to_owned()))
}

/// Makes a secret that only the server's user can read.
fn write_secret(folder: &Path, path: &Path) -> std::io::Result<String> {
    files::make_private_folder(folder)?;
    let mut secret = [0; SECRET_BYTES / 2];
    getrandom::fill(&mut secret)?;
    let secret = hex::encode(secret);
    // A temporary file has mode 600.
    let mut aside = NamedTempFile::new_in(folder)?;
    writeln!(aside, "{secret}")?;
    aside.as_file().sync_all()?;
    aside.persist(path)?;
    sync_folder(folder)?;
    Ok(secret)
}
