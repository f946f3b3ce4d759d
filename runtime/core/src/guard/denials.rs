//! What an instance was refused, for want of a grant or because a limit was
//! reached: counted, bounded, and kept while the code behind it, and the version
//! of the plugin, come and go.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use crate::{limits::Limit, log::now_ms, text::cut};

/// Different things refused that are told apart; further ones are counted
/// together, by permission.
const DISTINCT: usize = 64;
/// The longest text of what was asked for, in bytes.
const WHAT_BYTES: usize = 256;

/// How often one thing was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Denial {
    /// The permission that is missing, as the contract names it.
    pub permission: &'static str,
    /// What was asked for, such as a host.
    pub what: String,
    /// How many times.
    pub count: u64,
    /// When last, in milliseconds since the epoch.
    pub last_ms: u64,
}

/// How often one limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Which.
    pub limit: Limit,
    /// How many times.
    pub count: u64,
    /// When last, in milliseconds since the epoch.
    pub last_ms: u64,
}

/// Everything that was refused.
#[derive(Debug, Default)]
pub struct Denials {
    denied: Mutex<BTreeMap<(&'static str, String), Count>>,
    reached: Mutex<BTreeMap<Limit, Count>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    count: u64,
    last_ms: u64,
}

impl Count {
    fn add(&mut self) {
        self.count = self.count.saturating_add(1);
        self.last_ms = now_ms();
    }
}

impl Denials {
    /// Counts a refusal. Whether it is the first of its kind.
    pub(super) fn add(&self, permission: &'static str, what: &str) -> bool {
        let mut counts = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (permission, cut(what, WHAT_BYTES).to_owned());
        if counts.len() >= DISTINCT && !counts.contains_key(&key) {
            key.1 = "(others)".to_owned();
        }
        let count = counts.entry(key).or_default();
        count.add();
        count.count == 1
    }

    /// Counts that a limit was reached.
    pub fn reach(&self, limit: Limit) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.entry(limit).or_default().add();
    }

    /// The limits that were reached so far.
    pub fn reached(&self) -> Vec<Reached> {
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let each = reached.iter().map(|(limit, count)| Reached {
            limit: *limit,
            count: count.count,
            last_ms: count.last_ms,
        });
        each.collect()
    }

    /// What was refused so far.
    pub fn list(&self) -> Vec<Denial> {
        self.denied
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|((permission, what), count)| Denial {
                permission,
                what: what.clone(),
                count: count.count,
                last_ms: count.last_ms,
            })
            .collect()
    }
}
