//! A call, from waiting for the instance's turn to its result.
//!
//! Usually the instance is free and running, and a call is a lock, a look at
//! the current rights, and the guest. All rarer work is in separate futures.

use std::{
    hint::spin_loop,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{MutexGuard, SemaphorePermit};
use wasmtime::{Trap, WasmBacktrace, component::ResourceTableError};
use wasmtime_wasi::I32Exit;

use super::{WasmInstance, slot::Slot, up::Up};
use crate::{
    deadline::{Deadline, Ended},
    store::State,
};
use mortise_runtime::{
    CallError, Capabilities, Capability,
    contract::export::{self, Export, Needs},
    guard::{InForce, OpenCall},
    lifecycle::{self, Code, Stage},
    limits::{self, Limit},
    log::Source,
    text::cut,
    types::{Level, StopReason},
};

/// Looks at a slot that another call has, before the call waits in a queue: most calls
/// end in a few microseconds, and waiting costs a timer and a switch to another task.
const SPINS: u32 = 64;

/// A call under way: the store is out of its slot.
pub(super) struct Call<'a> {
    slot: MutexGuard<'a, Slot>,
    pub(super) up: Box<Up>,
    pub(super) deadline: Deadline<'a>,
    pub(super) open: OpenCall<'a>,
    name: &'static str,
    /// A webhook's turn.
    _turn: Option<SemaphorePermit<'a>>,
}

/// A store that is up to what a call needs, out of its slot.
struct Ready<'a> {
    slot: MutexGuard<'a, Slot>,
    up: Box<Up>,
    /// A webhook's turn.
    _turn: Option<SemaphorePermit<'a>>,
}

/// A call that is counted among those that wait for the slot.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn for_slot(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
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
        let mut deadline = self.deadline(open.in_force().limits.call_deadline().min(most));
        // A webhook call takes its turn first.
        let has_turn = capability != Some(Capability::Webhook);
        let free = has_turn.then(|| self.free_slot()).flatten();
        let at_once = free.and_then(|slot| take_ready(slot, needs, open.in_force()));
        let Ready {
            slot,
            mut up,
            _turn,
        } = match at_once {
            Some(ready) => ready,
            None => self.make_ready(export, &mut deadline).await?,
        };
        up.store.set_epoch_deadline(1);
        up.store.data_mut().begin_call();
        Ok(Call {
            slot,
            up,
            deadline,
            open,
            name,
            _turn,
        })
    }

    /// The slot, if it is free or becomes so in less time than it takes to wait for it.
    fn free_slot(&self) -> Option<MutexGuard<'_, Slot>> {
        for _ in 0..SPINS {
            if let Ok(slot) = self.slot.try_lock() {
                return Some(slot);
            }
            // The slot goes to those in the queue first.
            if self.waiting.load(Ordering::Relaxed) > 0 {
                return None;
            }
            spin_loop();
        }
        None
    }

    fn deadline(&self, given: Duration) -> Deadline<'_> {
        Deadline::after(given, &self.linked.shared.ticker)
    }

    /// Waits for the slot and brings the instance to what a call needs.
    ///
    /// In a box and in a function of its own, because it is rare and large: each
    /// call's future and stack would have to make room for it.
    #[cold]
    #[inline(never)]
    fn make_ready<'a, 'd>(
        &'a self,
        export: &'d Export,
        deadline: &'d mut Deadline<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<Ready<'a>, CallError>> + Send + 'd>>
    where
        'a: 'd,
    {
        Box::pin(self.wait_until_ready(export, deadline))
    }

    async fn wait_until_ready(
        &self,
        &Export {
            name,
            capability,
            needs,
        }: &Export,
        deadline: &mut Deadline<'_>,
    ) -> Result<Ready<'_>, CallError> {
        let _turn = match capability {
            Some(Capability::Webhook) => Some(self.webhook_turn(name, deadline).await?),
            _ => None,
        };
        let _waits = Waits::for_slot(&self.waiting);
        let mut lock = pin!(self.slot.lock());
        let mut free = None;
        if capability == Some(Capability::Filter) {
            // Strangers must not keep it from being asked.
            let half = tokio::time::timeout(deadline.given / 2, lock.as_mut());
            match deadline.run(half).await {
                Ok(Ok(slot)) => free = Some(slot),
                Ok(Err(_)) => self.webhook_ends().cancel(),
                Err(_) => return Err(deadline.busy(name)),
            }
        }
        let mut slot = match free {
            Some(slot) => slot,
            None => deadline.run(lock).await.map_err(|_| deadline.busy(name))?,
        };
        slot.may_be_called(needs)?;
        // It may have waited for long.
        let in_force = self.guard.in_force();
        if let Some(up) = slot.take_ready(needs, &in_force) {
            return Ok(Ready { slot, up, _turn });
        }
        let up = slot.up.take();
        let brought = self.bring_up(up, Arc::clone(&in_force), needs, slot.config.as_deref());
        let error = match deadline.run_unless(brought, in_force.given()).await {
            Ok(Ok(up)) => return Ok(Ready { slot, up, _turn }),
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

    /// Waits until no other webhook call has the slot or waits for it.
    async fn webhook_turn(
        &self,
        name: &'static str,
        deadline: &mut Deadline<'_>,
    ) -> Result<SemaphorePermit<'_>, CallError> {
        match deadline.run(self.webhooks.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            // It is never closed.
            Ok(Err(_)) | Err(_) => Err(deadline.busy(name)),
        }
    }

    async fn bring_up(
        &self,
        mut up: Option<Box<Up>>,
        in_force: Arc<InForce>,
        needs: Needs,
        config: Option<&str>,
    ) -> Result<Box<Up>, CallError> {
        let mut up = match up.take_if(|up| up.goes_on_under(&in_force)) {
            Some(up) => up,
            None => {
                if let Some(replaced) = up {
                    self.let_go(replaced).await;
                }
                Up::new(&self.linked, Arc::clone(&self.guard), in_force).await?
            }
        };
        let mut code = Guest {
            instance: self,
            up: &mut up,
        };
        lifecycle::bring_up(&mut code, needs, config).await?;
        Ok(up)
    }

    /// Drops code that was started under rights that are no longer in force.
    /// Code that lost a right does not run with it again.
    pub(super) async fn let_go(&self, mut up: Box<Up>) {
        if !up.under.given().is_cancelled()
            && let Err(error) = self.tell_to_stop(&mut up, StopReason::Reloading).await
        {
            let text = format!("it did not stop in order: {error}");
            self.guard.log().write(Level::Warn, Source::Host, &text);
        }
    }

    /// Calls `lifecycle.stop` of started code.
    pub(super) async fn tell_to_stop(
        &self,
        up: &mut Up,
        reason: StopReason,
    ) -> Result<(), CallError> {
        if !up.stage.started || !self.linked.capabilities.contains(Capability::Lifecycle) {
            return Ok(());
        }
        let name = export::STOP.name;
        let mut deadline = self.deadline(self.guard.call_deadline());
        up.store.set_epoch_deadline(1);
        up.store.data_mut().begin_call();
        let outcome = match up.lifecycle(&self.linked.indices) {
            Ok(guest) => deadline.run(guest.stop(&mut up.store, reason)).await,
            Err(error) => Ok(Err(error)),
        };
        outcome
            .map_err(|_| deadline.exceeded(name))?
            .map_err(|error| crashed(name, &error, up.store.data()))?
            .map_err(refused)
    }
}

