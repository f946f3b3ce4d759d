//! What the server has seen since it started: requests, messages and filters, for
//! `/metrics`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;

use crate::plugins::trace::Asked;

/// The most kinds of requests, and of filters' outcomes. Routes and methods are few; a
/// bound is a bound.
const KINDS: usize = 4_096;

/// A number of times and their duration together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// Together.
    pub time: Duration,
}

/// A kind of request: method, route, status.
pub type RequestKind = (String, String, u16);
/// A kind of filter's outcome: the plugin's id, the outcome.
pub type FilterKind = (String, String);

/// What the server has seen.
#[derive(Debug)]
pub struct Seen {
    /// The start.
    pub since: Instant,
    /// By route, status and method.
    requests: Counters,
    /// By the plugin's id and the outcome.
    filters: Counters,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            requests: Counters::default(),
            filters: Counters::default(),
        }
    }
}

impl Seen {
    /// Notes a request that was answered.
    pub fn request(&self, method: &str, route: &str, status: u16, time: Duration) {
        self.requests.add((route, status, method), time);
    }

    /// Notes the filters of a message.
    pub fn filters(&self, trace: &[Asked]) {
        for Asked { version, entry } in trace {
            let time = Duration::from_micros(entry.micros);
            self.filters
                .add((version.id.as_str(), 0, entry.action.name()), time);
        }
    }

    /// All requests so far.
    pub fn all_requests(&self) -> Vec<(RequestKind, Times)> {
        self.requests
            .list(|(route, status, method)| (method.to_owned(), route.to_owned(), status))
    }

    /// All filters so far.
    pub fn all_filters(&self) -> Vec<(FilterKind, Times)> {
        self.filters
            .list(|(plugin, _, outcome)| (plugin.to_owned(), outcome.to_owned()))
    }
}

/// A kind in [`Counters`].
type Kind<'a> = (&'a str, u16, &'a str);

/// A counter for each kind. One that is there is found and counted without a lock and
/// without a copy of its kind; each new kind copies the map.
#[derive(Debug, Default)]
struct Counters(ArcSwap<Kinds>);

#[derive(Clone, Debug, Default)]
struct Kinds {
    number: usize,
    of: HashMap<String, BTreeMap<u16, BTreeMap<String, Arc<Counter>>>>,
}

#[derive(Debug, Default)]
struct Counter {
    count: AtomicU64,
    nanos: AtomicU64,
}

impl Counters {
    fn add(&self, kind: Kind<'_>, time: Duration) {
        if let Some(counter) = self.0.load().get(kind) {
            counter.add(time);
            return;
        }
        if self.0.load().number >= KINDS {
            return;
        }
        self.0.rcu(|kinds| kinds.with(kind));
        if let Some(counter) = self.0.load().get(kind) {
            counter.add(time);
        }
    }

    /// All kinds in order, each as `name` has it.
    fn list<K: Ord>(&self, name: impl Fn(Kind<'_>) -> K) -> Vec<(K, Times)> {
        let kinds = self.0.load();
        let mut all = Vec::with_capacity(kinds.number);
        for (group, of_group) in &kinds.of {
            for (number, of_number) in of_group {
                for (member, counter) in of_number {
                    all.push((
                        name((group.as_str(), *number, member.as_str())),
                        counter.times(),
                    ));
                }
            }
        }
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }
}

impl Kinds {
    fn get(&self, (group, number, member): Kind<'_>) -> Option<&Counter> {
        let of_number = self.of.get(group)?.get(&number)?;
        of_number.get(member).map(|counter| &**counter)
    }

    /// The same with a counter of this kind, unless there are too many.
    fn with(&self, kind: Kind<'_>) -> Self {
        let mut kinds = self.clone();
        if kinds.number < KINDS && kinds.get(kind).is_none() {
            let (group, number, member) = kind;
            let of_group = kinds.of.entry(group.to_owned()).or_default();
            let of_number = of_group.entry(number).or_default();
            of_number.insert(member.to_owned(), Arc::default());
            kinds.number += 1;
        }
        kinds
    }
}

impl Counter {
    fn add(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    fn times(&self) -> Times {
        Times {
            count: self.count.load(Ordering::Relaxed),
            time: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::{KINDS, Seen};

    #[test]
    fn requests_are_counted_by_kind_and_listed_in_order() {
        let seen = Seen::default();
        let time = Duration::from_micros(2);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        seen.request("POST", "/message", 200, time);
                        seen.request("GET", "/message", 401, time);
                        seen.request("GET", "/message", 200, time);
                    }
                });
            }
        });
        let all = seen.all_requests();
        let kinds: Vec<_> = all
            .iter()
            .map(|((method, route, status), times)| {
                assert_eq!((route.as_str(), times.count), ("/message", 400));
                assert_eq!(times.time, time * 400);
                (method.as_str(), *status)
            })
            .collect();
        assert_eq!(kinds, [("GET", 200), ("GET", 401), ("POST", 200)]);
    }

    #[test]
    fn kinds_are_bounded() {
        let seen = Seen::default();
        for number in 0..KINDS + 10 {
            let method = format!("M{number}");
            seen.request(&method, "", 200, Duration::ZERO);
        }
        assert_eq!(seen.all_requests().len(), KINDS);
    }
}
