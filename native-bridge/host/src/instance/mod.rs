//! One user's instance in a plugin's process.
//!
//! The handle lasts. Its instance in the process has a number, and is recreated
//! in each process. Calls run one after another, except those that a concurrent
//! instance accepts at the same time.
//!
//! - this module: reaching an instance, and bringing it to the needed state.
//! - `live`: its state in the process, and the state that a call needs.
//! - `calls`: the contract's exports.
//! - `streaming`: webhooks' responses in parts.
//! - `failure`: the meaning of a plugin's failure for the caller.

mod calls;
mod failure;
mod live;
mod streaming;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mortise_runtime::{
    CallError, Capabilities, Guard, InstanceSetup, Log, Rights,
    contract::export::{Export, Needs},
    guard::OpenCall,
    lifecycle::{self, Code, Stage},
    log::Source,
    types::{Level, User},
};
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use self::live::{Features, Limit, Live, Place};
use crate::{
    connection::AskError,
    imports::Route,
    sandbox::Reach,
    supervisor::{Member, Supervisor, debugger::Debugger, running::Running},
};
use mortise_protocol::methods::{self, Created, Empty, Method};

/// A handle to one user's instance. Dropping it drops the instance.
#[derive(Debug)]
pub(crate) struct NativeInstance {
    inner: Arc<Inner>,
}

struct Inner {
    supervisor: Arc<Supervisor>,
    user: User,
    base_path: Option<String>,
    guard: Arc<Guard>,
    /// Exclusive for calls that go one after another.
    gate: RwLock<Live>,
    /// The last configuration that was accepted, or the one to try first.
    config: Mutex<Option<String>>,
    /// The capabilities that it reported at its last creation; none before the
    /// first.
    made: Mutex<Option<Features>>,
    /// True if it has code in the process, or should have after a crash.
    present: AtomicBool,
    /// True if it is started at each creation.
    started: AtomicBool,
    filtering: Arc<AtomicU32>,
    /// The number under which it crashed while others were calling it too: the
    /// next call that has it alone makes it anew.
    crashed: AtomicU64,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Inner")
            .field("user", &self.user)
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}

/// An instance that was reached, and is kept while it is called.
enum Access<'a> {
    Alone(RwLockWriteGuard<'a, Live>),
    Shared(RwLockReadGuard<'a, Live>),
}

impl Access<'_> {
    fn live(&self) -> &Live {
        match self {
            Self::Alone(live) => live,
            Self::Shared(live) => live,
        }
    }
}

/// The process, the instance's number in it, and the instance.
type Ready<'a> = (Arc<Running>, u64, Access<'a>);

/// A call that may be made.
struct Opened<'a> {
    call: OpenCall<'a>,
    limit: Limit,
}

/// An instance that was reached for a call.
struct Reached<'a> {
    running: Arc<Running>,
    number: u64,
    held: Access<'a>,
    limit: Limit,
    _call: OpenCall<'a>,
}

impl NativeInstance {
    pub(crate) fn new(supervisor: Arc<Supervisor>, setup: InstanceSetup) -> Self {
        let InstanceSetup {
            user,
            host,
            grants,
            limits,
            log,
            denials,
            config,
            base_path,
            trial: _,
        } = setup;
        let rights = Rights { grants, limits };
        Self {
            inner: Arc::new(Inner {
                supervisor,
                user,
                base_path,
                guard: Arc::new(Guard::new(host, rights, log, denials)),
                gate: RwLock::default(),
                config: Mutex::new(config),
                made: Mutex::default(),
                present: AtomicBool::new(true),
                started: AtomicBool::new(false),
                filtering: Arc::default(),
                crashed: AtomicU64::new(0),
            }),
        }
    }

    /// Returns the member that the supervisor recreates after a crash.
    pub(crate) fn member(&self) -> Arc<dyn Member> {
        Arc::clone(&self.inner) as Arc<dyn Member>
    }

    /// Has the plugin make it.
    ///
    /// # Errors
    ///
    /// The process does not start, or as any call.
    pub(crate) async fn create(&self) -> Result<(), CallError> {
        // The start of the process has a limit of its own: the time for the call
        // begins after it.
        self.inner.supervisor.running().await?;
        let opened = self.inner.open(methods::CREATE)?;
        self.inner.reach(opened, false).await.map(drop)
    }
}