/// A component in its store, as its lifecycle calls it.
struct Guest<'a> {
    instance: &'a WasmInstance,
    up: &'a mut Up,
}

/// Calls a function of an interface, and returns its answer.
macro_rules! ask {
    ($self:ident, $export:ident, $interface:ident . $function:ident ( $($argument:expr),* )) => {{
        let up = &mut *$self.up;
        up.store.data_mut().begin_call();
        let answer = match up.$interface(&$self.instance.linked.indices) {
            Ok(guest) => guest.$function(&mut up.store $(, $argument)*).await,
            Err(error) => Err(error),
        };
        answer.map_err(|error| crashed(export::$export.name, &error, up.store.data()))
    }};
}

impl Code for Guest<'_> {
    fn capabilities(&self) -> Capabilities {
        self.instance.linked.capabilities
    }

    fn stage(&mut self) -> &mut Stage {
        &mut self.up.stage
    }

    async fn defaults(&mut self) -> Result<String, CallError> {
        match self.instance.linked.configuration() {
            Some(configuration) => Ok(configuration.defaults.clone()),
            None => ask!(self, DEFAULTS, configurer.defaults()),
        }
    }

    async fn apply(&mut self, config: &str) -> Result<(), CallError> {
        let new = self.instance.linked.config_in_force(config);
        let before = self.up.store.data_mut().configuration.replace(new);
        let applied = match self.instance.linked.configuration() {
            Some(_) => Ok(self.up.store.data_mut().check_config().await),
            None => ask!(self, APPLY, configurer.apply(config)),
        };
        if let Ok(Err(_)) = &applied {
            self.up.store.data_mut().configuration = before;
        }
        applied?.map_err(CallError::Config)
    }

    async fn start(&mut self) -> Result<(), CallError> {
        ask!(self, START, lifecycle.start(&self.instance.user))?.map_err(refused)
    }
}

