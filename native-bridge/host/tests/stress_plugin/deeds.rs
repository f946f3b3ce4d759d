//! The deeds that a webhook triggers: the first part of its path is the deed,
//! its query the argument. The response's status is 200 after success, and 403
//! with the reason after a failure.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
    os::fd::AsFd as _,
    time::Duration,
};

use mortise_protocol::methods::Blob;
use serde_json::{Value, json};

use crate::{network, wire::Wire};

pub(crate) fn handle(wire: &Wire, call: &Value) -> Result<Value, Value> {
    let (id, instance) = (&call["id"], call["instance"].as_u64().unwrap());
    let request = &call["params"]["request"];
    let deed = request["path"].as_str().unwrap();
    let argument = request["query"].as_str().unwrap_or_default();
    let done = match deed {
        "panic" => {
            return Err(json!({"kind": "crashed", "text": "it panicked", "details": "the stack"}));
        }
        "echo" => Ok(request.to_string()),
        _ if stream(wire, id, deed, argument) => return Ok(Value::Null),
        _ => misbehave(wire, instance, deed, argument)
            .or_else(|| host(wire, instance, deed, argument))
            .or_else(|| network::deed(deed, argument))
            .or_else(|| system(deed, argument))
            .unwrap_or_else(|| Err(format!("unknown deed `{deed}`"))),
    };
    let (status, text) = match done {
        Ok(text) => (200, text),
        Err(text) => (403, text),
    };
    Ok(json!({"status": status, "headers": [], "body": Blob(text.into_bytes())}))
}

/// Answers in pieces, in order or not; false for another deed.
fn stream(wire: &Wire, call: &Value, deed: &str, argument: &str) -> bool {
    let head =
        || {
            wire.say(&json!({"type": "notify", "method": "webhook.head", "params": {
            "call": call, "status": 201, "headers": [{"name": "x-streamed", "value": "yes"}],
        }}));
        };
    let chunk = |bytes: &[u8]| {
        wire.say(
            &json!({"type": "notify", "method": "webhook.chunk", "params": {
                "call": call, "body": Blob(bytes.to_vec()),
            }}),
        );
    };
    match deed {
        // As many pieces of one byte, a while after each other.
        "stream" => {
            head();
            for _ in 0..argument.parse().unwrap() {
                std::thread::sleep(Duration::from_millis(100));
                chunk(b"x");
            }
        }
        "stream-nothing" => head(),
        "stream-and-stall" => {
            head();
            chunk(b"x");
            std::thread::sleep(Duration::from_secs(60));
        }
        "stream-and-exit" => {
            head();
            chunk(b"x");
            std::process::exit(6);
        }
        // Never waits for credit.
        "stream-flood" => {
            head();
            for _ in 0..argument.parse().unwrap() {
                chunk(&[b'x'; 65536]);
            }
        }
        "stream-headless" => chunk(b"x"),
        "stream-two-heads" => {
            head();
            head();
        }
        "stream-status" => wire.say(&json!({"type": "notify", "method": "webhook.head",
            "params": {"call": call, "status": 99, "headers": []}})),
        "null" => {}
        _ => return false,
    }
    true
}

type Outcome = Result<String, String>;

