//! An administrator's view of a plugin's log: the output of its process, the
//! server's entries about each user's instance, and the plugin's entries for
//! the administrator's own account. Entries for another user may contain that
//! user's messages, so only that user may read them.

use std::{collections::HashSet, sync::Arc};

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
        let mut instances = Vec::new();
        for slot in self.slots_of(plugin) {
            let own = slot.user_id() == reader;
            let entries = slot.log.since(0).into_iter();
            let readable = entries.filter(|entry| own || entry.source == Source::Host);
            instances.extend(readable.map(|entry| Line {
                user: Some(slot.user.name.clone()),
                entry,
            }));
        }
        // After them: a shared entry is written into the process's log first, so one that
        // was just read is there.
        let former = self.former_logs.lock().get(plugin).cloned();
        let processes = former.into_iter().chain(self.process_log(plugin));
        let processes = processes.flat_map(|log| log.since(0)).collect();
        let mut lines = merged(instances, processes);
        lines.retain(|line| line.entry.time_ms >= since_ms);
        lines.sort_by_key(|line| line.entry.time_ms);
        lines
    }
}

/// The entries of instances and of processes. One that both have is the process's.
fn merged(instances: Vec<Line>, processes: Vec<Entry>) -> Vec<Line> {
    let shared: HashSet<u64> = processes.iter().filter_map(|entry| entry.shared).collect();
    let of_process = |entry| Line { user: None, entry };
    let mut lines: Vec<Line> = processes.into_iter().map(of_process).collect();
    let is_other = |line: &Line| line.entry.shared.is_none_or(|one| !shared.contains(&one));
    lines.extend(instances.into_iter().filter(is_other));
    lines
}

#[cfg(test)]
mod tests {
    use mortise_runtime::{
        Log,
        log::{Entry, Source},
        types::Level,
    };

    use super::{Line, merged};

    #[test]
    fn an_entry_that_two_logs_share_is_shown_once() {
        let (process, instance) = (Log::new(1 << 20), Log::new(1 << 20));
        let printed = |text| {
            Log::write_to_all([&process, &instance], Level::Info, Source::Stdout, text);
        };
        printed("tick");
        printed("tick");
        // Equal texts that are not the same entry.
        process.write(Level::Info, Source::Host, "ready");
        instance.write(Level::Info, Source::Host, "ready");
        instance.write(Level::Info, Source::Plugin, "tick");
        let shown = |processes: Vec<Entry>| {
            let instances = instance.since(0).into_iter();
            let user = Some("ann".to_owned());
            let instances = instances.map(|entry| Line {
                user: user.clone(),
                entry,
            });
            let lines = merged(instances.collect(), processes).into_iter();
            let lines = lines.map(|line| (line.user.is_some(), line.entry.text));
            lines.collect::<Vec<_>>()
        };
        let texts = |lines: &[(bool, &str)]| {
            let lines = lines.iter();
            let lines = lines.map(|(of_user, text)| (*of_user, (*text).to_owned()));
            lines.collect::<Vec<_>>()
        };
        assert_eq!(
            shown(process.since(0)),
            texts(&[
                (false, "tick"),
                (false, "tick"),
                (false, "ready"),
                (true, "ready"),
                (true, "tick"),
            ])
        );
        // Of a process whose log is gone.
        assert_eq!(
            shown(Vec::new()),
            texts(&[
                (true, "tick"),
                (true, "tick"),
                (true, "ready"),
                (true, "tick"),
            ])
        );
    }
}
