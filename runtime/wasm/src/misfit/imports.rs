//! Imports that this host does not provide.

use wasmtime::component::Component;

use super::Report;
use crate::{engine::Shared, imports::PROVIDED, standard};
use mortise_runtime::{LoadError, Step, contract};

/// The version of WASI 0.2 that this host provides.
pub(super) const WASI: &str = "0.2.12";

/// The interfaces of it.
const WASI_INTERFACES: [&str; 29] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Checks that every import is one that this host knows, to say more than that
/// it is missing.
pub(crate) fn check_imports(
    report: &Report<'_>,
    shared: &Shared,
    component: &Component,
) -> Result<(), LoadError> {
    for (import, _) in component.component_type().imports(&shared.engine) {
        let (name, version) = import.split_once('@').unwrap_or((import, ""));
        let wrong = if standard::serves(name, version) {
            None
        } else if let Some(served) = standard::beside(name) {
            Some(wrong_draft(name, &served))
        } else if name.starts_with("wasi:") {
            wrong_wasi(name, version).map(|(more, fix)| (more, fix.to_owned()))
        } else {
            wrong_import(name, version).map(|(more, fix)| (more, fix.to_owned()))
        };
        let Some((more, fix)) = wrong else {
            continue;
        };
        let expected = format!(
            "only imports of `mortise:plugin@{}`, of WASI 0.2 (up to {WASI}) and of the drafts that \
             this host serves",
            contract::VERSION
        );
        return Err(report.of(
            Step::Link,
            expected,
            format!("the import `{import}`{more}"),
            fix,
        ));
    }
    Ok(())
}

/// More about an import of a package of which this host serves other drafts or
/// other interfaces, and the fix.
fn wrong_draft(name: &str, served: &str) -> (&'static str, String) {
    let instead = match name {
        "wasi:keyvalue/atomics" => {
            "; in the place of `atomics`, read with `get` and write with `set`: calls to one user's \
             instance come one after another"
        }
        _ => "",
    };
    (
        ", of a draft that this host does not serve",
        format!("build it against {served}{instead}"),
    )
}

/// More about an import of WASI that is not provided, and the fix.
fn wrong_wasi(name: &str, version: &str) -> Option<(&'static str, &'static str)> {
    let known = WASI_INTERFACES.contains(&name);
    if version.contains('-') {
        return Some((
            ", of a draft of WASI",
            "build it with a toolchain and libraries that use the released WASI 0.2 (target \
             `wasm32-wasip2`); drafts are not compatible with it",
        ));
    }
    if !version.starts_with("0.2.") && !version.is_empty() {
        return Some((
            ", of another WASI than 0.2",
            "build it for WASI 0.2 (target `wasm32-wasip2`)",
        ));
    }
    if !known {
        return Some((
            ", which is not part of WASI 0.2 as this host provides it",
            "remove the import: messages and timers come from the contract's own interfaces in \
             `wit/`",
        ));
    }
    if version.is_empty() {
        return Some((
            ", without a version",
            "build it for WASI 0.2 (target `wasm32-wasip2`)",
        ));
    }
    if !is_at_most(version, WASI) {
        return Some((
            ", of a newer WASI 0.2",
            "build it with an older toolchain or older libraries, or update Mortise",
        ));
    }
    None
}

/// More about another import that is not provided, and the fix.
fn wrong_import(name: &str, version: &str) -> Option<(&'static str, &'static str)> {
    if PROVIDED.contains(&name) {
        return (!is_served(version)).then_some((
            "",
            "update Mortise to a version that speaks this version of the contract, or build the \
             plugin against the older one",
        ));
    }
    Some(if name.starts_with("mortise:plugin/") {
        (
            "",
            "update Mortise, if a newer version has this interface; otherwise build the plugin \
             against the WIT files of this version",
        )
    } else {
        (
            "",
            "remove the import, or put the component that provides it into this one with \
             `wac plug`",
        )
    })
}

/// Returns true if this host serves plugins that were built for this version of the
/// contract.
pub(super) fn is_served(version: &str) -> bool {
    contract::VERSIONS
        .iter()
        .any(|served| is_at_most(version, served))
}

/// Whether a version is the same as another up to the last number, which may
/// be lower: what was built against it can be served by the other.
pub(super) fn is_at_most(version: &str, own: &str) -> bool {
    fn parts(version: &str) -> Option<(&str, u64)> {
        let (compatible, patch) = version.rsplit_once('.')?;
        Some((compatible, patch.parse().ok()?))
    }
    match (parts(version), parts(own)) {
        (Some((wanted, wanted_patch)), Some((own, own_patch))) => {
            wanted == own && wanted_patch <= own_patch
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::wrong_wasi;

    #[test]
    fn imports_of_other_wasis_are_named_as_what_they_are() {
        for (name, version, says) in [
            ("wasi:http/types", "0.2.0-rc-2023-11-10", "a draft"),
            ("wasi:http/types", "0.3.0", "another WASI"),
            ("wasi:http/types", "0.20.1", "another WASI"),
            ("wasi:messaging/producer", "", "not part of"),
            ("wasi:blobstore/types", "0.2.0", "not part of"),
            ("wasi:clocks/monotonic-clock", "0.2.99", "a newer WASI"),
            ("wasi:clocks/monotonic-clock", "", "without a version"),
        ] {
            let (more, _) = wrong_wasi(name, version).unwrap();
            assert!(more.contains(says), "{name}@{version}: {more}");
        }
        assert_eq!(wrong_wasi("wasi:clocks/monotonic-clock", "0.2.3"), None);
    }
}
