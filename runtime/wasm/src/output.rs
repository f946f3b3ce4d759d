//! Standard output and standard error of a guest, line by line into its log.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use mortise_runtime::{Log, limits::LOG_ENTRY_BYTES, log::Source};

/// One of the two streams. All handles a guest opens share the same line.
#[derive(Clone)]
pub(super) struct Output(Arc<Lines>);

struct Lines {
    log: Arc<Log>,
    source: Source,
    begun: Mutex<Vec<u8>>,
    /// The number of the log's first entry from the call under way; none yet if
    /// it is [`u64::MAX`].
    first: AtomicU64,
}

impl Output {
    pub(super) fn new(log: Arc<Log>, source: Source) -> Self {
        Self(Arc::new(Lines {
            log,
            source,
            begun: Mutex::default(),
            first: AtomicU64::new(u64::MAX),
        }))
    }

    /// Has what follows count as another call's.
    pub(super) fn begin_call(&self) {
        self.0.first.store(u64::MAX, Relaxed);
    }

    /// The lines that the call under way wrote, a last one without an end
    /// included; as far as the log still has them.
    pub(super) fn of_call(&self) -> Vec<String> {
        self.0.end_line();
        let first = self.0.first.load(Relaxed);
        let entries = self.0.log.since(first).into_iter();
        let own = entries.filter(|entry| entry.source == self.0.source);
        own.map(|entry| entry.text).collect()
    }
}

impl Lines {
    fn write(&self, bytes: &[u8]) {
        let mut begun = self.begun.lock();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            begun.extend_from_slice(piece);
            if piece.ends_with(b"\n") || begun.len() >= LOG_ENTRY_BYTES {
                self.entry(&begun);
                begun.clear();
            }
        }
    }

    fn entry(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let (level, text) = self.source.level_of(text.trim_end_matches(['\r', '\n']));
        let number = self.log.write(level, self.source, text);
        self.first.fetch_min(number, Relaxed);
    }

    /// Ends the line that was begun, if there is one.
    fn end_line(&self) {
        let begun = std::mem::take(&mut *self.begun.lock());
        if !begun.is_empty() {
            self.entry(&begun);
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.end_line();
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl AsyncWrite for Output {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        self.0.write(bytes);
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}
