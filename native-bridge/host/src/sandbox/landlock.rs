//! Files, TCP ports, and the scope of signals and abstract sockets.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus,
    NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, RulesetError, Scope,
};
use mortise_runtime::process::Protection;

use super::{
    Policy, Ports, SandboxError,
    namespaces::Isolation,
    places::{Access, Place},
};

/// The newest version whose rights are asked for.
const NEWEST: ABI = ABI::V9;
/// Name resolution over TCP, where an answer is too long for UDP.
const DNS: u16 = 53;

/// Returns the version of Landlock whose rights are in force, 0 for none.
pub(super) fn apply(
    policy: &Policy,
    places: &[Place],
    isolation: Isolation,
    protection: &mut Protection,
) -> Result<i32, SandboxError> {
    let failed = |error: RulesetError| SandboxError::Failed {
        part: "Landlock",
        cause: error.to_string(),
    };
    let rules = rules(policy, places, isolation).map_err(failed)?;
    let status = rules.restrict_self().map_err(failed)?;
    if !status.no_new_privs {
        protection.missing.push("no new privileges".to_owned());
    }
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => return Ok(effective_abi as i32),
        LandlockStatus::NotEnabled => protection.missing.push(
            "Landlock, which this kernel has but was started without (files, ports, signals)"
                .to_owned(),
        ),
        LandlockStatus::NotImplemented => protection
            .missing
            .push("Landlock, which this kernel does not have (files, ports, signals)".to_owned()),
    }
    Ok(0)
}

fn rules(
    policy: &Policy,
    places: &[Place],
    isolation: Isolation,
) -> Result<RulesetCreated, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    // A plugin cannot make devices, and does not execute files that it writes.
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
    let network = &policy.reach.network;
    let ports = match &network.ports {
        _ if isolation.network => network.own_ports(),
        Ports::These(ports) => Some(ports.iter().copied().chain([DNS]).collect()),
        Ports::Any => None,
    };
    if ports.is_some() {
        ruleset = ruleset.handle_access(AccessNet::ConnectTcp)?;
    }
    let mut ruleset = ruleset.create()?;
    for place in places {
        let rights = match place.access {
            Access::Read => read,
            Access::Execute => read | AccessFs::Execute,
            Access::Device => read | AccessFs::WriteFile,
            Access::Write => write,
        };
        ruleset = allow(ruleset, &place.path, rights)?;
    }
    ruleset = allow(ruleset, &policy.directory, write)?;
    if isolation.processes {
        ruleset = allow(ruleset, Path::new("/dev/shm"), write)?;
        ruleset = allow(ruleset, Path::new("/dev"), AccessFs::ReadDir.into())?;
    }
    if isolation.proc {
        ruleset = allow(ruleset, Path::new("/proc"), read)?;
    }
    for port in ports.unwrap_or_default() {
        ruleset = ruleset.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    Ok(ruleset)
}

/// Allows access to what is there.
fn allow(
    ruleset: RulesetCreated,
    path: &Path,
    rights: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else {
        return Ok(ruleset);
    };
    let rights = if path.is_dir() {
        rights
    } else {
        rights & AccessFs::from_file(NEWEST)
    };
    ruleset.add_rule(PathBeneath::new(opened, rights))
}
