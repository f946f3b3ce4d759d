//! One connection to a plugin after the handshake: concurrent calls in both
//! directions, each with its deadline.
//!
//! The caller writes a call itself, without a task in between. One task for
//! each connection reads the answers. A [`Handler`] answers the plugin's calls,
//! each in a task. The connection ends, for a reason that can be shown, if the
//! plugin ends it, breaks the protocol, does not read, or does not answer a
//! cancelled call or a ping.
//!
//! - [`handshake`]: the host's part of the handshake.
//! - this module: calls to the plugin, and the end.
//! - `reading`: received messages.
//! - `outbox`: messages to send.
//! - `streamed`: responses in parts.
//! - `deadlines`: late calls.
//! - `errors`: errors of a connection and a call.

mod deadlines;
mod errors;
mod handshake;
mod outbox;
mod reading;
mod streamed;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use mortise_runtime::{trace, types};
use parking_lot::{Mutex, MutexGuard};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    sync::{oneshot, watch},
    task::AbortHandle,
    time::Instant,
};

pub(crate) use self::deadlines::suspendable;
pub use self::errors::{AskError, Closed};
pub use self::handshake::{HandshakeError, OpenLink, handshake};
pub(crate) use self::streamed::Streamed;
use self::{
    deadlines::Deadlines,
    outbox::{Outbox, SendError},
};
use crate::{activity::Activity, transport::Link};
use mortise_protocol::{
    calls::Calls,
    codec::Payload,
    handshake::Agreement,
    message::{Call, Failure, FailureKind, Outgoing},
    methods::{self, Empty, Method},
    stream,
};

/// Answers what a plugin asks.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Answers a call. Dropped when the plugin cancels it or is gone.
    async fn asked(&self, call: Call) -> Result<Answer, Failure>;

    /// Takes a notification. Called in order, and must not block.
    fn notified(&self, method: &str, instance: Option<u64>, payload: &Payload);

    /// Returns the time for which deadlines were suspended so far. Called at each check
    /// of deadlines, which are moved by the difference.
    fn suspended(&self) -> Duration {
        Duration::ZERO
    }
}

/// The result of something a plugin asked.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// A function without a result.
    Null(()),
    /// An id.
    Id(u64),
    /// One message, if there is one.
    Message(Option<types::Message>),
    /// Messages.
    Messages(Vec<types::Message>),
    /// Messages to several users.
    Deliveries(Vec<types::Delivery>),
    /// A value, if there is one.
    Value(Option<methods::Blob>),
    /// Keys.
    Keys(Vec<String>),
}

/// The patience of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The time in which a cancelled call must be answered.
    pub cancel_grace: Duration,
    /// After how long a silence the plugin is asked whether it is there.
    pub ping_after: Duration,
    /// The time in which a ping must be answered.
    pub ping_deadline: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            cancel_grace: Duration::from_secs(5),
            ping_after: Duration::from_secs(15),
            ping_deadline: Duration::from_secs(10),
        }
    }
}

/// A connection after its handshake. Clones are the same connection.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("agreement", &self.shared.agreement)
            .finish_non_exhaustive()
    }
}

struct Shared {
    agreement: Agreement,
    calls: Mutex<Calls<Waiter>>,
    deadlines: Deadlines,
    answering: Mutex<HashMap<u64, AbortHandle>>,
    outbox: Outbox,
    closed: watch::Sender<Option<Closed>>,
    heard: Activity,
    /// The task that reads.
    reading: OnceLock<AbortHandle>,
}

/// The result of a call.
type Answered = Result<Payload, AskError>;

/// The waiting side of a call.
enum Waiter {
    Waiting {
        /// None after its deadline was reported.
        answered: Option<oneshot::Sender<Answered>>,
        until: Instant,
        /// True if its deadline is never suspended.
        fixed: bool,
        /// The receiver of a response in parts.
        pieces: Option<Arc<Streamed>>,
    },
    /// The caller gave up; the plugin received a cancellation.
    Abandoned { call: &'static str, since: Instant },
}

/// A message without parameters or a result.
type Bare<'a> = Outgoing<'a, ()>;

/// The longest interval between checks for a hanging plugin.
const WATCH: Duration = Duration::from_millis(500);

impl Connection {
    /// Serves a connection after its handshake, until it ends.
    pub fn open(opened: OpenLink, handler: Arc<dyn Handler>, patience: Patience) -> Self {
        let OpenLink {
            link: Link { reader, writer, .. },
            buffer,
            agreement,
            ..
        } = opened;
        let most_bytes = agreement.receive_limit.saturating_mul(2);
        let shared = Arc::new(Shared {
            calls: Mutex::new(Calls::new(agreement.max_calls, most_bytes)),
            deadlines: Deadlines::new(),
            answering: Mutex::default(),
            outbox: Outbox::new(writer, agreement.send_limit),
            closed: watch::Sender::new(None),
            heard: Activity::new(),
            reading: OnceLock::new(),
            agreement,
        });
        let connection = Self { shared };
        let suspending = Arc::clone(&handler);
        let reading = tokio::spawn({
            let connection = connection.clone();
            async move {
                let reason = connection.read(reader, buffer, handler).await;
                connection.close(reason);
            }
        });
        connection
            .shared
            .reading
            .get_or_init(|| reading.abort_handle());
        tokio::spawn({
            let connection = connection.clone();
            async move {
                let reason = connection.write().await;
                connection.close(reason);
            }
        });
        tokio::spawn({
            let connection = connection.clone();
            async move {
                let reason = tokio::select! {
                    reason = connection.watch(patience, &*suspending) => reason,
                    reason = connection.ping(patience) => reason,
                    reason = connection.closed() => reason,
                };
                connection.close(reason);
            }
        });
        connection
    }

