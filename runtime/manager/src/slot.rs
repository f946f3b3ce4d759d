//! One user's plugin in memory: the row, the runtime's handle, and its tasks.
//! Decides nothing; see `control`.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use mortise_runtime::{
    CallError, Capability, Instance, Limits, Log, Plugin as _,
    grants::UserGrants,
    guard::{Denial, Denials, Reached},
    limits::Limit,
    log::Source,
    registry::OnDemand,
    types::{Level, User},
};
use parking_lot::{Mutex, MutexGuard, RwLock};
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    call_trace::OpenCalls, embedder::UserPlugin, hops::Hops, lease::InstanceHandle,
    listeners::Wanted, measured::Failing, time::now_ms, trace::AskedVersion, turn::SlotTurns,
    working::covers,
};

/// One user's plugin.
#[derive(Debug)]
pub struct Slot {
    /// The instance's id, which the API calls the plugin's.
    pub id: i64,
    /// Its user.
    pub user: User,
    /// The secret part of its webhook address.
    pub token: String,
    /// The path of its webhook; none if the embedder serves no webhooks.
    pub(super) webhook_path: Option<String>,
    /// The time of its creation, in milliseconds since the epoch.
    pub created_ms: i64,
    /// Its log: its output, denials and failures.
    pub log: Arc<Log>,
    /// Held while it is enabled, disabled or configured, so that these do not
    /// cross.
    pub(super) turns: SlotTurns,
    /// The runtime's handle; none before it is first needed. Held while it is
    /// made or replaced, never over a call.
    pub(super) made: tokio::sync::Mutex<Option<InstanceHandle>>,
    /// Handles that were replaced, whose last calls may not have ended.
    pub(super) retiring: Mutex<Vec<Weak<dyn Instance>>>,
    /// Its denials, across versions.
    pub(super) denials: Arc<Denials>,
    /// The functions whose last call failed.
    pub(super) failing: Arc<Failing>,
    /// The count of the messages that it was given lately.
    pub(super) hops: Arc<Hops>,
    /// Its open calls, for their traces.
    pub(super) open_calls: Arc<OpenCalls>,
    /// The task that feeds its listener; none if there is none.
    pub(super) feeding: Mutex<Option<Feeding>>,
    /// Told when its user has a new message.
    pub(super) wake: Notify,
    /// The version of the plugin that the next handle is made of.
    plugin: RwLock<Active>,
    /// True if the slot was removed from its user: nothing is created for it
    /// again.
    gone: AtomicBool,
    /// True if it is enabled and did not start; a task retries then.
    down: AtomicBool,
    consent: Arc<AtomicBool>,
    used_ms: AtomicI64,
    /// True if its filter is asked about messages of all applications, as in its state:
    /// most are, and need not lock it.
    filters_all: AtomicBool,
    state: Mutex<State>,
}

/// A version of the plugin.
#[derive(Debug)]
struct Active {
    plugin: Arc<OnDemand>,
    version: Arc<AskedVersion>,
}

impl Active {
    fn of(plugin: Arc<OnDemand>) -> Self {
        Self {
            version: Arc::new(AskedVersion::of(plugin.manifest())),
            plugin,
        }
    }
}

/// The task that feeds a listener.
#[derive(Debug)]
pub(super) struct Feeding {
    /// The applications whose messages it receives.
    pub(super) wanted: Wanted,
    /// Ends it, after the call in flight.
    pub(super) stop: CancellationToken,
    pub(super) task: JoinHandle<()>,
}

/// The state that may change.
#[derive(Clone, Debug)]
pub struct State {
    /// True if the user enabled it.
    pub enabled: bool,
    /// The user's last consent.
    pub consented: UserGrants,
    /// As stored; none for the plugin's defaults.
    pub config: Option<String>,
    /// Its filter's place in the user's chain.
    pub filter_order: i64,
    /// True if the server rejects messages when its filter fails.
    pub fail_closed: bool,
    /// The ids of the applications whose messages its filter is asked about; none for all.
    pub filter_applications: Option<Vec<u64>>,
    /// Its last failure since it was enabled.
    pub last_error: Option<String>,
}

impl Slot {
    pub(super) fn new(
        row: UserPlugin,
        webhook_path: Option<String>,
        user: User,
        plugin: Arc<OnDemand>,
        limits: &Limits,
    ) -> Self {
        let denials = Denials::default();
        denials.begin_version(plugin.digest());
        Self {
            id: row.id,
            user,
            plugin: RwLock::new(Active::of(plugin)),
            gone: AtomicBool::new(false),
            down: AtomicBool::new(false),
            feeding: Mutex::default(),
            token: row.token,
            webhook_path,
            created_ms: row.created_ms,
            log: Arc::new(Log::new(limits.log_bytes)),
            turns: SlotTurns::default(),
            made: tokio::sync::Mutex::default(),
            retiring: Mutex::default(),
            denials: Arc::new(denials),
            failing: Arc::default(),
            hops: Arc::default(),
            open_calls: Arc::default(),
            wake: Notify::new(),
            consent: Arc::default(),
            used_ms: AtomicI64::new(now_ms()),
            filters_all: AtomicBool::new(row.filter_applications.is_none()),
            state: Mutex::new(State {
                enabled: row.enabled,
                consented: row.consent.unwrap_or_default(),
                config: row.config,
                filter_order: row.filter_order,
                fail_closed: row.fail_closed,
                filter_applications: row.filter_applications,
                last_error: row.last_error,
            }),
        }
    }

