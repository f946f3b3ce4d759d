//! An instance's log: what the plugin wrote, what it was refused, what the host
//! noticed about it. Bounded in bytes; the oldest entries go first.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::{contract::types::Level, limits::LOG_ENTRY_BYTES};

/// Who wrote an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The plugin, through the contract's `log`.
    Plugin,
    /// The plugin, on its standard output.
    Stdout,
    /// The plugin, on its standard error.
    Stderr,
    /// The host, about the plugin.
    Host,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Grows by one with each entry of this log.
    pub number: u64,
    /// Milliseconds since the epoch.
    pub time_ms: u64,
    /// How much it matters.
    pub level: Level,
    /// Who wrote it.
    pub source: Source,
    /// At most [`LOG_ENTRY_BYTES`].
    pub text: String,
}

/// An entry's own size beside its text, towards the bound.
const ENTRY_OVERHEAD: u64 = 64;

/// A bounded log.
#[derive(Debug)]
pub struct Log {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    most_bytes: u64,
    entries: VecDeque<Entry>,
    bytes: u64,
    next: u64,
    dropped: u64,
}

impl Kept {
    fn make_room(&mut self) {
        while self.bytes > self.most_bytes
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= oldest.text.len() as u64 + ENTRY_OVERHEAD;
            self.dropped += 1;
        }
    }
}

impl Log {
    /// An empty log that keeps at most this many bytes.
    pub fn new(most_bytes: u64) -> Self {
        Self {
            kept: Mutex::new(Kept {
                most_bytes,
                ..Kept::default()
            }),
        }
    }

    /// Has it keep at most this many bytes from now on.
    pub fn set_bound(&self, most_bytes: u64) {
        let mut kept = self.kept();
        kept.most_bytes = most_bytes;
        kept.make_room();
    }

    /// Adds an entry, cut to its longest size, and drops the oldest ones that
    /// no longer fit.
    pub fn write(&self, level: Level, source: Source, text: &str) {
        let text = cut(text, LOG_ENTRY_BYTES);
        let size = text.len() as u64 + ENTRY_OVERHEAD;
        let time_ms = now_ms();
        let mut kept = self.kept();
        kept.bytes += size;
        kept.make_room();
        let number = kept.next;
        kept.next += 1;
        kept.entries.push_back(Entry {
            number,
            time_ms,
            level,
            source,
            text: text.to_owned(),
        });
    }

    /// The entries kept, oldest first, from `number` on.
    pub fn since(&self, number: u64) -> Vec<Entry> {
        self.kept()
            .entries
            .iter()
            .filter(|entry| entry.number >= number)
            .cloned()
            .collect()
    }

    /// The last `most` entries from one source, oldest first.
    pub fn last(&self, source: Source, most: usize) -> Vec<Entry> {
        let kept = self.kept();
        let mut entries: Vec<Entry> = kept
            .entries
            .iter()
            .rev()
            .filter(|e| e.source == source)
            .take(most)
            .cloned()
            .collect();
        entries.reverse();
        entries
    }

    /// How many entries were ever written.
    pub fn written(&self) -> u64 {
        self.kept().next
    }

    /// The bytes that it has of those it may have.
    pub fn bytes(&self) -> u64 {
        self.kept().bytes
    }

    /// How many entries went because they no longer fit.
    pub fn dropped(&self) -> u64 {
        self.kept().dropped
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Entries are whole at every point where a panic could poison it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The longest prefix of at most `most` bytes that ends between characters.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

#[cfg(test)]
mod tests {
    use super::{Log, Source};
    use crate::{contract::types::Level, limits::LOG_ENTRY_BYTES};

    #[test]
    fn keeps_the_newest_within_its_bound() {
        let log = Log::new(1000);
        for number in 0..100 {
            log.write(Level::Info, Source::Plugin, &format!("line {number}"));
        }
        let entries = log.since(0);
        assert_eq!(log.written(), 100);
        assert_eq!(entries.last().unwrap().text, "line 99");
        assert_eq!(entries.len(), 1000 / (64 + "line 99".len()));
        assert_eq!(log.dropped(), 100 - entries.len() as u64);
    }

    #[test]
    fn cuts_an_entry_between_characters() {
        let log = Log::new(1 << 20);
        log.write(Level::Info, Source::Plugin, &"ä".repeat(LOG_ENTRY_BYTES));
        let text = &log.since(0)[0].text;
        assert_eq!(text.len(), LOG_ENTRY_BYTES);
        assert!(text.chars().all(|c| c == 'ä'));
    }

    #[test]
    fn an_entry_larger_than_the_log_leaves_it_bounded() {
        let log = Log::new(10);
        log.write(Level::Info, Source::Plugin, "much more than ten bytes");
        log.write(Level::Info, Source::Plugin, "again");
        assert!(log.since(0).len() <= 1);
    }
}
