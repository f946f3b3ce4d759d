//! Waiting in tests: for a condition, never for time to pass.
//!
//! This is the only place where test code sleeps; `cargo xtask structure` fails on
//! any other. A condition that does not come about within a minute fails its test,
//! with the place of the test in the message.

use std::{
    panic::Location,
    time::{Duration, Instant},
};

/// The time within which a condition must come about.
const PATIENCE: Duration = Duration::from_secs(60);
/// The first pause between two looks, and the longest: each is twice as long as the
/// one before.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(32)];

/// Waits until a condition holds.
///
/// # Panics
///
/// If it does not hold within a minute. `what` names the condition in the message.
#[track_caller]
pub fn until<H: AsyncFnMut() -> bool>(what: &str, mut holds: H) -> impl Future<Output = ()> {
    found(what, async move || holds().await.then_some(()))
}

/// Waits until there is a value, and returns it.
///
/// # Panics
///
/// If there is none within a minute. `what` names it in the message.
#[track_caller]
pub fn found<T, F: AsyncFnMut() -> Option<T>>(what: &str, mut find: F) -> impl Future<Output = T> {
    let mut waiting = Waiting::here(what);
    async move {
        loop {
            if let Some(found) = find().await {
                return found;
            }
            tokio::time::sleep(waiting.pause()).await;
        }
    }
}

/// Waits until a condition holds, and blocks the thread.
///
/// # Panics
///
/// If it does not hold within a minute. `what` names the condition in the message.
#[track_caller]
pub fn until_blocking(what: &str, mut holds: impl FnMut() -> bool) {
    found_blocking(what, || holds().then_some(()));
}

/// Waits until there is a value, blocks the thread, and returns the value.
///
/// # Panics
///
/// If there is none within a minute. `what` names it in the message.
#[track_caller]
pub fn found_blocking<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let mut waiting = Waiting::here(what);
    loop {
        if let Some(found) = find() {
            return found;
        }
        std::thread::sleep(waiting.pause());
    }
}

struct Waiting {
    what: String,
    place: &'static Location<'static>,
    begun: Instant,
    pause: Duration,
}

impl Waiting {
    #[track_caller]
    fn here(what: &str) -> Self {
        let [pause, _] = PAUSES;
        Self {
            what: what.to_owned(),
            place: Location::caller(),
            begun: Instant::now(),
            pause,
        }
    }

    /// Returns the pause before the next look.
    fn pause(&mut self) -> Duration {
        let Self { what, place, .. } = self;
        assert!(
            self.begun.elapsed() < PATIENCE,
            "never within {} s: {what}, at {place}",
            PATIENCE.as_secs()
        );
        let [_, longest] = PAUSES;
        let next = self.pause.saturating_mul(2).min(longest);
        std::mem::replace(&mut self.pause, next)
    }
}

#[cfg(test)]
mod tests {
    use super::{found, found_blocking, until, until_blocking};

    #[tokio::test]
    async fn a_value_is_awaited() {
        let mut looks = 0;
        until("third look", async || {
            looks += 1;
            looks == 3
        })
        .await;
        until_blocking("fourth look", || {
            looks += 1;
            looks == 4
        });
        assert_eq!(looks, 4);
        assert_eq!(found("a value", async || Some(looks)).await, 4);
        assert_eq!(found_blocking("a value", || Some("x")), "x");
    }
}
