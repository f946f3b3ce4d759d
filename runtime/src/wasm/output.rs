//! Standard output and standard error of a guest, line by line into its log.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use crate::{Log, limits::LOG_ENTRY_BYTES, log::Source};

/// One of the two streams. All handles a guest opens share the same line.
#[derive(Clone)]
pub(super) struct Output(Arc<Lines>);

struct Lines {
    log: Arc<Log>,
    source: Source,
    begun: Mutex<Vec<u8>>,
}

impl Output {
    pub(super) fn new(log: Arc<Log>, source: Source) -> Self {
        Self(Arc::new(Lines {
            log,
            source,
            begun: Mutex::default(),
        }))
    }
}

impl Lines {
    fn write(&self, bytes: &[u8]) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
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
        self.log.write(level, self.source, text);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let begun = std::mem::take(self.begun.get_mut().unwrap_or_else(PoisonError::into_inner));
        if !begun.is_empty() {
            self.entry(&begun);
        }
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
