//! Namespaces of the plugin's own: users, processes, mounts, System V IPC, and the
//! network unless it may connect to any host.
//! The server's files and processes have no names in them.
//!
//! The stage forks the new namespaces' first process, which builds their file
//! system, forks the process that becomes the plugin, and reaps what is left to
//! it. When it ends, the kernel kills everything in them. The stage itself waits
//! outside, and ends as the plugin did.

use std::{
    io::{self, PipeReader, PipeWriter, Read as _, Write as _},
    net::TcpListener,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd},
    path::Path,
};

use mortise_runtime::process::Protection;

use crate::launch::pass;

use super::{
    Network, Policy,
    network::FORWARDS,
    on_demand::{self, Announcer, Opener},
    places::Place,
    system::{self, Fork},
    view,
};

/// The namespaces that a process is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Isolation {
    /// Its own processes are all that have an id in it.
    pub(super) processes: bool,
    /// A user namespace, in which its processes are counted on their own.
    pub(super) users: bool,
    /// `/proc` is its own.
    pub(super) proc: bool,
    /// Its network is its own: the only ways out are the listeners in it, which the
    /// host serves.
    pub(super) network: bool,
}

/// The namespaces that a process entered.
#[derive(Debug, Default)]
pub(super) struct Entered {
    pub(super) isolation: Isolation,
    /// With it the process announces its connections.
    pub(super) announcer: Option<Announcer>,
}

/// Says that the namespaces are complete; an error's text comes in its place.
const READY: &[u8] = b"\0";
/// The numbers of things that processes in this namespace of users have together. They
/// count for the server's user too.
const NUMBERS: [(&str, &str); 3] = [
    ("max_inotify_instances", "32"),
    ("max_inotify_watches", "8192"),
    ("max_user_namespaces", "0"),
];
/// The least port that needs no capability, in this network.
const LEAST_PORT: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
const KINDS: libc::c_int = libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC;

/// Returns in the process that becomes the plugin: in new namespaces where they
/// can be had, otherwise in this one. The first process and the stage wait, and
/// never return.
pub(super) fn enter(
    policy: &Policy,
    places: &[Place],
    listeners: Option<BorrowedFd<'_>>,
    protection: &mut Protection,
) -> Entered {
    let mut reasons = Vec::new();
    // A server that runs as root may need no namespace of users.
    for (network, users) in [(true, true), (true, false), (false, true), (false, false)] {
        let listeners = listeners.filter(|_| network);
        if network && (listeners.is_none() || policy.reach.network.any_host) {
            continue;
        }
        match try_enter(policy, places, listeners, users) {
            Ok(entered) => {
                if network {
                    protection.applied.push("own network".to_owned());
                }
                if users {
                    protection.applied.push("own users".to_owned());
                }
                protection.applied.extend(
                    [
                        "own view of the file system",
                        "own processes, which all end with it",
                        "own System V IPC",
                    ]
                    .map(str::to_owned),
                );
                return entered;
            }
            Err(error) => reasons.push(error.to_string()),
        }
    }
    reasons.dedup();
    protection.missing.push(format!(
        "namespaces of its own for users, processes, mounts and IPC ({})",
        reasons.join("; without one for users: ")
    ));
    Entered::default()
}

fn try_enter(
    policy: &Policy,
    places: &[Place],
    listeners: Option<BorrowedFd<'_>>,
    users: bool,
) -> io::Result<Entered> {
    let (reader, writer) = io::pipe()?;
    let ids = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    let flag = |wanted, flag| if wanted { flag } else { 0 };
    let kinds =
        KINDS | flag(users, libc::CLONE_NEWUSER) | flag(listeners.is_some(), libc::CLONE_NEWNET);
    match system::fork(kinds)? {
        Fork::Child => {
            drop(reader);
            match first_process(policy, places, users.then_some(ids), listeners, &writer) {
                Ok(entered) => Ok(entered),
                Err(error) => {
                    // The stage sees the end in any case.
                    let _ = (&writer).write_all(error.to_string().as_bytes());
                    system::end_as(1)
                }
            }
        }
        Fork::Parent(first) => {
            drop(writer);
            Err(wait(first, reader))
        }
    }
}

/// Waits outside for the end of the namespaces, and ends as the plugin did.
/// Returns only the reason why there are none.
fn wait(first: libc::pid_t, mut reader: PipeReader) -> io::Error {
    let mut said = [0; 1];
    let length = reader.read(&mut said).unwrap_or(0);
    if length == 0 || said != *READY {
        let mut reason = said.get(..length).unwrap_or_default().to_vec();
        let _ = reader.read_to_end(&mut reason);
        let _ = system::wait(first);
        return io::Error::other(String::from_utf8_lossy(&reason).into_owned());
    }
    let_go(&[reader.as_raw_fd()]);
    system::ignore_termination();
    let mut status = [0; 4];
    let told = reader.read_exact(&mut status).is_ok();
    let ended = system::wait(first).map_or(libc::SIGKILL, |(_, status)| status);
    system::end_as(if told {
        i32::from_ne_bytes(status)
    } else {
        ended
    })
}

