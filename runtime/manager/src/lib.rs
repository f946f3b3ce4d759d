//! Plugins for the users of a program: installed, changed and removed while they
//! are called. The program, here the embedder, stores the catalogue and knows the
//! users; it implements two traits, [`Catalogue`] and [`Users`]. No failure of one
//! plugin stops the program or another plugin.
//!
//! ```text
//! Plugins::new(catalogue, users, settings)  ->  start(backends)  ->  stop()
//! ```
//!
//! - this file: starting, stopping, and each user's [`Slot`]s in memory.
//! - [`embedder`]: the two traits and their data; [`local`]: a ready-made catalogue.
//! - `installed`: the installed plugins and their status.
//! - `load`: staging, verifying and loading a version, each once.
//! - `folder`: from a file in the plugins folder to an active version.
//! - `commands`: the administrator's commands: install, reload, roll back, uninstall.
//! - `upload`: a file on its way in.
//! - `unfinished`: copies that a killed program left in the folder.
//! - `admission`: the decision whether a version may run.
//! - `signature`: signatures of plugins, and `trusted`: the trusted keys.
//! - `swap`: moving users from one version to another while it is called.
//! - `departed`: uninstalled plugins, and the return of their ids.
//! - `users`: users who come, change and go.
//! - `slot`: one user's plugin in memory.
//! - `control`: enabling, disabling, configuring.
//! - `recovery`: restarting instances that are enabled and down.
//! - `host`: the imports of an instance.
//! - [`measured`]: the number and times of calls, for metrics.
//! - `filters`, `listeners`, `timers`: the ways in which plugins are called. The
//!   embedder calls a webhook by [`Plugins::webhook`].
//! - `position`: the messages that a listener receives next.
//! - [`trace`]: the records of a message's filters and of the other calls; `call_trace`
//!   keeps the latter.
//! - [`grants`]: the administrator's grants; `granting`: their changes while the
//!   program runs, and `regrant`, the effect of a change.
//! - `audit`: the actors of changes, and [`logs`]: the logs for the administrator.
//! - [`doctor`]: the problems of a plugin, and their fixes.
//! - `chain`: a user's filters as a whole, and `aside`: dead letters.
//! - [`configuration`]: configurations and their schemas; `configure`: the problems
//!   of a configuration, and its values for a form.
//! - `working`: the plugins that receive a user's messages.
//! - `idle`: freeing the memory of idle plugins.
//! - [`settings`](Settings): settings, and the errors of the start.
//!
//! An unused plugin takes no memory but a description: a slot is loaded from its
//! record, and a plugin from its file, when it is enabled, called or examined.

mod actor;
mod admission;
mod again;
mod audit;
mod call_trace;
mod chain;
mod commands;
pub mod configuration;
mod configure;
mod control;
mod dead_letters;
mod departed;
pub mod doctor;
pub mod embedder;
mod filters;
mod folder;
mod granting;
pub mod grants;
mod hops;
mod host;
mod idle;
mod installed;
mod lease;
mod listeners;
mod load;
pub mod local;
pub mod logs;
pub mod measured;
mod position;
mod recovery;
mod regrant;
pub mod replay;
mod settings;
mod signature;
mod slot;
mod swap;
pub mod time;
mod timers;
pub mod trace;
mod trusted;
mod turn;
mod unfinished;
mod upload;
mod users;
mod working;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt as _;
use mortise_runtime::{
    Backend, CallError, LoadError, Loader, Log, Plugin as _, Rights,
    plugin::InstanceSetup,
    registry::{OnDemand, Versions},
    types::{Manifest, StopReason},
};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    actor::Actor,
    admission::Difference,
    chain::Place,
    commands::CommandError,
    control::{ControlError, gotify_name},
    embedder::{Catalogue, EmbedderError, RegistrySource, Users},
    filters::{Filtered, Outcome},
    granting::{Approval, GrantChangeError, Pending},
    grants::grant_command,
    installed::{PluginState, Signature, Status, VersionOf, Waiting},
    lease::Lease,
    position::Position,
    settings::{BackendError, ChangedFile, Retry, Settings, StartError},
    signature::{Trust, read_signature_file, signature_file},
    slot::{Slot, State},
    timers::Timer,
    trusted::{TrustError, TrustedKey},
    upload::Upload,
};
use self::{
    call_trace::CallTraces,
    embedder::{Selection, UserPlugin},
    granting::CurrentGrants,
    grants::GrantsFile,
    installed::Installed,
    lease::InstanceHandle,
    measured::{Calls, Measured},
    turn::Turns,
    working::{Required, Working},
};

