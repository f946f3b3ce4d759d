//! Loops of messages between plugins: how many plugins a message has passed
//! through since a sender outside sent the first. A message that a plugin sends
//! while it is given another, or right after, counts as an answer to that one.
//!
//! The count of a message is stored with it, so that nobody can be given the message
//! without. The count of what an instance is given is kept here, in memory.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// The most plugins that answer each other in turn.
const MOST: u8 = 16;
/// The time after a call in which a message counts as an answer.
const AFTER: Duration = Duration::from_secs(2);
/// Instances beyond which those that answer nothing are forgotten.
const INSTANCES: usize = 1024;

/// The counts of the messages that instances were given lately.
#[derive(Debug, Default)]
pub(super) struct Hops {
    hearing: Mutex<HashMap<i64, Hearing>>,
}

/// The messages that an instance is given.
#[derive(Debug)]
struct Hearing {
    /// Calls that are open.
    calls: usize,
    hops: u8,
    ended: Instant,
}

impl Hearing {
    fn lasts(&self) -> bool {
        self.calls > 0 || self.ended.elapsed() < AFTER
    }
}

/// A call in which an instance is given messages.
#[derive(Debug)]
pub(super) struct Heard<'hops> {
    hops: &'hops Hops,
    instance: i64,
}

impl Drop for Heard<'_> {
    fn drop(&mut self) {
        if let Some(hearing) = self.hops.hearing.lock().get_mut(&self.instance) {
            hearing.calls -= 1;
            hearing.ended = Instant::now();
        }
    }
}

impl Hops {
    /// Notes that an instance is given messages of this count. What it sends from
    /// now on answers these, and not those before.
    pub(super) fn give(&self, instance: i64, hops: u8) -> Heard<'_> {
        let mut instances = self.hearing.lock();
        if instances.len() >= INSTANCES {
            instances.retain(|_, hearing| hearing.lasts());
        }
        let hearing = instances.entry(instance).or_insert(Hearing {
            calls: 0,
            hops,
            ended: Instant::now(),
        });
        hearing.hops = hops;
        hearing.calls += 1;
        drop(instances);
        Heard {
            hops: self,
            instance,
        }
    }

    /// Returns the count of a message that an instance sends now. None at the end
    /// of a loop.
    pub(super) fn of_answer(&self, instance: i64) -> Option<u8> {
        match self.hearing.lock().get(&instance) {
            Some(hearing) if hearing.lasts() => {
                let hops = hearing.hops + 1;
                (hops <= MOST).then_some(hops)
            }
            _ => Some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Hops, MOST};

    #[test]
    fn plugins_that_answer_each_other_come_to_an_end() {
        let hops = Hops::default();
        let mut message = 0;
        let mut rounds = 0;
        loop {
            let instance = i64::from(rounds % 2);
            let heard = hops.give(instance, message);
            let Some(count) = hops.of_answer(instance) else {
                break;
            };
            message = count;
            drop(heard);
            rounds += 1;
            assert!(rounds < 100, "it does not end");
        }
        assert_eq!(rounds, i32::from(MOST));
        // A message from outside begins anew, also for those that took part.
        for instance in [0, 7] {
            let _heard = hops.give(instance, 0);
            assert_eq!(hops.of_answer(instance), Some(1));
        }
        assert_eq!(hops.of_answer(8), Some(0));
    }
}
