//! One timer for all calls of a connection. Nearly all of them are answered long
//! before their deadline, and a timer for each would cost more than to write it.

use std::time::Duration;

use mortise_protocol::methods::{self, Method};
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Returns true if a call of this method may take longer while a debugger is attached. A
/// message must not wait for a filter, nor a person for the end of a plugin.
pub(crate) fn suspendable(method: Method) -> bool {
    ![
        methods::FILTER,
        methods::STOP,
        methods::DROP,
        methods::SHUTDOWN,
    ]
    .contains(&method)
}

/// The times at which deadlines are checked.
#[derive(Debug)]
pub(super) struct Deadlines {
    next: Mutex<Instant>,
    sooner: Notify,
}

impl Deadlines {
    /// The first check is due at once.
    pub(super) fn new() -> Self {
        Self {
            next: Mutex::new(Instant::now()),
            sooner: Notify::new(),
        }
    }

    /// Waits until the next check is due, and returns that moment. The
    /// following check is after `pause`, or sooner. Calls that began before
    /// this returns are visible to the check; later ones call [`by`](Self::by).
    pub(super) async fn due(&self, pause: Duration) -> Instant {
        loop {
            let next = *self.next.lock();
            tokio::select! {
                () = sleep_until(next) => break,
                () = self.sooner.notified() => {}
            }
        }
        let now = Instant::now();
        *self.next.lock() = now + pause;
        now
    }

    /// Requests a check at this moment at the latest.
    pub(super) fn by(&self, until: Instant) {
        let mut next = self.next.lock();
        if until < *next {
            *next = until;
            self.sooner.notify_one();
        }
    }
}
