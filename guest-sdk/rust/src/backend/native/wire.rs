//! Frames over the socket, and calls to the host. Every thread writes its own
//! messages; one thread reads.

use std::{
    collections::HashMap,
    io::{self, Read as _, Write as _},
    net::Shutdown,
    os::{fd::FromRawFd as _, unix::net::UnixStream},
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::Host;
use crate::{
    bytes,
    http::{Hop, HttpResponse},
    types::{Error, Level, Message, Outgoing, Schedule},
};

/// The longest frame of the handshake, in bytes.
const GREETING: usize = 64 << 10;
/// The longest frame that this side accepts, in bytes.
const LONGEST: usize = 32 << 20;
/// The time for an answer of the host, in milliseconds.
const DEADLINE_MS: u64 = 30_000;

/// The connection to the host.
pub(super) struct Wire {
    stream: UnixStream,
    writing: Mutex<()>,
    send_limit: usize,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, mpsc::Sender<Received>>>,
}

/// A received message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Received {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: u64,
    pub(super) method: String,
    pub(super) instance: Option<u64>,
    pub(super) params: Value,
    result: Value,
    error: Failure,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Failure {
    kind: String,
    text: String,
}

#[derive(Deserialize)]
struct Greeting {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    max_frame: usize,
    #[serde(default)]
    text: String,
}

/// The connection that the host opened for this process (`fd:3`), or a new one
/// to the path where the process attaches.
fn open(socket: &Path) -> io::Result<UnixStream> {
    let descriptor = socket
        .to_str()
        .and_then(|socket| socket.strip_prefix("fd:"));
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

impl Wire {
    /// Connects and does the handshake.
    ///
    /// # Errors
    ///
    /// A text to print.
    pub(super) fn connect(socket: &Path, secret: &str) -> Result<Self, String> {
        let stream =
            open(socket).map_err(|error| format!("the host cannot be reached: {error}"))?;
        let mut wire = Self {
            stream,
            writing: Mutex::default(),
            send_limit: GREETING,
            next: AtomicU64::new(1),
            waiting: Mutex::default(),
        };
        wire.say(&json!({
            "type": "hello", "protocol": "mortise-native", "versions": [1],
            "contracts": ["0.1.0"], "codecs": ["json"], "features": [], "max_frame": LONGEST,
            "secret": secret, "sdk": concat!("mortise-plugin ", env!("CARGO_PKG_VERSION")),
        }));
        let greeting: Greeting = wire
            .frame(GREETING)
            .and_then(|content| Ok(serde_json::from_slice(&content)?))
            .map_err(|error| format!("the host did not answer the handshake: {error}"))?;
        if greeting.kind != "welcome" {
            return Err(greeting.text);
        }
        wire.send_limit = greeting.max_frame;
        Ok(wire)
    }

    /// Returns the next message.
    ///
    /// # Errors
    ///
    /// The end of the connection, and invalid frames.
    pub(super) fn hear(&self) -> io::Result<Received> {
        Ok(serde_json::from_slice(&self.frame(LONGEST)?)?)
    }

    fn frame(&self, limit: usize) -> io::Result<Vec<u8>> {
        let mut header = [0; 4];
        (&self.stream).read_exact(&mut header)?;
        let length = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
        if !(1..=limit).contains(&length) {
            return Err(io::Error::other(format!("a frame of {length} bytes")));
        }
        // Memory grows with the received bytes.
        let mut content = Vec::new();
        let read = (&self.stream)
            .take(length as u64)
            .read_to_end(&mut content)?;
        if read < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(content)
    }

    /// Sends a message. Returns false if it is longer than the host accepts.
    /// The reader notices the end of a connection.
    pub(super) fn say<M: Serialize>(&self, message: &M) -> bool {
        let Ok(content) = serde_json::to_vec(message) else {
            return false;
        };
        let length = match u32::try_from(content.len()) {
            Ok(length) if content.len() <= self.send_limit => length,
            _ => return false,
        };
        let mut frame = Vec::with_capacity(4 + content.len());
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&content);
        let _writing = lock(&self.writing);
        if (&self.stream).write_all(&frame).is_err() {
            // Half a frame may be sent; nothing can follow it.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        true
    }

    /// Passes an answer to the waiting caller.
    pub(super) fn answered(&self, answer: Received) {
        if let Some(waiting) = lock(&self.waiting).remove(&answer.id) {
            // It waits for a notification.
            let _ = waiting.send(answer);
        }
    }

    fn ask<R: DeserializeOwned>(
        &self,
        instance: u64,
        method: &str,
        params: &Value,
    ) -> Result<R, Error> {
        let (sender, answer) = mpsc::channel();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.waiting).insert(id, sender);
        let said = self.say(&json!({
            "type": "call", "id": id, "method": method, "instance": instance,
            "deadline_ms": DEADLINE_MS, "params": params,
        }));
        if !said {
            lock(&self.waiting).remove(&id);
            return Err(Error::Invalid(format!(
                "more than the {} bytes that the host takes",
                self.send_limit
            )));
        }
        let answer = answer
            .recv()
            .map_err(|_| Error::Unavailable("the host is gone".to_owned()))?;
        if answer.kind == "reply" {
            return serde_json::from_value(answer.result)
                .map_err(|error| Error::Unavailable(format!("an unknown answer: {error}")));
        }
        let Failure { kind, text } = answer.error;
        Err(match kind.as_str() {
            "denied" => Error::Denied(text),
            "invalid" => Error::Invalid(text),
            "exhausted" => Error::Exhausted(text),
            _ => Error::Unavailable(text),
        })
    }
}

/// The data behind these locks is consistent at every point where a panic could
/// poison them.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The host of one instance, at the other end.
pub(super) struct Remote {
    pub(super) wire: std::sync::Arc<Wire>,
    pub(super) instance: u64,
}

impl Remote {
    fn ask<R: DeserializeOwned>(&self, method: &str, params: &Value) -> Result<R, Error> {
        self.wire.ask(self.instance, method, params)
    }
}

/// Bytes as data.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Blob(#[serde(with = "bytes")] Vec<u8>);

impl Host for Remote {
    fn send(&self, message: &Outgoing) -> Result<u64, Error> {
        self.ask("messages.send", &json!({"message": message}))
    }

    fn message(&self, id: u64) -> Result<Option<Message>, Error> {
        self.ask("messages.get", &json!({"id": id}))
    }

    fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        self.ask("messages.sent", &json!({"before": before, "limit": limit}))
    }

    fn received(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        self.ask(
            "messages.received",
            &json!({"before": before, "limit": limit}),
        )
    }

    fn remove(&self, id: u64) -> Result<(), Error> {
        self.ask("messages.remove", &json!({"id": id}))
    }

    fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let value: Option<Blob> = self.ask("storage.get", &json!({"key": key}))?;
        Ok(value.map(|Blob(bytes)| bytes))
    }

    fn store(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let value = Blob(value.to_vec());
        self.ask("storage.set", &json!({"key": key, "value": value}))
    }

    fn unset(&self, key: &str) -> Result<(), Error> {
        self.ask("storage.remove", &json!({"key": key}))
    }

    fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.ask("storage.keys", &json!({"prefix": prefix}))
    }

    fn set_timer(&self, name: &str, when: &Schedule) -> Result<(), Error> {
        self.ask("timers.set", &json!({"name": name, "when": when}))
    }

    fn cancel_timer(&self, name: &str) -> Result<(), Error> {
        self.ask("timers.cancel", &json!({"name": name}))
    }

    fn log(&self, level: Level, text: &str) {
        self.wire.say(&json!({
            "type": "notify", "method": "log.write", "instance": self.instance,
            "params": {"level": level, "text": text},
        }));
    }

    fn http(&self, hop: &Hop) -> Result<HttpResponse, Error> {
        super::web::send(hop)
    }
}
