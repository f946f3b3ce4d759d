//! When something happened last, for those who look now and then. Whoever does
//! it does it often, and only leaves a mark: reading the clock costs more than
//! all the rest of it.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// When something happened last.
#[derive(Debug)]
pub(crate) struct Activity {
    marked: AtomicBool,
    /// When a mark was found last.
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

    /// How long nothing has happened. What happened since the last look counts
    /// from now.
    pub(crate) fn silence(&self) -> Duration {
        // An `Instant` is whole at every point where a panic could poison it.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if self.marked.swap(false, Ordering::Relaxed) {
            *last = Instant::now();
        }
        last.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use std::{thread::sleep, time::Duration};

    use super::Activity;

    #[test]
    fn silence_begins_anew_with_each_mark() {
        const WHILE: Duration = Duration::from_millis(20);
        let activity = Activity::new();
        sleep(WHILE);
        assert!(activity.silence() >= WHILE);
        activity.mark();
        let marked = activity.silence();
        sleep(WHILE);
        assert!(activity.silence() >= marked + WHILE);
        activity.mark();
        assert!(activity.silence() < activity.silence() + WHILE);
    }
}
