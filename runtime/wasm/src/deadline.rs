//! One deadline for everything a call does: waiting for its turn, bringing the
//! guest up, computing and I/O.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::engine::Ticker;
use mortise_runtime::CallError;

/// The reason for which a call did not end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The deadline passed.
    Elapsed,
    /// A grant that it was using was revoked.
    TakenBack,
}

/// The deadline of a call.
///
/// Most calls end without waiting, in less time than reading the clock and
/// setting a timer takes. So the clock starts when the call first waits. A
/// guest that computes must wait at each tick, so this is at most one tick
/// late.
pub(super) struct Deadline<'a> {
    pub(super) given: Duration,
    until: Option<Instant>,
    ticker: &'a Ticker,
}

impl<'a> Deadline<'a> {
    pub(super) const fn after(given: Duration, ticker: &'a Ticker) -> Self {
        Self {
            given,
            until: None,
            ticker,
        }
    }

    /// That it passed, of the call with this name.
    pub(super) const fn exceeded(&self, call: &'static str) -> CallError {
        CallError::DeadlineExceeded {
            call,
            deadline: self.given,
        }
    }

    /// That it passed while the call with this name waited for its turn.
    pub(super) const fn busy(&self, call: &'static str) -> CallError {
        CallError::Busy {
            call,
            deadline: self.given,
        }
    }

    /// Runs a future until it ends or has to; then it is dropped.
    pub(super) async fn run<F: Future + Send>(&mut self, future: F) -> Result<F::Output, Ended> {
        self.until_ended(future, None).await
    }

    /// The same, until something that the call has in use is taken back, too.
    pub(super) async fn run_unless<F: Future + Send>(
        &mut self,
        future: F,
        taken_back: &CancellationToken,
    ) -> Result<F::Output, Ended> {
        self.until_ended(future, Some(taken_back)).await
    }

    async fn until_ended<F: Future + Send>(
        &mut self,
        future: F,
        taken_back: Option<&CancellationToken>,
    ) -> Result<F::Output, Ended> {
        let mut future = pin!(future);
        let ticker = self.ticker;
        // A guest computes only while it is polled.
        let mut future = poll_fn(|context| {
            ticker.guest_runs();
            future.as_mut().poll(context)
        });
        let first = poll_fn(|context| Poll::Ready(Pin::new(&mut future).poll(context))).await;
        if let Poll::Ready(output) = first {
            return Ok(output);
        }
        let until = *self
            .until
            .get_or_insert_with(|| Instant::now() + self.given);
        until_or_taken_back(future, until, taken_back).await
    }
}

/// Waits for the rest of a future, until a time or the loss of something it uses.
///
/// In a box and in a function of its own, because most calls end without waiting:
/// their futures would have to make room for it.
#[cold]
#[inline(never)]
fn until_or_taken_back<'a, F>(
    future: F,
    until: Instant,
    taken_back: Option<&'a CancellationToken>,
) -> Pin<Box<dyn Future<Output = Result<F::Output, Ended>> + Send + 'a>>
where
    F: Future + Send + 'a,
{
    Box::pin(async move {
        let ended = timeout_at(until, future);
        let ended = match taken_back {
            None => ended.await,
            Some(taken_back) => {
                tokio::select! {
                    biased;
                    () = taken_back.cancelled() => return Err(Ended::TakenBack),
                    ended = ended => ended,
                }
            }
        };
        ended.map_err(|_| Ended::Elapsed)
    })
}
