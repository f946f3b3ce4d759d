//! The installed plugins: each by its id, with the active and the previous
//! version and the reason for which a newer one does not run; and the files
//! that are not plugins. Decides nothing and loads nothing: see `folder`.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use mortise_runtime::{
    Backend, Digest, LoadError, Plugin as _, process,
    registry::{Identity, OnDemand, Residence},
};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use serde::Serialize;

use super::{
    admission::Difference,
    again::Unloaded,
    embedder::{RegistrySource, Signed, StoredVersion},
};

/// An installed plugin, as it is for the administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Status {
    /// The manifest's id.
    pub id: String,
    /// For people.
    pub name: String,
    /// The active version, by its manifest.
    pub version: String,
    /// The active version's digest.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub digest: Digest,
    /// Its backend.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub backend: Backend,
    /// The version of the contract that it was built for; none for a plugin for Gotify's
    /// plugin API or a standard interface, and for one that has not told yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// The active version's signature.
    pub signature: Signature,
    /// Its file in the plugins folder.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub file: PathBuf,
    /// Its state.
    #[serde(flatten)]
    pub state: PluginState,
    /// The status and the confinement of its process; none for a component.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<process::State>,
    /// The content of its file that does not run, and the reason; none if the
    /// file is the active version.
    pub waiting: Option<Waiting>,
    /// True if the file differs from its last known state. The server checks it
    /// as soon as it stays the same for a moment.
    pub changed: bool,
    /// The version for a rollback.
    pub previous: Option<VersionOf>,
    /// The registry that its newest version came from; none for another source.
    pub source: Option<RegistrySource>,
}

impl Status {
    /// Returns true if a file of this digest is neither the active nor the pending
    /// version.
    pub fn is_new(&self, file: &Digest) -> bool {
        let pending = match &self.waiting {
            Some(Waiting::Pending { version, .. }) => Some(version.digest),
            _ => None,
        };
        self.digest != *file && pending != Some(*file)
    }
}

/// The signer of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Signature {
    /// Not signed.
    None,
    /// Signed with a key that is not trusted.
    Untrusted,
    /// Signed with a trusted key.
    Trusted {
        /// By its name in the trust file.
        key: String,
    },
}

/// The state of an installed plugin. A failure of a user's instance is reported
/// there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PluginState {
    /// No user uses it: it is not in memory, and the first call loads it.
    OnDemand,
    /// The server checks its file, or loads it for a waiting caller.
    Loading,
    /// It is in memory.
    Loaded {
        /// Users' instances of it.
        instances: usize,
    },
    /// Its process crashed and is started again after a pause.
    Pausing {
        /// The number of crashes in a row.
        crashes: u32,
        /// The last crash.
        last: String,
    },
    /// Its process crashed too often in a row.
    GivenUp {
        /// The number of crashes.
        crashes: u32,
        /// The last crash.
        last: String,
    },
    /// The server's own copy does not load any more.
    Broken {
        /// The report.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        report: LoadError,
    },
    /// Its file was removed. It does not run, and its users' data stays for its
    /// return.
    Missing,
}

/// The reason for which the content of a plugin's file does not run. The
/// previous version keeps running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Waiting {
    /// It does not load or does not start.
    Failed {
        /// The failed step and its fix.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        report: LoadError,
    },
    /// The administrator has to approve it.
    Pending {
        /// What it is.
        version: VersionOf,
        /// The new permissions.
        difference: Difference,
    },
}

/// A version that does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionOf {
    /// By its manifest.
    pub version: String,
    /// Of its file.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub digest: Digest,
}

impl VersionOf {
    pub(super) fn of(plugin: &OnDemand) -> Self {
        Self {
            version: plugin.manifest().version.clone(),
            digest: plugin.digest(),
        }
    }
}

/// An installed plugin.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// In the plugins folder.
    pub(super) file: PathBuf,
    /// The file as it was dealt with last; none if it is not there.
    pub(super) dealt: Option<Identity>,
    /// The file's state when the active version was accepted; none if it was
    /// removed since, and the plugin does not run.
    pub(super) accepted: Option<Identity>,
    /// The active version, which may be loaded on demand.
    pub(super) current: Arc<OnDemand>,
    /// The active version's signature; none if it has none.
    pub(super) signed: Option<Signed>,
    pub(super) previous: Option<StoredVersion>,
    pub(super) waiting: Option<Waiting>,
    /// The registry that the newest version came from; none for another source.
    pub(super) source: Option<RegistrySource>,
}

