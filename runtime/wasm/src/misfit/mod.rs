//! Reports of components that do not fit this host: the step, the cause and the
//! fix, found by looking at the component, not at the words of an error.

mod imports;

use std::path::Path;

use wasmparser::{Validator, WasmFeatures};
use wasmtime::component::Component;

pub(super) use self::imports::check_imports;
use self::imports::{WASI, is_at_most, is_served};
use super::engine::Shared;
use mortise_runtime::{CallError, Capability, LoadError, Step, contract};

/// Makes reports about one file.
pub(super) struct Report<'a>(pub(super) &'a Path);

impl Report<'_> {
    pub(super) fn of(
        &self,
        step: Step,
        expected: impl Into<String>,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> LoadError {
        LoadError {
            file: self.0.to_owned(),
            step,
            expected: expected.into(),
            found: found.into(),
            fix: fix.into(),
        }
    }
}

/// Checks that a file is a component.
pub(super) fn decode(report: &Report<'_>, bytes: &[u8]) -> Result<(), LoadError> {
    if wasmparser::Parser::is_component(bytes) {
        return Ok(());
    }
    let expected = "a WebAssembly component";
    Err(if wasmparser::Parser::is_core_wasm(bytes) {
        report.of(
            Step::Decode,
            expected,
            "a core WebAssembly module",
            "build it as a component: in Rust `cargo build --target wasm32-wasip2`, elsewhere turn \
             the module into one with `wasm-tools component new`",
        )
    } else if bytes.starts_with(b"\0asm") {
        report.of(
            Step::Decode,
            expected,
            format!("WebAssembly of the unknown version {}", hex::encode(bytes.get(4..8).unwrap_or_default())),
            "copy the file again, it may be cut short or damaged; or build it with a current toolchain",
        )
    } else {
        report.of(
            Step::Decode,
            expected,
            "a file that is no WebAssembly",
            "move it out of the plugins folder, or build it again if it should be a plugin",
        )
    })
}