/// Instances that start at the same time when the server does.
const STARTING: usize = 8;
/// The time that the start waits for plugins before it returns without those that
/// are not up.
const START_PATIENCE: Duration = Duration::from_secs(1);
/// The time for open calls, and then for instances, when the server stops.
const STOPPING: Duration = Duration::from_secs(5);

/// All plugins and their users' instances.
pub struct Plugins {
    catalogue: Arc<dyn Catalogue>,
    users: Arc<dyn Users>,
    settings: Settings,
    /// The backends; none before the start.
    loaders: OnceLock<Arc<[Arc<dyn Loader>]>>,
    installed: Installed,
    versions: Versions,
    /// Set once the state at the start is restored.
    opened: OnceLock<()>,
    /// Held while something is done about which plugins there are.
    turns: Turns,
    current_grants: RwLock<CurrentGrants>,
    /// Held while the administrator's grants are read or changed.
    granting: tokio::sync::Mutex<()>,
    slots: RwLock<Slots>,
    working: Working,
    /// The number of instances of each user that have yet to be brought up at the
    /// start.
    starting: watch::Sender<HashMap<i64, usize>>,
    /// True until all of them were. Each message looks at it, and shares no lock for that.
    any_starting: AtomicBool,
    /// Told when a timer was set or an instance with timers came to work.
    timers: Arc<Notify>,
    call_traces: CallTraces,
    /// The calls into each plugin since the start.
    calls: Mutex<HashMap<String, Arc<Calls>>>,
    /// The process log of each native plugin's previous version.
    former_logs: Mutex<HashMap<String, Arc<Log>>>,
    /// Users of whom a replay runs.
    replaying: Mutex<HashSet<i64>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Plugins")
            .field("settings", &self.settings)
            .field("installed", &self.installed)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Slots {
    by_id: HashMap<i64, Arc<Slot>>,
    by_token: HashMap<String, Arc<Slot>>,
}

impl Plugins {
    /// Plugins of a folder, none of them loaded yet.
    pub fn new(
        catalogue: Arc<dyn Catalogue>,
        users: Arc<dyn Users>,
        settings: Settings,
    ) -> Arc<Self> {
        Arc::new(Self {
            catalogue,
            users,
            loaders: OnceLock::new(),
            installed: Installed::default(),
            versions: Versions::new(settings.versions.clone()),
            opened: OnceLock::new(),
            turns: Turns::default(),
            settings,
            current_grants: RwLock::default(),
            granting: tokio::sync::Mutex::default(),
            slots: RwLock::default(),
            working: Working::default(),
            starting: watch::Sender::default(),
            any_starting: AtomicBool::new(false),
            timers: Arc::default(),
            call_traces: CallTraces::default(),
            calls: Mutex::default(),
            former_logs: Mutex::default(),
            replaying: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        })
    }

