//! The messages that passed, in memory and in the storage.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use mortise_plugin::{Storage, prelude::*};

/// The storage's keys, each followed by the fingerprint of a message.
const PREFIX: &str = "seen/";

/// The most messages that are remembered. Beyond it, the oldest is forgotten.
pub(crate) const MOST: usize = 1000;

/// The time after which a message is forgotten although its number of repetitions
/// was not shown: one day.
const LONGEST_MS: u64 = 24 * 60 * 60_000;

/// A message that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// The time at which it passed.
    pub(crate) passed_ms: u64,
    /// The number of equal messages that were dropped since then.
    pub(crate) dropped: u64,
}

/// The messages that passed, by their fingerprints.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    seen: BTreeMap<String, Seen>,
}

impl Memory {
    /// Reads the storage.
    pub(crate) fn load(storage: &Storage<'_>) -> Result<Self, Error> {
        let mut seen = BTreeMap::new();
        for key in storage.keys(PREFIX)? {
            if let (Some(fingerprint), Some(one)) = (key.strip_prefix(PREFIX), storage.get(&key)?) {
                seen.insert(fingerprint.to_owned(), one);
            }
        }
        Ok(Self { seen })
    }

    /// Returns the message with this fingerprint.
    pub(crate) fn get(&self, fingerprint: &str) -> Option<Seen> {
        self.seen.get(fingerprint).copied()
    }

    /// Remembers a message, and forgets others beyond the bounds.
    pub(crate) fn set(
        &mut self,
        storage: &Storage<'_>,
        fingerprint: &str,
        seen: Seen,
    ) -> Result<(), Error> {
        self.seen.insert(fingerprint.to_owned(), seen);
        storage.set(&format!("{PREFIX}{fingerprint}"), &seen)?;
        while self.seen.len() > MOST {
            let oldest = self.seen.iter().min_by_key(|(_, one)| one.passed_ms);
            let Some(oldest) = oldest.map(|(fingerprint, _)| fingerprint.clone()) else {
                break;
            };
            self.forget(storage, &oldest)?;
        }
        Ok(())
    }

    /// Forgets the messages that matter no more.
    pub(crate) fn prune(
        &mut self,
        storage: &Storage<'_>,
        now_ms: u64,
        window_ms: u64,
    ) -> Result<(), Error> {
        let old = self.seen.iter().filter(|(_, one)| {
            let age = now_ms.saturating_sub(one.passed_ms);
            age >= window_ms && (one.dropped == 0 || age >= LONGEST_MS)
        });
        let old: Vec<_> = old.map(|(fingerprint, _)| fingerprint.clone()).collect();
        for fingerprint in old {
            self.forget(storage, &fingerprint)?;
        }
        Ok(())
    }

    fn forget(&mut self, storage: &Storage<'_>, fingerprint: &str) -> Result<(), Error> {
        self.seen.remove(fingerprint);
        storage.remove(&format!("{PREFIX}{fingerprint}"))
    }
}

/// Returns 128 bits that are the same for equal messages.
pub(crate) fn fingerprint(draft: &Draft) -> String {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        let Draft {
            application,
            content,
            ..
        } = draft;
        (salt, application.id, &content.title, &content.body).hash(&mut hasher);
        hasher.finish()
    };
    format!("{:016x}{:016x}", half(0), half(1))
}
