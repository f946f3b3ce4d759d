//! Received messages: answers go to their callers, the plugin's calls to the
//! [`Handler`], each in a task.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::{AskError, Bare, Closed, Connection, Handler, Waiter};
use mortise_protocol::{
    Violation,
    calls::Event,
    codec::{DecodeError, Payload},
    frame,
    handshake::WEBHOOK_STREAM,
    message::{Call, Failure, FailureKind, Message, Outgoing},
    stream,
};

/// The size reserved for reading, in bytes.
const READ: usize = 16 << 10;
/// The free size needed for a read, in bytes.
const LEAST_ROOM: usize = 2 << 10;
/// The most a plugin's call may take, whatever deadline it gives.
const LONGEST_ANSWER: Duration = Duration::from_secs(120);

impl Connection {
    /// Reads until the plugin ends the connection or breaks it, and says which.
    pub(super) async fn read(
        &self,
        mut reader: Box<dyn AsyncRead + Send + Unpin>,
        mut buffer: BytesMut,
        handler: Arc<dyn Handler>,
    ) -> Closed {
        let codec = self.shared.agreement.codec;
        let limit = self.shared.agreement.receive_limit;
        loop {
            loop {
                let message = match frame::take(&mut buffer, limit) {
                    Ok(None) => break,
                    Ok(Some(content)) => Message::read(codec, content),
                    Err(violation) => Err(violation),
                };
                let event = message.and_then(|message| self.shared.calls().accept(message));
                if let Err(violation) = event.and_then(|event| self.take(event, &handler)) {
                    return Closed::Violation(violation);
                }
            }
            // Rarely: each time is an allocation.
            if buffer.capacity() - buffer.len() < LEAST_ROOM {
                buffer.reserve(READ);
            }
            match reader.read_buf(&mut buffer).await {
                Ok(0) => return Closed::ByPlugin,
                Ok(_) => self.shared.heard.mark(),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Closed::ByPlugin;
                }
                Err(error) => return Closed::Io(error.to_string()),
            }
        }
    }

    fn take(&self, event: Event<Waiter>, handler: &Arc<dyn Handler>) -> Result<(), Violation> {
        match event {
            Event::Answered { kept, outcome } => {
                if let Waiter::Waiting {
                    answered: Some(answered),
                    ..
                } = kept
                {
                    // It may have given up this very moment.
                    let _ = answered.send(outcome.map_err(AskError::Failed));
                }
            }
            Event::Asked(call) => self.answer(call, Arc::clone(handler)),
            Event::Refused { id, text } => {
                let error = Failure::new(FailureKind::Exhausted, text);
                self.respond(&Bare::Error { id, error: &error });
            }
            Event::Cancelled { id } => {
                if let Some(task) = self.shared.answering().remove(&id) {
                    task.abort();
                }
                if self.shared.calls().finish(id) {
                    let error = Failure::new(FailureKind::Cancelled, "cancelled");
                    self.respond(&Bare::Error { id, error: &error });
                }
            }
            Event::Notified {
                method,
                instance,
                payload,
            } => match method.as_str() {
                stream::HEAD | stream::CHUNK if self.streams() => {
                    self.piece(&method, &payload)?;
                }
                _ => handler.notified(&method, instance, &payload),
            },
            Event::Nothing => {}
        }
        Ok(())
    }

    /// Returns true if both sides stream responses.
    fn streams(&self) -> bool {
        let features = &self.shared.agreement.features;
        features.iter().any(|feature| feature == WEBHOOK_STREAM)
    }

    /// Takes a part of a streamed answer. One for a call that is over, or that
    /// does not exist, is ignored like an answer to it.
    fn piece(&self, method: &str, payload: &Payload) -> Result<(), Violation> {
        let malformed = |error: DecodeError| Violation::Malformed(format!("`{method}`: {error}"));
        let taker = |call| match self.shared.calls().kept(call) {
            Some(Waiter::Waiting { pieces, .. }) => pieces.clone(),
            _ => None,
        };
        if method == stream::HEAD {
            let head: stream::Head = payload.params().map_err(malformed)?;
            taker(head.call).map_or(Ok(()), |pieces| pieces.head(head))
        } else {
            let chunk: stream::Chunk = payload.params().map_err(malformed)?;
            taker(chunk.call).map_or(Ok(()), |pieces| pieces.chunk(&chunk))
        }
    }

    fn answer(&self, call: Call, handler: Arc<dyn Handler>) {
        let id = call.id;
        let deadline = call
            .deadline_ms
            .map_or(LONGEST_ANSWER, Duration::from_millis)
            .min(LONGEST_ANSWER);
        let connection = self.clone();
        // The table is held so that a task that is done at once does not leave
        // its handle behind.
        let mut answering = self.shared.answering();
        let task = tokio::spawn(async move {
            let outcome = tokio::time::timeout(deadline, handler.asked(call))
                .await
                .unwrap_or_else(|_| {
                    Err(Failure::new(
                        FailureKind::Unavailable,
                        "the host was not done within the call's deadline",
                    ))
                });
            connection.shared.answering().remove(&id);
            if !connection.shared.calls().finish(id) {
                return;
            }
            match &outcome {
                Ok(result) => connection.respond(&Outgoing::Reply { id, result }),
                Err(error) => connection.respond(&Bare::Error { id, error }),
            }
        });
        answering.insert(id, task.abort_handle());
    }
}
