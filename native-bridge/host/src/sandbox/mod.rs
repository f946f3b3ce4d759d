//! The reach of a plugin's process, enforced by the kernel.
//!
//! The same grants that bound a component become a [`Policy`] here, which the
//! launcher applies to itself before it becomes the plugin:
//!
//! | grant | for a process |
//! | --- | --- |
//! | `files` | Landlock: these directories, and beside them what running anything takes (system libraries, `/dev/null`, its own folder) |
//! | `http` | a network of its own, whose only ways out are the server's proxy and forwards, which check each host; with a grant for any host, Landlock: TCP connections to the granted ports; without a grant no internet socket can be made at all (seccomp) |
//! | `environment` | these variables, in an environment that is otherwise made new |
//! | none | no listening, no tracing, no signals to or abstract sockets of other processes, no mounts, no kernel keys, no namespaces, no `io_uring`, no raw sockets |
//! | limits | resource limits: memory, open files, size of a file, no core dump |
//!
//! What the kernel at hand cannot do is reported ([`Protection::missing`]), and
//! refused in [`Mode::Strict`]. What the grants leave open is reported too
//! ([`Protection::open`]): with an `http` grant for any host, UDP.
//!
//! Nothing here may be called by the host about itself: [`apply`] cannot be
//! taken back.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod namespaces;
mod network;
#[cfg(target_os = "linux")]
mod on_demand;
#[cfg(target_os = "linux")]
mod paths;
#[cfg(target_os = "linux")]
mod places;
#[cfg(target_os = "linux")]
mod probe;
#[cfg(unix)]
mod rlimits;
#[cfg(target_os = "linux")]
mod seccomp;
#[cfg(target_os = "linux")]
mod system;
#[cfg(target_os = "linux")]
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    os::fd::BorrowedFd,
    path::PathBuf,
};

use mortise_runtime::{Guard, Protected, Rights, process::Protection, types::Directory};
use serde::{Deserialize, Serialize};

#[cfg(unix)]
pub(crate) use self::network::{FORWARDS, variables};
pub use self::network::{Network, Ports};
pub use crate::limits::ProcessLimits;

/// How much of the sandbox is required.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// As strict once a process of this host had every protection, as best effort
    /// before.
    #[default]
    StrictWherePossible,
    /// Apply the parts that the kernel supports, and report the others.
    BestEffort,
    /// Refuse to start where something cannot be applied.
    Strict,
    /// Apply nothing: the plugin has the rights of the server's user.
    Off,
}

/// A part of the sandbox that can be left out, to see what the others prevent, or
/// where it does harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Namespaces of users, processes, mounts and IPC.
    Namespaces,
    /// Landlock.
    Landlock,
    /// The filter of system calls.
    SystemCalls,
}

/// The reach of a plugin's process into its host: the part of the grants that
/// the kernel enforces, and so the same for all instances in the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Directories.
    pub files: BTreeSet<Directory>,
    /// Connections.
    pub network: Network,
    /// Environment variables of the host, with their values. They are given to
    /// the process rather than enforced.
    #[serde(skip)]
    pub environment: BTreeMap<String, String>,
    /// Memory it may write to, in bytes; none for the backend's own bound.
    pub memory_bytes: Option<u64>,
}

impl Reach {
    /// Returns an instance's current reach.
    pub fn of(guard: &Guard) -> Self {
        Self {
            environment: guard.environment(),
            ..Self::granted(&guard.in_force())
        }
    }

    fn granted(rights: &Rights) -> Self {
        let grants = &rights.grants;
        Self {
            files: grants.host.files.clone(),
            network: Network::of(&grants.host.http),
            environment: BTreeMap::new(),
            memory_bytes: Some(rights.limits.process_memory_bytes),
        }
    }

    /// The same, with the memory that a process has where no instance says
    /// otherwise.
    #[must_use]
    pub fn or_default_memory(mut self, process: &ProcessLimits) -> Self {
        self.memory_bytes.get_or_insert(process.memory_bytes);
        self
    }

    /// Returns the union of two reaches.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self.environment.extend(other.environment);
        Self {
            network: self.network.or(other.network),
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
            ..self
        }
    }
}

/// All that is applied to one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// How much is insisted on.
    pub mode: Mode,
    /// Parts that are left out, as if the kernel lacked them.
    #[serde(default)]
    pub without: BTreeSet<Part>,
    /// Its file.
    pub program: PathBuf,
    /// Its own folder, which has its working directory.
    pub folder: PathBuf,
    /// Its working directory.
    pub directory: PathBuf,
    /// Further files and directories that it may read and execute, such as an
    /// interpreter's.
    pub readable: Vec<PathBuf>,
    /// The grants.
    pub reach: Reach,
    /// The server's own directories, which it may not use whatever is granted.
    pub protected: Protected,
    /// The process that started this one: the stage sees that it is still there,
    /// and the probes that it is out of reach.
    pub monitor: u32,
    /// The limits.
    pub limits: ProcessLimits,
    /// The control group that bounds all its processes together, or the reason why
    /// there is none.
    #[serde(default = "no_group")]
    pub group: Result<PathBuf, String>,
}

