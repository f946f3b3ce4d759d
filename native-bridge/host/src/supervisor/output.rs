//! A plugin's output, line by line into its log. A plugin that prints too fast
//! waits, because its pipe stays full.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mortise_runtime::{limits::LOG_ENTRY_BYTES, log::Source, types::Level};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The target of lines.
pub(crate) trait Sink: Send + Sync {
    /// Takes one line.
    fn line(&self, level: Level, source: Source, text: &str);
}

/// Reads to the end and hands on each line, cut at [`LOG_ENTRY_BYTES`].
pub(super) async fn capture<S: Sink>(
    mut pipe: impl AsyncRead + Unpin,
    sink: Arc<S>,
    source: Source,
    bytes_per_second: u32,
) {
    let mut line = Vec::new();
    let mut piece = vec![0; LOG_ENTRY_BYTES];
    let mut pace = Pace::new(bytes_per_second);
    // An error means the same as the end: nothing more is to come.
    while let Ok(read @ 1..) = pipe.read(&mut piece).await {
        for byte in piece.get(..read).unwrap_or_default() {
            line.push(*byte);
            if *byte == b'\n' || line.len() == LOG_ENTRY_BYTES {
                entry(&*sink, source, &line);
                line.clear();
            }
        }
        if let Some(pause) = pace.take(read, Instant::now()) {
            tokio::time::sleep(pause).await;
        }
    }
    if !line.is_empty() {
        entry(&*sink, source, &line);
    }
}

fn entry(sink: &impl Sink, source: Source, line: &[u8]) {
    let text = String::from_utf8_lossy(line);
    let (level, text) = source.level_of(text.trim_end_matches(['\r', '\n']));
    sink.line(level, source, text);
}

/// A bucket that holds one second's worth.
struct Pace {
    per_second: f64,
    filled: f64,
    since: Instant,
}

impl Pace {
    fn new(per_second: u32) -> Self {
        Self {
            per_second: f64::from(per_second.max(1)),
            filled: 0.0,
            since: Instant::now(),
        }
    }

    /// Counts the read bytes, and returns the time to wait.
    fn take(&mut self, bytes: usize, now: Instant) -> Option<Duration> {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        self.since = now;
        let bytes = u32::try_from(bytes).map_or(f64::MAX, f64::from);
        self.filled = (self.filled - passed * self.per_second).max(0.0) + bytes;
        let over = self.filled - self.per_second;
        (over > 0.0).then(|| Duration::from_secs_f64((over / self.per_second).min(10.0)))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Arc,
        time::{Duration, Instant},
    };

    use mortise_runtime::{Log, limits::LOG_ENTRY_BYTES, log::Source, types::Level};

    use super::{Pace, Sink, capture};

    impl Sink for Log {
        fn line(&self, level: Level, source: Source, text: &str) {
            self.write(level, source, text);
        }
    }

    #[tokio::test]
    async fn lines_become_entries() {
        let log = Arc::new(Log::new(1 << 20));
        let mut printed = b"one\r\ntwo\n\nbad \xff utf\nlast".to_vec();
        printed.extend_from_slice(b"\n");
        printed.extend(vec![b'x'; LOG_ENTRY_BYTES + 3]);
        capture(&printed[..], Arc::clone(&log), Source::Stdout, 1 << 20).await;
        let texts: Vec<String> = log.since(0).into_iter().map(|entry| entry.text).collect();
        assert_eq!(&texts[..5], ["one", "two", "", "bad \u{fffd} utf", "last"]);
        assert_eq!(
            texts[5..].iter().map(String::len).sum::<usize>(),
            LOG_ENTRY_BYTES + 3
        );
        assert_eq!(texts.len(), 7);
    }

    #[test]
    fn who_prints_too_fast_waits() {
        let start = Instant::now();
        let mut pace = Pace::new(1000);
        pace.since = start;
        assert_eq!(pace.take(1000, start), None);
        assert_eq!(pace.take(500, start), Some(Duration::from_millis(500)));
        assert_eq!(pace.take(500, start + Duration::from_secs(1)), None);
    }
}
