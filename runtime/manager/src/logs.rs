//! An administrator's view of a plugin's log: the output of its process, the
//! server's entries about each user's instance, and the plugin's entries for
//! the administrator's own account. Entries for another user may contain that
//! user's messages, so only that user may read them.

use std::{collections::HashMap, sync::Arc};

use mortise_runtime::{
    Log, Plugin as _,
    guard::Denial,
    log::{Entry, Source},
};

use super::{Plugins, Slot};

/// An entry of one of a plugin's logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The instance's user; none for the plugin's process.
    pub user: Option<String>,
    /// The entry; its number is by log.
    pub entry: Entry,
}

impl Plugins {
    /// Returns a plugin's denials for missing grants, by user.
    pub fn denials(&self, plugin: &str) -> Vec<(String, Denial)> {
        let mut denials = Vec::new();
        for slot in self.slots_of(plugin) {
            let of_slot = slot.denials().into_iter();
            denials.extend(of_slot.map(|denial| (slot.user.name.clone(), denial)));
        }
        denials
    }

    /// The log of a native plugin's process; none for any other.
    pub fn process_log(&self, plugin: &str) -> Option<Arc<Log>> {
        let process = self.installed.get(plugin)?.current.process()?;
        Some(process.log)
    }

    /// Keeps the log of a native plugin's process beyond its version, until the next
    /// version is replaced.
    pub(super) fn keep_log(&self, plugin: &str, log: Arc<Log>) {
        self.former_logs.lock().insert(plugin.to_owned(), log);
    }

    /// Forgets what was kept about an uninstalled plugin.
    pub(super) fn forget_records(&self, plugin: &str) {
        self.former_logs.lock().remove(plugin);
        self.calls.lock().remove(plugin);
    }

    /// A user's plugins in memory, oldest first.
    pub fn in_memory_of(&self, user_id: i64) -> Vec<Arc<Slot>> {
        let slots = self.slots.read();
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
        let mut printed: HashMap<(Source, String), Vec<u64>> = HashMap::new();
        let former = self.former_logs.lock().get(plugin).cloned();
        for log in former.into_iter().chain(self.process_log(plugin)) {
            for entry in log.since(0) {
                let line = (entry.source, entry.text.clone());
                printed.entry(line).or_default().push(entry.time_ms);
                lines.push(Line { user: None, entry });
            }
        }
        for slot in self.slots_of(plugin) {
            let own = slot.user_id() == reader;
            let entries = slot.log.since(0).into_iter();
            let readable = entries
                .filter(|entry| own || entry.source == Source::Host)
                .filter(|entry| !is_among(&printed, entry));
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

/// The time in milliseconds within which a line that a process printed, or an
/// observation about it, is written into both its own log and an instance's.
const SAME_LINE_MS: u64 = 20;

/// Returns true if an instance's entry is a line of the process's log, too.
fn is_among(printed: &HashMap<(Source, String), Vec<u64>>, entry: &Entry) -> bool {
    entry.source != Source::Plugin
        && printed
            .get(&(entry.source, entry.text.clone()))
            .is_some_and(|times| {
                times
                    .iter()
                    .any(|time| time.abs_diff(entry.time_ms) <= SAME_LINE_MS)
            })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use mortise_runtime::{
        log::{Entry, Source},
        types::Level,
    };

    use super::is_among;

    #[test]
    fn a_line_of_the_process_is_shown_once() {
        let line = |source| ((source, "ready".to_owned()), vec![1000]);
        let printed = HashMap::from([line(Source::Stdout), line(Source::Host)]);
        let entry = |source, text: &str, time_ms| Entry {
            number: 0,
            time_ms,
            level: Level::Info,
            source,
            text: text.to_owned(),
        };
        assert!(is_among(&printed, &entry(Source::Stdout, "ready", 1001)));
        assert!(is_among(&printed, &entry(Source::Host, "ready", 1000)));
        // Of a process before this one; of the plugin's own log; another text.
        assert!(!is_among(&printed, &entry(Source::Stdout, "ready", 9)));
        assert!(!is_among(&printed, &entry(Source::Plugin, "ready", 1000)));
        assert!(!is_among(&printed, &entry(Source::Stdout, "steady", 1000)));
    }
}
