//! Broken files and files that are not plugins: each leads to a report with the
//! step, the expected and the found content, and the fix.

use mortise_fixtures::components::{component, plugin};
use mortise_runtime::{Loader as _, Registry, Step, registry};
use std::sync::Arc;

use crate::Bench;

/// Loads bytes and compares the report.
async fn report(bytes: &[u8], step: Step, expected: &str, found: &str, fix: &str) {
    let bench = Bench::new();
    let file = bench.write("plugin.wasm", bytes);
    let loaders: [Arc<dyn mortise_runtime::Loader>; 1] = [Arc::new(bench.backend.clone())];
    let error = registry::load(&file, &loaders).await.unwrap_err();
    assert_eq!(error.file, file);
    assert_eq!(error.step, step, "{error}");
    assert!(error.expected.contains(expected), "{}", error.expected);
    assert!(error.found.contains(found), "{}", error.found);
    assert!(error.fix.contains(fix), "{}", error.fix);
}

const MANIFEST: &str = "export mortise:plugin/manifest@0.2.0;";

/// A plugin whose `describe` has this body.
fn describing(body: &str) -> Vec<u8> {
    let module = format!(
        r#"(module (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func $self (export "mortise:plugin/manifest@0.2.0#describe") (result i32) {body}))"#
    );
    component(MANIFEST, &module).unwrap()
}

#[tokio::test]
async fn not_wasm() {
    report(
        b"hello, this is a README",
        Step::Decode,
        "a WebAssembly component or an executable",
        "a text file that begins with `hello, this is a`",
        "move it out of the plugins folder",
    )
    .await;
}

#[tokio::test]
async fn an_empty_file() {
    report(
        b"",
        Step::Decode,
        "component",
        "an empty file",
        "move it out",
    )
    .await;
}

#[tokio::test]
async fn a_core_module() {
    let bytes = wat::parse_str("(module)").unwrap();
    report(
        &bytes,
        Step::Decode,
        "a WebAssembly component",
        "a core WebAssembly module",
        "wasm32-wasip2",
    )
    .await;
}

#[tokio::test]
async fn wasm_of_an_unknown_version() {
    report(
        b"\0asm\x63\0\x01\0",
        Step::Decode,
        "component",
        "version 63000100",
        "current toolchain",
    )
    .await;
}

#[tokio::test]
async fn a_component_cut_short() {
    let bytes = plugin("cut", "", "").unwrap();
    let cut = bytes.get(..bytes.len() / 2).unwrap();
    report(
        cut,
        Step::Compile,
        "a valid component",
        "",
        "copy the file again",
    )
    .await;
}

#[tokio::test]
async fn a_component_of_another_world() {
    let world = "export api: interface { run: func(); }";
    let bytes = component(world, r#"(module (func (export "api#run")))"#).unwrap();
    report(
        &bytes,
        Step::Link,
        "mortise:plugin/manifest@0.2.0",
        "another world, which exports api",
        "guest SDKs",
    )
    .await;
}

#[tokio::test]
async fn a_component_that_exports_nothing() {
    let bytes = wat::parse_str("(component)").unwrap();
    report(
        &bytes,
        Step::Link,
        "mortise:plugin/manifest@0.2.0",
        "exports nothing",
        "guest SDKs",
    )
    .await;
}

#[tokio::test]
async fn a_newer_contract() {
    let bytes = wat::parse_str(
        r#"(component
            (import "mortise:plugin/storage@0.3.0" (instance (export "get" (func)))))"#,
    )
    .unwrap();
    report(
        &bytes,
        Step::Link,
        "mortise:plugin@0.2.0",
        "mortise:plugin/storage@0.3.0",
        "update Mortise",
    )
    .await;
}

#[tokio::test]
async fn an_import_nobody_provides() {
    let bytes =
        wat::parse_str(r#"(component (import "acme:rocket/launch@1.0.0" (instance)))"#).unwrap();
    report(
        &bytes,
        Step::Link,
        "only imports of",
        "acme:rocket/launch@1.0.0",
        "wac plug",
    )
    .await;
}

#[tokio::test]
async fn an_import_of_another_type() {
    let bytes = wat::parse_str(
        r#"(component
            (import "mortise:plugin/log@0.2.0" (instance (export "write" (func (param "n" u32))))))"#,
    )
    .unwrap();
    report(
        &bytes,
        Step::Link,
        "imports of the types",
        "write",
        "WIT files",
    )
    .await;
}