/// The life of the namespaces' first process; returns in the next one.
fn first_process(
    policy: &Policy,
    places: &[Place],
    ids: Option<(u32, u32)>,
    listeners: Option<BorrowedFd<'_>>,
    writer: &PipeWriter,
) -> io::Result<Entered> {
    system::die_with_parent()?;
    if let Some((user, group)) = ids {
        let write =
            |file: &str, text: String| std::fs::write(Path::new("/proc/self").join(file), text);
        write("setgroups", "deny".to_owned())?;
        write("gid_map", format!("{group} {group} 1"))?;
        write("uid_map", format!("{user} {user} 1"))?;
        for (number, most) in NUMBERS {
            // Otherwise the server's user has as many as the system allows it.
            let _ = std::fs::write(Path::new("/proc/sys/user").join(number), most);
        }
    }
    let addresses = &policy.reach.network.loopback_any_port;
    let announces = listeners.is_some() && !addresses.is_empty();
    if announces {
        // Listeners at low ports are opened without capabilities, later. Where that is
        // not to be had, such ports are reached by the proxy.
        let _ = std::fs::write(LEAST_PORT, "0");
    }
    let proc = view::build(policy, places)?;
    if let Some(listeners) = listeners {
        open_network(&policy.reach.network, listeners)?;
    }
    let isolation = Isolation {
        processes: true,
        users: ids.is_some(),
        proc,
        network: listeners.is_some(),
    };
    let (announcer, other) = announces.then(on_demand::pair).transpose()?.unzip();
    match system::fork(0)? {
        Fork::Child => Ok(Entered {
            isolation,
            announcer,
        }),
        Fork::Parent(plugin) => {
            // Its end is the stage's end, and so the monitor's to see.
            let mut writer = writer;
            if writer.write_all(READY).is_err() {
                system::end_as(1);
            }
            drop(announcer);
            let opener = other
                .as_ref()
                .zip(listeners)
                .and_then(|(other, listeners)| Opener::of(other, listeners, addresses));
            let mut kept = vec![writer.as_raw_fd()];
            kept.extend(opener.iter().flat_map(Opener::descriptors));
            let_go(&kept);
            let status = reap(plugin, opener);
            let _ = writer.write_all(&status.to_ne_bytes());
            system::end_as(0)
        }
    }
}

/// Waits for the plugin's process, and for those that are left to this one. Returns
/// the plugin's status.
fn reap(plugin: libc::pid_t, mut opener: Option<Opener<'_>>) -> i32 {
    // With it the opener can read the plugin's memory, and the plugin not this one's.
    system::close_to_tracers();
    let _ = system::drop_capabilities();
    let children = opener.as_ref().and_then(|_| system::Children::new().ok());
    loop {
        // Without an opener there is nothing else to wait for.
        let ended = match (&children, &opener) {
            (Some(_), Some(_)) => system::ended(),
            _ => system::wait(-1).map(Some),
        };
        match ended {
            Ok(Some((pid, status))) if pid == plugin => return status,
            Ok(Some(_)) => continue,
            Ok(None) => {}
            Err(_) => system::end_as(1),
        }
        if let (Some(children), Some(opens)) = (&children, &opener) {
            match children.wait_or(opens.announcements()) {
                Ok(true) => drop(opens.attend()),
                Ok(false) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => opener = None,
            }
        }
    }
}

/// Opens the ways out of a network of its own: the host serves the listeners.
fn open_network(network: &Network, listeners: BorrowedFd<'_>) -> io::Result<()> {
    let Some(proxy) = network.proxy() else {
        return Ok(());
    };
    system::loopback_up()?;
    let send = |listener: TcpListener| pass::send(listeners, listener.as_fd());
    send(TcpListener::bind(proxy)?)?;
    for address in network.loopback.iter().take(FORWARDS) {
        // Of a family that this machine does not have there is nothing to reach.
        if let Ok(listener) = TcpListener::bind(address) {
            send(listener)?;
        }
    }
    Ok(())
}

/// Closes what a process that only waits has no use for.
fn let_go(kept: &[i32]) {
    if let Ok(nothing) = std::fs::File::open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&nothing);
    }
    system::close_all_but(kept);
}
