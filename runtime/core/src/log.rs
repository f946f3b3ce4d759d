//! An instance's log: the plugin's output, its denials, and the host's
//! observations. Bounded in bytes; the oldest entries are removed first.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use crate::{
    contract::{text::cut, types::Level},
    limits::LOG_ENTRY_BYTES,
};

/// The writer of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// The level.
    pub level: Level,
    /// The writer.
    pub source: Source,
    /// At most [`LOG_ENTRY_BYTES`].
    pub text: String,
    /// A number that only the same entry in other logs has; none if this log alone has
    /// it.
    #[serde(skip)]
    pub shared: Option<u64>,
}

impl Source {
    /// The level of a printed line and its text: the level that the line itself
    /// states, or else that of its stream.
    ///
    /// A line of either stream may begin with `<3>` to `<7>`, as for the
    /// system's journal; the prefix is not part of the text. A line of standard
    /// error may name its level in capitals among its first words or as
    /// `level=...`, as loggers of many languages print it.
    pub fn level_of(self, line: &str) -> (Level, &str) {
        if let [b'<', digit @ b'0'..=b'7', b'>', ..] = line.as_bytes()
            && let Some(text) = line.get(3..)
        {
            let level = match digit {
                b'0'..=b'3' => Level::Error,
                b'4' => Level::Warn,
                b'5' | b'6' => Level::Info,
                _ => Level::Debug,
            };
            return (level, text);
        }
        let level = match self {
            Self::Stderr => named_level(line).unwrap_or(Level::Warn),
            _ => Level::Info,
        };
        (level, line)
    }
}

/// The words of a line among which a logger puts the level, at most.
const LEVEL_WORDS: usize = 4;

/// The level that a logger printed into a line.
fn named_level(line: &str) -> Option<Level> {
    line.split([' ', '\t', ',', '{'])
        .filter(|word| !word.is_empty())
        .take(LEVEL_WORDS)
        .find_map(|word| {
            let word = word.trim_matches(['[', ']', '(', ')', '|', '"']);
            let named = word
                .strip_prefix("level=")
                .or_else(|| word.strip_prefix("level\":\""));
            match named {
                Some(name) => level_named(&name.trim_matches('"').to_ascii_uppercase()),
                // As in `INFO:module:text`.
                None => level_named(word.split([':', ']']).next()?),
            }
        })
}

fn level_named(name: &str) -> Option<Level> {
    match name {
        "TRACE" => Some(Level::Trace),
        "DEBUG" => Some(Level::Debug),
        "INFO" | "NOTICE" => Some(Level::Info),
        "WARN" | "WARNING" => Some(Level::Warn),
        "ERROR" | "CRITICAL" | "FATAL" => Some(Level::Error),
        _ => None,
    }
}

/// An entry's own size beside its text, towards the bound.
const ENTRY_OVERHEAD: u64 = 64;

/// A bounded log.
#[derive(Debug)]
pub struct Log {
    kept: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    most_bytes: u64,
    entries: VecDeque<Entry>,
    bytes: u64,
    next: u64,
    dropped: u64,
}

impl Ring {
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
            kept: Mutex::new(Ring {
                most_bytes,
                ..Ring::default()
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
    /// no longer fit. Returns its number.
    pub fn write(&self, level: Level, source: Source, text: &str) -> u64 {
        self.add(level, source, text, None)
    }

    /// Adds an entry to several logs, such as that of a process and those of the instances
    /// in it. Readers of both know it by [`Entry::shared`].
    pub fn write_to_all<'a>(
        logs: impl IntoIterator<Item = &'a Self>,
        level: Level,
        source: Source,
        text: &str,
    ) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let shared = Some(NEXT.fetch_add(1, Ordering::Relaxed));
        for log in logs {
            log.add(level, source, text, shared);
        }
    }

    fn add(&self, level: Level, source: Source, text: &str, shared: Option<u64>) -> u64 {
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
            shared,
        });
        number
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

    /// Returns the number of entries ever written.
    pub fn written(&self) -> u64 {
        self.kept().next
    }

    /// The bytes that it has of those it may have.
    pub fn bytes(&self) -> u64 {
        self.kept().bytes
    }

    /// Returns the number of entries that were removed to make room.
    pub fn dropped(&self) -> u64 {
        self.kept().dropped
    }

    fn kept(&self) -> MutexGuard<'_, Ring> {
        self.kept.lock()
    }
}

/// Returns the time in milliseconds since the epoch.
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

    #[test]
    fn a_line_has_the_level_that_it_states() {
        for (line, on_stdout, on_stderr, text) in [
            ("plain", Level::Info, Level::Warn, "plain"),
            ("<3>bad", Level::Error, Level::Error, "bad"),
            ("<4>careful", Level::Warn, Level::Warn, "careful"),
            ("<7>deep", Level::Debug, Level::Debug, "deep"),
            ("<9>no", Level::Info, Level::Warn, "<9>no"),
            ("INFO:root:a", Level::Info, Level::Info, "INFO:root:a"),
            ("ERROR:x:b", Level::Info, Level::Error, "ERROR:x:b"),
            ("an error", Level::Info, Level::Warn, "an error"),
            (
                "one two three four INFO",
                Level::Info,
                Level::Warn,
                "one two three four INFO",
            ),
        ] {
            assert_eq!(Source::Stdout.level_of(line), (on_stdout, text));
            assert_eq!(Source::Stderr.level_of(line), (on_stderr, text));
        }
        for line in [
            "2026/11/28 03:00:00 DEBUG msg",
            "time=2026-11-28T03:00:00Z level=DEBUG msg=x",
            "[2026-11-28T03:00:00Z DEBUG a::b] x",
            "2026-11-28T03:00:00Z DEBUG a::b: x",
            "{\"level\":\"debug\",\"msg\":\"x\"}",
            "{\"time\":\"t\",\"level\":\"DEBUG\",\"msg\":\"x\"}",
        ] {
            assert_eq!(Source::Stderr.level_of(line), (Level::Debug, line));
        }
    }
}
