//! One deadline for everything a call does: waiting for its turn, bringing the
//! guest up, computing and I/O.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use tokio::time::{Instant, error::Elapsed, timeout_at};

/// When a call must have ended.
///
/// Most calls end without ever waiting, in less time than it takes to read the
/// clock and set a timer. So the clock starts when something is first waited
/// for; as a guest that computes is made to wait at each tick, that is at most
/// one tick late.
#[derive(Debug)]
pub(super) struct Deadline {
    pub(super) given: Duration,
    until: Option<Instant>,
}

impl Deadline {
    pub(super) const fn after(given: Duration) -> Self {
        Self { given, until: None }
    }

    /// Runs a future until it ends or the deadline passes; then it is dropped.
    pub(super) async fn run<F: Future>(&mut self, future: F) -> Result<F::Output, Elapsed> {
        let mut future = pin!(future);
        let first = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = first {
            return Ok(output);
        }
        let until = *self
            .until
            .get_or_insert_with(|| Instant::now() + self.given);
        timeout_at(until, future).await
    }
}