/// Breaks the protocol or itself.
fn misbehave(wire: &Wire, instance: u64, deed: &str, argument: &str) -> Option<Outcome> {
    match deed {
        "exit" => {
            eprintln!("last words");
            std::process::exit(argument.parse().unwrap());
        }
        "abort" => std::process::abort(),
        "sleep" => {
            println!("asleep");
            std::thread::sleep(Duration::from_millis(argument.parse().unwrap()));
        }
        // It says that a debugger follows it, or follows it no more.
        "debugged" => wire.say(&json!({
            "type": "notify", "method": "process.debugged",
            "params": {"attached": argument == "true"},
        })),
        "garbage" => wire.raw(b"\0\0\0\x07garbage"),
        "oversized" => wire.raw(&[0xff, 0xff, 0xff, 0xff]),
        "half" => {
            wire.raw(b"\0\0\0\xff{");
            std::process::exit(0);
        }
        "close" => {
            // The connection ends, the process does not.
            wire.end();
        }
        "stray" => {
            for id in 0..2000 {
                wire.say(&json!({"type": "reply", "id": 1_000_000 + id, "result": null}));
            }
        }
        "flood-calls" => {
            for id in 0..10_000 {
                wire.say(&json!({
                    "type": "call", "id": 1_000_000 + id, "method": "storage.get",
                    "instance": instance, "params": {"key": "k"},
                }));
            }
        }
        "flood-log" => {
            for number in 0..20_000 {
                wire.say(&json!({
                    "type": "notify", "method": "log.write", "instance": instance,
                    "params": {"level": "info", "text": format!("line {number}")},
                }));
            }
        }
        "flood-output" => {
            let line = "x".repeat(1000);
            for _ in 0..argument.parse().unwrap() {
                println!("{line}");
            }
        }
        "memory" => {
            let bytes: usize = argument.parse().unwrap();
            let mut all = Vec::<u8>::new();
            if let Err(error) = all.try_reserve_exact(bytes) {
                return Some(Err(error.to_string()));
            }
            // By the standard library, which is optimised, unlike this.
            let filled = std::io::repeat(1).take(bytes as u64).read_to_end(&mut all);
            assert_eq!(filled.unwrap(), bytes);
            return Some(Ok(all.len().to_string()));
        }
        _ => return None,
    }
    Some(Ok("done".to_owned()))
}

/// Asks the host.
fn host(wire: &Wire, instance: u64, deed: &str, argument: &str) -> Option<Outcome> {
    let asked = match deed {
        "send" => wire.ask(
            instance,
            "messages.send",
            json!({"message": {"content": {"title": "t", "body": argument, "priority": 1}}}),
        ),
        "store" => wire.ask(
            instance,
            "storage.set",
            json!({"key": "k", "value": Blob(argument.into())}),
        ),
        "load" => wire.ask(instance, "storage.get", json!({"key": "k"})),
        "for-another" => wire.ask(instance + 1000, "storage.get", json!({"key": "k"})),
        "unknown" => wire.ask(instance, "no.such_thing", json!({})),
        "malformed" => wire.ask(instance, "storage.get", json!({"key": 7})),
        _ => return None,
    };
    Some(
        asked
            .map(|value| value.to_string())
            .map_err(|value| value.to_string()),
    )
}

/// Reaches out to the machine.
fn system(deed: &str, argument: &str) -> Option<Outcome> {
    let text = |done: std::io::Result<String>| Some(done.map_err(|error| error.to_string()));
    match deed {
        "read" => text(std::fs::read(argument).map(|bytes| bytes.len().to_string())),
        "write" => text(
            std::fs::File::create(argument)
                .and_then(|mut file| file.write_all(b"written"))
                .map(|()| "written".to_owned()),
        ),
        "hard-link" => {
            let (file, path) = argument.split_once('|').unwrap();
            text(std::fs::hard_link(file, path).map(|()| "linked".to_owned()))
        }
        "connect" => text(
            TcpStream::connect_timeout(&argument.parse().unwrap(), Duration::from_secs(2))
                .map(|_| "connected".to_owned()),
        ),
        "listen" => text(TcpListener::bind(argument).map(|_| "listening".to_owned())),
        "udp" => text(UdpSocket::bind("127.0.0.1:0").map(|_| "bound".to_owned())),
        "environment" => Some(Ok(std::env::vars()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
            .join(" "))),
        "variable" => Some(std::env::var(argument).map_err(|error| error.to_string())),
        "directory" => text(std::env::current_dir().map(|path| path.display().to_string())),
        "descriptors" => text(std::fs::read_dir("/proc/self/fd").map(|entries| {
            let mut numbers: Vec<String> = entries
                .flatten()
                .map(|entry| {
                    let target = std::fs::read_link(entry.path()).unwrap_or_default();
                    format!("{}={}", entry.file_name().display(), target.display())
                })
                .collect();
            numbers.sort();
            numbers.join(" ")
        })),
        "pid" => Some(Ok(std::process::id().to_string())),
        "leak-descriptors" => {
            let leak = |_| {
                std::io::stdin()
                    .as_fd()
                    .try_clone_to_owned()
                    .map(std::mem::forget)
            };
            let all = (0..argument.parse().unwrap()).try_for_each(leak);
            text(all.map(|()| "leaked".to_owned()))
        }
        // Instances until the first that is refused, which end at once.
        "watch" => {
            let instance = || rustix::fs::inotify::init(rustix::fs::inotify::CreateFlags::CLOEXEC);
            let all: Vec<_> = (0..1000).map_while(|_| instance().ok()).collect();
            Some(Ok(all.len().to_string()))
        }
        "execute" => text(
            std::process::Command::new(argument)
                .output()
                .map(|output| output.status.to_string()),
        ),
        _ => kernel(deed, argument),
    }
}