    /// Returns the negotiated values.
    pub fn agreement(&self) -> &Agreement {
        &self.shared.agreement
    }

    /// Asks the plugin something and waits for the answer, at most `deadline`.
    /// Dropping the future cancels the call.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    pub async fn ask<P: Serialize, R: DeserializeOwned>(
        &self,
        method: Method,
        instance: Option<u64>,
        params: &P,
        deadline: Duration,
    ) -> Result<R, AskError> {
        let (open, answer) = self.begin(method, instance, params, deadline, None)?;
        let answered = answer.await;
        drop(open);
        self.read_answer(answered)
    }

    /// Asks for something whose answer may come in pieces: the plugin may then
    /// pause for `deadline` at most between any two of them, and so may who
    /// takes them.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    pub(crate) async fn ask_streamed<P: Serialize, R: DeserializeOwned>(
        &self,
        method: Method,
        instance: Option<u64>,
        params: &P,
        deadline: Duration,
        pieces: &Arc<Streamed>,
    ) -> Result<R, AskError> {
        let taker = Some(Arc::clone(pieces));
        let (open, mut answer) = self.begin(method, instance, params, deadline, taker)?;
        let answered = loop {
            tokio::select! {
                biased;
                answered = &mut answer => break answered,
                taken = pieces.moved() => {
                    self.shared.calls().change(open.id, |waiter| waiter.wait(deadline));
                    self.credit(open.id, taken);
                }
            }
        };
        drop(open);
        self.read_answer(answered)
    }

    /// Allows the plugin to send more of a streamed answer.
    fn credit(&self, call: u64, bytes: usize) {
        if bytes > 0 {
            let params = stream::Credit {
                call,
                bytes: bytes as u64,
            };
            self.respond(&Outgoing::Notify {
                method: stream::CREDIT.wire,
                instance: None,
                params: &params,
            });
        }
    }

    /// Sends a call.
    fn begin<P: Serialize>(
        &self,
        method: Method,
        instance: Option<u64>,
        params: &P,
        deadline: Duration,
        pieces: Option<Arc<Streamed>>,
    ) -> Result<(Open<'_>, oneshot::Receiver<Answered>), AskError> {
        let (answered, answer) = oneshot::channel();
        let until = Instant::now() + deadline;
        let id = self.shared.calls().ask(Waiter::Waiting {
            answered: Some(answered),
            until,
            fixed: !suspendable(method),
            pieces,
        });
        self.shared.deadlines.by(until);
        let open = Open {
            shared: &self.shared,
            id,
            call: method.export.name,
        };
        let traceparent = trace::current();
        let message = Outgoing::Call {
            id,
            method: method.wire,
            instance,
            deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
            traceparent: traceparent.as_deref(),
            params,
        };
        let Err(error) = self.shared.send(&message) else {
            return Ok((open, answer));
        };
        self.shared.calls().forget(id);
        Err(match error {
            SendError::Closed => AskError::Closed(self.reason()),
            SendError::NotReading(waiting) => {
                let reason = Closed::NotReading(waiting);
                self.close(reason.clone());
                AskError::Closed(reason)
            }
            SendError::Encode(error) => AskError::Unsendable(error),
        })
    }

    fn read_answer<R: DeserializeOwned>(
        &self,
        answered: Result<Answered, oneshot::error::RecvError>,
    ) -> Result<R, AskError> {
        answered
            .unwrap_or_else(|_| Err(AskError::Closed(self.reason())))?
            .result()
            .map_err(|error| AskError::BadAnswer(error.to_string()))
    }

    /// Ends the connection; the first reason counts.
    pub fn close(&self, reason: Closed) {
        let first = self.shared.closed.send_if_modified(|closed| {
            let first = closed.is_none();
            if first {
                *closed = Some(reason);
            }
            first
        });
        if !first {
            return;
        }
        self.shared.outbox.close();
        if let Some(reading) = self.shared.reading.get() {
            reading.abort();
        }
        // Their senders go, which ends the waiting.
        drop(self.shared.calls().end().collect::<Vec<_>>());
        for (_, task) in self.shared.answering().drain() {
            task.abort();
        }
    }

    /// Waits until the connection has ended, and says why.
    pub async fn closed(&self) -> Closed {
        let mut closed = self.shared.closed.subscribe();
        match closed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or(Closed::ByHost),
            Err(_) => Closed::ByHost,
        }
    }

    /// Returns true if a caller waits for an answer.
    pub fn is_busy(&self) -> bool {
        let calls = self.shared.calls();
        calls
            .open()
            .any(|waiter| matches!(waiter, Waiter::Waiting { .. }))
    }

    /// Returns true if it has ended.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.borrow().is_some()
    }

    fn reason(&self) -> Closed {
        self.shared
            .closed
            .borrow()
            .clone()
            .unwrap_or(Closed::ByHost)
    }

    /// Sends an answer. One that does not fit is replaced by a failure.
    fn respond<T: Serialize>(&self, message: &Outgoing<'_, T>) {
        let id = match message {
            Outgoing::Reply { id, .. } => Some(*id),
            _ => None,
        };
        match (self.shared.send(message), id) {
            (Err(SendError::NotReading(waiting)), _) => self.close(Closed::NotReading(waiting)),
            (Err(SendError::Encode(error)), Some(id)) => {
                let error = Failure::new(
                    FailureKind::Unavailable,
                    format!("the answer cannot be sent: {error}"),
                );
                self.respond(&Bare::Error { id, error: &error });
            }
            _ => {}
        }
    }

    async fn write(&self) -> Closed {
        match self.shared.outbox.flush().await {
            Ok(()) => Closed::ByHost,
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Closed::ByPlugin,
            Err(error) => Closed::Io(error.to_string()),
        }
    }

    /// Tells those whose deadline is over, and ends when the plugin leaves a
    /// cancelled call unanswered.
    async fn watch(&self, patience: Patience, handler: &dyn Handler) -> Closed {
        let mut suspended = handler.suspended();
        loop {
            let now = self.shared.deadlines.due(WATCH).await;
            let before = std::mem::replace(&mut suspended, handler.suspended());
            let pause = suspended.saturating_sub(before);
            for waiter in self.shared.calls().open_mut() {
                waiter.postpone(pause);
                match waiter {
                    Waiter::Waiting {
                        answered, until, ..
                    } if *until <= now => {
                        if let Some(answered) = answered.take() {
                            // It may have given up this very moment.
                            let _ = answered.send(Err(AskError::TimedOut));
                        }
                    }
                    // While deadlines are suspended, the usual checks are enough for it.
                    Waiter::Waiting { fixed: false, .. } if !pause.is_zero() => {}
                    Waiter::Waiting { until, .. } => self.shared.deadlines.by(*until),
                    Waiter::Abandoned { call, since } if now - *since > patience.cancel_grace => {
                        return Closed::Hung {
                            call,
                            waited: patience.cancel_grace,
                            more: " after it was cancelled",
                        };
                    }
                    Waiter::Abandoned { .. } => {}
                }
            }
        }
    }

    /// Asks a silent plugin whether it is there, and ends when it is not.
    async fn ping(&self, patience: Patience) -> Closed {
        let mut ticks = tokio::time::interval(WATCH);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.shared.heard.silence() < patience.ping_after {
                continue;
            }
            let ping = self.ask::<_, ()>(methods::PING, None, &Empty {}, patience.ping_deadline);
            if let Err(AskError::TimedOut) = ping.await {
                return Closed::Hung {
                    call: methods::PING.export.name,
                    waited: patience.ping_deadline,
                    more: "",
                };
            }
        }
    }
}

