//! What an administrator reads of a plugin: what its process printed, what the
//! server noticed about each user's instance, and what the plugin wrote for
//! the administrator's own account. What it wrote for another user may be made
//! of that user's messages, and is that user's to read.

use std::sync::Arc;

use mortise_runtime::{
    Log, Plugin as _,
    guard::Denial,
    log::{Entry, Source},
};

use super::{Plugins, Slot, read};

/// An entry of one of a plugin's logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose instance it is about; none for the plugin's process.
    pub user: Option<String>,
    /// The entry; its number is by log.
    pub entry: Entry,
}

impl Plugins {
    /// What a plugin was refused for want of a grant, by user.
    pub fn denials(&self, plugin: &str) -> Vec<(String, Denial)> {
        let mut denials = Vec::new();
        for slot in self.slots_of(plugin) {
            let of_slot = slot.denials().into_iter();
            denials.extend(of_slot.map(|denial| (slot.user.name.clone(), denial)));
        }
        denials
    }

    /// The log of a native plugin's process; none for any other.
    pub(crate) fn process_log(&self, plugin: &str) -> Option<Arc<Log>> {
        let process = self.installed.get(plugin)?.current.process()?;
        Some(process.log)
    }

    /// A user's plugins in memory, oldest first.
    pub(crate) fn in_memory_of(&self, user_id: i64) -> Vec<Arc<Slot>> {
        let slots = read(&self.slots);
        let own = slots.by_id.values();
        let mut own: Vec<_> = own
            .filter(|slot| slot.user_id() == user_id)
            .cloned()
            .collect();
        own.sort_by_key(|slot| slot.id);
        own
    }

    /// The entries from this time on (milliseconds since the epoch), oldest
    /// first, as this user may read them.
    pub fn logs(&self, plugin: &str, reader: i64, since_ms: u64) -> Vec<Line> {
        let mut lines = Vec::new();
        let current = self.installed.get(plugin).map(|entry| entry.current);
        if let Some(process) = current.and_then(|current| current.process()) {
            let entries = process.log.since(0).into_iter();
            lines.extend(entries.map(|entry| Line { user: None, entry }));
        }
        for slot in self.slots_of(plugin) {
            let own = slot.user_id() == reader;
            let entries = slot.log.since(0).into_iter();
            let readable = entries.filter(|entry| own || entry.source == Source::Host);
            lines.extend(readable.map(|entry| Line {
                user: Some(slot.user.name.clone()),
                entry,
            }));
        }
        lines.retain(|line| line.entry.time_ms >= since_ms);
        lines.sort_by_key(|line| line.entry.time_ms);
        lines
    }
}
