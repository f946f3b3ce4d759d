//! One user's component: brought up at the first call, called by a deadline,
//! discarded when it failed.
//!
//! Whoever calls takes the store out of its slot and puts it back only when
//! the guest returned in order. So a trap, a time-out and a caller that gives
//! up all have the same end: the store is dropped, the slot stays empty, and
//! the next call fills it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::Instant,
};
use wasmtime::{Store, Trap, WasmBacktrace, component};
use wasmtime_wasi::I32Exit;

use super::{
    deadline::{Deadline, Ended},
    engine::Running,
    exports::Indices,
    incoming,
    loader::Linked,
    store::State,
};
use crate::{
    Guard,
    contract::{
        Capabilities, Capability,
        bindings::exports::mortise::plugin::{
            configurer, displayer, filter, lifecycle, listener, manifest, timer, webhook,
        },
        types::{
            Draft, Level, Manifest, Message, StopReason, User, Verdict, WebhookRequest,
            WebhookResponse,
        },
    },
    guard::{InForce, OpenCall, Rights},
    limits,
    log::{Source, cut},
    plugin::{CallError, Instance, InstanceSetup},
};

/// The most bytes a guest may hand over in one call: a webhook's answer is the
/// largest thing it can say.
const HANDOVER_BYTES: usize = 2 * limits::WEBHOOK_RESPONSE_BYTES;

/// A handle on one user's component.
#[derive(Debug)]
pub(super) struct WasmInstance {
    linked: Arc<Linked>,
    user: User,
    guard: Arc<Guard>,
    slot: Mutex<Slot>,
}

/// What lasts while stores come and go.
#[derive(Debug, Default)]
struct Slot {
    up: Option<Box<Up>>,
    /// Whether `lifecycle.start` is to be called each time it comes up.
    started: bool,
    /// The last configuration that was accepted, or the one to try first.
    config: Option<String>,
    failures: Option<Failures>,
}

/// Failures in a row.
#[derive(Debug)]
struct Failures {
    count: u32,
    retry: Instant,
    last: String,
}

/// The pause after the second failure in a row; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Slot {
    fn failed(&mut self, error: &CallError) {
        let count = self.failures.as_ref().map_or(0, |failures| failures.count) + 1;
        // The first failure costs nothing: most are one bad input.
        let pause = match count {
            1 => Duration::ZERO,
            _ => FIRST_PAUSE
                .saturating_mul(1 << (count - 2).min(16))
                .min(LONGEST_PAUSE),
        };
        self.failures = Some(Failures {
            count,
            retry: Instant::now() + pause,
            last: error.to_string(),
        });
    }

    fn paused(&self) -> Result<(), CallError> {
        match &self.failures {
            Some(failures) if failures.retry > Instant::now() => Err(CallError::BackingOff {
                retry_in: failures.retry.duration_since(Instant::now()),
                last: failures.last.clone(),
            }),
            _ => Ok(()),
        }
    }
}

/// A store with its component in it.
struct Up {
    store: Store<State>,
    instance: component::Instance,
    guests: Guests,
    /// What it was brought up under.
    under: Arc<InForce>,
    /// Whether the instance's configuration was applied, if it has one.
    configured: bool,
    started: bool,
}

impl Up {
    fn meets(&self, needs: Needs) -> bool {
        match needs {
            Needs::Bare => true,
            Needs::Configured => self.configured,
            Needs::Started => self.started,
        }
    }
}

impl std::fmt::Debug for Up {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Up")
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}

/// Declares the functions of each interface, made callable on first use.
macro_rules! guests {
    ($($interface:ident,)*) => {
        #[derive(Default)]
        struct Guests {
            $($interface: Option<$interface::Guest>,)*
        }

        impl Up {
            $(
                /// The interface's functions; the caller saw that it is exported.
                fn $interface(&mut self, indices: &Indices) -> wasmtime::Result<$interface::Guest> {
                    if let Some(guest) = &self.guests.$interface {
                        return Ok(guest.clone());
                    }
                    let indices = indices.$interface.as_ref().ok_or_else(|| {
                        wasmtime::format_err!("`{}` is not exported", stringify!($interface))
                    })?;
                    let guest = indices.load(&mut self.store, &self.instance)?;
                    self.guests.$interface = Some(guest.clone());
                    Ok(guest)
                }
            )*

            /// Checks the type of everything that is exported.
            fn check_types(&mut self, indices: &Indices) -> wasmtime::Result<()> {
                $(
                    if indices.$interface.is_some() {
                        self.$interface(indices).map_err(|error| {
                            let name = stringify!($interface);
                            wasmtime::format_err!("in the export `{name}`: {error:#}")
                        })?;
                    }
                )*
                Ok(())
            }
        }
    };
}

