//! Interfaces of WASI beside 0.2, which have drafts only: served with exactly
//! the versions that are listed here, by the guard as the contract's own are.
//!
//! - `config`: `wasi:config/store`, the values of the user's configuration.
//! - `keyvalue`: `wasi:keyvalue/store` and `batch`, on the plugin's storage.
//! - `logging`: `wasi:logging/logging`, into the instance's log.

mod config;
mod keyvalue;
mod logging;

use wasmtime::component::Linker;

use super::store::State;

/// The interfaces, with the versions of each that are served.
const SERVED: [(&str, &[&str]); 4] = [
    ("wasi:config/store", &[config::VERSION]),
    (keyvalue::STORE, &keyvalue::VERSIONS),
    (keyvalue::BATCH, &keyvalue::VERSIONS),
    ("wasi:logging/logging", &[logging::VERSION]),
];

/// Adds all of them.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    config::add_to_linker(linker)?;
    keyvalue::add_to_linker(linker)?;
    logging::add_to_linker(linker)
}

/// Returns true if this version of an interface is served.
pub(super) fn serves(interface: &str, version: &str) -> bool {
    SERVED
        .iter()
        .any(|(served, versions)| *served == interface && versions.contains(&version))
}

/// The served interfaces of an interface's package, with versions, as a list for
/// people; none if the package has none.
pub(super) fn beside(interface: &str) -> Option<String> {
    let package = |name: &str| name.split_once('/').map(|(package, _)| package.to_owned());
    let own = package(interface)?;
    let names: Vec<_> = SERVED
        .iter()
        .filter(|(served, _)| package(served).as_ref() == Some(&own))
        .flat_map(|(served, versions)| {
            versions
                .iter()
                .map(move |version| format!("`{served}@{version}`"))
        })
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Returns true if an import stores values.
pub(super) fn stores(import: &str) -> bool {
    import.starts_with("wasi:keyvalue/")
}
