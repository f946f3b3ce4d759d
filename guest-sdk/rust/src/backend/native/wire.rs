//! The socket to the host, and calls to it. Every thread writes its own messages; one
//! thread reads. The protocol itself is `mortise-protocol`'s.

use std::{
    io::{self, Read as _, Write as _},
    net::Shutdown,
    os::{fd::FromRawFd as _, unix::net::UnixStream},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
};

use bytes::{Bytes, BytesMut};
use mortise_protocol::{
    DESCRIPTOR_PREFIX, LEAST_MAX_FRAME, MAX_FRAME, NAME, VERSIONS,
    calls::{Calls, Event},
    codec::{Codec, Payload},
    frame,
    handshake::{Agreement, Handshake, Hello},
    imports::{Import, Page},
    message::{self, Call, Failure, FailureKind, Message},
    methods::{Blob, Empty},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Host,
    exports::{Answer, Asked},
};
use crate::{
    http::{Hop, HttpResponse},
    types::{self, Content, Delivery, Error, Level, Outgoing, Schedule, TimerOptions},
};

/// The time for an answer of the host, in milliseconds.
const DEADLINE_MS: u64 = 30_000;
/// The bytes that are read at a time.
const READ: usize = 64 << 10;

/// The place where a call to the host waits.
type Waiting = mpsc::Sender<Result<Payload, Failure>>;

/// The connection to the host.
pub(super) struct Wire {
    stream: UnixStream,
    agreement: Agreement,
    writing: Mutex<()>,
    calls: Mutex<Calls<Waiting>>,
}

/// The reading end of the connection.
pub(super) struct Incoming {
    stream: UnixStream,
    /// The place for one read.
    read: Box<[u8]>,
    buffer: BytesMut,
    limit: usize,
}

/// A message of the host that this process acts on.
pub(super) enum Heard {
    /// A call.
    Asked(Asked, Option<u64>),
    /// The end of the host's wait for a call, which is open.
    Cancelled(u64),
}

/// The connection that the host opened for this process (`fd:3`), or a new one
/// to the path where the process attaches.
fn open(socket: &Path) -> io::Result<UnixStream> {
    let descriptor = socket
        .to_str()
        .and_then(|socket| socket.strip_prefix(DESCRIPTOR_PREFIX));
    let Some(descriptor) = descriptor else {
        return UnixStream::connect(socket);
    };
    let descriptor = descriptor.parse().map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "the descriptor is known by its number only")]
    // SAFETY: the host opened it for this process, and nothing else uses it.
    let given = unsafe { UnixStream::from_raw_fd(descriptor) };
    // The copy is closed in programs that the plugin starts.
    given.try_clone()
}

impl Incoming {
    /// Returns the content of the next frame.
    fn frame(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(content) =
                frame::take(&mut self.buffer, self.limit).map_err(io::Error::other)?
            {
                return Ok(content);
            }
            let length = self.stream.read(&mut self.read)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.buffer
                .extend_from_slice(self.read.get(..length).unwrap_or_default());
        }
    }
}