/// System calls by their number.
fn kernel(deed: &str, argument: &str) -> Option<Outcome> {
    let number = argument.parse::<i64>().unwrap_or_default();
    let (call_number, arguments): (libc::c_long, [i64; 5]) = match deed {
        "signal" => (libc::SYS_kill, [number, 0, 0, 0, 0]),
        "ptrace" => (
            libc::SYS_ptrace,
            [i64::from(libc::PTRACE_SEIZE), number, 0, 0, 0],
        ),
        "unshare" => (
            libc::SYS_unshare,
            [i64::from(libc::CLONE_NEWUTS), 0, 0, 0, 0],
        ),
        "keyctl" => (libc::SYS_keyctl, [0, -3, 0, 0, 0]),
        "io_uring" => (libc::SYS_io_uring_setup, [0, 0, 0, 0, 0]),
        "raw-socket" => (
            libc::SYS_socket,
            [
                i64::from(libc::AF_INET),
                i64::from(libc::SOCK_RAW),
                i64::from(libc::IPPROTO_ICMP),
                0,
                0,
            ],
        ),
        "abstract-socket" => return Some(abstract_socket(argument)),
        "mount" => return Some(mount(argument)),
        _ => return state(deed, argument),
    };
    Some(call(call_number, arguments))
}

/// Changes the state of files and processes, or makes sockets, by system calls
/// whose arguments are numbers and one path.
fn state(deed: &str, argument: &str) -> Option<Outcome> {
    let path = std::ffi::CString::new(argument).unwrap();
    let at = path.as_ptr() as i64;
    let numbers: Vec<i64> = argument
        .split(' ')
        .map(|number| number.parse().unwrap_or_default())
        .collect();
    let (number, name) = (numbers[0], c"user.mortise".as_ptr() as i64);
    let affinity = [u64::MAX; 16];
    let limits = [512_u64, 512];
    let parameters = [0_i32; 1];
    let (call_number, arguments) = match deed {
        "chmod" => (libc::SYS_fchmodat, [-100, at, 0o777, 0, 0]),
        "chown" => (libc::SYS_fchownat, [-100, at, 65534, 65534, 0]),
        "utimes" => (libc::SYS_utimensat, [-100, at, 0, 0, 0]),
        "setxattr" => (libc::SYS_setxattr, [at, name, name, 4, 0]),
        "truncate" => (libc::SYS_truncate, [at, 0, 0, 0, 0]),
        "prlimit" => (
            libc::SYS_prlimit64,
            [number, 7, limits.as_ptr() as i64, 0, 0],
        ),
        "setpriority" => (libc::SYS_setpriority, [0, number, 10, 0, 0]),
        "affinity" => (
            libc::SYS_sched_setaffinity,
            [number, 128, affinity.as_ptr() as i64, 0, 0],
        ),
        "scheduler" => (
            libc::SYS_sched_setscheduler,
            [number, 5, parameters.as_ptr() as i64, 0, 0],
        ),
        "shm" => (libc::SYS_shmget, [0, 4096, 0o600, 0, 0]),
        "mq" => (
            libc::SYS_mq_open,
            [c"mortise".as_ptr() as i64, 0o102, 0o600, 0, 0],
        ),
        "socket" => (libc::SYS_socket, [number, numbers[1], numbers[2], 0, 0]),
        "bpf" => (libc::SYS_bpf, [0, 0, 0, 0, 0]),
        "perf" => (libc::SYS_perf_event_open, [0, 0, -1, -1, 0]),
        "userfaultfd" => (libc::SYS_userfaultfd, [1, 0, 0, 0, 0]),
        "personality" => (libc::SYS_personality, [0, 0, 0, 0, 0]),
        "seccomp" => (libc::SYS_seccomp, [2, 0, 0, 0, 0]),
        "clone-namespace" => (
            libc::SYS_clone,
            [i64::from(libc::CLONE_NEWUSER | libc::SIGCHLD), 0, 0, 0, 0],
        ),
        #[cfg(target_arch = "x86_64")]
        "x32" => (0x4000_0000 + libc::SYS_getpid, [0, 0, 0, 0, 0]),
        "pair" => {
            let mut pair = [0_i32; 2];
            let result = call(
                libc::SYS_socketpair,
                [1, number, 0, pair.as_mut_ptr() as i64, 0],
            );
            return Some(result);
        }
        "fast-open" => return Some(fast_open(argument)),
        "shared-memory" => return Some(shared_memory(number)),
        "fork-chain" => return Some(fork_chain()),
        _ => return None,
    };
    Some(call(call_number, arguments))
}