impl Drop for NativeInstance {
    fn drop(&mut self) {
        let inner = Arc::clone(&self.inner);
        inner.started.store(false, Ordering::Relaxed);
        // Without a runtime there is no process either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { inner.remove().await });
        }
    }
}

impl Inner {
    fn deadline(&self) -> Duration {
        self.guard.call_deadline()
    }

    fn debugger(&self) -> &Debugger {
        self.supervisor.imports().debugger()
    }

    fn made(&self) -> Features {
        self.made.lock().unwrap_or_default()
    }

    /// Opens a call, if it can and may be called.
    fn open(&self, method: Method) -> Result<Opened<'_>, CallError> {
        let Export {
            name, capability, ..
        } = method.export;
        if let Some(capability) = capability
            && !self.made().capabilities.contains(capability)
        {
            return Err(CallError::NotExported(capability));
        }
        let call = self.guard.open_call(name, capability)?;
        let given = call.in_force().limits.call_deadline();
        Ok(Opened {
            call,
            limit: Limit::new(method, given),
        })
    }

    /// Brings the process and the instance to what a call needs. With `shared`
    /// a concurrent instance is left open to others.
    async fn reach<'a>(
        &'a self,
        opened: Opened<'a>,
        shared: bool,
    ) -> Result<Reached<'a>, CallError> {
        let Opened { call, mut limit } = opened;
        let needs = limit.method.export.needs;
        if needs == Needs::Started && !self.started.load(Ordering::Relaxed) {
            return Err(CallError::Stopped);
        }
        let (running, number, held) = match self.ready(needs, shared)? {
            Some(ready) => ready,
            // In a box, for all that may have to be done is much to keep in
            // every call that needs none of it.
            None => Box::pin(self.make_ready(&mut limit, needs, shared)).await?,
        };
        Ok(Reached {
            running,
            number,
            held,
            limit,
            _call: call,
        })
    }

    /// The instance, if nothing is to be done or waited for: nearly always.
    fn ready(&self, needs: Needs, shared: bool) -> Result<Option<Ready<'_>>, CallError> {
        let Some(running) = self.supervisor.up()? else {
            return Ok(None);
        };
        let held = if shared && self.made().concurrent {
            self.gate.try_read().ok().map(Access::Shared)
        } else {
            self.gate.try_write().ok().map(Access::Alone)
        };
        Ok(held.and_then(|held| {
            let number = self.usable(&running, held.live(), needs)?;
            Some((running, number, held))
        }))
    }

    /// Its number, if it can be called as it is, in a process that is not over.
    fn usable(&self, running: &Running, live: &Live, needs: Needs) -> Option<u64> {
        let number = live.number(running.generation, needs)?;
        let crashed = number == self.crashed.load(Ordering::Relaxed);
        (!crashed && !running.is_stopping()).then_some(number)
    }

    async fn make_ready(
        &self,
        limit: &mut Limit,
        needs: Needs,
        shared: bool,
    ) -> Result<Ready<'_>, CallError> {
        let debugger = self.debugger();
        let (running, mut live) = loop {
            // Before the gate: what restores instances after a crash takes gates.
            let running = match self.supervisor.up()? {
                Some(running) => running,
                None => limit
                    .within(debugger, self.supervisor.running())
                    .await
                    .ok_or_else(|| limit.exceeded())??,
            };
            if shared && self.made().concurrent {
                let live = limit
                    .within(debugger, self.gate.read())
                    .await
                    .ok_or_else(|| limit.busy())?;
                // It may have been ended while this call waited for its turn.
                if !running.is_over()
                    && let Some(number) = self.usable(&running, &live, needs)
                {
                    return Ok((running, number, Access::Shared(live)));
                }
            }
            let live = limit
                .within(debugger, self.gate.write())
                .await
                .ok_or_else(|| limit.busy())?;
            // As above.
            if !running.is_over() && !running.is_stopping() {
                break (running, live);
            }
        };
        if live.place.map(|place| place.number) == Some(self.crashed.load(Ordering::Relaxed)) {
            self.discard(&running, &mut live);
        }
        let bring_up = self.bring_up(&running, &mut live, needs, *limit);
        let number = limit
            .within(debugger, bring_up)
            .await
            .ok_or_else(|| limit.exceeded())??;
        let held = if shared && self.made().concurrent {
            Access::Shared(live.downgrade())
        } else {
            Access::Alone(live)
        };
        Ok((running, number, held))
    }

    async fn bring_up(
        &self,
        running: &Arc<Running>,
        live: &mut Live,
        needs: Needs,
        limit: Limit,
    ) -> Result<u64, CallError> {
        if let Some(number) = live.number(running.generation, needs) {
            return Ok(number);
        }
        let number = match live.number(running.generation, Needs::Made) {
            Some(number) => number,
            None => self.make(running, live, limit).await?,
        };
        let config = self.config.lock().clone();
        let mut code = InProcess {
            inner: self,
            running,
            number,
            limit,
            stage: live.stage,
        };
        let brought_up = lifecycle::bring_up(&mut code, needs, config.as_deref()).await;
        live.stage = code.stage;
        if let Err(error) = brought_up {
            if !live.stage.configured {
                self.discard(running, live);
            }
            return Err(error);
        }
        Ok(number)
    }

    /// Has the plugin make it in this process.
    async fn make(
        &self,
        running: &Arc<Running>,
        live: &mut Live,
        limit: Limit,
    ) -> Result<u64, CallError> {
        // One of another process, or whose making was given up half way.
        self.discard(running, live);
        let number = self.supervisor.imports().register(Route {
            guard: Arc::clone(&self.guard),
            filtering: Arc::clone(&self.filtering),
        });
        live.place = Some(Place {
            generation: running.generation,
            number,
        });
        let params = methods::Create {
            instance: number,
            user: self.user.clone(),
            base_path: self.base_path.clone(),
        };
        let answer = running
            .ask::<_, Created>(methods::CREATE, None, &params, limit.left(self.debugger()))
            .await;
        match answer {
            Ok(created) => {
                *self.made.lock() = Some(Features {
                    capabilities: created.known(),
                    concurrent: created.concurrent,
                });
                live.created = true;
                self.present.store(true, Ordering::Relaxed);
                Ok(number)
            }
            Err(error) => {
                let failed = self.failed(running, methods::CREATE, limit, error).await;
                self.discard(running, live);
                Err(failed)
            }
        }
    }

    /// Drops its instance in a process without waiting for the plugin.
    fn discard(&self, running: &Arc<Running>, live: &mut Live) {
        let Some(place) = std::mem::take(live).place else {
            return;
        };
        self.supervisor.imports().unregister(place.number);
        if place.generation == running.generation {
            let running = Arc::clone(running);
            let deadline = self.deadline();
            tokio::spawn(async move { drop_in(&running, place.number, deadline).await });
        }
    }

    async fn ask<P: Serialize, R: DeserializeOwned>(
        &self,
        running: &Running,
        method: Method,
        number: u64,
        params: &P,
        limit: Limit,
    ) -> Result<R, CallError> {
        match running
            .ask(method, Some(number), params, limit.left(self.debugger()))
            .await
        {
            Ok(answer) => Ok(answer),
            Err(error) => Err(Box::pin(self.failed(running, method, limit, error)).await),
        }
    }

    /// Returns the meaning of a failed call for its caller.
    async fn failed(
        &self,
        running: &Running,
        method: Method,
        limit: Limit,
        error: AskError,
    ) -> CallError {
        let call = method.export.name;
        match error {
            AskError::TimedOut => limit.exceeded(),
            AskError::Closed(_) if running.is_stopping() => {
                CallError::Unavailable("the host ended its process; try again".to_owned())
            }
            AskError::Closed(_) => running.crashed(call).await,
            AskError::BadAnswer(what) => CallError::BadAnswer {
                call,
                what: format!("something else than was asked for: {what}"),
            },
            AskError::Unsendable(error) => CallError::Unavailable(error.to_string()),
            AskError::Failed(failure) => failure::answered(call, failure, limit),
        }
    }

    /// Calls an export.
    async fn call<P: Serialize, R: DeserializeOwned>(
        &self,
        opened: Opened<'_>,
        shared: bool,
        params: &P,
    ) -> Result<R, CallError> {
        let mut reached = self.reach(opened, shared).await?;
        let Reached {
            running,
            number,
            limit,
            ..
        } = &reached;
        let outcome = self
            .ask(running, limit.method, *number, params, *limit)
            .await;
        outcome.inspect_err(|error| self.failed_in(&mut reached, error))
    }

    /// Sees to what follows for the instance from a failed call.
    fn failed_in(&self, reached: &mut Reached<'_>, error: &CallError) {
        if let CallError::Crashed { .. } = error {
            match &mut reached.held {
                Access::Alone(live) => self.discard(&reached.running, live),
                Access::Shared(_) => self.crashed.store(reached.number, Ordering::Relaxed),
            }
        }
        self.note(error);
    }

    /// Logs failures that no caller receives.
    fn note(&self, error: &CallError) {
        if matches!(
            error,
            CallError::Crashed { .. }
                | CallError::DeadlineExceeded { .. }
                | CallError::BadAnswer { .. }
        ) {
            self.guard
                .log()
                .write(Level::Error, Source::Host, &error.full());
        }
    }

    /// Drops it, and ends the process if it was the last one.
    async fn remove(&self) {
        if let Ok(mut live) = tokio::time::timeout(self.deadline(), self.gate.write()).await {
            self.leave(&mut live).await;
        }
        self.present.store(false, Ordering::Relaxed);
        self.supervisor.stop_if_empty().await;
    }

    /// Drops its instance in the process, and waits for the plugin.
    async fn leave(&self, live: &mut Live) {
        let Some(place) = std::mem::take(live).place else {
            return;
        };
        self.supervisor.imports().unregister(place.number);
        if let Some(running) = self.supervisor.current(place.generation) {
            drop_in(&running, place.number, self.deadline()).await;
        }
    }
}

