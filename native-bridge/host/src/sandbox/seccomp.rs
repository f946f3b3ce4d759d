//! System calls that no plugin needs and that reach past its own process.
//!
//! A list of what is denied, not of what is allowed: a language's runtime may
//! use any of hundreds of calls, and a list of those would break with its next
//! version. Files, ports and signals are Landlock's.

use std::collections::BTreeMap;

use mortise_runtime::process::Protection;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::{Network, Policy, SandboxError};

/// Denied whatever their arguments are.
const DENIED: &[libc::c_long] = &[
    // Other processes' memory and descriptors.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // The file system's shape.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    // Files by handle pass Landlock by.
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // Namespaces.
    libc::SYS_unshare,
    libc::SYS_setns,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_personality,
    // Clocks of the machine.
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    // What it does is seen by no filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

/// Where x86-64 kernels may have the same calls a second time, and those that
/// have another number there.
#[cfg(target_arch = "x86_64")]
const X32: (i64, &[i64]) = (0x4000_0000, &[521, 528, 539, 540]);

/// Flags of `clone` that make namespaces.
const NAMESPACES: &[libc::c_int] = &[
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// The bits of a socket's type beside its flags.
const TYPE_MASK: u64 = 0xf;

pub(super) fn apply(policy: &Policy, protection: &mut Protection) -> Result<(), SandboxError> {
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
    let network = policy.reach.network != Network::None;
    let denied = denied(network).map_err(|error| failed(error.to_string()))?;
    for (rules, errno) in [
        (denied, libc::EPERM),
        // Its arguments are in memory, which a filter cannot read. Told that
        // there is no such call, libraries use `clone`, whose are not.
        (
            BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
            libc::ENOSYS,
        ),
    ] {
        let program: BpfProgram = SeccompFilter::new(
            rules,
            SeccompAction::Allow,
            SeccompAction::Errno(errno.unsigned_abs()),
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
    protection.applied.push(
        "system calls: no tracing, mounting, namespaces, kernel keys, modules, io_uring".to_owned(),
    );
    if network {
        protection
            .applied
            .push("sockets: no raw or unusual ones".to_owned());
        protection.open.push(
            "of the hosts in `http` only the ports are enforced, for TCP; UDP is open".to_owned(),
        );
    } else {
        protection
            .applied
            .push("sockets: local ones only".to_owned());
    }
    Ok(())
}

fn denied(network: bool) -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let mut rules = BTreeMap::new();
    for call in DENIED {
        rules.insert(*call, Vec::new());
    }
    let mut cloning = Vec::new();
    for flag in NAMESPACES {
        let flag = u64::from(flag.unsigned_abs());
        cloning.push(SeccompRule::new(vec![SeccompCondition::new(
            0,
            SeccompCmpArgLen::Qword,
            SeccompCmpOp::MaskedEq(flag),
            flag,
        )?])?);
    }
    rules.insert(libc::SYS_clone, cloning);
    rules.insert(libc::SYS_socket, sockets(network)?);
    #[cfg(target_arch = "x86_64")]
    {
        let (bit, others) = X32;
        let again: Vec<(i64, Vec<SeccompRule>)> = rules
            .iter()
            .map(|(call, rules)| (call | bit, rules.clone()))
            .chain(others.iter().map(|call| (call | bit, Vec::new())))
            .collect();
        rules.extend(again);
    }
    Ok(rules)
}

/// Which sockets cannot be made.
fn sockets(network: bool) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let families: &[libc::c_int] = if network {
        // Resolvers ask the kernel by netlink which addresses the machine has.
        &[
            libc::AF_UNIX,
            libc::AF_INET,
            libc::AF_INET6,
            libc::AF_NETLINK,
        ]
    } else {
        &[libc::AF_UNIX]
    };
    let mut other = Vec::new();
    for family in families {
        other.push(SeccompCondition::new(
            0,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::Ne,
            u64::from(family.unsigned_abs()),
        )?);
    }
    let mut rules = vec![SeccompRule::new(other)?];
    for family in [libc::AF_INET, libc::AF_INET6] {
        rules.push(SeccompRule::new(vec![
            SeccompCondition::new(
                0,
                SeccompCmpArgLen::Dword,
                SeccompCmpOp::Eq,
                u64::from(family.unsigned_abs()),
            )?,
            SeccompCondition::new(
                1,
                SeccompCmpArgLen::Dword,
                SeccompCmpOp::MaskedEq(TYPE_MASK),
                u64::from(libc::SOCK_RAW.unsigned_abs()),
            )?,
        ])?);
    }
    Ok(rules)
}