    /// Loads the folder and brings up what users have enabled. Called once,
    /// before the server listens. `backends` creates the backends, in the order in
    /// which they are asked for a file.
    ///
    /// # Errors
    ///
    /// [`StartError`]. A plugin that does not load or start is none.
    pub async fn start(
        self: &Arc<Self>,
        backends: impl FnOnce() -> Result<Vec<Arc<dyn Loader>>, BackendError>,
    ) -> Result<(), StartError> {
        // Looked at while the backends come up.
        let plugins = Arc::clone(self);
        let found = tokio::spawn(async move { plugins.look_around().await });
        self.apply_grants(&Actor::Folder).await;
        let loaders = backends().map_err(StartError::Backend)?;
        let _: Result<(), _> = self.loaders.set(loaders.into());
        let found = match found.await {
            Ok(found) => found?,
            Err(_) => self.look_around().await?,
        };
        let seen = self.open_folder(found).await;
        self.add_instances(&self.users.list().await?).await?;
        let enabled = self.catalogue.user_plugins(Selection::Enabled).await?;
        let closed = enabled.iter().filter(|row| row.fail_closed);
        for row in closed.filter(|row| self.installed.has(&row.plugin)) {
            let filter = Required {
                instance: row.id,
                plugin: row.plugin.clone(),
                applications: row.filter_applications.clone(),
            };
            self.working.require(row.user_id, filter);
        }
        let mut starting = HashMap::new();
        for row in &enabled {
            *starting.entry(row.user_id).or_insert(0) += 1;
        }
        self.any_starting
            .store(!starting.is_empty(), Ordering::Release);
        self.starting.send_replace(starting);
        let plugins = Arc::clone(self);
        let resumed = self.tasks.spawn(async move {
            let resumed = plugins.resume_all(enabled).await;
            plugins.starting.send_replace(HashMap::new());
            plugins.any_starting.store(false, Ordering::Release);
            resumed
        });
        // Goes on by itself after that: whatever plugins do, the server serves.
        if let Ok(resumed) = tokio::time::timeout(START_PATIENCE, resumed).await {
            resumed.unwrap_or(Ok(()))?;
        }
        let _: Result<(), _> = self.opened.set(());
        self.tasks
            .spawn(timers::run(Arc::clone(self), self.stopping.clone()));
        self.tasks
            .spawn(call_trace::run(Arc::clone(self), self.stopping.clone()));
        self.tasks
            .spawn(idle::run(Arc::clone(self), self.stopping.clone()));
        self.tasks
            .spawn(folder::run(Arc::clone(self), seen, self.stopping.clone()));
        self.tasks
            .spawn(granting::run(Arc::clone(self), self.stopping.clone()));
        Ok(())
    }

    /// Starts the enabled plugins. A row whose plugin is gone or broken waits
    /// for it.
    async fn resume_all(self: &Arc<Self>, rows: Vec<UserPlugin>) -> Result<(), EmbedderError> {
        let mut enabled = Vec::new();
        for row in rows.into_iter().filter(|row| row.enabled) {
            enabled.extend(self.load(row).await?);
        }
        futures_util::stream::iter(enabled)
            .for_each_concurrent(STARTING, async |slot| {
                self.resume(&slot).await;
                self.started(slot.user_id());
            })
            .await;
        Ok(())
    }

    /// Notes that one instance of a user was brought up at the start, or failed to.
    fn started(&self, user_id: i64) {
        self.starting.send_if_modified(|users| {
            let Some(left) = users.get_mut(&user_id) else {
                return false;
            };
            *left = left.saturating_sub(1);
            let last = *left == 0;
            if last {
                users.remove(&user_id);
            }
            last
        });
    }

    /// Waits until a user's instances were brought up at the start, but no longer
    /// than filters may take: a message that comes early should not miss them.
    async fn wait_for_start(&self, user_id: i64) {
        if !self.any_starting.load(Ordering::Acquire) {
            return;
        }
        let mut starting = self.starting.subscribe();
        let up = starting.wait_for(|users| !users.contains_key(&user_id));
        // A message does not wait for a plugin that takes longer.
        let _ = tokio::time::timeout(self.settings.filter_deadline, up).await;
    }