/// An instance that the plugin made in a process.
struct InProcess<'a> {
    inner: &'a Inner,
    running: &'a Running,
    number: u64,
    limit: Limit,
    stage: Stage,
}

impl InProcess<'_> {
    async fn ask<P: Serialize, R: DeserializeOwned>(
        &self,
        method: Method,
        params: &P,
    ) -> Result<R, CallError> {
        self.inner
            .ask(self.running, method, self.number, params, self.limit)
            .await
    }
}

impl Code for InProcess<'_> {
    fn capabilities(&self) -> Capabilities {
        self.inner.made().capabilities
    }

    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    async fn defaults(&mut self) -> Result<String, CallError> {
        self.ask(methods::DEFAULTS, &Empty {}).await
    }

    async fn apply(&mut self, config: &str) -> Result<(), CallError> {
        let params = calls::applied(config).await;
        self.ask(methods::APPLY, &params).await
    }

    async fn start(&mut self) -> Result<(), CallError> {
        let user = self.inner.user.clone();
        self.ask(methods::START, &methods::Start { user }).await
    }
}

/// Lets the plugin drop an instance. Its answer changes nothing.
async fn drop_in(running: &Running, number: u64, deadline: Duration) {
    let params = methods::Drop { instance: number };
    let _: Result<(), _> = running.ask(methods::DROP, None, &params, deadline).await;
}

#[async_trait]
impl Member for Inner {
    fn reach(&self) -> Reach {
        Reach::of(&self.guard)
    }

    fn is_present(&self) -> bool {
        self.present.load(Ordering::Relaxed)
    }

    fn is_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    async fn restore(&self, running: &Arc<Running>) {
        if self.made.lock().is_none() {
            // The first creation, for a waiting caller.
            return;
        }
        let needs = if self.is_started() {
            Needs::Started
        } else {
            Needs::Configured
        };
        let mut limit = Limit::new(methods::START, self.deadline());
        let step = limit;
        let restored = limit.within(self.debugger(), async {
            let mut live = self.gate.write().await;
            self.bring_up(running, &mut live, needs, step).await
        });
        let restored = restored.await;
        if let Err(error) = restored.unwrap_or_else(|| Err(limit.exceeded())) {
            self.guard.log().write(
                Level::Error,
                Source::Host,
                &format!("it could not be restarted: {}", error.full()),
            );
        }
    }

    fn log(&self) -> &Arc<Log> {
        self.guard.log()
    }
}