impl Waiter {
    /// Waits longer, because deadlines were suspended.
    fn postpone(&mut self, pause: Duration) {
        match self {
            Self::Waiting { fixed: true, .. } => {}
            Self::Waiting { until, .. } => *until += pause,
            Self::Abandoned { since, .. } => *since += pause,
        }
    }

    /// Waits for so long from now.
    fn wait(&mut self, deadline: Duration) {
        if let Self::Waiting { until, .. } = self {
            *until = Instant::now() + deadline;
        }
    }
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, Calls<Waiter>> {
        self.calls.lock()
    }

    fn answering(&self) -> MutexGuard<'_, HashMap<u64, AbortHandle>> {
        self.answering.lock()
    }

    fn send<T: Serialize>(&self, message: &Outgoing<'_, T>) -> Result<(), SendError> {
        self.outbox.send(self.agreement.codec, message)
    }
}

/// A call whose answer is waited for; cancelled when it is dropped before.
struct Open<'a> {
    shared: &'a Shared,
    id: u64,
    call: &'static str,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let open = self.shared.calls().change(self.id, |waiter| {
            *waiter = Waiter::Abandoned {
                call: self.call,
                since: Instant::now(),
            };
        });
        if open {
            // If it cannot be sent, the connection is ending anyway.
            let _ = self.shared.send(&Bare::Cancel { id: self.id });
        }
    }
}

#[cfg(test)]
mod tests;
