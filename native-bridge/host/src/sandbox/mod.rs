//! The reach of a plugin's process, enforced by the kernel.
//!
//! The same grants that bound a component become a [`Policy`] here, which the
//! launcher applies to itself before it becomes the plugin:
//!
//! | grant | for a process |
//! | --- | --- |
//! | `files` | Landlock: these directories, and beside them what running anything takes (system libraries, `/dev/null`, its own folder) |
//! | `http` | Landlock: TCP connections to the ports of the granted patterns; without a grant no internet socket can be made at all (seccomp) |
//! | `environment` | these variables, in an environment that is otherwise made new |
//! | none | no listening, no tracing, no signals to or abstract sockets of other processes, no mounts, no kernel keys, no namespaces, no `io_uring`, no raw sockets |
//! | limits | resource limits: memory, open files, size of a file, no core dump |
//!
//! What the kernel at hand cannot do is reported ([`Protection::missing`]), and
//! refused in [`Mode::Strict`]. What no kernel can do is reported too
//! ([`Protection::open`]): the *hosts* of `http`, of which only ports are
//! enforced, and UDP once `http` is granted.
//!
//! Nothing here may be called by the host about itself: [`apply`] cannot be
//! taken back.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod namespaces;
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
    path::PathBuf,
};

use mortise_runtime::{Guard, Protected, Rights, process::Protection, types::Directory};
use serde::{Deserialize, Serialize};

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

/// The targets of a process's TCP connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Nowhere.
    #[default]
    None,
    /// To these ports.
    Ports(BTreeSet<u16>),
    /// To any port.
    Any,
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
        let mut network = Network::None;
        for pattern in &grants.host.http {
            network = network.or(match pattern.ports() {
                Some(ports) => Network::Ports(ports.into_iter().collect()),
                None => Network::Any,
            });
        }
        Self {
            files: grants.host.files.clone(),
            network,
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

impl Network {
    /// Returns true if this reach allows everything that `other` allows.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::None) => true,
            (Self::Ports(own), Self::Ports(others)) => others.is_subset(own),
            _ => false,
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::None, one) | (one, Self::None) => one,
            (Self::Ports(mut one), Self::Ports(other)) => {
                one.extend(other);
                Self::Ports(one)
            }
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
    pub guardian: u32,
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

/// Applies a policy to this process, for good. With namespaces, the process in
/// which this returns is a new one below the caller, which waits for it: the
/// caller may have no thread but one.
///
/// # Errors
///
/// [`SandboxError`]; the process is to end then.
pub fn apply(policy: &Policy) -> Result<Protection, SandboxError> {
    let mut protection = Protection::default();
    if policy.mode == Mode::Off {
        protection
            .missing
            .push("everything: the sandbox is switched off".to_owned());
        return Ok(protection);
    }
    #[cfg(target_os = "linux")]
    confine(policy, &mut protection)?;
    #[cfg(not(target_os = "linux"))]
    {
        #[cfg(unix)]
        rlimits::apply(&policy.limits, false, &mut protection);
        protection
            .missing
            .push("files, network and system calls: only Linux can confine a process".to_owned());
    }
    if policy.mode == Mode::Strict && !protection.missing.is_empty() {
        return Err(SandboxError::Missing(protection.missing));
    }
    Ok(protection)
}

/// The versions of Landlock since which it bounds truncating, and signals.
#[cfg(target_os = "linux")]
const TRUNCATION: i32 = 3;
#[cfg(target_os = "linux")]
const SIGNALS: i32 = 6;

#[cfg(target_os = "linux")]
fn confine(policy: &Policy, protection: &mut Protection) -> Result<(), SandboxError> {
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
    let isolation = if with(Part::Namespaces) {
        namespaces::enter(policy, &places, protection)
    } else {
        namespaces::Isolation::default()
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
    let network = policy.reach.network != Network::None;
    let surroundings = seccomp::Surroundings {
        network,
        signals: isolation.processes || landlock >= SIGNALS,
        processes: isolation.processes,
        files: isolation.processes,
        truncation: landlock >= TRUNCATION,
    };
    if with(Part::SystemCalls) {
        seccomp::apply(surroundings, protection)?;
    }
    for part in &policy.without {
        protection
            .missing
            .push(format!("{part:?}: switched off in the settings"));
    }
    probes.run(policy, protection);
    if network {
        protection.open.push(
            "of the hosts in `http` only the ports are enforced, for TCP; UDP is open".to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mortise_runtime::Rights;

    use super::{Network, Reach};

    fn reach(http: &[&str]) -> Reach {
        let mut rights = Rights::default();
        for pattern in http {
            rights.grants.host.http.insert(pattern.parse().unwrap());
        }
        Reach::granted(&rights)
    }

    #[test]
    fn ports_follow_from_host_patterns() {
        assert_eq!(reach(&[]).network, Network::None);
        assert_eq!(
            reach(&["example.org", "https://a.org:8443"]).network,
            Network::Ports([80, 443, 8443].into())
        );
        assert_eq!(
            reach(&["https://example.org"]).network,
            Network::Ports([443].into())
        );
        assert_eq!(reach(&["a.org", "b.org:*"]).network, Network::Any);
        let both = reach(&["a.org:1"]).or(reach(&["b.org:2"]));
        assert_eq!(both.network, Network::Ports([1, 2].into()));
        assert_eq!(both.clone().or(Reach::default()), both);
    }
}
