//! Pauses after crashes: exponentially longer, with jitter so that plugins that
//! crashed together do not restart together, and bounded.

use std::time::Duration;

use crate::settings::Restart;

/// The crashes of one plugin in a row.
#[derive(Debug)]
pub(super) struct Crashes {
    settings: Restart,
    in_a_row: u32,
    last: String,
}

impl Crashes {
    pub(super) const fn new(settings: Restart) -> Self {
        Self {
            settings,
            in_a_row: 0,
            last: String::new(),
        }
    }

    /// Counts a crash after `uptime`. Returns the pause before the next start,
    /// or none if there should be no next start.
    pub(super) fn add(&mut self, what: &str, uptime: Duration) -> Option<Duration> {
        if uptime >= self.settings.stable_after {
            self.in_a_row = 0;
        }
        self.in_a_row += 1;
        self.last = what.to_owned();
        if self.in_a_row >= self.settings.give_up_after {
            return None;
        }
        let doubled = 1 << (self.in_a_row - 1).min(16);
        let most = self
            .settings
            .first
            .saturating_mul(doubled)
            .min(self.settings.longest);
        // From half of it to all of it. Without randomness there is no jitter,
        // which is no reason not to go on.
        let random = getrandom::u32().unwrap_or(u32::MAX);
        Some(most.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX)))
    }

    pub(super) fn clear(&mut self) {
        self.in_a_row = 0;
    }

    pub(super) const fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    pub(super) fn last(&self) -> &str {
        &self.last
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Crashes;
    use crate::settings::Restart;

    const RESTART: Restart = Restart {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(5),
        give_up_after: 6,
        stable_after: Duration::from_secs(60),
    };

    #[test]
    fn pauses_grow_to_the_longest_and_then_it_is_given_up() {
        let mut crashes = Crashes::new(RESTART);
        for most in [1, 2, 4, 5, 5] {
            let pause = crashes.add("x", Duration::ZERO).unwrap();
            let most = Duration::from_secs(most);
            assert!((most / 2..=most).contains(&pause), "{pause:?} of {most:?}");
        }
        assert_eq!(crashes.add("last", Duration::ZERO), None);
        assert_eq!((crashes.in_a_row(), crashes.last()), (6, "last"));
    }

    #[test]
    fn a_process_that_ran_for_long_starts_counting_anew() {
        let mut crashes = Crashes::new(RESTART);
        for _ in 0..100 {
            let pause = crashes.add("x", RESTART.stable_after).unwrap();
            assert!(pause <= RESTART.first);
        }
        crashes.add("x", Duration::ZERO);
        assert_eq!(crashes.in_a_row(), 2);
        crashes.clear();
        assert!(crashes.add("x", Duration::ZERO).unwrap() <= RESTART.first);
    }
}
