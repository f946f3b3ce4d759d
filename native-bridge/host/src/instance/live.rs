//! The current state of an instance in its process, and a call's way to its deadline.

use std::time::Duration;

use mortise_runtime::{CallError, Capabilities, contract::export::Needs, lifecycle::Stage};
use tokio::time::Instant;

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
/// is not read before that.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) method: Method,
    pub(super) given: Duration,
    until: Option<Instant>,
}

impl Limit {
    pub(super) const fn new(method: Method, given: Duration) -> Self {
        Self {
            method,
            given,
            until: None,
        }
    }

    /// The same way, and no longer than this. It has not begun.
    pub(super) fn at_most(self, most: Duration) -> Self {
        Self {
            given: self.given.min(most),
            ..self
        }
    }

    /// Returns its end. The first call begins it.
    pub(super) fn until(&mut self) -> Instant {
        *self
            .until
            .get_or_insert_with(|| Instant::now() + self.given)
    }

    /// Returns the remaining time.
    pub(super) fn left(&self) -> Duration {
        match self.until {
            Some(until) => until.saturating_duration_since(Instant::now()),
            None => self.given,
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
