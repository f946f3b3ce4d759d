//! Frames over the socket, with nothing but the standard library and JSON.

use std::{
    collections::HashMap,
    io::{Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, FromRawFd as _},
        unix::net::UnixStream,
    },
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
};

use serde_json::{Value, json};

pub(crate) struct Wire {
    stream: UnixStream,
    writing: Mutex<()>,
    next: AtomicU64,
    pub(crate) lingers: AtomicBool,
    pending: Mutex<HashMap<u64, mpsc::Sender<Value>>>,
}

/// The connection that the host opened, or a new one to the path where this
/// process attaches.
fn stream() -> UnixStream {
    let socket = std::env::var("MORTISE_SOCKET").unwrap();
    let Some(descriptor) = socket.strip_prefix("fd:") else {
        return UnixStream::connect(socket).expect("the socket is there");
    };
    #[expect(unsafe_code, reason = "the descriptor is known by its number only")]
    // SAFETY: the host opened it for this process, and nothing else uses it.
    let stream = unsafe { UnixStream::from_raw_fd(descriptor.parse().unwrap()) };
    #[expect(unsafe_code, reason = "a flag of a descriptor")]
    // SAFETY: it takes numbers.
    unsafe {
        libc::fcntl(stream.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC);
    }
    stream
}

impl Wire {
    pub(crate) fn connect() -> Self {
        Self {
            stream: stream(),
            writing: Mutex::default(),
            next: AtomicU64::new(1),
            lingers: AtomicBool::new(false),
            pending: Mutex::default(),
        }
    }

    pub(crate) fn raw(&self, bytes: &[u8]) {
        let _writing = self.writing.lock().unwrap();
        // The host may have had enough.
        let _ = (&self.stream).write_all(bytes);
    }

    pub(crate) fn say(&self, message: &Value) {
        let content = message.to_string().into_bytes();
        let mut frame = u32::try_from(content.len()).unwrap().to_be_bytes().to_vec();
        frame.extend_from_slice(&content);
        self.raw(&frame);
    }

    /// None at the end.
    pub(crate) fn hear(&self) -> Option<Value> {
        let mut header = [0; 4];
        (&self.stream).read_exact(&mut header).ok()?;
        let mut content = vec![0; u32::from_be_bytes(header) as usize];
        (&self.stream).read_exact(&mut content).ok()?;
        Some(serde_json::from_slice(&content).unwrap())
    }

    pub(crate) fn handshake(&self, change: impl FnOnce(&mut Value)) {
        let mut hello = json!({
            "type": "hello", "protocol": "mortise-native", "versions": [1],
            "contracts": ["0.1.0"], "codecs": ["json"], "features": ["webhook-stream"],
            "max_frame": 32 << 20, "secret": std::env::var("MORTISE_SECRET").unwrap(),
            "sdk": "stress",
        });
        change(&mut hello);
        self.say(&hello);
        match self.hear() {
            Some(answer) if answer["type"] == "welcome" => {}
            Some(answer) => {
                eprintln!("rejected: {}", answer["text"].as_str().unwrap_or_default());
                std::process::exit(1);
            }
            None => std::process::exit(1),
        }
    }

    /// Asks the host and waits for its answer.
    pub(crate) fn ask(&self, instance: u64, method: &str, params: Value) -> Result<Value, Value> {
        let (sender, answer) = mpsc::channel();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.pending.lock().unwrap().insert(id, sender);
        self.say(&json!({
            "type": "call", "id": id, "method": method, "instance": instance,
            "deadline_ms": 5000, "params": params,
        }));
        let answer = answer.recv().unwrap();
        match answer["type"].as_str() {
            Some("reply") => Ok(answer["result"].clone()),
            _ => Err(answer["error"].clone()),
        }
    }

    /// Ends the connection, and has the process go on.
    pub(crate) fn end(&self) {
        self.lingers.store(true, Ordering::Relaxed);
        self.stream.shutdown(std::net::Shutdown::Both).unwrap();
    }

    /// Hands an answer to who waits for it.
    pub(crate) fn answered(&self, message: Value) {
        let id = message["id"].as_u64().unwrap();
        if let Some(waiting) = self.pending.lock().unwrap().remove(&id) {
            let _ = waiting.send(message);
        }
    }
}
