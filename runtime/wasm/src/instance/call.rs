//! A call: from waiting for the instance's turn to what became of it.
//!
//! Mostly the instance is free and up, and a call is a lock, a look at what is
//! in force, and the guest. Everything else there may be to do stands apart
//! from that, in futures of their own.

use std::{sync::Arc, time::Duration};

use tokio::sync::MutexGuard;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::{
    WasmInstance,
    slot::Slot,
    up::{Needs, Up},
};
use crate::{
    deadline::{Deadline, Ended},
    engine::Running,
    store::State,
};
use mortise_runtime::{
    Capability,
    guard::{InForce, OpenCall},
    limits,
    log::Source,
    plugin::CallError,
    text::cut,
    types::{Level, StopReason},
};

/// An export, and what a call of it needs.
pub(super) struct Export {
    pub(super) name: &'static str,
    /// None for what every plugin has.
    pub(super) capability: Option<Capability>,
    pub(super) needs: Needs,
}

/// A call under way: the store is out of its slot.
pub(super) struct Call<'a> {
    slot: MutexGuard<'a, Slot>,
    pub(super) up: Box<Up>,
    pub(super) deadline: Deadline,
    pub(super) open: OpenCall<'a>,
    name: &'static str,
    _running: Running<'a>,
}

impl Call<'_> {
    /// Puts the store back, or discards it and says why.
    pub(super) fn settle<R>(
        self,
        outcome: Result<wasmtime::Result<R>, Ended>,
    ) -> Result<R, CallError> {
        let Self {
            mut slot,
            up,
            name,
            deadline,
            ..
        } = self;
        let error = match outcome {
            Ok(Ok(answer)) => {
                slot.succeeded(up);
                return Ok(answer);
            }
            Ok(Err(error)) => crashed(name, &error, up.store.data()),
            // No fault of the guest's.
            Err(Ended::TakenBack) => return Err(CallError::TakenBack { call: name }),
            Err(Ended::Elapsed) => deadline.exceeded(name),
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
    /// Waits for the instance's turn, brings it up if it is down, and takes its
    /// store. The call may then take as long as its limit allows.
    pub(super) async fn begin(&self, export: &Export) -> Result<Call<'_>, CallError> {
        self.begin_within(Duration::MAX, export).await
    }

    /// The same, for at most so long.
    pub(super) async fn begin_within(
        &self,
        most: Duration,
        export: &Export,
    ) -> Result<Call<'_>, CallError> {
        let &Export {
            name,
            capability,
            needs,
        } = export;
        if let Some(capability) = capability
            && !self.linked.capabilities.contains(capability)
        {
            return Err(CallError::NotExported(capability));
        }
        let open = self.guard.open_call(name, capability)?;
        let running = self.linked.shared.ticker.run();
        let mut deadline = Deadline::after(open.in_force().limits.call_deadline().min(most));
        let ready = match self.slot.try_lock() {
            Ok(slot) => take_ready(slot, needs, open.in_force()),
            Err(_) => None,
        };
        let (slot, mut up) = match ready {
            Some(ready) => ready,
            // In a box of its own, for it is rare and large: each call's future
            // would have to make room for it.
            None => Box::pin(self.make_ready(name, &mut deadline, needs)).await?,
        };
        up.store.set_epoch_deadline(1);
        Ok(Call {
            slot,
            up,
            deadline,
            open,
            name,
            _running: running,
        })
    }

    /// Waits for the slot and brings the instance to what a call needs.
    async fn make_ready(
        &self,
        name: &'static str,
        deadline: &mut Deadline,
        needs: Needs,
    ) -> Result<(MutexGuard<'_, Slot>, Box<Up>), CallError> {
        let mut slot = deadline
            .run(self.slot.lock())
            .await
            .map_err(|_| CallError::Busy {
                call: name,
                deadline: deadline.given,
            })?;
        slot.may_be_called(needs)?;
        // It may have waited for long.
        let in_force = self.guard.in_force();
        if let Some(up) = slot.take_ready(needs, &in_force) {
            return Ok((slot, up));
        }
        let up = slot.up.take();
        let brought = self.bring_up(up, Arc::clone(&in_force), needs, slot.config.as_deref());
        let error = match deadline.run_unless(brought, in_force.given()).await {
            Ok(Ok(up)) => return Ok((slot, up)),
            Ok(Err(error)) => error,
            // No fault of the guest's.
            Err(Ended::TakenBack) => return Err(CallError::TakenBack { call: name }),
            Err(Ended::Elapsed) => deadline.exceeded(name),
        };
        let log = self.guard.log();
        log.write(Level::Error, Source::Host, &error.full());
        slot.failed(&error);
        Err(error)
    }

    async fn bring_up(
        &self,
        mut up: Option<Box<Up>>,
        in_force: Arc<InForce>,
        needs: Needs,
        config: Option<&str>,
    ) -> Result<Box<Up>, CallError> {
        let indices = &self.linked.indices;
        let mut up = match up.take_if(|up| up.goes_on_under(&in_force)) {
            Some(up) => up,
            None => {
                if let Some(replaced) = up {
                    self.let_go(replaced).await;
                }
                Up::new(&self.linked, Arc::clone(&self.guard), in_force).await?
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
    pub(super) async fn let_go(&self, mut up: Box<Up>) {
        if !up.under.given().is_cancelled()
            && let Err(error) = self.tell_to_stop(&mut up, StopReason::Reloading).await
        {
            let text = format!("it did not stop in order: {error}");
            self.guard.log().write(Level::Warn, Source::Host, &text);
        }
    }

    /// Calls `lifecycle.stop` of what was started.
    pub(super) async fn tell_to_stop(
        &self,
        up: &mut Up,
        reason: StopReason,
    ) -> Result<(), CallError> {
        if !up.started || !self.linked.capabilities.contains(Capability::Lifecycle) {
            return Ok(());
        }
        let name = "lifecycle.stop";
        let mut deadline = Deadline::after(self.guard.call_deadline());
        let _running = self.linked.shared.ticker.run();
        up.store.set_epoch_deadline(1);
        let outcome = match up.lifecycle(&self.linked.indices) {
            Ok(guest) => deadline.run(guest.call_stop(&mut up.store, reason)).await,
            Err(error) => Ok(Err(error)),
        };
        outcome
            .map_err(|_| deadline.exceeded(name))?
            .map_err(|error| crashed(name, &error, up.store.data()))?
            .map_err(refused)
    }
}

/// Takes the store, if there is nothing to do before it is called.
fn take_ready<'a>(
    mut slot: MutexGuard<'a, Slot>,
    needs: Needs,
    in_force: &Arc<InForce>,
) -> Option<(MutexGuard<'a, Slot>, Box<Up>)> {
    slot.may_be_called(needs).ok()?;
    let up = slot.take_ready(needs, in_force)?;
    Some((slot, up))
}

/// What a guest said why it would not.
pub(super) fn refused(text: String) -> CallError {
    CallError::Refused(cut(&text, limits::REASON_BYTES).to_owned())
}

/// How much of what a guest wrote to standard error goes with its failure. A
/// language that writes its own trace begins with what went wrong.
const TRACE_LINES: usize = 40;

/// What a failed call says about the guest.
pub(super) fn crashed(call: &'static str, error: &wasmtime::Error, state: &State) -> CallError {
    let cause = if state.memory.exceeded {
        state.guard.reach(limits::Limit::MemoryBytes);
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
