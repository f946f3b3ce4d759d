//! One timer for all calls of a connection. Nearly all of them are answered long
//! before their deadline, and a timer for each would cost more than to write it.

use std::{sync::Mutex, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::lock;

/// When somebody looks which deadlines are over.
#[derive(Debug)]
pub(super) struct Deadlines {
    next: Mutex<Instant>,
    sooner: Notify,
}

impl Deadlines {
    /// It is to be looked right away.
    pub(super) fn new() -> Self {
        Self {
            next: Mutex::new(Instant::now()),
            sooner: Notify::new(),
        }
    }

    /// Waits until it is to be looked, and returns that moment. It is looked
    /// again after `pause`, or sooner: what was begun before this returns is
    /// there to be seen, and what is begun later comes [`by`](Self::by).
    pub(super) async fn due(&self, pause: Duration) -> Instant {
        loop {
            let next = *lock(&self.next);
            tokio::select! {
                () = sleep_until(next) => break,
                () = self.sooner.notified() => {}
            }
        }
        let now = Instant::now();
        *lock(&self.next) = now + pause;
        now
    }

    /// Has it be looked at this moment at the latest.
    pub(super) fn by(&self, until: Instant) {
        let mut next = lock(&self.next);
        if until < *next {
            *next = until;
            self.sooner.notify_one();
        }
    }
}