guests! { manifest, lifecycle, configurer, displayer, webhook, filter, listener, timer, }

/// What a call needs of the instance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// To be up, configured or not.
    Bare,
    /// To be up with its configuration applied.
    Configured,
    /// To be started too.
    Started,
}

/// A call under way: the store is out of its slot.
struct Call<'a> {
    slot: MutexGuard<'a, Slot>,
    up: Box<Up>,
    name: &'static str,
    deadline: Deadline,
    _running: Running<'a>,
    _open: OpenCall,
}

impl Call<'_> {
    /// Puts the store back, or discards it and says why.
    fn settle<R>(self, outcome: Result<wasmtime::Result<R>, Ended>) -> Result<R, CallError> {
        let Self {
            mut slot,
            up,
            name,
            deadline,
            ..
        } = self;
        let error = match outcome {
            Ok(Ok(answer)) => {
                slot.failures = None;
                slot.up = Some(up);
                return Ok(answer);
            }
            Ok(Err(error)) => crashed(name, &error, up.store.data()),
            // No fault of the guest's.
            Err(Ended::TakenBack) => return Err(CallError::TakenBack { call: name }),
            Err(Ended::Elapsed) => CallError::DeadlineExceeded {
                call: name,
                deadline: deadline.given,
            },
        };
        up.store
            .data()
            .guard
            .log()
            .write(Level::Error, Source::Host, &error.full());
        slot.failed(&error);
        Err(error)
    }
}

impl WasmInstance {
    pub(super) fn new(linked: Arc<Linked>, setup: InstanceSetup) -> Self {
        let InstanceSetup {
            user,
            host,
            grants,
            limits,
            log,
            denials,
            config,
            // Guests are told with each request.
            base_path: _,
        } = setup;
        Self {
            linked,
            user,
            guard: Arc::new(Guard::new(host, Rights { grants, limits }, log, denials)),
            slot: Mutex::new(Slot {
                config,
                ..Slot::default()
            }),
        }
    }

    /// Asks for the manifest, after the types of all exports were checked.
    ///
    /// # Errors
    ///
    /// Of the types, as wasmtime says it; of the call, as any call.
    pub(super) async fn describe(&self) -> Result<wasmtime::Result<Manifest>, CallError> {
        let mut call = self
            .begin("manifest.describe", self.limit(), Needs::Bare)
            .await?;
        if let Err(error) = call.up.check_types(&self.linked.indices) {
            return Ok(Err(error));
        }
        let outcome = match call.up.manifest(&self.linked.indices) {
            Ok(guest) => {
                call.deadline
                    .run(guest.call_describe(&mut call.up.store))
                    .await
            }
            Err(error) => Ok(Err(error)),
        };
        call.settle(outcome).map(Ok)
    }

    fn limit(&self) -> Duration {
        self.guard.in_force().limits.call_deadline()
    }

    fn exports(&self, capability: Capability) -> Result<(), CallError> {
        if self.linked.capabilities.contains(capability) {
            Ok(())
        } else {
            Err(CallError::NotExported(capability))
        }
    }

