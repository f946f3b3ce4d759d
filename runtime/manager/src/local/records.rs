//! The data of a local catalogue, and the rules of its changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::embedder::{
    DeadLetter, DepartedPlugin, GrantRecord, InstalledPlugin, StorageFull, StoredTimer,
    TooManyTimers, UserPlugin,
};

/// All data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    pub(super) installed: BTreeMap<String, InstalledPlugin>,
    pub(super) grants: BTreeMap<String, GrantRecord>,
    pub(super) departed: BTreeMap<String, DepartedPlugin>,
    pub(super) user_plugins: BTreeMap<i64, Record>,
}

/// A user's plugin and its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) plugin: UserPlugin,
    #[serde(default)]
    pub(super) dead_letters: BTreeMap<i64, DeadLetter>,
    #[serde(default)]
    pub(super) values: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) timers: BTreeMap<String, StoredTimer>,
}

/// A stored value, in hexadecimal digits in the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value(pub(super) Vec<u8>);

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(text).map(Self).map_err(D::Error::custom)
    }
}

impl State {
    /// Adds a user's plugin, unless it exists.
    pub(super) fn add(&mut self, user_id: i64, plugin: &str, token: String, now_ms: i64) {
        let mut all = self.user_plugins.values();
        if all.any(|record| record.plugin.user_id == user_id && record.plugin.plugin == plugin) {
            return;
        }
        let id = self.user_plugins.keys().next_back().map_or(1, |id| id + 1);
        let plugin = UserPlugin {
            id,
            user_id,
            plugin: plugin.to_owned(),
            token,
            config: None,
            enabled: false,
            consent: None,
            filter_order: 0,
            fail_closed: false,
            filter_applications: None,
            cursor: 0,
            last_error: None,
            created_ms: now_ms,
        };
        let record = Record {
            plugin,
            dead_letters: BTreeMap::new(),
            values: BTreeMap::new(),
            timers: BTreeMap::new(),
        };
        self.user_plugins.insert(id, record);
    }
}

impl Record {
    /// Returns the size of all keys and values.
    pub(super) fn storage_bytes(&self) -> i64 {
        let sizes = self.values.iter().map(|(key, value)| size(key, &value.0));
        sizes.fold(0, i64::saturating_add)
    }

    /// Stores a value within a quota. A change to less is always allowed.
    pub(super) fn set_value(
        &mut self,
        key: &str,
        value: &[u8],
        quota: i64,
    ) -> Result<(), StorageFull> {
        let old = self.values.get(key).map_or(0, |old| size(key, &old.0));
        let new = size(key, value);
        let would_be = self.storage_bytes() - old + new;
        if would_be > quota && new > old {
            return Err(StorageFull { would_be });
        }
        self.values.insert(key.to_owned(), Value(value.to_owned()));
        Ok(())
    }

    /// Sets a timer. One with an unchanged schedule keeps its time.
    pub(super) fn set_timer(
        &mut self,
        timer: &StoredTimer,
        most: u32,
    ) -> Result<(), TooManyTimers> {
        let others = self.timers.keys().filter(|name| **name != timer.name);
        if others.count() >= usize::try_from(most).unwrap_or(usize::MAX) {
            return Err(TooManyTimers);
        }
        match self.timers.get(&timer.name) {
            Some(known) if known.schedule == timer.schedule => {}
            _ => drop(self.timers.insert(timer.name.clone(), timer.clone())),
        }
        Ok(())
    }

    /// Moves a timer on, unless it changed.
    pub(super) fn advance_timer(&mut self, timer: &StoredTimer, next_ms: Option<i64>) -> bool {
        match self.timers.get_mut(&timer.name) {
            Some(known) if known.next_ms == timer.next_ms => match next_ms {
                Some(next_ms) => known.next_ms = next_ms,
                None => drop(self.timers.remove(&timer.name)),
            },
            _ => return false,
        }
        true
    }
}

fn size(key: &str, value: &[u8]) -> i64 {
    i64::try_from(key.len() + value.len()).unwrap_or(i64::MAX)
}