impl Wire {
    /// Connects and does the handshake.
    ///
    /// # Errors
    ///
    /// A text to print.
    pub(super) fn connect(socket: &Path, secret: &str) -> Result<(Self, Incoming), String> {
        let unreachable = |error| format!("the host cannot be reached: {error}");
        let mut stream = open(socket).map_err(unreachable)?;
        let mut incoming = Incoming {
            stream: stream.try_clone().map_err(unreachable)?,
            read: vec![0; READ].into(),
            buffer: BytesMut::new(),
            limit: LEAST_MAX_FRAME,
        };
        let hello = Hello {
            protocol: NAME.to_owned(),
            versions: VERSIONS.to_vec(),
            contracts: vec![mortise_contract::VERSION.to_owned()],
            codecs: Codec::ALL.map(|codec| codec.name().to_owned()).to_vec(),
            features: Vec::new(),
            max_frame: MAX_FRAME as u64,
            secret: secret.to_owned(),
            sdk: concat!("mortise-plugin ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let failed = |error: &dyn std::fmt::Display| {
            format!("the host did not answer the handshake: {error}")
        };
        let mut frame = Vec::new();
        Handshake::Hello(hello.clone())
            .put(&mut frame)
            .map_err(|error| failed(&error))?;
        let answer = stream.write_all(&frame).and_then(|()| incoming.frame());
        let answer = answer.map_err(|error| failed(&error))?;
        let answer = Handshake::read(&answer).map_err(|error| failed(&error))?;
        let agreement = hello.agree(answer).map_err(|reject| reject.text)?;
        incoming.limit = agreement.receive_limit;
        let wire = Self {
            stream,
            writing: Mutex::default(),
            // The host bounds its calls.
            calls: Mutex::new(Calls::new(agreement.max_calls, usize::MAX)),
            agreement,
        };
        Ok((wire, incoming))
    }

    /// Returns the next call of the host, or the end of its wait for one. Passes
    /// answers to the threads that wait for them.
    ///
    /// # Errors
    ///
    /// The end of the connection, and breaches of the protocol.
    pub(super) fn hear(&self, incoming: &mut Incoming) -> io::Result<Heard> {
        let Agreement {
            codec, send_limit, ..
        } = self.agreement;
        loop {
            let content = incoming.frame()?;
            let message = Message::read(codec, content).map_err(io::Error::other)?;
            let event = lock(&self.calls).accept(message);
            match event.map_err(io::Error::other)? {
                Event::Asked(call) => {
                    let Call { instance, .. } = call;
                    return Ok(Heard::Asked(Asked::new(call, codec, send_limit), instance));
                }
                Event::Cancelled { id } => return Ok(Heard::Cancelled(id)),
                Event::Answered { kept, outcome } => {
                    // It waits for an answer.
                    let _ = kept.send(outcome);
                }
                Event::Refused { id, text } => {
                    self.fail(id, &Failure::new(FailureKind::Exhausted, text));
                }
                Event::Notified { .. } | Event::Nothing => {}
            }
        }
    }

    /// Ends the waits of all threads: the connection is gone.
    pub(super) fn close(&self) {
        lock(&self.calls).end().for_each(drop);
    }

    /// Returns true if a call of the host was not answered yet.
    pub(super) fn is_open(&self, id: u64) -> bool {
        lock(&self.calls).is_asked(id)
    }

    /// Answers a call that was not answered by its cancellation.
    pub(super) fn answer(&self, id: u64, answer: &Answer) {
        if !lock(&self.calls).finish(id) {
            return;
        }
        match answer {
            Ok(frame) => self.write(frame),
            Err(failure) => self.fail(id, failure),
        }
    }

    fn fail(&self, id: u64, failure: &Failure) {
        let say = |error| {
            let message: message::Outgoing<'_, Empty> = message::Outgoing::Error { id, error };
            self.say(&message)
        };
        if say(failure).is_err() {
            let text = "the answer is longer than the host takes";
            // A few bytes are never too many.
            let _ = say(&Failure::new(FailureKind::Crashed, text));
        }
    }

    /// Sends a message. The reader notices the end of a connection.
    ///
    /// # Errors
    ///
    /// A message that is too long for the host, or has no form in the codec.
    fn say<T: Serialize>(&self, message: &message::Outgoing<'_, T>) -> Result<(), Error> {
        let Agreement {
            codec, send_limit, ..
        } = self.agreement;
        let mut frame = Vec::new();
        codec
            .put(&mut frame, send_limit, message)
            .map_err(|error| Error::Invalid(error.to_string()))?;
        self.write(&frame);
        Ok(())
    }

    fn write(&self, frame: &[u8]) {
        let _writing = lock(&self.writing);
        if (&self.stream).write_all(frame).is_err() {
            // Half a frame may be sent; nothing can follow it.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }

    fn ask<R: DeserializeOwned>(&self, instance: u64, import: &Import) -> Result<R, Error> {
        let (sender, answer) = mpsc::channel();
        let id = lock(&self.calls).ask(sender);
        let call = message::Outgoing::Call {
            id,
            method: import.wire(),
            instance: Some(instance),
            deadline_ms: DEADLINE_MS,
            traceparent: None,
            params: import,
        };
        if let Err(error) = self.say(&call) {
            lock(&self.calls).forget(id);
            return Err(error);
        }
        let outcome = answer
            .recv()
            .map_err(|_| Error::Unavailable("the host is gone".to_owned()))?;
        match outcome {
            Ok(payload) => payload
                .result()
                .map_err(|error| Error::Unavailable(format!("an unknown answer: {error}"))),
            Err(Failure { kind, text, .. }) => Err(match kind {
                FailureKind::Denied => Error::Denied(text),
                FailureKind::Invalid => Error::Invalid(text),
                FailureKind::Exhausted => Error::Exhausted(text),
                _ => Error::Unavailable(text),
            }),
        }
    }
}

/// The data behind these locks is consistent at every point where a panic could
/// poison them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The host of one instance, at the other end.
pub(super) struct Remote {
    pub(super) wire: Arc<Wire>,
    pub(super) instance: u64,
}

impl Remote {
    fn ask<R: DeserializeOwned>(&self, import: &Import) -> Result<R, Error> {
        self.wire.ask(self.instance, import)
    }
}

impl Host for Remote {
    fn send(&self, message: &Outgoing) -> Result<u64, Error> {
        self.ask(&Import::Send(message.clone()))
    }

    fn send_to(&self, users: &[String], message: &Outgoing) -> Result<Vec<Delivery>, Error> {
        self.ask(&Import::SendTo(users.to_vec(), message.clone()))
    }

    fn message(&self, id: u64) -> Result<Option<types::Message>, Error> {
        self.ask(&Import::Message(id))
    }

    fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<types::Message>, Error> {
        self.ask(&Import::Sent(Page { before, limit }))
    }

    fn received(&self, before: Option<u64>, limit: u32) -> Result<Vec<types::Message>, Error> {
        self.ask(&Import::Received(Page { before, limit }))
    }

    fn remove(&self, id: u64) -> Result<(), Error> {
        self.ask(&Import::RemoveMessage(id))
    }

    fn update(&self, id: u64, content: &Content) -> Result<(), Error> {
        self.ask(&Import::UpdateMessage(id, content.clone()))
    }

    fn expire(&self, id: u64, at_ms: Option<u64>) -> Result<(), Error> {
        self.ask(&Import::ExpireMessage(id, at_ms))
    }

    fn set_image(&self, application: Option<&str>, image: &[u8]) -> Result<(), Error> {
        let image = Blob(image.to_vec());
        self.ask(&Import::SetImage(application.map(str::to_owned), image))
    }

    fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let value: Option<Blob> = self.ask(&Import::Load(key.to_owned()))?;
        Ok(value.map(|Blob(bytes)| bytes))
    }

    fn store(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.ask(&Import::Store(key.to_owned(), Blob(value.to_vec())))
    }

    fn unset(&self, key: &str) -> Result<(), Error> {
        self.ask(&Import::Unset(key.to_owned()))
    }

    fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.ask(&Import::Keys(prefix.to_owned()))
    }

    fn set_timer(&self, name: &str, when: &Schedule) -> Result<(), Error> {
        self.ask(&Import::SetTimer(name.to_owned(), when.clone()))
    }

    fn set_timer_with(
        &self,
        name: &str,
        when: &Schedule,
        options: &TimerOptions,
    ) -> Result<(), Error> {
        let (when, options) = (when.clone(), options.clone());
        self.ask(&Import::SetTimerWith(name.to_owned(), when, options))
    }

    fn cancel_timer(&self, name: &str) -> Result<(), Error> {
        self.ask(&Import::CancelTimer(name.to_owned()))
    }

    fn log(&self, level: Level, text: &str) {
        let import = Import::Log(level, text.to_owned());
        // A line that is too long for the host is lost, and nobody waits for it.
        let _ = self.wire.say(&message::Outgoing::Notify {
            method: import.wire(),
            instance: Some(self.instance),
            params: &import,
        });
    }

    fn http(&self, hop: &Hop) -> Result<HttpResponse, Error> {
        super::web::send(hop)
    }
}
