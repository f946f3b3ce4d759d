//! What an instance is in its process at the moment, and what a call needs of it.

use std::time::Duration;

use mortise_runtime::{CallError, Capabilities};
use tokio::time::Instant;

use crate::protocol::methods::Method;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Made {
    pub(super) capabilities: Capabilities,
    pub(super) concurrent: bool,
}

/// What it is in a process.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Of which process, and its number there.
    pub(super) place: Option<Place>,
    /// The plugin answered that it made it.
    pub(super) created: bool,
    pub(super) configured: bool,
    pub(super) started: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) generation: u64,
    pub(super) number: u64,
}

/// What a call needs of the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// To be made.
    Bare,
    /// To have its configuration.
    Configured,
    /// To be started too.
    Started,
}

impl Live {
    /// Its number, if it is in this process and has what is needed.
    pub(super) fn number(&self, generation: u64, needs: Needs) -> Option<u64> {
        let place = self.place.filter(|place| place.generation == generation)?;
        let ready = self.created
            && match needs {
                Needs::Bare => true,
                Needs::Configured => self.configured,
                Needs::Started => self.started,
            };
        ready.then_some(place.number)
    }
}

/// A call's way to its deadline.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) method: Method,
    pub(super) given: Duration,
    pub(super) until: Instant,
}

impl Limit {
    pub(super) fn new(method: Method, given: Duration) -> Self {
        Self {
            method,
            given,
            until: Instant::now() + given,
        }
    }

    /// The same way, and no longer than so long from where it began.
    pub(super) fn at_most(self, most: Duration) -> Self {
        Self {
            given: self.given.min(most),
            until: self.until - self.given.saturating_sub(most),
            ..self
        }
    }

    pub(super) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    pub(super) const fn exceeded(&self) -> CallError {
        CallError::DeadlineExceeded {
            call: self.method.contract,
            deadline: self.given,
        }
    }

    pub(super) const fn busy(&self) -> CallError {
        CallError::Busy {
            call: self.method.contract,
            deadline: self.given,
        }
    }
}