    /// Stops all instances. Called once, after the last request was answered.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        let slots: Vec<_> = self.slots.read().by_id.values().cloned().collect();
        // An open call continues if it can end in time; otherwise its messages
        // are passed again later.
        if tokio::time::timeout(STOPPING, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("calls into plugins did not end within {STOPPING:?}");
        }
        let stopped = futures_util::future::join_all(slots.iter().map(async |slot| {
            let stopped = self.stop_instance(slot, StopReason::ShuttingDown).await;
            if let Err(error) = stopped {
                slot.note(&error);
            }
        }));
        if tokio::time::timeout(STOPPING, stopped).await.is_err() {
            tracing::warn!("plugins did not stop within {STOPPING:?} and are left behind");
        }
        self.try_store_call_traces().await;
    }

    /// A user's plugins, oldest first.
    ///
    /// # Errors
    ///
    /// [`EmbedderError`].
    pub async fn of_user(&self, user_id: i64) -> Result<Vec<Arc<Slot>>, EmbedderError> {
        self.add_instances(&[user_id]).await?;
        let mut slots = Vec::new();
        for row in self
            .catalogue
            .user_plugins(Selection::OfUser(user_id))
            .await?
        {
            slots.extend(self.load(row).await?);
        }
        Ok(slots)
    }

    /// One of a user's plugins; none if it is another's, or is not installed.
    ///
    /// # Errors
    ///
    /// [`EmbedderError`].
    pub async fn slot(&self, user_id: i64, id: i64) -> Result<Option<Arc<Slot>>, EmbedderError> {
        let slot = match self.slot_in_memory(id) {
            Some(slot) => Some(slot),
            None => match self.catalogue.user_plugin(id).await? {
                Some(row) => self.load(row).await?,
                None => None,
            },
        };
        Ok(slot.filter(|slot| slot.user_id() == user_id))
    }

    /// The plugin of a webhook token; none if there is none, or if it is not
    /// installed.
    ///
    /// # Errors
    ///
    /// [`EmbedderError`].
    pub async fn slot_by_token(&self, token: &str) -> Result<Option<Arc<Slot>>, EmbedderError> {
        let known = self.slots.read().by_token.get(token).cloned();
        if known.is_some() {
            return Ok(known);
        }
        match self.catalogue.user_plugin_by_token(token).await? {
            Some(row) => self.load(row).await,
            None => Ok(None),
        }
    }

    /// Returns the reports of the files that did not load.
    pub fn failures(&self) -> Vec<LoadError> {
        self.installed.reports()
    }

    /// Returns the error of the administrator's file, if it cannot be used.
    pub fn grants_problem(&self) -> Option<String> {
        let current = self.current_grants.read();
        current.problem.as_ref().map(ToString::to_string)
    }

    /// Returns the path of the administrator's grants.
    pub fn grants_path(&self) -> &Path {
        &self.settings.grants
    }

    /// The administrator's grants as last read.
    pub fn grants(&self) -> Arc<GrantsFile> {
        Arc::clone(&self.current_grants.read().file)
    }

    /// The runtime's handle of an instance; made if it is not there.
    ///
    /// # Errors
    ///
    /// The reason for which the plugin did not make it.
    pub async fn instance(&self, slot: &Slot) -> Result<Lease, CallError> {
        slot.used();
        let mut made = slot.made.lock().await;
        if let Some(made) = &*made {
            return Ok(made.lease());
        }
        if slot.is_gone() {
            return Err(CallError::Unavailable(
                "the plugin or its user was removed".to_owned(),
            ));
        }
        let new = self.make(slot, &slot.plugin()).await?;
        Ok(made.insert(new).lease())
    }

    /// The runtime's handle of an instance, if it is there and nobody makes or replaces it.
    fn made_instance(slot: &Slot) -> Option<Lease> {
        let made = slot.made.try_lock().ok()?;
        let lease = made.as_ref()?.lease();
        slot.used();
        Some(lease)
    }

