//! The filter of system calls: an allow-list (`super::calls`), the same on
//! x86-64 and arm64. Calls under other numbers, such as those of x32, are in no
//! list.
//!
//! A filter sees numbers, and no paths. A call that changes the state of files or
//! processes by a name is allowed only in namespaces where nothing but the
//! plugin's own has a name.

use std::{
    collections::BTreeMap,
    ffi::{c_int, c_long},
};

use mortise_runtime::process::Protection;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Compare,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use super::{SandboxError, calls};

/// Internet sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sockets {
    None,
    Tcp,
    /// With UDP, by which names are resolved.
    TcpAndUdp,
}

/// What bounds the process beside the filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings {
    /// The internet sockets that it may make.
    pub(super) sockets: Sockets,
    /// Signals reach its own processes only.
    pub(super) signals: bool,
    /// Only its own processes have an id.
    pub(super) processes: bool,
    /// Only its own and granted files can be written to, under any name.
    pub(super) files: bool,
    /// Files are truncated by path only where they may be written to.
    pub(super) truncation: bool,
}

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

pub(super) fn apply(
    surroundings: Surroundings,
    protection: &mut Protection,
) -> Result<(), SandboxError> {
    let failed = |cause: String| SandboxError::Failed {
        part: "seccomp",
        cause,
    };
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else {
        protection.missing.push(format!(
            "the filter of system calls, which does not know the architecture {}",
            std::env::consts::ARCH
        ));
        return Ok(());
    };
    let allowed = allowed(surroundings).map_err(|error| failed(error.to_string()))?;
    // Of two filters that answer with an error, the second one's counts: EPERM
    // for what is known and denied, ENOSYS for what is not known.
    for (rules, otherwise) in [(allowed, libc::EPERM), (known(), libc::ENOSYS)] {
        let program: BpfProgram = SeccompFilter::new(
            rules,
            SeccompAction::Errno(otherwise.unsigned_abs()),
            SeccompAction::Allow,
            arch,
        )
        .and_then(TryInto::try_into)
        .map_err(|error| failed(error.to_string()))?;
        if let Err(error) = seccompiler::apply_filter(&program) {
            protection
                .missing
                .push(format!("the filter of system calls ({error})"));
            return Ok(());
        }
    }
    Ok(())
}

/// All calls that are not answered as if the kernel did not have them.
fn known() -> Rules {
    let conditional = [
        libc::SYS_clone,
        libc::SYS_connect,
        libc::SYS_fcntl,
        libc::SYS_ioctl,
        libc::SYS_prctl,
        libc::SYS_sendmmsg,
        libc::SYS_sendmsg,
        libc::SYS_sendto,
        libc::SYS_setsockopt,
        libc::SYS_socket,
        libc::SYS_socketpair,
    ];
    [
        calls::ALLOWED,
        calls::ALLOWED_ALIASES,
        calls::STATE_OF_FILES,
        calls::TRUNCATION,
        calls::SIGNALS,
        calls::SIGNALS_BY_OTHER_NAMES,
        calls::STATE_OF_PROCESSES,
        calls::PRIORITIES,
        calls::DENIED,
        &conditional,
    ]
    .into_iter()
    .flatten()
    .map(|call| (*call, Vec::new()))
    .collect()
}

fn allowed(surroundings: Surroundings) -> Result<Rules, BackendError> {
    let Surroundings {
        sockets,
        signals,
        processes,
        files,
        truncation,
    } = surroundings;
    let mut rules = Rules::new();
    let mut allow = |calls: &[c_long], when: Vec<SeccompRule>| {
        rules.extend(calls.iter().map(|call| (*call, when.clone())));
    };
    let always = Vec::new;
    let own = u64::from(std::process::id());
    allow(calls::ALLOWED, always());
    allow(calls::ALLOWED_ALIASES, always());
    if files {
        allow(calls::STATE_OF_FILES, always());
    }
    if files || truncation {
        allow(calls::TRUNCATION, always());
    }
    if signals {
        allow(calls::SIGNALS, always());
        allow(calls::SIGNALS_BY_OTHER_NAMES, always());
    } else {
        allow(calls::SIGNALS, vec![rule([is(0, own)])?]);
    }
    if processes {
        allow(calls::STATE_OF_PROCESSES, always());
        allow(calls::PRIORITIES, always());
        allow(&[libc::SYS_prctl], always());
    } else {
        let itself = vec![rule([is(0, 0)])?, rule([is(0, own)])?];
        allow(calls::STATE_OF_PROCESSES, itself);
        // Of a process, not of a user, and the caller.
        let of_process = compare(0, Width::Dword, Compare::Le, 1);
        allow(calls::PRIORITIES, vec![rule([of_process, is(1, 0)])?]);
        // The signal at the monitor's end stays.
        let death = number(libc::PR_SET_PDEATHSIG);
        allow(&[libc::SYS_prctl], vec![rule([is_not(0, death)])?]);
    }
    let namespaces = NAMESPACES.iter().fold(0, |all, flag| all | number(*flag));
    let plain = compare(0, Width::Qword, Compare::MaskedEq(namespaces), 0);
    allow(&[libc::SYS_clone], vec![rule([plain])?]);
    allow(&[libc::SYS_fcntl], vec![none_of(1, &FCNTLS)?]);
    allow(&[libc::SYS_ioctl], vec![none_of(1, &IOCTLS)?]);
    // Data with a connection that no rule about connections sees.
    let fast = number(libc::MSG_FASTOPEN);
    for (call, flags) in [
        (libc::SYS_sendto, 3),
        (libc::SYS_sendmsg, 2),
        (libc::SYS_sendmmsg, 3),
    ] {
        let plain = compare(flags, Width::Dword, Compare::MaskedEq(fast), 0);
        allow(&[call], vec![rule([plain])?]);
    }
    let tcp = number(libc::IPPROTO_TCP);
    allow(
        &[libc::SYS_setsockopt],
        vec![rule([is_not(1, tcp)])?, none_of(2, &TCP_OPTIONS)?],
    );
    // Those that could be sent to or connected elsewhere are left out.
    let mut pairs = Vec::new();
    for kind in [libc::SOCK_STREAM, libc::SOCK_SEQPACKET] {
        pairs.push(rule([is(0, number(libc::AF_UNIX)), of_kind(kind)])?);
    }
    allow(&[libc::SYS_socketpair], pairs);
    if sockets != Sockets::None {
        allow(&[libc::SYS_connect], always());
        allow(&[libc::SYS_socket], internet(sockets)?);
    }
    Ok(rules)
}

