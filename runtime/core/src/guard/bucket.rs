//! A rate per minute.

use std::time::{Duration, Instant};

/// A token bucket: bursts up to its size, refilled evenly over a minute.
pub(super) struct Bucket {
    size: f64,
    tokens: f64,
    since: Instant,
}

impl Bucket {
    pub(super) fn full(per_minute: u32) -> Self {
        let size = f64::from(per_minute);
        Self {
            size,
            tokens: size,
            since: Instant::now(),
        }
    }

    /// Changes its size. Used tokens stay used.
    pub(super) fn resize(&mut self, per_minute: u32) {
        let size = f64::from(per_minute);
        self.tokens = (self.tokens + size - self.size).clamp(0.0, size);
        self.size = size;
    }

    /// Takes a token, or says how long until there is one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let per_second = self.size / 60.0;
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        self.tokens = (self.tokens + passed * per_second).min(self.size);
        self.since = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            Ok(())
        } else if per_second > 0.0 {
            Err(Duration::from_secs_f64((1.0 - self.tokens) / per_second))
        } else {
            Err(Duration::from_secs(60))
        }
    }
}
