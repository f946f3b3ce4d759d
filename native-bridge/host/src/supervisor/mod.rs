//! Keeps one plugin's process running, and reports its status.
//!
//! - [`process`]: one process below its monitor: start, commands, exit.
//! - [`output`]: its output.
//! - [`running`]: a process after its handshake: its connection and its end.
//! - [`start_error`]: the reason for which there is none.
//! - [`memory`]: the processes below one, and their memory.
//! - [`debugger`]: deadlines while a debugger is attached.
//! - [`restart`]: pauses between crashes.
//! - [`attach`]: processes started by hand.
//! - this module: the plugin's state, and the effects of a crash.
//!
//! The supervisor starts a process when it is needed. After a crash with
//! started instances, it restarts the process after a pause. It recreates the
//! instances in the order of their first creation, before it admits any other
//! call. A crash loop ends in [`State::Failed`], which ends when a person
//! starts an instance or loads the file again.

mod attach;
pub(crate) mod debugger;
mod memory;
pub(crate) mod output;
pub(crate) mod process;
mod restart;
pub(crate) mod running;
pub(crate) mod start_error;

use std::{
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use mortise_runtime::{CallError, Log, log::Source, process::State, types::Level};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::OwnedMutexGuard;

use self::{
    attach::AttachPoint,
    restart::Crashes,
    running::{Postmortem, Running},
    start_error::StartError,
};
use crate::{imports::Imports, lasting::Version, sandbox::Reach, shared::Shared};

/// An instance, as the supervisor needs it.
#[async_trait]
pub(crate) trait Member: Send + Sync {
    /// Returns its reach into the host.
    fn reach(&self) -> Reach;
    /// Returns true if it has code in the process, or should have.
    fn is_present(&self) -> bool;
    /// Returns true if it is started together with the process.
    fn is_started(&self) -> bool;
    /// Brings it up in a new process. What fails is its own affair.
    async fn restore(&self, running: &Arc<Running>);
    /// Its log.
    fn log(&self) -> &Arc<Log>;
}

enum Phase {
    Down,
    Starting,
    Up(Arc<Running>),
    Pausing { until: Instant },
    Failed,
}

/// The turn to start or stop the process. A method that must not run beside another
/// takes the turn of its caller.
struct Turn {
    _held: OwnedMutexGuard<()>,
}

/// One plugin's supervisor.
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    file: PathBuf,
    id: String,
    imports: Arc<Imports>,
    phase: Mutex<Phase>,
    crashes: Mutex<Crashes>,
    members: Mutex<Vec<Weak<dyn Member>>>,
    attaching: Mutex<Option<AttachPoint>>,
    generations: AtomicU64,
    /// Locked by a [`Turn`].
    turns: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Supervisor")
            .field("file", &self.file)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// The generation of a plugin's first process.
pub(crate) const FIRST_GENERATION: u64 = 1;
/// The interval between checks for unneeded processes.
const IDLE_CHECK: Duration = Duration::from_secs(5);

impl Supervisor {
    /// Supervises a plugin of which no process runs.
    pub(crate) fn new(shared: Arc<Shared>, file: PathBuf, id: String) -> Arc<Self> {
        let imports = Arc::new(Imports::new(shared.settings.log_bytes));
        Self::with_imports(shared, file, id, imports)
    }

    /// Supervises a plugin whose first process runs, and has said that it has this
    /// id. `imports` are those that the process was started with.
    pub(crate) async fn adopting(
        shared: Arc<Shared>,
        file: PathBuf,
        id: String,
        imports: Arc<Imports>,
        running: Arc<Running>,
    ) -> Arc<Self> {
        let supervisor = Self::with_imports(shared, file, id, imports);
        let turn = supervisor.take_turn().await;
        supervisor
            .generations
            .store(running.generation, Ordering::Relaxed);
        *supervisor.phase() = Phase::Starting;
        supervisor.note_missing_protection(&running);
        // One that has ended meanwhile is started again when it is needed.
        let _: Result<_, _> = supervisor.admit(&turn, running).await;
        supervisor
    }

    fn with_imports(
        shared: Arc<Shared>,
        file: PathBuf,
        id: String,
        imports: Arc<Imports>,
    ) -> Arc<Self> {
        let crashes = Mutex::new(Crashes::new(shared.settings.restart));
        Arc::new(Self {
            shared,
            file,
            id,
            imports,
            phase: Mutex::new(Phase::Down),
            crashes,
            members: Mutex::default(),
            attaching: Mutex::default(),
            generations: AtomicU64::new(0),
            turns: Arc::default(),
        })
    }

    /// Returns the plugin's own log: its process's output, and the host's
    /// observations. For the administrator, because it concerns all users
    /// together.
    pub(crate) fn log(&self) -> &Arc<Log> {
        self.imports.log()
    }

    pub(crate) fn imports(&self) -> &Arc<Imports> {
        &self.imports
    }

    pub(crate) fn state(&self) -> State {
        let (crashes, last) = {
            let crashes = self.crashes.lock();
            (crashes.in_a_row(), crashes.last().to_owned())
        };
        match &*self.phase() {
            Phase::Down => State::Down,
            Phase::Starting => State::Starting,
            Phase::Up(running) => State::Up {
                generation: running.generation,
                protection: running.protection(),
            },
            Phase::Pausing { .. } => State::Pausing { crashes, last },
            Phase::Failed => State::Failed { crashes, last },
        }
    }

    /// Returns the memory of the process and of those below it; none if it does not
    /// run or was started by hand.
    pub(crate) fn memory_bytes(&self) -> Option<u64> {
        let running = match &*self.phase() {
            Phase::Up(running) => Arc::clone(running),
            _ => return None,
        };
        running.memory_bytes()
    }

    /// Takes an instance in, after all that are there.
    pub(crate) fn join(&self, member: Weak<dyn Member>) {
        let mut members = self.members.lock();
        members.retain(|member| member.strong_count() > 0);
        members.push(member);
    }

    /// Gets the processes of services from now on.
    pub(crate) fn serve_lasting(self: &Arc<Self>) {
        let version: Arc<dyn Version> = Arc::clone(self) as _;
        self.shared.lasting.joined(&version);
    }

    fn members(&self) -> Vec<Arc<dyn Member>> {
        self.members
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// A person wants it to run: forgets crashes.
    pub(crate) fn forgive(&self) {
        let mut phase = self.phase();
        if matches!(*phase, Phase::Failed | Phase::Pausing { .. }) {
            self.crashes.lock().clear();
            *phase = Phase::Down;
        }
    }

    /// The running process; starts it if it is not there.
    ///
    /// # Errors
    ///
    /// It cannot be started, or crashed and is given a pause.
    pub(crate) async fn running(self: &Arc<Self>) -> Result<Arc<Running>, CallError> {
        if let Some(running) = self.up()? {
            return Ok(running);
        }
        // Goes on though its caller may give up.
        let supervisor = Arc::clone(self);
        tokio::spawn(async move {
            let turn = supervisor.take_turn().await;
            if let Some(running) = supervisor.up()? {
                return Ok(running);
            }
            if let Some(crashed) = supervisor.over() {
                // It is counted and paused before it is reported.
                crashed.postmortem().await;
                if let Some(running) = supervisor.up()? {
                    return Ok(running);
                }
            }
            supervisor.start(&turn).await
        })
        .await
        .unwrap_or_else(|error| {
            Err(CallError::Unavailable(format!(
                "an internal error: {error}"
            )))
        })
    }

    /// The process, if it is up or must not be started now.
    ///
    /// # Errors
    ///
    /// It crashed and is given a pause, or was given up.
    pub(crate) fn up(&self) -> Result<Option<Arc<Running>>, CallError> {
        match &*self.phase() {
            Phase::Up(running) if !running.is_over() => Ok(Some(Arc::clone(running))),
            Phase::Pausing { until } if *until > Instant::now() => Err(CallError::BackingOff {
                retry_in: until.saturating_duration_since(Instant::now()),
                last: self.crashes.lock().last().to_owned(),
            }),
            Phase::Failed => {
                let crashes = self.crashes.lock();
                Err(CallError::Unavailable(format!(
                    "it crashed {} times in a row and was given up; enable it again, or replace \
                     its file, to try once more. Last: {}",
                    crashes.in_a_row(),
                    crashes.last()
                )))
            }
            _ => Ok(None),
        }
    }

    /// Waits for a turn.
    async fn take_turn(&self) -> Turn {
        Turn {
            _held: Arc::clone(&self.turns).lock_owned().await,
        }
    }

    /// Starts the process and brings its instances up.
    async fn start(self: &Arc<Self>, turn: &Turn) -> Result<Arc<Running>, CallError> {
        *self.phase() = Phase::Starting;
        let reach = self.wanted_reach();
        let generation = self.generations.fetch_add(1, Ordering::Relaxed) + 1;
        let started = Running::start(
            &self.shared,
            &self.file,
            reach,
            Arc::clone(&self.imports),
            generation,
        )
        .await;
        let described = match started {
            Ok(running) => self.identified(running).await,
            Err(error) => Err(error),
        };
        let running = match described {
            Ok(running) => running,
            Err(error) => {
                let last = error.to_string();
                self.crashed(&last, Duration::ZERO);
                return Err(CallError::Unavailable(last));
            }
        };
        self.note_missing_protection(&running);
        self.admit(turn, running).await
    }

    fn note_missing_protection(&self, running: &Running) {
        for note in running.protection().missing {
            self.log().write(
                Level::Warn,
                Source::Host,
                &format!("not protected on this machine: {note}"),
            );
        }
    }

    /// Sees that a process is the plugin that it should be.
    async fn identified(&self, running: Arc<Running>) -> Result<Arc<Running>, StartError> {
        let text = match running.describe(self.shared.settings.describe).await {
            Ok(found) if found.manifest.id == self.id => return Ok(running),
            Ok(found) => format!(
                "its description has the id `{}` instead of `{}`; reload the file",
                found.manifest.id, self.id
            ),
            Err(error) => running.explain(error).await,
        };
        running.kill().await;
        Err(StartError::Describe(text))
    }

    /// Brings all instances up in a process and lets calls through.
    async fn admit(
        self: &Arc<Self>,
        _turn: &Turn,
        running: Arc<Running>,
    ) -> Result<Arc<Running>, CallError> {
        tokio::spawn(watch(Arc::downgrade(self), Arc::clone(&running)));
        for member in self.members() {
            if member.is_present() {
                member.restore(&running).await;
            }
        }
        if running.is_over() {
            return Err(running.crashed("start").await);
        }
        let mut phase = self.phase();
        // Unless it crashed this very moment, which was counted then.
        if matches!(*phase, Phase::Starting) {
            *phase = Phase::Up(Arc::clone(&running));
        }
        Ok(Arc::clone(&running))
    }

    /// The process, if it serves no more and that was not dealt with yet.
    fn over(&self) -> Option<Arc<Running>> {
        match &*self.phase() {
            Phase::Up(running) => Some(Arc::clone(running)),
            _ => None,
        }
    }

    /// The process, if it is this one and serves.
    pub(crate) fn current(&self, generation: u64) -> Option<Arc<Running>> {
        match &*self.phase() {
            Phase::Up(running) if running.generation == generation && !running.is_over() => {
                Some(Arc::clone(running))
            }
            _ => None,
        }
    }

    /// Returns the union of all instances' reach.
    fn wanted_reach(&self) -> Reach {
        let all = self
            .members()
            .iter()
            .fold(Reach::default(), |all, member| all.or(member.reach()));
        all.or_default_memory(&self.shared.settings.process)
    }

    /// Puts a process for the grants of now in the place of one that was started
    /// for others. With `lost`, one that is to lose something is not waited
    /// for; otherwise calls under way may end first.
    pub(crate) async fn refit(self: &Arc<Self>, lost: bool) {
        let fits =
            |running: &Running| running.is_attached() || running.reach == self.wanted_reach();
        if matches!(&*self.phase(), Phase::Starting) {
            // It may start for the grants before, and is up at the next turn.
            drop(self.take_turn().await);
        }
        match &*self.phase() {
            Phase::Up(running) if !fits(running) => {}
            _ => return,
        }
        let text = "the grants changed: the server restarts its process";
        self.log().write(Level::Info, Source::Host, text);
        let calls = if lost {
            Duration::ZERO
        } else {
            self.shared.settings.stop.ask
        };
        let turn = self.take_turn().await;
        self.stop_if(&turn, |running| !fits(running), calls).await;
        drop(turn);
        if self.is_needed() {
            // It may have something to do between calls.
            let supervisor = Arc::clone(self);
            tokio::spawn(async move {
                // The next call and the log report a failure.
                let _: Result<_, _> = supervisor.running().await;
            });
        }
    }

    /// Ends the process, if no instance has code in it.
    pub(crate) async fn stop_if_empty(&self) {
        let unused = |running: &Running| {
            !running.is_attached() && !self.members().iter().any(|member| member.is_present())
        };
        let turn = tokio::select! {
            biased;
            turn = self.take_turn() => turn,
            // A debugger may stop a process that starts. One that is not needed ends when
            // it is idle.
            () = self.imports.debugger().attached() => return,
        };
        self.stop_if(&turn, unused, Duration::ZERO).await;
    }

    /// Ends the process in order, if that holds. Calls under way are given `calls` to
    /// end, while no new one gets through.
    async fn stop_if(&self, _turn: &Turn, holds: impl Fn(&Running) -> bool, calls: Duration) {
        let running = match &*self.phase() {
            Phase::Up(running) => Arc::clone(running),
            _ => return,
        };
        if holds(&running) {
            *self.phase() = Phase::Down;
            running.drain(calls).await;
            running.stop(&self.shared.settings.stop).await;
        }
    }

    /// Sets the phase and returns the process it had.
    fn replace_phase(&self, next: Phase) -> Option<Arc<Running>> {
        match std::mem::replace(&mut *self.phase(), next) {
            Phase::Up(running) => Some(running),
            _ => None,
        }
    }

    /// Counts a crash and decides what comes next.
    fn crashed(&self, last: &str, uptime: Duration) {
        let pause = self.crashes.lock().add(last, uptime);
        let mut phase = self.phase();
        match pause {
            Some(pause) => {
                *phase = Phase::Pausing {
                    until: Instant::now() + pause,
                };
                drop(phase);
                self.note(
                    Level::Warn,
                    &format!("{last}; it is started again in {pause:.1?}"),
                );
            }
            None => {
                *phase = Phase::Failed;
                drop(phase);
                self.note(
                    Level::Error,
                    &format!(
                        "{last}; that was too often in a row: it has failed and stays down until \
                         it is enabled again or its file is replaced"
                    ),
                );
            }
        }
    }

    /// Writes to the plugin's log and to those of its instances.
    fn note(&self, level: Level, text: &str) {
        let members = self.members();
        let instances = members.iter().map(|member| &**member.log());
        let all = [&**self.log()].into_iter().chain(instances);
        Log::write_to_all(all, level, Source::Host, text);
    }

    fn is_needed(&self) -> bool {
        self.members()
            .iter()
            .any(|member| member.is_present() && member.is_started())
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // The monitor ends with the socket to it, and the plugin with it.
        if let Some(running) = self.replace_phase(Phase::Down) {
            running.abandon();
        }
    }
}

/// Waits for a process to end, and sees to what follows. Does not keep the
/// supervisor alive.
async fn watch(supervisor: Weak<Supervisor>, running: Arc<Running>) {
    loop {
        tokio::select! {
            () = running.over() => break,
            () = tokio::time::sleep(IDLE_CHECK) => {}
        }
        let Some(supervisor) = supervisor.upgrade() else {
            return;
        };
        let linger = supervisor.shared.settings.linger;
        let idle = |running: &Running| {
            !running.is_attached()
                && !supervisor.is_needed()
                && !supervisor.imports.debugger().is_attached()
                && running.idle_for() >= linger
        };
        let turn = supervisor.take_turn().await;
        supervisor.stop_if(&turn, idle, Duration::ZERO).await;
    }
    running.left();
    if running.is_stopping() {
        running.publish(Postmortem {
            cause: "the host ended its process".to_owned(),
            details: String::new(),
        });
        return;
    }
    let postmortem = running.examine().await;
    let supervisor = supervisor.upgrade();
    if let Some(supervisor) = &supervisor {
        if running.is_attached() {
            supervisor.left(&running);
        } else {
            supervisor.crashed(&with_last_line(&postmortem), running.uptime());
        }
    }
    running.publish(postmortem);
    if let Some(supervisor) = supervisor
        && supervisor.is_needed()
    {
        let pause = match &*supervisor.phase() {
            Phase::Pausing { until } => until.saturating_duration_since(Instant::now()),
            // An attached one may be back in a moment.
            Phase::Down => supervisor.shared.settings.restart.first,
            _ => return,
        };
        tokio::spawn(revive(Arc::downgrade(&supervisor), pause));
    }
}

/// Starts a crashed process again after its pause, if it is needed then.
fn revive(
    supervisor: Weak<Supervisor>,
    pause: Duration,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut pause = pause;
        loop {
            tokio::time::sleep(pause).await;
            let Some(supervisor) = supervisor.upgrade() else {
                return;
            };
            // What fails is counted and logged there.
            if !supervisor.is_needed() || supervisor.running().await.is_ok() {
                return;
            }
            pause = match &*supervisor.phase() {
                Phase::Pausing { until } => until.saturating_duration_since(Instant::now()),
                _ => return,
            };
        }
    })
}

/// The cause, and the last thing it printed.
fn with_last_line(postmortem: &Postmortem) -> String {
    match postmortem.details.lines().last() {
        Some(line) if !line.is_empty() => format!("{}: {line}", postmortem.cause),
        _ => postmortem.cause.clone(),
    }
}