/// Takes the store, if there is nothing to do before it is called.
fn take_ready<'a>(
    mut slot: MutexGuard<'a, Slot>,
    needs: Needs,
    in_force: &Arc<InForce>,
) -> Option<Ready<'a>> {
    slot.may_be_called(needs).ok()?;
    let up = slot.take_ready(needs, in_force)?;
    Some(Ready {
        slot,
        up,
        _turn: None,
    })
}

/// Returns the error for a guest's rejection.
pub(super) fn refused(text: String) -> CallError {
    CallError::Refused(cut(&text, limits::REASON_BYTES).to_owned())
}

/// The error of a call that a guest did not return from.
pub(super) fn crashed(call: &'static str, error: &wasmtime::Error, state: &State) -> CallError {
    let cause = cause(error, state);
    let cause = cut(&cause, limits::REASON_BYTES);
    // Both go into one entry of the log.
    let room = limits::LOG_ENTRY_BYTES.saturating_sub(cause.len() + call.len() + 32);
    CallError::Crashed {
        call,
        cause: cause.to_owned(),
        details: details(error, &state.stderr.of_call(), room),
    }
}

fn cause(error: &wasmtime::Error, state: &State) -> String {
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        let what = "it holds too many of the host's streams, headers, requests and files at a time";
        return state.guard.exhaust(Limit::Handles, what);
    }
    let exit = error.downcast_ref::<I32Exit>();
    let trap = error.downcast_ref::<Trap>();
    // The ways in which programs end that do without memory they asked for.
    let gave_up = exit.is_some()
        || matches!(
            trap,
            None | Some(Trap::UnreachableCodeReached | Trap::MemoryOutOfBounds)
        );
    if state.memory.exceeded && gave_up {
        state.guard.reach(Limit::MemoryBytes);
        let most = state.guard.in_force().limits.memory_bytes;
        return format!("it needs more than its {most} bytes of memory");
    }
    match (exit, trap) {
        (Some(exit), _) => format!("it called exit({})", exit.0),
        (None, Some(trap)) => trap.to_string(),
        (None, None) => error.root_cause().to_string(),
    }
}

/// The output of a failed call, from its first line on, and the guest's stack;
/// of too much output the middle is left out.
fn details(error: &wasmtime::Error, lines: &[String], room: usize) -> String {
    let trace = error
        .downcast_ref::<WasmBacktrace>()
        .map(WasmBacktrace::to_string)
        .unwrap_or_default();
    let trace = cut(trace.trim_end(), room / 2);
    let mut details = both_ends(lines, room - trace.len());
    details.push_str(trace);
    details.trim_end().to_owned()
}

/// The bytes that the line takes which says how many were left out.
const LEFT_OUT: usize = 40;

/// As many lines as there is room for: from the first on in a quarter of it, up
/// to the last in the rest.
fn both_ends(lines: &[String], room: usize) -> String {
    let size = |line: &String| line.len() + 1;
    if lines.iter().map(size).sum::<usize>() <= room {
        return lines
            .iter()
            .fold(String::new(), |all, line| all + line + "\n");
    }
    let (first, rest) = match lines.split_first() {
        Some(split) => split,
        None => return String::new(),
    };
    let mut text = cut(first, room / 4).to_owned();
    text.push('\n');
    let mut head = 0;
    for line in rest {
        if text.len() + size(line) > room / 4 {
            break;
        }
        text.push_str(line);
        text.push('\n');
        head += 1;
    }
    let rest = rest.get(head..).unwrap_or_default();
    let mut left = room.saturating_sub(text.len() + LEFT_OUT);
    let fits = |line: &&String| {
        let fits = size(line) <= left;
        left = left.saturating_sub(if fits { size(line) } else { left });
        fits
    };
    let tail = rest.iter().rev().take_while(fits).count();
    let out = rest.len() - tail;
    if out > 0 {
        text.push_str(&format!("... {out} lines left out ...\n"));
    }
    for line in rest.get(out..).unwrap_or_default() {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::both_ends;

    #[test]
    fn of_too_much_output_both_ends_are_kept() {
        let lines =
            |count: usize| -> Vec<_> { (0..count).map(|n| format!("line {n:03}")).collect() };
        assert_eq!(both_ends(&lines(2), 100), "line 000\nline 001\n");
        assert_eq!(both_ends(&[], 0), "");
        let text = both_ends(&lines(500), 1000);
        assert!(text.len() <= 1000, "{}", text.len());
        assert!(text.starts_with("line 000\nline 001\n"), "{text}");
        assert!(text.ends_with("line 498\nline 499\n"), "{text}");
        let said: usize = text
            .lines()
            .find_map(|line| line.strip_prefix("... ")?.split(' ').next()?.parse().ok())
            .unwrap();
        assert_eq!(said + text.lines().count() - 1, 500);
        let long = both_ends(&["x".repeat(5000), "the end".to_owned()], 1000);
        assert!(long.len() <= 1000 && long.ends_with("the end\n"), "{long}");
    }
}
