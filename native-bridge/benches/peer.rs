//! The other end of the benchmarks: a process that reads and answers, with
//! blocking calls, as the simplest plugin would.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
};

use bytes::BytesMut;
use mortise_native_bridge::protocol::{
    NAME, SECRET_VARIABLE, SOCKET_VARIABLE, VERSIONS,
    codec::Codec,
    frame,
    greeting::{Greeting, Hello},
    message::Outgoing,
    methods::{self, Created},
};
use mortise_runtime::types::{Draft, Manifest, Permission, Request, Verdict};

/// The variable that says what this process is.
pub(crate) const ROLE: &str = "MORTISE_BENCH_ROLE";

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

/// Plays its role to the end; false if it has none.
pub(crate) fn play() -> bool {
    match std::env::var(ROLE).as_deref() {
        Ok("echo") => echo(),
        Ok("plugin") => plugin(),
        _ => return false,
    }
    true
}

fn connect() -> UnixStream {
    UnixStream::connect(std::env::var_os(SOCKET_VARIABLE).unwrap()).unwrap()
}

/// Sends back every frame, each with one read and one write.
fn echo() {
    let mut stream = connect();
    let mut buffer = vec![0; LIMIT];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]) {
            Ok(read @ 1..) => filled += read,
            _ => return,
        }
        let Some(header) = buffer[..filled].first_chunk::<{ frame::HEADER }>() else {
            continue;
        };
        let whole = frame::HEADER + u32::from_be_bytes(*header) as usize;
        // It is asked again when it has answered: there is never a second one.
        if filled >= whole {
            stream.write_all(&buffer[..whole]).unwrap();
            filled = 0;
        }
    }
}

/// What this plugin reads of a message, in one go: parameters of all functions
/// that have any, by their names.
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

/// Answers what the host asks; every draft is kept.
fn plugin() {
    let mut stream = connect();
    let mut received = BytesMut::new();
    let mut answer = BytesMut::new();
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
    Greeting::Hello(hello).put(&mut answer).unwrap();
    stream.write_all(&answer).unwrap();
    let welcome = hear(&mut stream, &mut received).unwrap();
    let Ok(Greeting::Welcome(welcome)) = Greeting::read(&welcome) else {
        return;
    };
    let codec = Codec::ALL
        .into_iter()
        .find(|codec| codec.name() == welcome.codec)
        .unwrap();
    while let Some(content) = hear(&mut stream, &mut received) {
        let Heard {
            kind,
            id,
            method,
            params,
        } = codec.read(&content).unwrap();
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
        stream.write_all(&answer).unwrap();
        if method == methods::SHUTDOWN.wire {
            return;
        }
    }
}

fn hear(stream: &mut UnixStream, received: &mut BytesMut) -> Option<bytes::Bytes> {
    let mut piece = [0; 4096];
    loop {
        if let Some(content) = frame::take(received, LIMIT).unwrap() {
            return Some(content);
        }
        match stream.read(&mut piece) {
            Ok(read @ 1..) => received.extend_from_slice(&piece[..read]),
            _ => return None,
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
    }
}