fn call(call: libc::c_long, arguments: [i64; 5]) -> Outcome {
    #[expect(unsafe_code, reason = "system calls that nobody wraps")]
    // SAFETY: the only pointers are to what the caller has until it returns.
    let result = unsafe {
        libc::syscall(
            call,
            arguments[0],
            arguments[1],
            arguments[2],
            arguments[3],
            arguments[4],
        )
    };
    if result < 0 {
        Err(std::io::Error::last_os_error().to_string())
    } else {
        Ok(result.to_string())
    }
}

/// Sends data with the opening of a connection.
fn fast_open(address: &str) -> Outcome {
    let std::net::SocketAddr::V4(address) = address.parse().unwrap() else {
        return Err("an address of IPv4 is needed".to_owned());
    };
    let to = libc::sockaddr_in {
        sin_family: 2,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(*address.ip()).to_be(),
        },
        sin_zero: [0; 8],
    };
    #[expect(unsafe_code, reason = "nobody wraps the flag")]
    // SAFETY: the pointers are to what lives until the calls return.
    let sent = unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0);
        libc::sendto(
            socket,
            c"x".as_ptr().cast(),
            1,
            libc::MSG_FASTOPEN,
            (&raw const to).cast(),
            16,
        )
    };
    if sent < 0 {
        Err(std::io::Error::last_os_error().to_string())
    } else {
        Ok("sent".to_owned())
    }
}

/// A file in POSIX shared memory, of so many bytes.
fn shared_memory(bytes: i64) -> Outcome {
    let file = std::fs::File::create("/dev/shm/mortise-test").map_err(|error| error.to_string())?;
    let filled = (&file)
        .write_all(&vec![1; usize::try_from(bytes).unwrap()])
        .map(|()| "filled".to_owned())
        .map_err(|error| error.to_string());
    let _ = std::fs::remove_file("/dev/shm/mortise-test");
    filled
}

/// A chain of processes, each of which starts the next in a session of its own and
/// ends.
fn fork_chain() -> Outcome {
    std::fs::write("chain", "sleep 0.05\nsetsid sh chain &\n")
        .and_then(|()| std::process::Command::new("/bin/sh").arg("chain").status())
        .map(|status| status.to_string())
        .map_err(|error| error.to_string())
}

/// Mounts a file system on a folder, and takes it away again.
fn mount(folder: &str) -> Outcome {
    let folder = std::ffi::CString::new(folder).unwrap();
    #[expect(unsafe_code, reason = "system calls that nobody wraps")]
    // SAFETY: the pointers are to texts that live until the calls return.
    let mounted = unsafe {
        let (none, kind) = (c"none".as_ptr(), c"tmpfs".as_ptr());
        libc::mount(none, folder.as_ptr(), kind, 0, std::ptr::null()) == 0
            && libc::umount2(folder.as_ptr(), libc::MNT_DETACH) == 0
    };
    if mounted {
        Ok("mounted".to_owned())
    } else {
        Err(std::io::Error::last_os_error().to_string())
    }
}

fn abstract_socket(name: &str) -> Outcome {
    use std::os::linux::net::SocketAddrExt as _;
    std::os::unix::net::SocketAddr::from_abstract_name(name)
        .and_then(|address| std::os::unix::net::UnixStream::connect_addr(&address))
        .map(|_| "connected".to_owned())
        .map_err(|error| error.to_string())
}
