//! Files, TCP ports, and the scope of signals and abstract sockets.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus,
    NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, RulesetError, Scope,
};
use mortise_runtime::process::Protection;

use super::{
    Network, Policy, SandboxError,
    paths::{DEVICES, EXECUTABLE, READABLE},
};

/// The newest version whose rights are asked for.
const NEWEST: ABI = ABI::V9;
/// Name resolution over TCP, where an answer is too long for UDP.
const DNS: u16 = 53;

pub(super) fn apply(policy: &Policy, protection: &mut Protection) -> Result<(), SandboxError> {
    let failed = |error: RulesetError| SandboxError::Failed {
        part: "Landlock",
        cause: error.to_string(),
    };
    let rules = rules(policy, protection).map_err(failed)?;
    let status = rules.restrict_self().map_err(failed)?;
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => report(effective_abi, protection),
        LandlockStatus::NotEnabled => protection.missing.push(
            "Landlock, which this kernel has but was started without (files, ports, signals)"
                .to_owned(),
        ),
        LandlockStatus::NotImplemented => protection
            .missing
            .push("Landlock, which this kernel does not have (files, ports, signals)".to_owned()),
    }
    if status.no_new_privs {
        protection.applied.push("no new privileges".to_owned());
    } else {
        protection.missing.push("no new privileges".to_owned());
    }
    Ok(())
}

fn rules(policy: &Policy, protection: &mut Protection) -> Result<RulesetCreated, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let execute = read | AccessFs::Execute;
    // A plugin cannot make devices, and does not execute what it writes.
    let write = AccessFs::from_all(NEWEST)
        & !(AccessFs::Execute
            | AccessFs::MakeChar
            | AccessFs::MakeBlock
            | AccessFs::IoctlDev
            | AccessFs::ResolveUnix);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?;
    if policy.reach.network != Network::Any {
        ruleset = ruleset.handle_access(AccessNet::ConnectTcp)?;
    }
    let mut ruleset = ruleset.create()?;
    for path in EXECUTABLE {
        ruleset = allow(ruleset, Path::new(path), execute)?.0;
    }
    for path in READABLE {
        ruleset = allow(ruleset, Path::new(path), read)?.0;
    }
    for path in DEVICES {
        ruleset = allow(ruleset, Path::new(path), read | AccessFs::WriteFile)?.0;
    }
    ruleset = allow(ruleset, &policy.program, execute)?.0;
    ruleset = allow(ruleset, &policy.directory, write)?.0;
    ruleset = allow(ruleset, &policy.folder, AccessFs::ResolveUnix.into())?.0;
    for path in &policy.readable {
        ruleset = allow(ruleset, path, execute)?.0;
    }
    for granted in &policy.reach.files {
        let rights = if granted.writable { write } else { read };
        let (more, there) = allow(ruleset, Path::new(&granted.path), rights)?;
        ruleset = more;
        if !there {
            // It is denied then, which is safe: no reason not to start.
            protection.open.push(format!(
                "the granted directory `{}` is not there or cannot be opened",
                granted.path
            ));
        }
    }
    if let Network::Ports(ports) = &policy.reach.network {
        for port in ports.iter().chain([&DNS]) {
            ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
    }
    Ok(ruleset)
}

/// Allows access to what is there; says whether it is.
fn allow(
    ruleset: RulesetCreated,
    path: &Path,
    rights: BitFlags<AccessFs>,
) -> Result<(RulesetCreated, bool), RulesetError> {
    let Ok(opened) = PathFd::new(path) else {
        return Ok((ruleset, false));
    };
    let rights = if path.is_dir() {
        rights
    } else {
        rights & AccessFs::from_file(NEWEST)
    };
    Ok((ruleset.add_rule(PathBeneath::new(opened, rights))?, true))
}

fn report(abi: ABI, protection: &mut Protection) {
    for (since, what) in [
        (ABI::V1, "files: only granted ones"),
        (ABI::V3, "files: truncating"),
        (ABI::V4, "TCP: only granted ports, no listening"),
        (ABI::V5, "device controls"),
        (
            ABI::V6,
            "signals and abstract sockets: only its own processes",
        ),
    ] {
        if abi >= since {
            protection.applied.push(what.to_owned());
        } else {
            protection.missing.push(format!(
                "{what} (needs Landlock ABI {}, this kernel has {})",
                since as i32, abi as i32
            ));
        }
    }
    let sockets = "sockets of other services by path";
    if abi >= ABI::V9 {
        protection.applied.push(format!("{sockets}: denied"));
    } else {
        protection.open.push(format!(
            "{sockets} are protected by their file permissions only (before Landlock ABI 9)"
        ));
    }
}