    /// The version of the plugin that it has.
    pub fn plugin(&self) -> Arc<OnDemand> {
        Arc::clone(&self.plugin.read().plugin)
    }

    /// That version as traces name it.
    pub(super) fn asked_version(&self) -> Arc<AskedVersion> {
        Arc::clone(&self.plugin.read().version)
    }

    /// Gives it another version of the plugin, which is not at fault for what
    /// the one before failed at.
    pub(super) fn set_plugin(&self, plugin: Arc<OnDemand>) {
        if self.denials.begin_version(plugin.digest()) {
            self.forget_failures();
        }
        let active = Active::of(plugin);
        *self.plugin.write() = active;
    }

    /// Returns true if nothing may be created for it any more. Read and set
    /// with `made` locked.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    pub(super) fn set_gone(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Returns true if it is enabled and down for now.
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    /// Returns true if it is down, or if the last call of one of its functions
    /// failed. A denied call is no failure.
    pub fn is_failing(&self) -> bool {
        self.is_down() || self.failing.is_any()
    }

    /// Begins anew: what failed before says nothing about what comes.
    pub(super) fn forget_failures(&self) {
        self.failing.reset();
        self.lock().last_error = None;
    }

    /// Notes whether it is down; returns whether it was.
    pub(super) fn set_down(&self, down: bool) -> bool {
        self.down.swap(down, Ordering::Relaxed)
    }

    /// The user's id as the database has it.
    pub fn user_id(&self) -> i64 {
        i64::try_from(self.user.id).unwrap_or(i64::MAX)
    }

    /// Returns the path of its webhook; empty if the embedder serves no webhooks.
    pub fn base_path(&self) -> &str {
        self.webhook_path.as_deref().unwrap_or_default()
    }

    /// A copy of what may change.
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    /// Returns the user's consent, or the consent that enabling it would give.
    pub fn consented(&self) -> UserGrants {
        let state = self.lock();
        if state.enabled {
            state.consented.clone()
        } else {
            UserGrants::as_asked(self.plugin().manifest())
        }
    }

    /// Returns true if its plugin is known to have a capability, without asking it.
    pub(super) fn can(&self, capability: Capability) -> bool {
        let capabilities = self.plugin().capabilities();
        capabilities.is_some_and(|all| all.contains(capability))
    }

    /// Returns true if its filter is asked about messages of an application.
    pub(super) fn filters(&self, application: u64) -> bool {
        self.filters_all.load(Ordering::Acquire)
            || covers(self.lock().filter_applications.as_deref(), application)
    }

    /// Returns true if the user enabled it.
    pub fn is_enabled(&self) -> bool {
        self.lock().enabled
    }

    /// Returns its denials since its user's plugins were loaded.
    pub fn denials(&self) -> Vec<Denial> {
        self.denials.list()
    }

    /// Notes that a handle was replaced.
    pub(super) fn retires(&self, old: &Arc<dyn Instance>) {
        let mut retiring = self.retiring.lock();
        retiring.retain(|old| old.strong_count() > 0);
        retiring.push(Arc::downgrade(old));
    }

    /// Notes that it is called now.
    pub(super) fn used(&self) {
        self.used_ms.store(now_ms(), Ordering::Relaxed);
    }

    /// Returns the time of its last call, in milliseconds since the epoch.
    pub(super) fn used_ms(&self) -> i64 {
        self.used_ms.load(Ordering::Relaxed)
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        let filters_all = state.filter_applications.is_none();
        self.filters_all.store(filters_all, Ordering::Release);
        changed
    }

    /// Returns the flag that allows it to use the user's messages: from before
    /// its start until after its stop.
    pub(super) fn consent(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.consent)
    }

    pub(super) fn set_consent(&self, given: bool) {
        self.consent.store(given, Ordering::SeqCst);
    }

    /// Notes a failed call where its user and the administrator look, and the
    /// limit that it reached, if it did.
    pub fn note(&self, error: &CallError) {
        if let Some(limit) = error.limit() {
            self.reach(limit);
        }
        self.tell(error);
    }

    /// Counts that it reached a limit.
    pub fn reach(&self, limit: Limit) {
        self.denials.reach(limit);
    }

    /// The limits that it reached since its user's plugins were loaded.
    pub fn reached(&self) -> Vec<Reached> {
        self.denials.reached()
    }

    /// Writes something that the host noticed to the log, unless it was the last
    /// thing that the host wrote there.
    pub(super) fn note_once(&self, level: Level, text: &str) {
        let last = self.log.last(Source::Host, 1);
        if last.first().is_none_or(|entry| entry.text != text) {
            self.log.write(level, Source::Host, text);
        }
    }

    /// Notes a failed call where its user and the administrator look. A denied
    /// one, of which there is a list, is no failure of the plugin's.
    pub(super) fn tell(&self, error: &CallError) {
        let text = error.full();
        if error.is_denial() {
            self.note_once(Level::Warn, &text);
            return;
        }
        self.lock().last_error = Some(error.to_string());
        // A backend writes down some failures itself.
        self.note_once(Level::Error, &text);
        tracing::warn!(
            plugin = self.plugin().manifest().id,
            user = self.user.name,
            %error,
            "a plugin failed"
        );
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment: what a panic left is whole.
        self.state.lock()
    }
}