    /// Waits for the instance, brings it up if it is down, and takes its store.
    async fn begin(
        &self,
        name: &'static str,
        given: Duration,
        needs: Needs,
    ) -> Result<Call<'_>, CallError> {
        let open = self.guard.open_call(name)?;
        let mut deadline = Deadline::after(given);
        let mut slot = match self.slot.try_lock() {
            Ok(slot) => slot,
            Err(_) => deadline
                .run(self.slot.lock())
                .await
                .map_err(|_| CallError::Busy {
                    call: name,
                    deadline: given,
                })?,
        };
        if needs == Needs::Started && !slot.started {
            return Err(CallError::Stopped);
        }
        slot.paused()?;
        let running = self.linked.shared.ticker.run();
        // Whatever is taken back from here on ends the call.
        let in_force = self.guard.in_force();
        deadline.or_when(in_force.given().clone());
        let up = match slot.up.take() {
            Some(up) if up.meets(needs) && up.under.gives_the_same(&in_force) => up,
            up => {
                // In a box of its own, for it is rare and large: each call's
                // future would have to make room for it.
                let brought = self.bring_up(up, in_force, needs, slot.config.as_deref());
                match deadline.run(Box::pin(brought)).await {
                    Ok(Ok(up)) => up,
                    Err(Ended::TakenBack) => return Err(CallError::TakenBack { call: name }),
                    failed => {
                        let error = match failed {
                            Ok(Err(error)) => error,
                            _ => CallError::DeadlineExceeded {
                                call: name,
                                deadline: given,
                            },
                        };
                        self.guard
                            .log()
                            .write(Level::Error, Source::Host, &error.full());
                        slot.failed(&error);
                        return Err(error);
                    }
                }
            }
        };
        let mut call = Call {
            slot,
            up,
            name,
            deadline,
            _running: running,
            _open: open,
        };
        call.up.store.set_epoch_deadline(1);
        Ok(call)
    }

    async fn bring_up(
        &self,
        up: Option<Box<Up>>,
        in_force: Arc<InForce>,
        needs: Needs,
        config: Option<&str>,
    ) -> Result<Box<Up>, CallError> {
        let indices = &self.linked.indices;
        let mut up = match up {
            Some(up) if up.under.gives_the_same(&in_force) => up,
            replaced => {
                if let Some(replaced) = replaced {
                    self.let_go(replaced).await;
                }
                self.instantiate(in_force).await?
            }
        };
        if needs != Needs::Bare && !up.configured {
            if let Some(config) = config
                && self.linked.capabilities.contains(Capability::Configurer)
            {
                let answer = match up.configurer(indices) {
                    Ok(guest) => guest.call_apply(&mut up.store, config).await,
                    Err(error) => Err(error),
                };
                answer
                    .map_err(|error| crashed("configurer.apply", &error, up.store.data()))?
                    .map_err(CallError::Config)?;
            }
            up.configured = true;
        }
        if needs == Needs::Started {
            if self.linked.capabilities.contains(Capability::Lifecycle) {
                let answer = match up.lifecycle(indices) {
                    Ok(guest) => guest.call_start(&mut up.store, &self.user).await,
                    Err(error) => Err(error),
                };
                answer
                    .map_err(|error| crashed("lifecycle.start", &error, up.store.data()))?
                    .map_err(refused)?;
            }
            up.started = true;
        }
        Ok(up)
    }

    /// Drops what was brought up under rights that are not in force any more.
    /// What lost something does not get to run with it once again.
    async fn let_go(&self, mut up: Box<Up>) {
        if !up.under.given().is_cancelled()
            && let Err(error) = self.tell_to_stop(&mut up, StopReason::Reloading).await
        {
            let text = format!("it did not stop in order: {error}");
            self.guard.log().write(Level::Warn, Source::Host, &text);
        }
    }

    /// Calls `lifecycle.stop` of what was started.
    async fn tell_to_stop(&self, up: &mut Up, reason: StopReason) -> Result<(), CallError> {
        if !up.started || !self.linked.capabilities.contains(Capability::Lifecycle) {
            return Ok(());
        }
        let (name, given) = ("lifecycle.stop", self.limit());
        let _running = self.linked.shared.ticker.run();
        up.store.set_epoch_deadline(1);
        let outcome = match up.lifecycle(&self.linked.indices) {
            Ok(guest) => tokio::time::timeout(given, guest.call_stop(&mut up.store, reason)).await,
            Err(error) => Ok(Err(error)),
        };
        outcome
            .map_err(|_| CallError::DeadlineExceeded {
                call: name,
                deadline: given,
            })?
            .map_err(|error| crashed(name, &error, up.store.data()))?
            .map_err(refused)
    }

    /// What became of a webhook call that was ended because something was
    /// taken back: most likely its grant.
    fn webhook_ended(&self, error: CallError) -> CallError {
        match (error, self.guard.may_be_called(Capability::Webhook)) {
            (CallError::TakenBack { .. }, Err(denied)) => denied,
            (error, _) => error,
        }
    }

    async fn instantiate(&self, in_force: Arc<InForce>) -> Result<Box<Up>, CallError> {
        let state = State::new(self.guard.clone(), &in_force).map_err(CallError::Unavailable)?;
        let mut store = Store::new(&self.linked.shared.engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store.set_hostcall_fuel(HANDOVER_BYTES);
        match self.linked.pre.instantiate_async(&mut store).await {
            Ok(instance) => {
                let guests = Guests::default();
                Ok(Box::new(Up {
                    store,
                    instance,
                    guests,
                    under: in_force,
                    configured: false,
                    started: false,
                }))
            }
            Err(error) if error.is::<wasmtime::PoolConcurrencyLimitError>() => {
                Err(CallError::Unavailable(
                    "as many instances are up as the server allows at the same time".to_owned(),
                ))
            }
            Err(error) => Err(crashed("instantiate", &error, store.data())),
        }
    }
}