/// Flags of `clone` that make namespaces.
const NAMESPACES: [c_int; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// Commands of `fcntl` that hold up other processes at a file, or have the
/// kernel signal them.
const FCNTLS: [u64; 5] = [8, 10, 15, 1024, 1026];

/// Controls that type into terminals, have the kernel signal other processes, or
/// change attributes of files that were opened for reading, seal or encrypt them.
const IOCTLS: [u64; 9] = [
    0x5412,
    0x541c,
    0x8901,
    0x8902,
    0x4008_6602,
    0x4008_7602,
    0x401c_5820,
    0x4080_6685,
    0x800c_6613,
];

/// Options of TCP for connections without `connect`, and for those of others.
const TCP_OPTIONS: [u64; 3] = [19, 23, 30];

/// The bits of a socket's type beside its flags.
const KIND: u64 = 0xf;

/// TCP and UDP, and the kernel's own service that tells resolvers which addresses
/// the machine has.
fn internet(sockets: Sockets) -> Result<Vec<SeccompRule>, BackendError> {
    let mut rules = Vec::new();
    let tcp = (libc::SOCK_STREAM, libc::IPPROTO_TCP);
    let udp = (libc::SOCK_DGRAM, libc::IPPROTO_UDP);
    let kinds = match sockets {
        Sockets::None => &[][..],
        Sockets::Tcp => &[tcp],
        Sockets::TcpAndUdp => &[tcp, udp],
    };
    for family in [libc::AF_INET, libc::AF_INET6] {
        for (kind, protocol) in kinds {
            for protocol in [0, number(*protocol)] {
                rules.push(rule([
                    is(0, number(family)),
                    of_kind(*kind),
                    is(2, protocol),
                ])?);
            }
        }
    }
    rules.push(rule([
        is(0, number(libc::AF_NETLINK)),
        is(2, number(libc::NETLINK_ROUTE)),
    ])?);
    Ok(rules)
}

type Condition = Result<SeccompCondition, BackendError>;

fn number(constant: c_int) -> u64 {
    u64::from(constant.unsigned_abs())
}

fn compare(argument: u8, width: Width, operator: Compare, value: u64) -> Condition {
    SeccompCondition::new(argument, width, operator, value)
}

fn is(argument: u8, value: u64) -> Condition {
    compare(argument, Width::Dword, Compare::Eq, value)
}

fn is_not(argument: u8, value: u64) -> Condition {
    compare(argument, Width::Dword, Compare::Ne, value)
}

fn of_kind(kind: c_int) -> Condition {
    compare(1, Width::Dword, Compare::MaskedEq(KIND), number(kind))
}

fn rule(conditions: impl IntoIterator<Item = Condition>) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
}

fn none_of(argument: u8, values: &[u64]) -> Result<SeccompRule, BackendError> {
    rule(values.iter().map(|value| is_not(argument, *value)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Sockets, Surroundings, allowed, calls, known};

    fn surroundings(all: bool) -> Surroundings {
        Surroundings {
            sockets: if all {
                Sockets::TcpAndUdp
            } else {
                Sockets::None
            },
            signals: all,
            processes: all,
            files: all,
            truncation: all,
        }
    }

    #[test]
    fn no_call_is_in_two_lists() {
        let lists = [
            calls::ALLOWED,
            calls::ALLOWED_ALIASES,
            calls::STATE_OF_FILES,
            calls::TRUNCATION,
            calls::SIGNALS,
            calls::SIGNALS_BY_OTHER_NAMES,
            calls::STATE_OF_PROCESSES,
            calls::PRIORITIES,
            calls::DENIED,
        ];
        let all: Vec<_> = lists.into_iter().flatten().collect();
        let different: BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn what_is_allowed_is_known_and_what_is_denied_is_not_allowed() {
        let known = known();
        for all in [false, true] {
            let allowed = allowed(surroundings(all)).unwrap();
            for call in allowed.keys() {
                assert!(known.contains_key(call), "{call}");
            }
            for call in calls::DENIED {
                assert!(!allowed.contains_key(call), "{call}");
            }
        }
        let confined = allowed(surroundings(false)).unwrap();
        for call in [calls::STATE_OF_FILES, calls::TRUNCATION].concat() {
            assert!(!confined.contains_key(&call), "{call}");
        }
        // Whatever the arguments are.
        let conditional = |call| !confined.get(&call).unwrap().is_empty();
        assert!(conditional(libc::SYS_kill) && conditional(libc::SYS_prlimit64));
    }

    #[test]
    fn calls_that_no_list_has_are_unknown() {
        let known = known();
        assert!(!known.contains_key(&libc::SYS_clone3));
        // A second set of numbers on x86-64.
        assert!(known.keys().all(|call| *call < 0x4000_0000));
    }
}