#[tokio::test]
async fn an_export_of_another_type() {
    let bytes = wat::parse_str(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $manifest (export "describe" (func $f)))
            (export "mortise:plugin/manifest@0.2.0" (instance $manifest)))"#,
    )
    .unwrap();
    report(
        &bytes,
        Step::Link,
        "exports of the types",
        "in the export `manifest`",
        "WIT files",
    )
    .await;
}

#[tokio::test]
async fn an_empty_id() {
    let bytes = plugin("", "", "").unwrap();
    report(
        &bytes,
        Step::Manifest,
        "the manifest's `id`",
        "nothing",
        "correct `id`",
    )
    .await;
}

#[tokio::test]
async fn describe_that_traps() {
    report(
        &describing("unreachable"),
        Step::Describe,
        "describe",
        "unreachable",
        "constants",
    )
    .await;
}

#[tokio::test]
async fn describe_that_loops() {
    report(
        &describing("(loop (br 0)) unreachable"),
        Step::Describe,
        "describe",
        "did not answer within 300ms",
        "constants",
    )
    .await;
}

#[tokio::test]
async fn describe_that_asks_for_a_gigabyte() {
    // 16384 pages are a gigabyte; -1 is what growing answers when it failed.
    let body = "(if (i32.eq (memory.grow (i32.const 16384)) (i32.const -1)) (then unreachable))
        (i32.const 0)";
    report(
        &describing(body),
        Step::Describe,
        "describe",
        "more than its 134217728 bytes",
        "constants",
    )
    .await;
}

#[tokio::test]
async fn a_file_over_the_limit() {
    let bench = Bench::new();
    let settings = mortise_wasm::Settings {
        component_bytes: 1000,
        ..Default::default()
    };
    let backend = mortise_wasm::WasmBackend::new(&settings).unwrap();
    let file = bench.write("large.wasm", &plugin("large", "", "").unwrap());
    let error = backend.load(&file).await.unwrap_err();
    assert_eq!(error.step, Step::Read);
    assert!(error.expected.contains("1000 bytes"), "{error}");
}

#[tokio::test]
async fn a_folder_with_everything_in_it_yields_the_good_ones() {
    let bench = Bench::new();
    bench.write("a-good.wasm", &plugin("good", "", "").unwrap());
    bench.write("b-again.wasm", &plugin("good", "", "").unwrap());
    bench.write("c-other.wasm", &plugin("other", "", "").unwrap());
    bench.write("readme.txt", b"Plugins go here.");
    bench.write(".hidden", b"");
    std::fs::create_dir(bench.folder.path().join("folder")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", bench.folder.path().join("dangling.wasm")).unwrap();
    let loaders: [Arc<dyn mortise_runtime::Loader>; 1] = [Arc::new(bench.backend.clone())];
    let registry = Registry::open(bench.folder.path(), &loaders).await.unwrap();
    let ids: Vec<_> = registry
        .plugins()
        .map(|installed| installed.plugin.manifest().id.clone())
        .collect();
    assert_eq!(ids, ["good", "other"]);
    let failures: Vec<_> = registry
        .failures()
        .iter()
        .map(|error| {
            (
                error.file.file_name().unwrap().to_str().unwrap(),
                error.step,
            )
        })
        .collect();
    assert_eq!(
        failures,
        [
            ("b-again.wasm", Step::Duplicate),
            ("dangling.wasm", Step::Read),
            ("readme.txt", Step::Decode),
        ]
    );
    let twice = &registry.failures()[0];
    assert!(twice.found.contains("a-good.wasm"), "{twice}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_empty() {
    let registry = Registry::open("/nowhere/at/all".as_ref(), &[])
        .await
        .unwrap();
    assert_eq!(registry.plugins().count() + registry.failures().len(), 0);
}