/// Proposals that this host does not run, by the names that people know.
const DISABLED: [(WasmFeatures, &str); 12] = [
    (
        WasmFeatures::LEGACY_EXCEPTIONS,
        "the legacy form of exceptions",
    ),
    (
        WasmFeatures::CM_ASYNC,
        "asynchronous functions, streams and futures of components (WASI 0.3)",
    ),
    (WasmFeatures::CM_THREADING, "threads of components"),
    (
        WasmFeatures::CM_ERROR_CONTEXT,
        "error contexts of components",
    ),
    (WasmFeatures::CM_VALUES, "values of components"),
    (
        WasmFeatures::CM_GC,
        "garbage-collected values of components",
    ),
    (
        WasmFeatures::SHARED_EVERYTHING_THREADS,
        "shared-everything threads",
    ),
    (WasmFeatures::STACK_SWITCHING, "stack switching"),
    (WasmFeatures::CUSTOM_PAGE_SIZES, "custom page sizes"),
    (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic"),
    (WasmFeatures::THREADS, "threads with shared memory"),
    (WasmFeatures::EXCEPTIONS, "exceptions"),
];

/// Whether a file is valid where these proposals are enabled.
fn is_valid(bytes: &[u8], features: WasmFeatures) -> bool {
    Validator::new_with_features(features)
        .validate_all(bytes)
        .is_ok()
}

/// The report of a component that the compiler does not accept: it is damaged,
/// needs a proposal that is disabled, or is larger than the engine's pools.
pub(super) fn does_not_compile(
    report: &Report<'_>,
    bytes: &[u8],
    error: &wasmtime::Error,
) -> LoadError {
    let found = format!("{error:#}");
    let all = WasmFeatures::all();
    if !is_valid(bytes, all) {
        return report.of(
            Step::Compile,
            "a valid component",
            found,
            "copy the file again, it may be cut short or damaged; or build it again",
        );
    }
    let needed = DISABLED
        .iter()
        .find(|(feature, _)| !is_valid(bytes, all - *feature));
    match needed {
        Some((_, name)) => report.of(
            Step::Compile,
            "a component that uses only what this host runs",
            format!("one that uses {name}, which is disabled here: {found}"),
            "turn that off in the compiler's settings, or build it for WASI 0.2 with a released \
             toolchain (target `wasm32-wasip2`)",
        ),
        None => report.of(
            Step::Compile,
            "a component within this host's bounds: 8 memories, 32 tables of 100000 elements, and \
             1 MiB for the functions and globals of each module",
            found,
            "build it smaller: with fewer modules in it, smaller tables, or fewer exported functions",
        ),
    }
}

/// Checks that a component exports no interface that is meant for this host and
/// would silently do nothing: one that is misspelt, or of a version that this
/// host does not speak.
pub(super) fn check_names(
    report: &Report<'_>,
    shared: &Shared,
    component: &Component,
) -> Result<(), LoadError> {
    let ty = component.component_type();
    for (export, _) in ty.exports(&shared.engine) {
        if let Some((expected, fix)) = wrong_name(export) {
            let found = format!("the export `{export}`");
            return Err(report.of(Step::Link, expected, found, fix));
        }
    }
    Ok(())
}

/// The report of a component that has no manifest, or has one in its file and
/// exports nothing that this host calls.
pub(super) fn exports(
    report: &Report<'_>,
    shared: &Shared,
    component: &Component,
    has_section: bool,
) -> LoadError {
    let ty = component.component_type();
    let exports: Vec<&str> = ty.exports(&shared.engine).map(|(name, _)| name).collect();
    let is_ours = |name: &&&str| name.starts_with("mortise:plugin/");
    let is_handler = |name: &&&str| name.starts_with("wasi:http/incoming-handler@");
    let own = exports.iter().find(is_ours);
    let handler = exports.iter().find(is_handler);
    let (found, fix) = match (exports.as_slice(), own, handler) {
        (_, Some(other), _) if !has_section => (
            format!("the export `{other}` without it"),
            "export `manifest` too: every plugin says by it who it is",
        ),
        (_, _, Some(handler)) if !has_section => (
            format!("the export `{handler}` without it"),
            "write a manifest beside the component, and embed it with `mortise plugin componentize \
             FILE --manifest manifest.toml`",
        ),
        ([], ..) => (
            "a component that exports nothing".to_owned(),
            BUILD_AS_PLUGIN,
        ),
        (names, ..) => (
            format!(
                "a component of another world, which exports {}",
                names.join(", ")
            ),
            BUILD_AS_PLUGIN,
        ),
    };
    let expected = if has_section {
        "an export that this host calls, such as `wasi:http/incoming-handler`".to_owned()
    } else {
        format!("the export `mortise:plugin/manifest@{}`", contract::VERSION)
    };
    report.of(Step::Link, expected, found, fix)
}

const BUILD_AS_PLUGIN: &str = "build it with one of Mortise's guest SDKs, or against `wit/`; or move it out of the plugins \
     folder";

/// The export that was most likely meant, and the fix, if this one is meant for
/// this host and is not one of its own.
fn wrong_name(export: &str) -> Option<(String, String)> {
    let own = |interface: &str| format!("mortise:plugin/{interface}@{}", contract::VERSION);
    let interfaces = || {
        Capability::ALL
            .map(Capability::name)
            .into_iter()
            .chain(["manifest", "types"])
    };
    let (name, version) = export.split_once('@').unwrap_or((export, ""));
    if name == "wasi:http/incoming-handler" {
        let expected = format!("the export `{name}` of WASI 0.2 (up to {WASI})");
        let fix = "build it for the released WASI 0.2, or export `mortise:plugin/webhook` instead";
        return (!is_at_most(version, WASI)).then(|| (expected, fix.to_owned()));
    }
    let (package, interface) = name.split_once('/').unwrap_or(("", name));
    if package == "mortise:plugin" && interfaces().any(|own| own == interface) {
        let fix = format!(
            "update Mortise if the plugin needs a newer contract, or build it against this one: `{}`",
            own(interface)
        );
        return (!is_served(version)).then(|| (format!("the export `{}`", own(interface)), fix));
    }
    let near = interfaces().find(|own| distance(own, interface) <= 2);
    match near {
        // Interfaces of other packages are for other hosts, unless only a
        // letter of the package is wrong or it is left out.
        Some(near) if package.is_empty() || distance(package, "mortise:plugin") <= 2 => Some((
            format!("the export `{}`", own(near)),
            format!(
                "correct its name to `{}`, or remove it: under this name, the host never calls it",
                own(near)
            ),
        )),
        None if package == "mortise:plugin" => {
            let all: Vec<_> = interfaces().collect();
            Some((
                format!("only exports of the contract: {}", all.join(", ")),
                "update Mortise if a newer version has this interface, or remove the export: as it \
                 is, nobody calls it"
                    .to_owned(),
            ))
        }
        _ => None,
    }
}

/// The number of letters to insert, remove or replace to make one word of
/// another.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, &above) in b.bytes().zip(row.iter().skip(1)) {
            let replaced = corner + usize::from(x != y);
            left = replaced.min(above + 1).min(left + 1);
            next.push(left);
            corner = above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// The report of an export of another type than the contract's.
pub(super) fn wrong_export(report: &Report<'_>, error: &wasmtime::Error) -> LoadError {
    report.of(
        Step::Link,
        "exports of the types that the contract has",
        format!("{error:#}"),
        "build it against the WIT files of this version of Mortise",
    )
}

/// The report of a component that does not say who it is.
pub(super) fn does_not_describe(report: &Report<'_>, error: &CallError) -> LoadError {
    let fix = match error {
        CallError::Unavailable(_) => {
            "it is no fault of the plugin: try again, or raise the bound that it names"
        }
        CallError::Crashed {
            call: "instantiate",
            ..
        } => {
            "make it start with less: it is asked for its manifest within the default limits, \
             memory included, before anything was granted"
        }
        _ => "make `describe` return constants: it runs before anything was granted",
    };
    report.of(
        Step::Describe,
        "`manifest.describe` to answer with the manifest",
        error.full(),
        fix,
    )
}

#[cfg(test)]
mod tests {
    use super::{distance, wrong_name};

    #[test]
    fn exports_that_nobody_would_call_are_found() {
        for (export, meant) in [
            (
                "mortise:plugin/fliter@0.1.0",
                "`mortise:plugin/filter@0.2.0`",
            ),
            (
                "mortise:plugins/filter@0.1.0",
                "`mortise:plugin/filter@0.2.0`",
            ),
            (
                "mortise:plugin/filter@0.3.0",
                "`mortise:plugin/filter@0.2.0`",
            ),
            ("mortise:plugin/filter", "`mortise:plugin/filter@0.2.0`"),
            ("filter", "`mortise:plugin/filter@0.2.0`"),
            (
                "mortise:plugin/telephone@0.1.0",
                "only exports of the contract",
            ),
            ("wasi:http/incoming-handler@0.2.0-rc-2023-11-10", "WASI 0.2"),
            ("wasi:http/incoming-handler@0.3.0", "WASI 0.2"),
        ] {
            let (expected, _) = wrong_name(export).unwrap();
            assert!(expected.contains(meant), "{export}: {expected}");
        }
        for export in [
            "mortise:plugin/filter@0.1.0",
            "mortise:plugin/manifest@0.2.0",
            "wasi:http/incoming-handler@0.2.3",
            "wasi:cli/run@0.2.0",
            "acme:photos/filter@1.0.0",
            "cabi_realloc",
        ] {
            assert_eq!(wrong_name(export), None, "{export}");
        }
    }

    #[test]
    fn distance_counts_letters() {
        assert_eq!(distance("filter", "filter"), 0);
        assert_eq!(distance("fliter", "filter"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("time", "timer"), 1);
    }
}
