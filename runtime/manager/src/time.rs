//! Time: the clock that a server reads and waits by, and the form in which the API
//! writes it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// The clock of a server: the system's, unless a test holds its [`ClockHand`].
///
/// It goes for sessions, grants of time, messages and timers. Deadlines of calls and
/// connections are the system's always.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// The time by which the hand moved it ahead.
    ahead: Option<watch::Receiver<Duration>>,
}

/// The handle that sets a [`Clock`].
#[derive(Debug)]
pub struct ClockHand {
    ahead: watch::Sender<Duration>,
}

impl ClockHand {
    /// Moves the clock ahead, and wakes the waits that are over by it.
    pub fn advance(&self, by: Duration) {
        self.ahead.send_modify(|ahead| *ahead += by);
    }

    /// Sets the clock back, at most to the system's time, and ends its waits.
    pub fn set_back(&self, by: Duration) {
        self.ahead
            .send_modify(|ahead| *ahead = ahead.saturating_sub(by));
    }
}

impl Clock {
    /// Returns a clock with a hand, for tests. It goes on without the hand.
    pub fn with_hand() -> (Self, ClockHand) {
        let (sender, ahead) = watch::channel(Duration::ZERO);
        let clock = Self { ahead: Some(ahead) };
        (clock, ClockHand { ahead: sender })
    }

    /// Returns the time now, in milliseconds since the epoch.
    pub fn now_ms(&self) -> i64 {
        let ahead = self.ahead().as_millis();
        now_ms().saturating_add(i64::try_from(ahead).unwrap_or(i64::MAX))
    }

    /// Waits until a time, in milliseconds since the epoch.
    ///
    /// If the system's clock is set back meanwhile, the wait is over earlier than its
    /// time, so a caller with a long one looks at the time again.
    pub async fn sleep_until(&self, time_ms: i64) {
        let mut ahead = self.ahead.clone();
        let mut before = self.ahead();
        loop {
            if let Some(ahead) = &mut ahead {
                ahead.mark_unchanged();
            }
            if self.ahead() < before {
                return;
            }
            before = self.ahead();
            let left = u64::try_from(time_ms.saturating_sub(self.now_ms())).unwrap_or(0);
            let moved = async {
                match &mut ahead {
                    Some(ahead) => ahead.changed().await.is_ok(),
                    None => false,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(left)) => return,
                true = moved => {}
            }
        }
    }

    fn ahead(&self) -> Duration {
        self.ahead
            .as_ref()
            .map_or(Duration::ZERO, |ahead| *ahead.borrow())
    }
}

/// The time now by the system, in milliseconds since the epoch.
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A time as RFC 3339 in UTC, as the API shows it.
pub fn rfc3339(ms: i64) -> String {
    // humantime formats no year beyond 9999.
    const LAST_MS: u64 = 253_402_300_799_999;
    let ms = u64::try_from(ms).unwrap_or(0).min(LAST_MS);
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(ms)).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::{Clock, now_ms, rfc3339};

    const HOUR: Duration = Duration::from_secs(3600);
    const HOUR_MS: i64 = 3_600_000;

    #[tokio::test]
    async fn a_wait_ends_when_the_clock_was_moved_past_it() {
        let (clock, hand) = Clock::with_hand();
        let until = clock.now_ms() + 2 * HOUR_MS;
        let mut wait = Box::pin(clock.sleep_until(until));
        assert_eq!(wait.as_mut().now_or_never(), None);
        hand.advance(HOUR);
        assert_eq!(wait.as_mut().now_or_never(), None);
        assert!(clock.now_ms() - now_ms() > 3_590_000);
        hand.advance(HOUR);
        wait.await;
        // One that begins after the move, for a time before it, is over too.
        clock.sleep_until(until).await;
    }

    #[tokio::test]
    async fn a_wait_ends_when_the_clock_is_set_back() {
        let (clock, hand) = Clock::with_hand();
        hand.advance(2 * HOUR);
        let mut wait = Box::pin(clock.sleep_until(clock.now_ms() + HOUR_MS));
        assert_eq!(wait.as_mut().now_or_never(), None);
        hand.set_back(HOUR);
        wait.await;
        hand.set_back(2 * HOUR);
        assert!(clock.now_ms() <= now_ms());
    }

    #[tokio::test]
    async fn a_clock_goes_without_its_hand() {
        let (clock, hand) = Clock::with_hand();
        clock.sleep_until(clock.now_ms() + 2).await;
        drop(hand);
        clock.sleep_until(clock.now_ms() + 2).await;
        let (clock, before) = (Clock::default(), now_ms());
        clock.sleep_until(before + 2).await;
        assert!(now_ms() >= before + 2);
    }

    #[test]
    fn formats_any_number() {
        assert_eq!(rfc3339(1_519_756_570_504), "2018-02-27T18:36:10.504Z");
        assert_eq!(rfc3339(-1), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(i64::MAX), "9999-12-31T23:59:59.999Z");
    }
}
