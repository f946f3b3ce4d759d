//! The current state of an instance in its process, and a call's way to its deadline.

use std::{pin::pin, time::Duration};

use mortise_runtime::{CallError, Capabilities, contract::export::Needs, lifecycle::Stage};
use tokio::time::{Instant, timeout_at};

use crate::{
    connection::suspendable,
    supervisor::debugger::{Debugger, LOOK},
};
use mortise_protocol::methods::Method;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Features {
    pub(super) capabilities: Capabilities,
    pub(super) concurrent: bool,
}

/// Its state in a process.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Of which process, and its number there.
    pub(super) place: Option<Place>,
    /// The plugin answered that it made it.
    pub(super) created: bool,
    pub(super) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) generation: u64,
    pub(super) number: u64,
}

impl Live {
    /// Returns its number, if it is in this process and has the needed state.
    pub(super) fn number(&self, generation: u64, needs: Needs) -> Option<u64> {
        let place = self.place.filter(|place| place.generation == generation)?;
        (self.created && self.stage.meets(needs)).then_some(place.number)
    }
}

/// A call's way to its deadline. It begins when the call first waits: the clock
/// is not read before that. It stands still while a debugger suspends deadlines.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) method: Method,
    pub(super) given: Duration,
    begun: Option<Begun>,
}

#[derive(Clone, Copy)]
struct Begun {
    /// The end without a debugger.
    until: Instant,
    /// The time for which deadlines had been suspended before.
    suspended: Duration,
}

impl Limit {
    pub(super) const fn new(method: Method, given: Duration) -> Self {
        Self {
            method,
            given,
            begun: None,
        }
    }

    /// The same way, and no longer than this. It has not begun.
    pub(super) fn at_most(self, most: Duration) -> Self {
        Self {
            given: self.given.min(most),
            ..self
        }
    }

    /// Waits for a future, at most until the end; none if that comes first. The first
    /// call begins the way.
    pub(super) async fn within<F: Future>(
        &mut self,
        debugger: &Debugger,
        future: F,
    ) -> Option<F::Output> {
        let mut future = pin!(future);
        let given = self.given;
        let begun = *self.begun.get_or_insert_with(|| Begun {
            until: Instant::now() + given,
            suspended: debugger.suspended(),
        });
        let mut until = self.end(begun, debugger);
        loop {
            if let Ok(output) = timeout_at(until, future.as_mut()).await {
                return Some(output);
            }
            debugger.look();
            until = self.end(begun, debugger);
            let now = Instant::now();
            if until <= now {
                return None;
            }
            // It moves on while a debugger is attached.
            until = until.max(now + LOOK);
        }
    }

    /// Returns the remaining time.
    pub(super) fn left(&self, debugger: &Debugger) -> Duration {
        match self.begun {
            Some(begun) => self
                .end(begun, debugger)
                .saturating_duration_since(Instant::now()),
            None => self.given,
        }
    }

    fn end(&self, begun: Begun, debugger: &Debugger) -> Instant {
        if suspendable(self.method) {
            begun.until + debugger.suspended().saturating_sub(begun.suspended)
        } else {
            begun.until
        }
    }

    pub(super) const fn exceeded(&self) -> CallError {
        CallError::DeadlineExceeded {
            call: self.method.export.name,
            deadline: self.given,
        }
    }

    pub(super) const fn busy(&self) -> CallError {
        CallError::Busy {
            call: self.method.export.name,
            deadline: self.given,
        }
    }
}