impl Entry {
    pub(super) fn is_missing(&self) -> bool {
        self.accepted.is_none()
    }

    /// Returns the active version in its stored form.
    pub(super) fn version(&self) -> StoredVersion {
        let name = self.current.file().file_name().unwrap_or_default();
        StoredVersion {
            name: name.to_string_lossy().into_owned(),
            described: self.current.described(),
            signed: self.signed.clone(),
        }
    }
}

/// All that is in the plugins folder.
#[derive(Debug, Default)]
pub(super) struct Installed(RwLock<All>);

#[derive(Debug, Default)]
struct All {
    plugins: BTreeMap<String, Entry>,
    by_file: HashMap<PathBuf, String>,
    /// Files that are no plugin, as they were when that was found.
    failures: BTreeMap<PathBuf, (Identity, LoadError)>,
    /// Being looked at now.
    busy: Option<PathBuf>,
}

impl Installed {
    /// Returns true if the file was handled in this state.
    pub(super) fn knows(&self, file: &Path, identity: &Identity) -> bool {
        let all = self.read();
        let failed = all.failures.get(file).map(|(identity, _)| identity);
        let dealt = all
            .by_file
            .get(file)
            .and_then(|id| all.plugins.get(id)?.dealt.as_ref());
        failed.or(dealt) == Some(identity)
    }

    pub(super) fn get(&self, id: &str) -> Option<Entry> {
        self.read().plugins.get(id).cloned()
    }

    /// Returns true if a plugin with this id is installed, even if its file is
    /// gone.
    pub(super) fn has(&self, id: &str) -> bool {
        self.read().plugins.contains_key(id)
    }

    /// Returns the active version, unless its file is gone.
    pub(super) fn current(&self, id: &str) -> Option<Arc<OnDemand>> {
        let all = self.read();
        let entry = all.plugins.get(id)?;
        (!entry.is_missing()).then(|| Arc::clone(&entry.current))
    }

    /// The plugin whose file this is.
    pub(super) fn at(&self, file: &Path) -> Option<String> {
        self.read().by_file.get(file).cloned()
    }

    /// Ids of what can run.
    pub(super) fn ids(&self) -> Vec<String> {
        let all = self.read();
        let there = all.plugins.iter().filter(|(_, entry)| !entry.is_missing());
        there.map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.read().plugins.values().cloned().collect()
    }

    /// Files of plugins that count as there and are not among these.
    pub(super) fn absent_from(&self, there: &HashSet<&Path>) -> Vec<PathBuf> {
        let all = self.read();
        let gone = all
            .plugins
            .values()
            .filter(|entry| !entry.is_missing() && !there.contains(&*entry.file));
        gone.map(|entry| entry.file.clone()).collect()
    }

    /// Replaces the entry of a plugin.
    pub(super) fn set(&self, entry: Entry) {
        let mut all = self.write();
        let id = entry.current.manifest().id.clone();
        let before = all.plugins.get(&id).map(|before| before.file.clone());
        // Where it was, another may be by now.
        if let Some(before) = before.filter(|before| all.by_file.get(before) == Some(&id)) {
            all.by_file.remove(&before);
        }
        all.failures.remove(&entry.file);
        all.by_file.insert(entry.file.clone(), id.clone());
        all.plugins.insert(id, entry);
    }

    pub(super) fn change(&self, id: &str, change: impl FnOnce(&mut Entry)) -> Option<Entry> {
        let mut all = self.write();
        let entry = all.plugins.get_mut(id)?;
        change(entry);
        Some(entry.clone())
    }

    pub(super) fn remove(&self, id: &str) -> Option<Entry> {
        let mut all = self.write();
        let entry = all.plugins.remove(id)?;
        if all.by_file.get(&entry.file).is_some_and(|at| at == id) {
            all.by_file.remove(&entry.file);
        }
        Some(entry)
    }

    /// Notes that a file is no plugin.
    pub(super) fn fail(&self, file: &Path, identity: Identity, report: LoadError) {
        let mut all = self.write();
        all.failures.insert(file.to_owned(), (identity, report));
    }

    /// Forgets that a file was no plugin. Whether that was known.
    pub(super) fn forget_failure(&self, file: &Path) -> bool {
        self.write().failures.remove(file).is_some()
    }