fn refused(text: String) -> CallError {
    CallError::Refused(cut(&text, limits::REASON_BYTES).to_owned())
}

/// How much of what a guest wrote to standard error goes with its failure. A
/// language that writes its own trace begins with what went wrong.
const TRACE_LINES: usize = 40;

/// What a failed call says about the guest.
fn crashed(call: &'static str, error: &wasmtime::Error, state: &State) -> CallError {
    let cause = if state.memory.exceeded {
        format!(
            "it needs more than its {} bytes of memory",
            state.guard.in_force().limits.memory_bytes
        )
    } else if let Some(exit) = error.downcast_ref::<I32Exit>() {
        format!("it called exit({})", exit.0)
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        trap.to_string()
    } else {
        error.root_cause().to_string()
    };
    let mut details = String::new();
    for entry in state.guard.log().last(Source::Stderr, TRACE_LINES) {
        details.push_str(&entry.text);
        details.push('\n');
    }
    if let Some(trace) = error.downcast_ref::<WasmBacktrace>() {
        details.push_str(&trace.to_string());
    }
    CallError::Crashed {
        call,
        cause: cut(&cause, limits::REASON_BYTES).to_owned(),
        details: cut(details.trim_end(), limits::LOG_ENTRY_BYTES).to_owned(),
    }
}

/// Calls one function of an interface by the call's deadline and settles it.
macro_rules! call {
    ($self:ident, $call:ident, $interface:ident . $function:ident ( $($argument:expr),* )) => {{
        let outcome = match $call.up.$interface(&$self.linked.indices) {
            Ok(guest) => {
                $call.deadline.run(guest.$function(&mut $call.up.store $(, $argument)*)).await
            }
            Err(error) => Ok(Err(error)),
        };
        $call.settle(outcome)
    }};
}

#[async_trait]
impl Instance for WasmInstance {
    fn capabilities(&self) -> Capabilities {
        self.linked.capabilities
    }

    fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }

    async fn regrant(&self, rights: Rights) {
        self.guard.change(rights);
        // A call under way sees to it itself, and the next one does too.
        let Ok(mut slot) = self.slot.try_lock() else {
            return;
        };
        let in_force = self.guard.in_force();
        let replaced = slot.up.take_if(|up| !up.under.gives_the_same(&in_force));
        if let Some(up) = replaced {
            self.let_go(up).await;
        }
    }

    async fn start(&self) -> Result<(), CallError> {
        let before = std::mem::replace(&mut self.slot.lock().await.started, true);
        match self
            .begin("lifecycle.start", self.limit(), Needs::Started)
            .await
        {
            Ok(call) => call.settle(Ok(Ok(()))),
            Err(error) => {
                self.slot.lock().await.started = before;
                Err(error)
            }
        }
    }

    async fn stop(&self, reason: StopReason) -> Result<(), CallError> {
        let mut slot = self.slot.lock().await;
        if reason != StopReason::Idle {
            slot.started = false;
        }
        match slot.up.take() {
            Some(mut up) => self.tell_to_stop(&mut up, reason).await,
            None => Ok(()),
        }
    }

    async fn default_config(&self) -> Result<String, CallError> {
        self.exports(Capability::Configurer)?;
        let mut call = self
            .begin("configurer.defaults", self.limit(), Needs::Bare)
            .await?;
        let text = call!(self, call, configurer.call_defaults())?;
        bounded("configurer.defaults", text, limits::CONFIG_BYTES)
    }

    async fn config_schema(&self) -> Result<Option<String>, CallError> {
        self.exports(Capability::Configurer)?;
        let mut call = self
            .begin("configurer.schema", self.limit(), Needs::Bare)
            .await?;
        let schema = call!(self, call, configurer.call_schema())?;
        schema
            .map(|text| bounded("configurer.schema", text, limits::CONFIG_BYTES))
            .transpose()
    }

    async fn apply_config(&self, config: &str) -> Result<(), CallError> {
        self.exports(Capability::Configurer)?;
        let mut call = self
            .begin("configurer.apply", self.limit(), Needs::Bare)
            .await?;
        let answer = call!(self, call, configurer.call_apply(config))?;
        let mut slot = self.slot.lock().await;
        answer.map_err(CallError::Config)?;
        slot.config = Some(config.to_owned());
        if let Some(up) = &mut slot.up {
            up.configured = true;
        }
        Ok(())
    }

    async fn display(&self, base_url: Option<&str>) -> Result<String, CallError> {
        self.exports(Capability::Displayer)?;
        let mut call = self
            .begin("displayer.display", self.limit(), Needs::Configured)
            .await?;
        let text = call!(self, call, displayer.call_display(base_url))?;
        bounded("displayer.display", text, limits::DISPLAY_BYTES)
    }

    async fn webhook(&self, request: WebhookRequest) -> Result<WebhookResponse, CallError> {
        self.exports(Capability::Webhook)?;
        // Before it is looked whether it is granted: what is taken back from
        // here on ends the call.
        let taken_back = self.guard.in_force().webhook().clone();
        self.guard.may_be_called(Capability::Webhook)?;
        let request = self.guard.webhook_request(request);
        let mut call = self
            .begin("webhook.handle", self.limit(), Needs::Started)
            .await?;
        call.deadline.or_when(taken_back);
        let response = match &self.linked.indices.incoming {
            Some(indices) if self.linked.indices.webhook.is_none() => {
                let up = &mut *call.up;
                let handled = incoming::handle(&mut up.store, &up.instance, indices, request);
                let outcome = call.deadline.run(handled).await;
                call.settle(outcome)
            }
            _ => call!(self, call, webhook.call_handle(&request)),
        };
        let response = response.map_err(|error| self.webhook_ended(error))?;
        self.guard.webhook_response(response)
    }

    async fn filter(&self, draft: &Draft, deadline: Duration) -> Result<Verdict, CallError> {
        self.exports(Capability::Filter)?;
        self.guard.may_be_called(Capability::Filter)?;
        let given = deadline.min(self.limit());
        let mut call = self.begin("filter.filter", given, Needs::Started).await?;
        call.up.store.data_mut().in_filter = true;
        let outcome = match call.up.filter(&self.linked.indices) {
            Ok(guest) => {
                call.deadline
                    .run(guest.call_filter(&mut call.up.store, draft))
                    .await
            }
            Err(error) => Ok(Err(error)),
        };
        call.up.store.data_mut().in_filter = false;
        self.guard.verdict(call.settle(outcome)?.map_err(refused)?)
    }

    async fn on_messages(&self, messages: &[Message]) -> Result<(), CallError> {
        self.exports(Capability::Listener)?;
        self.guard.may_be_called(Capability::Listener)?;
        let mut call = self
            .begin("listener.on-messages", self.limit(), Needs::Started)
            .await?;
        call!(self, call, listener.call_on_messages(messages))?.map_err(refused)
    }

    async fn on_timer(&self, name: &str) -> Result<(), CallError> {
        self.exports(Capability::Timer)?;
        self.guard.may_be_called(Capability::Timer)?;
        let mut call = self
            .begin("timer.on-timer", self.limit(), Needs::Started)
            .await?;
        call!(self, call, timer.call_on_timer(name))?.map_err(refused)
    }
}

fn bounded(call: &'static str, text: String, most: usize) -> Result<String, CallError> {
    if text.len() <= most {
        Ok(text)
    } else {
        Err(CallError::BadAnswer {
            call,
            what: format!("{} bytes, more than {most}", text.len()),
        })
    }
}
