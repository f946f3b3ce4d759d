//! How many messages senders may send in a minute: as many at once, and then one
//! for each part of a minute.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{config::Limits, origin::network};

/// Senders of one kind that are remembered. One that is forgotten has its whole minute
/// again.
const SENDERS: usize = 16_384;
/// Senders that remain when some are forgotten, so that it happens seldom.
const REMAINING: usize = SENDERS / 8 * 7;
const MINUTE: Duration = Duration::from_secs(60);

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
pub(crate) struct Rates {
    // Apart: however many addresses there are, no application is forgotten for them.
    applications: Mutex<Buckets<i64>>,
    /// By network.
    addresses: Mutex<Buckets<IpAddr>>,
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
        take_one(
            &self.addresses,
            network(address),
            ("address", limits.address_rate, "--address-rate"),
        )?;
        take_one(
            &self.applications,
            application,
            ("application", limits.application_rate, "--application-rate"),
        )
    }
}

/// Takes one of a sender of a kind with this name, rate and setting. A rate of 0 is none:
/// senders then share no lock.
fn take_one<K: Copy + Eq + Hash>(
    buckets: &Mutex<Buckets<K>>,
    sender: K,
    (name, rate, setting): (&'static str, u32, &'static str),
) -> Result<(), TooFast> {
    if rate == 0 {
        return Ok(());
    }
    let wait = buckets.lock().take(sender, rate, Instant::now());
    wait.map_or(Ok(()), |wait| {
        Err(TooFast {
            name,
            rate,
            setting,
            seconds: wait.as_secs() + 1,
        })
    })
}

/// The rates that are left to senders of one kind.
#[derive(Debug)]
struct Buckets<K>(HashMap<K, Bucket>);

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn left_at(&self, now: Instant, rate: f64) -> f64 {
        let passed = now.saturating_duration_since(self.at);
        (self.left + passed.div_duration_f64(MINUTE) * rate).min(rate)
    }
}

impl<K: Copy + Eq + Hash> Buckets<K> {
    /// Takes one of a sender; or the time until there is one.
    fn take(&mut self, sender: K, rate: u32, now: Instant) -> Option<Duration> {
        let rate = f64::from(rate);
        if self.0.len() >= SENDERS && !self.0.contains_key(&sender) {
            self.forget(rate, now);
        }
        let bucket = self.0.entry(sender).or_insert(Bucket {
            left: rate,
            at: now,
        });
        bucket.left = bucket.left_at(now, rate);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return None;
        }
        Some(MINUTE.mul_f64((1.0 - bucket.left) / rate))
    }

    /// Forgets the senders that have their whole minute, and if they are few, those
    /// that sent longest ago.
    fn forget(&mut self, rate: f64, now: Instant) {
        self.0.retain(|_, bucket| bucket.left_at(now, rate) < rate);
        let Some(surplus) = self.0.len().checked_sub(REMAINING) else {
            return;
        };
        let mut by_time: Vec<_> = self.0.iter().map(|(key, one)| (one.at, *key)).collect();
        if surplus < by_time.len() {
            by_time.select_nth_unstable_by_key(surplus, |(at, _)| *at);
        }
        for (_, key) in by_time.iter().take(surplus) {
            self.0.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv6Addr},
        time::{Duration, Instant},
    };

    use super::{Buckets, REMAINING, Rates, SENDERS};
    use crate::config::Limits;

    #[test]
    fn a_sender_has_so_many_in_a_minute() {
        let mut buckets = Buckets::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        for _ in 0..6 {
            assert_eq!(buckets.take(1, 6, at(0)), None);
        }
        let wait = buckets.take(1, 6, at(0)).unwrap();
        assert!((9..=10).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(buckets.take(2, 6, at(0)), None);
        assert!(buckets.take(1, 6, at(9)).is_some());
        assert_eq!(buckets.take(1, 6, at(11)), None);
        assert!(buckets.take(1, 6, at(11)).is_some());
        // Not more than a minute's.
        for _ in 0..6 {
            assert_eq!(buckets.take(1, 6, at(10_000)), None);
        }
        assert!(buckets.take(1, 6, at(10_000)).is_some());
    }

    #[test]
    fn the_memory_is_bounded_and_the_oldest_are_forgotten() {
        let mut buckets = Buckets::default();
        let start = Instant::now();
        let most = u64::try_from(SENDERS).unwrap();
        let at = |number: u64| start + Duration::from_micros(number);
        for number in 0..most {
            assert_eq!(buckets.take(number, 1, at(number)), None);
        }
        assert_eq!(buckets.take(most, 1, at(most)), None);
        assert_eq!(buckets.0.len(), REMAINING + 1);
        let last = most - 1;
        assert!(buckets.take(last, 1, at(most)).is_some());
        assert_eq!(buckets.take(0, 1, at(most)), None);
        // Those who have their whole minute again go first, however new.
        let mut buckets = Buckets::default();
        for _ in 0..60 {
            assert_eq!(buckets.take(0, 60, start), None);
        }
        let later = start + Duration::from_millis(10);
        for number in 1..most {
            assert_eq!(buckets.take(number, 60, later), None);
        }
        let now = start + Duration::from_millis(1_500);
        assert_eq!(buckets.take(most, 60, now), None);
        assert_eq!(buckets.0.len(), 2);
    }

    #[test]
    fn an_address_is_a_network_and_addresses_displace_no_application() {
        let rates = Rates::default();
        let limits = Limits {
            address_rate: 1,
            application_rate: 1,
            ..Limits::default()
        };
        let address = |network: u128, host| IpAddr::V6(Ipv6Addr::from(network << 64 | host));
        rates.take(&limits, 0, address(0, 1)).unwrap();
        let error = rates.take(&limits, 1, address(0, 2)).unwrap_err();
        assert_eq!(error.name, "address");
        for network in 1..20_000 {
            let _ = rates.take(&limits, 0, address(network, 1));
        }
        let error = rates.take(&limits, 0, address(0, 3)).unwrap_err();
        assert_eq!(error.name, "application");
        let text = error.to_string();
        for part in ["1 messages", "--application-rate"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_rate_of_0_is_none_and_remembers_no_sender() {
        let rates = Rates::default();
        let address = IpAddr::V6(Ipv6Addr::LOCALHOST);
        for _ in 0..3 {
            rates.take(&Limits::default(), 0, address).unwrap();
        }
        assert!(rates.addresses.lock().0.is_empty());
        assert!(rates.applications.lock().0.is_empty());
    }
}
