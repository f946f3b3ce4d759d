//! How many messages senders may send in a minute: as many at once, and then one
//! for each part of a minute.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::config::Limits;

/// Senders that are remembered. One that is forgotten has its whole minute again.
const SENDERS: usize = 16_384;
const MINUTE: Duration = Duration::from_secs(60);

/// A sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Sender {
    Application(i64),
    Address(IpAddr),
}

/// A sender has sent as many messages as it may for now.
#[derive(Debug, thiserror::Error)]
#[error(
    "this {name} may send {rate} messages in a minute, set by {setting}; try again in {seconds} \
     seconds"
)]
pub(crate) struct TooFast {
    name: &'static str,
    rate: u32,
    setting: &'static str,
    /// The seconds until the next message.
    pub(crate) seconds: u64,
}

/// The rates that are left to senders.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<Sender, Bucket>>);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    /// Takes one message of an application that comes from an address.
    ///
    /// # Errors
    ///
    /// [`TooFast`].
    pub(crate) fn take(
        &self,
        limits: &Limits,
        application: i64,
        address: IpAddr,
    ) -> Result<(), TooFast> {
        let now = Instant::now();
        for (sender, rate, name, setting) in [
            (
                Sender::Address(address),
                limits.address_rate,
                "address",
                "--address-rate",
            ),
            (
                Sender::Application(application),
                limits.application_rate,
                "application",
                "--application-rate",
            ),
        ] {
            if rate > 0
                && let Some(wait) = self.take_from(sender, rate, now)
            {
                return Err(TooFast {
                    name,
                    rate,
                    setting,
                    seconds: wait.as_secs() + 1,
                });
            }
        }
        Ok(())
    }

    /// Takes one of a sender; or the time until there is one.
    fn take_from(&self, sender: Sender, rate: u32, now: Instant) -> Option<Duration> {
        let most = f64::from(rate);
        let per_second = most / MINUTE.as_secs_f64();
        let mut senders = self.0.lock();
        if senders.len() >= SENDERS && !senders.contains_key(&sender) {
            senders.retain(|_, bucket| now.duration_since(bucket.at) < MINUTE);
            if senders.len() >= SENDERS {
                senders.clear();
            }
        }
        let bucket = senders.entry(sender).or_insert(Bucket {
            left: most,
            at: now,
        });
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + passed * per_second).min(most);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return None;
        }
        Some(Duration::from_secs_f64((1.0 - bucket.left) / per_second))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Rates, SENDERS, Sender};

    #[test]
    fn a_sender_has_so_many_in_a_minute() {
        let rates = Rates::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let sender = Sender::Application(1);
        for _ in 0..6 {
            assert_eq!(rates.take_from(sender, 6, at(0)), None);
        }
        let wait = rates.take_from(sender, 6, at(0)).unwrap();
        assert!((9..=10).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(rates.take_from(Sender::Application(2), 6, at(0)), None);
        assert!(rates.take_from(sender, 6, at(9)).is_some());
        assert_eq!(rates.take_from(sender, 6, at(11)), None);
        assert!(rates.take_from(sender, 6, at(11)).is_some());
        // Not more than a minute's.
        for _ in 0..6 {
            assert_eq!(rates.take_from(sender, 6, at(10_000)), None);
        }
        assert!(rates.take_from(sender, 6, at(10_000)).is_some());
    }

    #[test]
    fn the_memory_is_bounded() {
        let rates = Rates::default();
        let now = Instant::now();
        for id in 0..(SENDERS as i64 + 100) {
            assert_eq!(rates.take_from(Sender::Application(id), 1, now), None);
        }
        assert!(rates.0.lock().len() <= SENDERS);
    }
}
