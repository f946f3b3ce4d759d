//! Probes: once all is applied, each protection is tried by a deed that it is to
//! prevent.

use std::{
    fs::Permissions,
    io::{self, ErrorKind},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::PathBuf,
};

use mortise_runtime::process::Protection;

use super::{Policy, Ports, namespaces::Isolation, system};

/// A file of the server's user, and the processes above the plugin.
pub(super) struct Probes {
    file: PathBuf,
}

/// Something that a process may not do: it fails for want of a permission, or
/// because what it names does not exist for the process.
struct Deed {
    prevented: &'static str,
    attempt: fn(&Probes, &Policy) -> io::Result<()>,
}

const DEEDS: &[Deed] = &[
    Deed {
        prevented: "files: only granted ones",
        attempt: |probes, _| std::fs::read(&probes.file).map(drop),
    },
    Deed {
        prevented: "files: truncating only granted ones",
        attempt: |probes, _| system::truncate(&probes.file),
    },
    Deed {
        prevented: "files: modes, owners, times and attributes only of its own",
        attempt: |probes, _| std::fs::set_permissions(&probes.file, Permissions::from_mode(0o600)),
    },
    Deed {
        prevented: "TCP: only granted ports",
        attempt: |_, policy| match &policy.reach.network.ports {
            Ports::Any => Err(ErrorKind::PermissionDenied.into()),
            Ports::These(ports) => {
                let own = policy.reach.network.own_ports().unwrap_or_default();
                let mut others = (1..=u16::MAX).filter(|port| !own.contains(port));
                let other = others.find(|port| !ports.contains(port));
                TcpStream::connect(("127.0.0.1", other.unwrap_or(1))).map(drop)
            }
        },
    },
    Deed {
        prevented: "sockets: no listening",
        attempt: |_, _| TcpListener::bind("127.0.0.1:0").map(drop),
    },
    Deed {
        prevented: "sockets: none of other services on this machine",
        attempt: |_, _| UnixDatagram::unbound().map(drop),
    },
    Deed {
        prevented: "sockets: no raw or unusual ones",
        attempt: |_, _| {
            let [family, kind] = [libc::AF_INET, libc::SOCK_RAW].map(Into::into);
            system::call(libc::SYS_socket, [family, kind, 1, 0]).map(drop)
        },
    },
    Deed {
        prevented: "signals: only to its own processes",
        attempt: |_, policy| {
            let monitor = policy.monitor.into();
            system::call(libc::SYS_kill, [monitor, 0, 0, 0]).map(drop)
        },
    },
    Deed {
        prevented: "processes: limits and scheduling only of its own",
        attempt: |_, policy| {
            let monitor = policy.monitor.into();
            system::call(libc::SYS_prlimit64, [monitor, 0, 0, 0]).map(drop)
        },
    },
    Deed {
        prevented: "system calls: no tracing",
        attempt: |_, policy| {
            let seize = libc::PTRACE_SEIZE.into();
            let monitor = policy.monitor.into();
            system::call(libc::SYS_ptrace, [seize, monitor, 0, 0]).map(drop)
        },
    },
    Deed {
        prevented: "system calls: no mounts and namespaces",
        attempt: |_, _| {
            // No kind of namespace: it would succeed, and change nothing.
            system::call(libc::SYS_unshare, [0, 0, 0, 0]).map(drop)
        },
    },
    Deed {
        prevented: "system calls: no kernel keys",
        attempt: |_, _| system::call(libc::SYS_keyctl, [0, -3, 0, 0]).map(drop),
    },
    Deed {
        prevented: "system calls: no io_uring",
        attempt: |_, _| system::call(libc::SYS_io_uring_setup, [1, 0, 0, 0]).map(drop),
    },
    Deed {
        prevented: "system calls: no System V shared memory",
        attempt: |_, _| system::call(libc::SYS_shmget, [0, 1, 0o600, 0]).map(drop),
    },
    Deed {
        prevented: "capabilities: none",
        attempt: |_, _| {
            let status = std::fs::read_to_string("/proc/self/status")?;
            let held = status
                .lines()
                .filter_map(|line| {
                    line.strip_prefix("CapEff:")
                        .or(line.strip_prefix("CapPrm:"))
                })
                .any(|set| set.trim().bytes().any(|digit| digit != b'0'));
            if held {
                return Ok(());
            }
            Err(ErrorKind::PermissionDenied.into())
        },
    },
    Deed {
        prevented: "no new privileges",
        attempt: |_, _| {
            let get = libc::PR_GET_NO_NEW_PRIVS.into();
            match system::call(libc::SYS_prctl, [get, 0, 0, 0])? {
                1 => Err(ErrorKind::PermissionDenied.into()),
                _ => Ok(()),
            }
        },
    },
];

/// Tried in a network of its own, at a port that no other protection denies.
const HOSTS: Deed = Deed {
    prevented: "network: only granted hosts",
    attempt: |_, policy| {
        let port = policy
            .reach
            .network
            .proxy()
            .map_or(80, |proxy| proxy.port());
        TcpStream::connect((ELSEWHERE, port)).map(drop)
    },
};

/// An address for documentation, which no machine has.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

impl Probes {
    /// Makes what the probes are tried on, before anything is applied.
    pub(super) fn new(policy: &Policy) -> io::Result<Self> {
        let file = policy.folder.join("probe");
        std::fs::write(&file, "probe")?;
        Ok(Self { file })
    }

    /// Tries each protection and reports it.
    pub(super) fn run(&self, policy: &Policy, isolation: Isolation, protection: &mut Protection) {
        let network = isolation.network && policy.reach.network.is_proxied();
        for deed in DEEDS.iter().chain(network.then_some(&HOSTS)) {
            match (deed.attempt)(self, policy) {
                Err(error) if is_denial(&error) => {
                    protection.applied.push(deed.prevented.to_owned());
                }
                Err(error) => protection
                    .missing
                    .push(format!("{} (a probe: {error})", deed.prevented)),
                Ok(()) => protection.missing.push(deed.prevented.to_owned()),
            }
        }
    }
}

fn is_denial(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EPERM
                | libc::EACCES
                | libc::ENOENT
                | libc::ESRCH
                | libc::ENOSYS
                | libc::ENETUNREACH
        )
    ) || error.kind() == ErrorKind::PermissionDenied
}
