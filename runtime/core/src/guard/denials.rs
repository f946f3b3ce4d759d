//! The denials of an instance and the limits that it reached: counted, bounded,
//! and kept while the code behind it comes and goes. A grant ends the denials of
//! what it allows; a raised limit and another version end what was reached.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde::Serialize;

use super::Rights;
use crate::{
    Digest, Grants, Limits, contract::types::Permission, limits::Limit, log::now_ms, text::cut,
};

/// The number of denials to count separately. Further ones are counted
/// together, by permission.
const DISTINCT: usize = 64;
/// The longest text of an object, in bytes.
const WHAT_BYTES: usize = 256;

/// Whether grants allow what was denied without this permission. One that
/// names no application is for any.
fn allows(grants: &Grants, missing: &Permission) -> bool {
    match missing {
        Permission::ReadMessages(names) if names.is_empty() => grants.user.reads_others(),
        missing => grants.allows(missing),
    }
}

/// The count of one denial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Denial {
    /// The permission that is missing, as the contract names it.
    pub permission: &'static str,
    /// The object, such as a host.
    pub what: String,
    /// The number of times.
    pub count: u64,
    /// The last time, in milliseconds since the epoch.
    pub last_ms: u64,
}

/// The count of one reached limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// The limit.
    pub limit: Limit,
    /// The number of times.
    pub count: u64,
    /// The last time, in milliseconds since the epoch.
    pub last_ms: u64,
}

/// Everything that was refused.
#[derive(Debug, Default)]
pub struct Denials {
    denied: Mutex<BTreeMap<(&'static str, String), Denied>>,
    reached: Mutex<Limited>,
}

/// How often one thing was refused, and what would allow it.
#[derive(Debug, Default)]
struct Denied {
    count: Count,
    /// The missing permission; none for what no grant would allow.
    missing: Option<Permission>,
}

/// The limits that were reached.
#[derive(Debug, Default)]
struct Limited {
    counts: BTreeMap<Limit, Count>,
    /// The limits in force.
    limits: Option<Limits>,
    /// The version of the plugin that reached them.
    version: Option<Digest>,
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
    /// Counts a refusal, and returns whether it is the first of its kind. With
    /// the permission that would allow it, a grant of that ends it.
    pub(super) fn add(
        &self,
        permission: &'static str,
        what: &str,
        missing: Option<&Permission>,
    ) -> bool {
        let mut counts = self.denied.lock();
        let mut key = (permission, cut(what, WHAT_BYTES).to_owned());
        if counts.len() >= DISTINCT && !counts.contains_key(&key) {
            key.1 = "(others)".to_owned();
        }
        let denied = counts.entry(key).or_insert_with(|| Denied {
            count: Count::default(),
            missing: missing.cloned(),
        });
        denied.count.add();
        denied.count.count == 1
    }

    /// Counts that a limit was reached, and returns whether it is the first time.
    pub fn reach(&self, limit: Limit) -> bool {
        let mut reached = self.reached.lock();
        let count = reached.counts.entry(limit).or_default();
        count.add();
        count.count == 1
    }

    /// Forgets what these rights have mended: denials of what they allow, and
    /// limits that they raise.
    pub(super) fn hold_to(&self, rights: &Rights) {
        self.denied.lock().retain(|_, denied| {
            let missing = denied.missing.as_ref();
            !missing.is_some_and(|missing| allows(&rights.grants, missing))
        });
        let mut reached = self.reached.lock();
        let before = reached.limits.replace(rights.limits.clone());
        if let Some(before) = before {
            reached
                .counts
                .retain(|limit, _| limit.of(&rights.limits) <= limit.of(&before));
        }
    }

    /// Notes the version of the plugin that runs from now on. The limits that
    /// another version reached are forgotten. Returns whether it is another.
    pub fn begin_version(&self, version: Digest) -> bool {
        let mut reached = self.reached.lock();
        let other = reached.version.replace(version) != Some(version);
        if other {
            reached.counts.clear();
        }
        other
    }

    /// The limits that were reached so far.
    pub fn reached(&self) -> Vec<Reached> {
        let reached = self.reached.lock();
        let each = reached.counts.iter().map(|(limit, count)| Reached {
            limit: *limit,
            count: count.count,
            last_ms: count.last_ms,
        });
        each.collect()
    }

    /// Returns all denials so far.
    pub fn list(&self) -> Vec<Denial> {
        self.denied
            .lock()
            .iter()
            .map(|((permission, what), Denied { count, .. })| Denial {
                permission,
                what: what.clone(),
                count: count.count,
                last_ms: count.last_ms,
            })
            .collect()
    }
}
