//! The state of an instance that outlives its stores, and the pauses after
//! failures in a row.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::up::Up;
use mortise_runtime::{CallError, contract::export::Needs, guard::InForce};

/// The state that outlives stores.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) up: Option<Box<Up>>,
    /// True if `lifecycle.start` is called at each start.
    pub(super) started: bool,
    /// The last configuration that was accepted, or the one to try first.
    pub(super) config: Option<String>,
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
    /// Nothing is up yet. The configuration is the one to try first.
    pub(super) fn new(config: Option<String>) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// Checks that it may be called. A pause is not for calls that need no configuration:
    /// they are made for a person, who may be about to repair the configuration.
    ///
    /// # Errors
    ///
    /// It was stopped, or it failed and is paused.
    pub(super) fn may_be_called(&self, needs: Needs) -> Result<(), CallError> {
        if needs == Needs::Started && !self.started {
            return Err(CallError::Stopped);
        }
        match &self.failures {
            Some(failures) if needs > Needs::Made && failures.retry > Instant::now() => {
                Err(CallError::BackingOff {
                    retry_in: failures.retry.duration_since(Instant::now()),
                    last: failures.last.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Takes the running store, if it needs nothing before the call. From now
    /// on it runs under these rights.
    pub(super) fn take_ready(&mut self, needs: Needs, in_force: &Arc<InForce>) -> Option<Box<Up>> {
        self.up
            .take_if(|up| up.stage.meets(needs) && up.goes_on_under(in_force))
    }

    /// Puts back what a call was made on in order.
    pub(super) fn succeeded(&mut self, up: Box<Up>) {
        self.failures = None;
        self.up = Some(up);
    }

    /// Forgets its failures: its user disabled it, and may enable it again at once.
    pub(super) fn forgive(&mut self) {
        self.failures = None;
    }

    /// Has it left alone for a while, if it failed before too.
    pub(super) fn failed(&mut self, error: &CallError) {
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
}

#[cfg(test)]
mod tests {
    use mortise_runtime::{CallError, contract::export::Needs};

    use super::Slot;

    #[test]
    fn one_that_is_paused_can_still_be_configured() {
        let mut slot = Slot::new(None);
        slot.started = true;
        for _ in 0..4 {
            slot.failed(&CallError::Unavailable("it broke".to_owned()));
        }
        assert!(slot.may_be_called(Needs::Made).is_ok());
        for needs in [Needs::Configured, Needs::Started] {
            let refused = slot.may_be_called(needs).unwrap_err();
            assert!(matches!(refused, CallError::BackingOff { .. }), "{refused}");
        }
    }
}