fn no_group() -> Result<PathBuf, String> {
    Err("none was made".to_owned())
}

/// A sandbox that was not applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// Strict, and something is missing.
    #[error(
        "the sandbox is strict and this machine lacks: {}; update the kernel, or set the sandbox to `best-effort`", .0.join("; ")
    )]
    Missing(Vec<String>),
    /// The kernel rejected a part that it should support.
    #[error("{part} could not be applied: {cause}")]
    Failed {
        /// The part.
        part: &'static str,
        /// The kernel's error.
        cause: String,
    },
}

/// A sandbox in force.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    pub(crate) protection: Protection,
    /// The proxy's address, if the process connects through one.
    pub(crate) proxy: Option<SocketAddr>,
}

/// Applies a policy to this process, for good. With namespaces, the process in
/// which this returns is a new one below the caller, which waits for it: the
/// caller may have no thread but one. The process has no network of its own.
///
/// # Errors
///
/// [`SandboxError`]; the process is to end then.
pub fn apply(policy: &Policy) -> Result<Protection, SandboxError> {
    apply_served(policy, None).map(|applied| applied.protection)
}

/// As [`apply`]. The listeners of the process's own network are passed over
/// `network` to the host, which serves them.
pub(crate) fn apply_served(
    policy: &Policy,
    network: Option<BorrowedFd<'_>>,
) -> Result<Applied, SandboxError> {
    let mut applied = Applied::default();
    let protection = &mut applied.protection;
    if policy.mode == Mode::Off {
        protection
            .missing
            .push("everything: the sandbox is switched off".to_owned());
        return Ok(applied);
    }
    #[cfg(target_os = "linux")]
    {
        applied.proxy = confine(policy, network, protection)?;
    }
    #[cfg(not(target_os = "linux"))]
    {
        #[cfg(unix)]
        rlimits::apply(&policy.limits, false, protection);
        let _ = network;
        protection
            .missing
            .push("files, network and system calls: only Linux can confine a process".to_owned());
    }
    if policy.mode == Mode::Strict && !protection.missing.is_empty() {
        return Err(SandboxError::Missing(applied.protection.missing));
    }
    Ok(applied)
}

/// The versions of Landlock since which it bounds truncating, and signals.
#[cfg(target_os = "linux")]
const TRUNCATION: i32 = 3;
#[cfg(target_os = "linux")]
const SIGNALS: i32 = 6;

#[cfg(target_os = "linux")]
fn confine(
    policy: &Policy,
    network: Option<BorrowedFd<'_>>,
    protection: &mut Protection,
) -> Result<Option<SocketAddr>, SandboxError> {
    let failed = |part: &'static str| {
        move |error: std::io::Error| SandboxError::Failed {
            part,
            cause: error.to_string(),
        }
    };
    let joined = match &policy.group {
        Ok(group) => crate::groups::join(group).map_err(|error| error.to_string()),
        Err(reason) => Err(reason.clone()),
    };
    match joined {
        Ok(()) => protection
            .applied
            .push("control group: memory and processes of all its processes together".to_owned()),
        Err(reason) => protection.unbounded = Some(reason),
    }
    let probes = probe::Probes::new(policy).map_err(failed("the probe of the sandbox"))?;
    let places = places::of(policy, protection);
    let with = |part| !policy.without.contains(&part);
    let namespaces::Entered {
        isolation,
        announcer,
    } = if with(Part::Namespaces) {
        namespaces::enter(policy, &places, network, protection)
    } else {
        namespaces::Entered::default()
    };
    rlimits::apply(&policy.limits, isolation.users, protection);
    let landlock = if with(Part::Landlock) {
        landlock::apply(policy, &places, isolation, protection)?
    } else {
        // Landlock would have seen to it.
        system::no_new_privileges().map_err(failed("no new privileges"))?;
        0
    };
    system::drop_capabilities().map_err(failed("dropping capabilities"))?;
    let reach = &policy.reach.network;
    let proxy = reach.proxy().filter(|_| isolation.network);
    let surroundings = seccomp::Surroundings {
        sockets: match proxy {
            _ if reach.is_none() => seccomp::Sockets::None,
            Some(_) => seccomp::Sockets::Tcp,
            None => seccomp::Sockets::TcpAndUdp,
        },
        signals: isolation.processes || landlock >= SIGNALS,
        processes: isolation.processes,
        files: isolation.processes,
        truncation: landlock >= TRUNCATION,
    };
    if let Some(announcer) = announcer {
        announcer.announce();
    }
    if with(Part::SystemCalls) {
        seccomp::apply(surroundings, protection)?;
    }
    for part in &policy.without {
        protection
            .missing
            .push(format!("{part:?}: switched off in the settings"));
    }
    if reach.is_proxied() && proxy.is_none() {
        protection.missing.push(
            "network: only granted hosts; without a network of its own the process connects to \
             any host at the granted ports, and UDP is open"
                .to_owned(),
        );
    }
    probes.run(policy, isolation, protection);
    if reach.any_host {
        protection.open.push(
            "its `http` grant is for any host: it connects without the server's proxy, only its \
             TCP ports are enforced, and UDP is open"
                .to_owned(),
        );
    }
    Ok(proxy)
}