    /// Makes a handle of a version for a slot, with the grants and limits of
    /// now. Nothing calls it yet.
    async fn make(&self, slot: &Slot, plugin: &OnDemand) -> Result<InstanceHandle, CallError> {
        let manifest = plugin.manifest();
        let Rights { grants, limits } = self.rights(slot, manifest);
        let host = self.host_of(slot, manifest, slot.consent());
        let setup = InstanceSetup {
            user: slot.user.clone(),
            host: Arc::new(host),
            grants,
            limits,
            log: Arc::clone(&slot.log),
            denials: Arc::clone(&slot.denials),
            config: slot.state().config,
            base_path: slot.webhook_path.clone(),
            trial: false,
        };
        let calls = Arc::clone(self.calls.lock().entry(manifest.id.clone()).or_default());
        let instance = plugin.instance(setup).await;
        slot.failing.made(&instance);
        let failing = Arc::clone(&slot.failing);
        let measured = Measured::wrap(instance?, calls, failing, manifest);
        Ok(InstanceHandle::new(measured))
    }

    /// The host of a slot's instance. It serves the user's messages while there is
    /// consent.
    fn host_of(
        &self,
        slot: &Slot,
        manifest: &Manifest,
        consent: Arc<AtomicBool>,
    ) -> host::InstanceHost {
        host::InstanceHost {
            catalogue: Arc::clone(&self.catalogue),
            users: Arc::clone(&self.users),
            hops: Arc::clone(&slot.hops),
            open_calls: Arc::clone(&slot.open_calls),
            timers: Arc::clone(&self.timers),
            clock: self.settings.clock.clone(),
            consent,
            instance: slot.id,
            user_id: slot.user_id(),
            manifest: manifest.clone(),
        }
    }

    /// Returns the calls into a plugin since the start; none if there was no instance.
    pub fn calls(&self, plugin: &str) -> Option<Arc<Calls>> {
        self.calls.lock().get(plugin).cloned()
    }

    /// Returns the memory of a plugin in bytes: that of its process, or of all
    /// instances of a component. None where it cannot be measured.
    pub async fn memory_of(&self, plugin: &str) -> Option<u64> {
        let current = self.installed.current(plugin)?;
        if current.backend() == Backend::Native {
            return tokio::task::spawn_blocking(move || current.memory_bytes())
                .await
                .ok()?;
        }
        let mut bytes = 0;
        for slot in self.slots_of(plugin) {
            let made = slot.made.lock().await;
            bytes += made
                .as_ref()
                .map_or(0, |made| made.instance().guard().memory_bytes());
        }
        Some(bytes)
    }

    /// Returns the users' plugins whose listeners receive messages now.
    pub fn fed(&self, plugin: &str) -> Vec<i64> {
        let slots = self.slots_of(plugin).into_iter();
        let fed = slots.filter(|slot| slot.feeding.lock().is_some());
        fed.map(|slot| slot.id).collect()
    }

    /// The slot of a row; none if its plugin is not installed or its user gone.
    async fn load(&self, row: UserPlugin) -> Result<Option<Arc<Slot>>, EmbedderError> {
        if let Some(slot) = self.slot_in_memory(row.id) {
            return Ok(Some(slot));
        }
        let Some(user) = self.users.get(row.user_id).await? else {
            return Ok(None);
        };
        let webhook_path = self.users.webhook_path(row.id, &row.token);
        let limits = self.grants().of(&row.plugin).limits;
        let mut slots = self.slots.write();
        // Done while the slots are locked, so that a swap finds the slot among
        // them.
        let Some(plugin) = self.installed.current(&row.plugin) else {
            return Ok(None);
        };
        let slot = Arc::clone(
            slots
                .by_id
                .entry(row.id)
                .or_insert_with(|| Arc::new(Slot::new(row, webhook_path, user, plugin, &limits))),
        );
        slots.by_token.insert(slot.token.clone(), Arc::clone(&slot));
        Ok(Some(slot))
    }

    /// The backends, in the order in which they are asked.
    fn loaders(&self) -> Arc<[Arc<dyn Loader>]> {
        self.loaders
            .get()
            .map_or_else(|| Vec::new().into(), Arc::clone)
    }

    fn slot_in_memory(&self, id: i64) -> Option<Arc<Slot>> {
        self.slots.read().by_id.get(&id).cloned()
    }
}
