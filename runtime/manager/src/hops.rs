//! Loops of messages between plugins: how many plugins a message has passed
//! through since a sender outside sent the first. A message that a plugin sends
//! while it is given another, or right after, counts as an answer to that one.
//!
//! The count of a message is stored with it, so that nobody can be given the message
//! without. The count of what an instance is given is kept here, in memory.

use std::{
    sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

/// The most plugins that answer each other in turn.
const MOST: u8 = 16;
/// The time after a call in which a message counts as an answer.
const AFTER: Duration = Duration::from_secs(2);
/// In place of the end of a last call, if there was none.
const NEVER: u64 = u64::MAX;

/// The count of the messages that an instance was given lately. It has no lock: each
/// message that a filter is asked about changes it twice.
#[derive(Debug)]
pub(super) struct Hops {
    /// Calls that are open.
    calls: AtomicUsize,
    hops: AtomicU8,
    /// The end of the last call, in milliseconds since `since`.
    ended_ms: AtomicU64,
    since: Instant,
}

impl Default for Hops {
    fn default() -> Self {
        Self {
            calls: AtomicUsize::new(0),
            hops: AtomicU8::new(0),
            ended_ms: AtomicU64::new(NEVER),
            since: Instant::now(),
        }
    }
}

/// A call in which an instance is given messages.
#[derive(Debug)]
pub(super) struct Heard<'hops>(&'hops Hops);

impl Drop for Heard<'_> {
    fn drop(&mut self) {
        self.0.ended_ms.store(self.0.now_ms(), Ordering::Relaxed);
        // Whoever finds no call open finds the end of the last one.
        self.0.calls.fetch_sub(1, Ordering::Release);
    }
}

impl Hops {
    /// Notes that the instance is given messages of this count. What it sends from
    /// now on answers these, and not those before.
    pub(super) fn give(&self, hops: u8) -> Heard<'_> {
        self.hops.store(hops, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Release);
        Heard(self)
    }

    /// Returns the count of a message that the instance sends now. None at the end
    /// of a loop.
    pub(super) fn of_answer(&self) -> Option<u8> {
        if self.lasts() {
            let hops = self.hops.load(Ordering::Relaxed).saturating_add(1);
            (hops <= MOST).then_some(hops)
        } else {
            Some(0)
        }
    }

    fn lasts(&self) -> bool {
        if self.calls.load(Ordering::Acquire) > 0 {
            return true;
        }
        let ended_ms = self.ended_ms.load(Ordering::Relaxed);
        let passed = self.now_ms().saturating_sub(ended_ms);
        ended_ms != NEVER && Duration::from_millis(passed) < AFTER
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::{Hops, MOST};

    #[test]
    fn plugins_that_answer_each_other_come_to_an_end() {
        let both = [Hops::default(), Hops::default()];
        let mut message = 0;
        let mut rounds = 0;
        loop {
            let instance = &both[rounds % 2];
            let heard = instance.give(message);
            let Some(count) = instance.of_answer() else {
                break;
            };
            message = count;
            drop(heard);
            rounds += 1;
            assert!(rounds < 100, "it does not end");
        }
        assert_eq!(rounds, usize::from(MOST));
        // A message from outside begins anew, also for those that took part.
        let other = Hops::default();
        for instance in [&both[0], &other] {
            let _heard = instance.give(0);
            assert_eq!(instance.of_answer(), Some(1));
        }
        assert_eq!(Hops::default().of_answer(), Some(0));
    }
}
