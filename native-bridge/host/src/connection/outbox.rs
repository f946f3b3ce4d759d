//! Messages to write. A sender writes at once if it can, so that a call needs
//! no switch of tasks. A task writes the rest when the socket is full. A sender
//! that gives up never leaves half a frame.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use tokio::{io::AsyncWrite, sync::Notify};

use mortise_protocol::codec::{Codec, EncodeError};

/// The reason for which nothing was sent.
#[derive(Debug)]
pub(super) enum SendError {
    /// The connection has ended.
    Closed,
    /// More bytes wait than should.
    NotReading(usize),
    /// The message has no form or is too long.
    Encode(EncodeError),
}

/// A queue of frames in front of a socket.
pub(super) struct Outbox {
    state: Mutex<State>,
    waiting: Notify,
    limit: usize,
}

struct State {
    /// None when the connection has ended.
    writer: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    buffer: Vec<u8>,
    /// The number of its bytes that the socket has accepted.
    written: usize,
    /// True if the task must write, because the socket was full.
    full: bool,
}

/// The size of an empty buffer to keep, in bytes.
const KEEP: usize = 1 << 20;

impl Outbox {
    /// `limit` is the longest frame the other side takes.
    pub(super) fn new(writer: Box<dyn AsyncWrite + Send + Unpin>, limit: usize) -> Self {
        Self {
            state: Mutex::new(State {
                writer: Some(writer),
                buffer: Vec::new(),
                written: 0,
                full: false,
            }),
            waiting: Notify::new(),
            limit,
        }
    }

    pub(super) fn send<T: Serialize>(&self, codec: Codec, message: &T) -> Result<(), SendError> {
        let mut state = self.state();
        if state.writer.is_none() {
            return Err(SendError::Closed);
        }
        let waiting = state.buffer.len() - state.written;
        if waiting > self.limit.saturating_mul(2) {
            return Err(SendError::NotReading(waiting));
        }
        if state.written > waiting {
            // There may always be something left of a busy connection.
            let State {
                buffer, written, ..
            } = &mut *state;
            buffer.drain(..std::mem::take(written));
        }
        codec
            .put(&mut state.buffer, self.limit, message)
            .map_err(SendError::Encode)?;
        if !state.full {
            // Not our waker: the task registers its own when it takes over.
            let mut context = Context::from_waker(Waker::noop());
            match state.poll_write(&mut context) {
                Poll::Ready(Ok(())) => {}
                // The task meets the same error, and says so.
                Poll::Ready(Err(_)) | Poll::Pending => {
                    state.full = true;
                    self.waiting.notify_one();
                }
            }
        }
        Ok(())
    }

    /// Writes what senders could not, until the connection is closed.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub(super) async fn flush(&self) -> io::Result<()> {
        loop {
            self.waiting.notified().await;
            let open = std::future::poll_fn(|context| {
                let mut state = self.state();
                if state.writer.is_none() {
                    return Poll::Ready(Ok(false));
                }
                let written = state.poll_write(context);
                if let Poll::Ready(Ok(())) = written {
                    state.full = false;
                }
                written.map_ok(|()| true)
            })
            .await?;
            if !open {
                return Ok(());
            }
        }
    }

    pub(super) fn close(&self) {
        let mut state = self.state();
        state.writer = None;
        state.clear();
        drop(state);
        self.waiting.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it is held leaves whole frames behind or none.
        self.state.lock()
    }
}

impl State {
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(writer) = &mut self.writer else {
            return Poll::Ready(Ok(()));
        };
        while let Some(rest) = self.buffer.get(self.written..)
            && !rest.is_empty()
        {
            match Pin::new(&mut *writer).poll_write(context, rest) {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                Poll::Ready(Ok(written)) => self.written += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.clear();
        Poll::Ready(Ok(()))
    }

    fn clear(&mut self) {
        self.written = 0;
        self.buffer.clear();
        self.buffer.shrink_to(KEEP);
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use tokio::io::AsyncReadExt as _;

    use super::Outbox;
    use mortise_protocol::{codec::Codec, frame};

    /// Its buffer does not grow with what went through it, and nothing is lost.
    #[tokio::test]
    async fn a_queue_that_is_never_empty_stays_short() {
        let (mut plugin, host) = tokio::io::duplex(64);
        let outbox = Outbox::new(Box::new(host), 1000);
        let send = |number: u32| {
            outbox
                .send(Codec::Json, &format!("frame {number:>6}"))
                .unwrap();
        };
        let hear = async {
            let mut received = BytesMut::new();
            (0..20).for_each(send);
            for number in 0..2000 {
                let content = loop {
                    if let Some(content) = frame::take(&mut received, 1000).unwrap() {
                        break content;
                    }
                    plugin.read_buf(&mut received).await.unwrap();
                };
                assert_eq!(*content, *format!("\"frame {number:>6}\"").as_bytes());
                send(number + 20);
                let state = outbox.state();
                assert!(!state.buffer.is_empty());
                assert!(state.buffer.len() < 1000, "{}", state.buffer.len());
            }
            outbox.close();
        };
        let (flushed, ()) = tokio::join!(outbox.flush(), hear);
        flushed.unwrap();
    }
}
