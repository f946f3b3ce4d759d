//! The other end of the benchmarks: a process that reads and answers, with
//! blocking calls, as the simplest plugin would; or, in another process that is
//! as far away and as confined, the echo.

use std::{
    io::{Read as _, Write as _},
    ops::Range,
    os::{
        fd::{AsFd as _, FromRawFd as _},
        unix::net::UnixStream,
    },
};

use mortise_native::sandbox;

use mortise_protocol::{
    DESCRIPTOR_PREFIX, NAME, SECRET_VARIABLE, SOCKET_VARIABLE, VERSIONS,
    codec::Codec,
    frame,
    handshake::{Handshake, Hello},
    message::Outgoing,
    methods::{self, Created},
};
use mortise_runtime::types::{Draft, Manifest, Permission, Request, Verdict};

/// The variable that makes this process a plugin.
pub(crate) const PLUGIN: &str = "MORTISE_BENCH_PLUGIN";
/// The variable that makes this process an echo on its standard input, and has
/// the policy that confines it.
pub(crate) const RAW: &str = "MORTISE_BENCH_RAW";

const LIMIT: usize = 1 << 20;

/// Keeps this process, and those it starts, on one core.
pub(crate) fn pin() {
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "nobody wraps it among the dependencies")]
    // SAFETY: the set is plain data of the size that is given.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set);
    }
}

/// Is a plugin or an echo to the end, if that is what this process is for.
pub(crate) fn play() -> bool {
    if let Ok(policy) = std::env::var(RAW) {
        sandbox::apply(&serde_json::from_str(&policy).unwrap()).unwrap();
        echo();
        return true;
    }
    if std::env::var_os(PLUGIN).is_none() {
        return false;
    }
    plugin();
    true
}

/// The connection that the host opened for this process.
fn connection() -> UnixStream {
    let socket = std::env::var(SOCKET_VARIABLE).unwrap();
    let descriptor = socket.strip_prefix(DESCRIPTOR_PREFIX).unwrap();
    #[expect(unsafe_code, reason = "the descriptor is known by its number only")]
    // SAFETY: the host opened it for this process, and nothing else uses it.
    unsafe {
        UnixStream::from_raw_fd(descriptor.parse().unwrap())
    }
}

/// The plugin's end of a socket.
struct Socket {
    stream: UnixStream,
    buffer: Box<[u8]>,
    /// The range of received bytes that were not read yet.
    received: Range<usize>,
}

impl Socket {
    fn on(stream: UnixStream) -> Self {
        Self {
            stream,
            buffer: vec![0; frame::HEADER + LIMIT].into(),
            received: 0..0,
        }
    }

    /// The next frame, with its header; none when the host has gone.
    fn hear(&mut self) -> Option<&[u8]> {
        loop {
            let Range { start, end } = self.received;
            if let Some(header) = self.buffer[start..end].first_chunk::<{ frame::HEADER }>() {
                let whole = start + frame::HEADER + u32::from_be_bytes(*header) as usize;
                if end >= whole {
                    self.received.start = whole;
                    return Some(&self.buffer[start..whole]);
                }
            }
            self.buffer.copy_within(start..end, 0);
            self.received = 0..end - start;
            match self.stream.read(&mut self.buffer[end - start..]) {
                Ok(read @ 1..) => self.received.end += read,
                _ => return None,
            }
        }
    }

    fn say(&mut self, frame: &[u8]) {
        self.stream.write_all(frame).unwrap();
    }
}

/// Sends back every frame.
fn echo() {
    let stream = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let mut socket = Socket::on(stream.into());
    let mut answer = Vec::new();
    while let Some(frame) = socket.hear() {
        answer.clear();
        answer.extend_from_slice(frame);
        socket.say(&answer);
    }
}

/// The parts of a message that this plugin reads at once: the parameters of all
/// functions, by name.
#[derive(serde::Deserialize)]
struct Heard<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(default)]
    id: u64,
    #[serde(default)]
    method: &'a str,
    #[serde(default)]
    params: Params,
}

#[derive(Default, serde::Deserialize)]
struct Params {
    draft: Option<Draft>,
}

/// Answers the host's calls and keeps every draft.
fn plugin() {
    let mut socket = Socket::on(connection());
    let mut answer = Vec::new();
    let hello = Hello {
        protocol: NAME.into(),
        versions: VERSIONS.into(),
        contracts: vec![mortise_runtime::contract::VERSION.into()],
        codecs: Codec::ALL.map(|codec| codec.name().to_owned()).into(),
        features: Vec::new(),
        max_frame: LIMIT as u64,
        secret: std::env::var(SECRET_VARIABLE).unwrap(),
        sdk: "bench".into(),
    };
    Handshake::Hello(hello).put(&mut answer).unwrap();
    socket.say(&answer);
    let welcome = &socket.hear().unwrap()[frame::HEADER..];
    let Ok(Handshake::Welcome(welcome)) = Handshake::read(welcome) else {
        return;
    };
    let codec = Codec::ALL
        .into_iter()
        .find(|codec| codec.name() == welcome.codec)
        .unwrap();
    while let Some(frame) = socket.hear() {
        let Heard {
            kind,
            id,
            method,
            params,
        } = codec.read(&frame[frame::HEADER..]).unwrap();
        if kind != "call" {
            continue;
        }
        answer.clear();
        match method {
            "filter.filter" => {
                let draft = params.draft.unwrap();
                assert!(!draft.content.body.is_empty());
                let result = &Verdict::Keep;
                codec.put(&mut answer, LIMIT, &Outgoing::Reply { id, result })
            }
            "manifest.describe" => {
                let result = &manifest();
                codec.put(&mut answer, LIMIT, &Outgoing::Reply { id, result })
            }
            "instance.create" => {
                let result = &Created {
                    capabilities: vec!["filter".into()],
                    concurrent: false,
                };
                codec.put(&mut answer, LIMIT, &Outgoing::Reply { id, result })
            }
            _ => codec.put(&mut answer, LIMIT, &Outgoing::Reply { id, result: &() }),
        }
        .unwrap();
        let over = method == methods::SHUTDOWN.wire;
        socket.say(&answer);
        if over {
            return;
        }
    }
}

fn manifest() -> Manifest {
    Manifest {
        id: "io.mortise.bench".into(),
        name: "Bench".into(),
        version: "1.0.0".into(),
        description: String::new(),
        author: String::new(),
        license: String::new(),
        website: String::new(),
        wants: vec![Request {
            permission: Permission::FilterMessages,
            reason: "It is what is measured.".into(),
        }],
        listens: None,
    }
}