    /// Files that are no plugin, as they were when that was found.
    pub(super) fn failed_files(&self) -> Vec<(PathBuf, Identity, LoadError)> {
        let all = self.read();
        all.failures
            .iter()
            .map(|(file, (identity, report))| (file.clone(), *identity, report.clone()))
            .collect()
    }

    /// Files whose content did not load, as they were then.
    pub(super) fn unloaded(&self) -> Vec<Unloaded> {
        let all = self.read();
        let files = all.failures.iter();
        let files = files.map(|(file, (identity, report))| Unloaded {
            file: file.clone(),
            identity: *identity,
            step: report.step,
            is_missing: false,
        });
        let plugins = all.plugins.values().filter_map(|entry| {
            let Some(Waiting::Failed { report }) = &entry.waiting else {
                return None;
            };
            Some(Unloaded {
                file: entry.file.clone(),
                identity: entry.dealt?,
                step: report.step,
                is_missing: entry.is_missing(),
            })
        });
        files.chain(plugins).collect()
    }

    /// Notes which file is being looked at.
    pub(super) fn set_busy(&self, file: Option<&Path>) {
        self.write().busy = file.map(Path::to_owned);
    }

    /// Returns true if an installed version has this digest.
    pub(super) fn uses(&self, digest: &Digest) -> bool {
        let all = self.read();
        all.plugins.values().any(|entry| {
            entry.current.digest() == *digest
                || entry
                    .previous
                    .as_ref()
                    .is_some_and(|previous| previous.described.digest == *digest)
        })
    }

    /// Every report, by file.
    pub(super) fn reports(&self) -> Vec<LoadError> {
        let all = self.read();
        let mut reports: Vec<_> = all.failures.values().map(|(_, r)| r.clone()).collect();
        for entry in all.plugins.values() {
            if let Some(Waiting::Failed { report }) = &entry.waiting {
                reports.push(report.clone());
            }
            if let Residence::Failed(report) = entry.current.residence() {
                reports.push(report);
            }
        }
        reports.sort_by(|a, b| a.file.cmp(&b.file));
        reports
    }

    pub(super) fn status(&self, id: &str) -> Option<Status> {
        let (entry, busy) = {
            let all = self.read();
            (all.plugins.get(id)?.clone(), all.busy.clone())
        };
        Some(status(&entry, busy.as_deref()))
    }

    pub(super) fn list(&self) -> Vec<Status> {
        let busy = self.read().busy.clone();
        let entries = self.entries();
        entries
            .iter()
            .map(|entry| status(entry, busy.as_deref()))
            .collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, All> {
        self.0.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, All> {
        self.0.write()
    }
}

fn status(entry: &Entry, busy: Option<&Path>) -> Status {
    let manifest = entry.current.manifest();
    Status {
        id: manifest.id.clone(),
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        digest: entry.current.digest(),
        backend: entry.current.backend(),
        contract: entry.current.contract().map(str::to_owned),
        signature: match &entry.signed {
            None => Signature::None,
            Some(Signed { by: None, .. }) => Signature::Untrusted,
            Some(Signed { by: Some(key), .. }) => Signature::Trusted { key: key.clone() },
        },
        file: entry.file.clone(),
        state: state(entry, busy),
        process: entry.current.process().map(|process| process.state),
        waiting: entry.waiting.clone(),
        changed: Identity::read(&entry.file).ok().flatten() != entry.dealt,
        previous: entry.previous.as_ref().map(|previous| VersionOf {
            version: previous.described.manifest.version.clone(),
            digest: previous.described.digest,
        }),
        source: entry.source.clone(),
    }
}

fn state(entry: &Entry, busy: Option<&Path>) -> PluginState {
    if busy == Some(&*entry.file) {
        return PluginState::Loading;
    }
    if entry.is_missing() {
        return PluginState::Missing;
    }
    if let Some(process) = entry.current.process() {
        match process.state {
            process::State::Pausing { crashes, last } => {
                return PluginState::Pausing { crashes, last };
            }
            process::State::Failed { crashes, last } => {
                return PluginState::GivenUp { crashes, last };
            }
            process::State::Down | process::State::Starting | process::State::Up { .. } => {}
        }
    }
    match entry.current.residence() {
        Residence::OnDemand => PluginState::OnDemand,
        Residence::Loading => PluginState::Loading,
        Residence::Loaded { instances } => PluginState::Loaded { instances },
        Residence::Failed(report) => PluginState::Broken { report },
    }
}
