//! The time of the last event, for readers that look occasionally. Writers are
//! frequent and only leave a mark, because reading the clock costs more than
//! the rest.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// The time of the last event.
#[derive(Debug)]
pub(crate) struct Activity {
    marked: AtomicBool,
    /// The time at which a mark was last found.
    last: Mutex<Instant>,
}

impl Activity {
    /// It happened just now.
    pub(crate) fn new() -> Self {
        Self {
            marked: AtomicBool::new(false),
            last: Mutex::new(Instant::now()),
        }
    }

    /// It happens.
    pub(crate) fn mark(&self) {
        self.marked.store(true, Ordering::Relaxed);
    }

    /// Returns the time without an event. Events since the last look count from
    /// now.
    pub(crate) fn silence(&self) -> Duration {
        let mut last = self.last.lock();
        if self.marked.swap(false, Ordering::Relaxed) {
            *last = Instant::now();
        }
        last.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Activity;

    #[test]
    fn silence_begins_anew_with_each_mark() {
        let activity = Activity::new();
        for _ in 0..2 {
            mortise_wait::until_blocking("silence", || {
                activity.silence() >= Duration::from_millis(20)
            });
            let before = Instant::now();
            activity.mark();
            assert!(activity.silence() <= before.elapsed());
        }
    }
}
