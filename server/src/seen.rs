//! What the server has seen since it started: requests, messages and filters, for
//! `/metrics`.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::pipeline::TraceEntry;

/// The most kinds of requests. Routes and methods are few; a bound is a bound.
const KINDS: usize = 4_096;

/// A number of times and their duration together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// Together.
    pub time: Duration,
}

impl Times {
    fn add(&mut self, time: Duration) {
        self.count = self.count.saturating_add(1);
        self.time = self.time.saturating_add(time);
    }
}

/// A kind of request: method, route, status.
pub type RequestKind = (String, String, u16);
/// A kind of filter's outcome: the plugin's id, the outcome.
pub type FilterKind = (String, &'static str);

/// What the server has seen.
#[derive(Debug)]
pub struct Seen {
    /// The start.
    pub since: Instant,
    requests: Mutex<BTreeMap<RequestKind, Times>>,
    /// By the plugin's id and the outcome.
    filters: Mutex<BTreeMap<String, BTreeMap<&'static str, Times>>>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            requests: Mutex::default(),
            filters: Mutex::default(),
        }
    }
}

impl Seen {
    /// Notes a request that was answered.
    pub fn request(&self, method: &str, route: &str, status: u16, time: Duration) {
        let kind = (method.to_owned(), route.to_owned(), status);
        let mut all = self.requests.lock();
        if all.len() < KINDS || all.contains_key(&kind) {
            all.entry(kind).or_default().add(time);
        }
    }

    /// Notes the filters of a message.
    pub fn filters(&self, trace: &[TraceEntry]) {
        if trace.is_empty() {
            return;
        }
        let mut all = self.filters.lock();
        for entry in trace {
            if !all.contains_key(&entry.id) && all.len() < KINDS {
                all.insert(entry.id.clone(), BTreeMap::new());
            }
            if let Some(outcomes) = all.get_mut(&entry.id) {
                let times = outcomes.entry(entry.action.name()).or_default();
                times.add(Duration::from_micros(entry.micros));
            }
        }
    }

    /// All requests so far.
    pub fn all_requests(&self) -> Vec<(RequestKind, Times)> {
        let all = self.requests.lock();
        all.iter()
            .map(|(kind, times)| (kind.clone(), *times))
            .collect()
    }

    /// All filters so far.
    pub fn all_filters(&self) -> Vec<(FilterKind, Times)> {
        let all = self.filters.lock();
        let kinds = all.iter().flat_map(|(plugin, outcomes)| {
            let kind =
                |(outcome, times): (&&'static str, &Times)| ((plugin.clone(), *outcome), *times);
            outcomes.iter().map(kind)
        });
        kinds.collect()
    }
}
