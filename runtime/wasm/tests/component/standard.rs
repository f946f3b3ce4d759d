//! The standard's interfaces, in components that import nothing of ours: a
//! webhook for `wasi:http` whose manifest is in its file.

use std::sync::Arc;

use mortise_fixtures::{
    components::{bare, plugin_asking},
    host::{MemoryHost, setup},
};
use mortise_runtime::{
    CallError, Capability, Grants, Instance, Limits, Loader as _, Plugin, Step,
    log::Source,
    types::{Level, Permission},
};
use mortise_wasm::{Embedded, SECTION};
use serde_json::{Value, json};

use crate::{Bench, log, strangers::request};

const WORLD: &str = "import wasi:http/types@0.2.0; import wasi:config/store@0.2.0-rc.1;
    import wasi:keyvalue/store@0.2.0-draft; import wasi:keyvalue/store@0.2.0-draft2;
    import wasi:keyvalue/batch@0.2.0-draft2; import wasi:logging/logging@0.1.0-draft;
    export wasi:http/incoming-handler@0.2.0;";

/// The imports, and functions around them. Texts of the host are written to the
/// log, by which a test sees them.
const TOOLS: &str = r#"
(import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
(import "wasi:http/types@0.2.0" "[method]outgoing-response.set-status-code" (func $status (param i32 i32) (result i32)))
(import "wasi:http/types@0.2.0" "[static]response-outparam.set" (func $respond (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
(import "wasi:config/store@0.2.0-rc.1" "get" (func $config (param i32 i32 i32)))
(import "wasi:config/store@0.2.0-rc.1" "get-all" (func $all (param i32)))
(import "wasi:logging/logging@0.1.0-draft" "log" (func $log (param i32 i32 i32 i32 i32)))
(import "wasi:keyvalue/store@0.2.0-draft2" "open" (func $open (param i32 i32 i32)))
(import "wasi:keyvalue/store@0.2.0-draft2" "[resource-drop]bucket" (func $close (param i32)))
(import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.get" (func $get (param i32 i32 i32 i32)))
(import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.set" (func $put (param i32 i32 i32 i32 i32 i32)))
(import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.delete" (func $delete (param i32 i32 i32 i32)))
(import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.exists" (func $exists (param i32 i32 i32 i32)))
(import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.list-keys" (func $keys (param i32 i32 i32 i32 i32)))
(import "wasi:keyvalue/batch@0.2.0-draft2" "get-many" (func $get_many (param i32 i32 i32 i32)))
(import "wasi:keyvalue/store@0.2.0-draft" "open" (func $old_open (param i32 i32 i32)))
(import "wasi:keyvalue/store@0.2.0-draft" "[method]bucket.list-keys" (func $old_keys (param i32 i32 i64 i32)))
(data (i32.const 1000) "default")
(data (i32.const 1010) "other")
(data (i32.const 1020) "greeting")
(data (i32.const 1030) "first")
(data (i32.const 1040) "second")
(data (i32.const 1050) "worth")
(data (i32.const 1060) "none")
;; A list of the keys `first` and `other`.
(data (i32.const 1072) "\06\04\00\00\05\00\00\00\f2\03\00\00\05\00\00\00")
(func $answer (param $to i32) (param $code i32)
    (local $made i32)
    (local.set $made (call $response (call $fields)))
    (drop (call $status (local.get $made) (local.get $code)))
    (call $respond (local.get $to) (i32.const 0) (local.get $made) (i32.const 0) (i64.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
;; Traps unless the bytes at 50000 + at are these.
(func $expect (param $at i32) (param $byte i32)
    (if (i32.ne (i32.load8_u (i32.add (i32.const 50000) (local.get $at))) (local.get $byte))
        (then unreachable)))
;; Logs the text whose place is at 50000 + at.
(func $say (param $at i32)
    (call $log (i32.const 2) (i32.const 0) (i32.const 0)
        (i32.load (i32.add (i32.const 50000) (local.get $at)))
        (i32.load (i32.add (i32.const 50004) (local.get $at)))))
(func $opened (result i32)
    (call $open (i32.const 1000) (i32.const 7) (i32.const 50000))
    (call $expect (i32.const 0) (i32.const 0))
    (i32.load (i32.const 50004)))
"#;

/// A handler that does this with `$store`, and then answers 204.
fn handling(body: &str) -> String {
    format!(
        r#"{TOOLS}
        (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $to i32)
            (local $store i32)
            {body}
            (call $answer (local.get $to) (i32.const 204)))"#
    )
}

fn manifest() -> Value {
    json!({
        "id": "org.example.hook", "name": "Hook", "version": "1.2.0",
        "wants": [{"permission": "webhook", "reason": "to answer"}],
    })
}

/// A component for `wasi:http` alone, with this content in its section.
fn plain(value: Value, body: &str) -> Vec<u8> {
    let component = bare(WORLD, &handling(body)).unwrap();
    let embedded = Embedded::from_value(value).unwrap();
    embedded.embed(&component).unwrap()
}

async fn loaded(bytes: &[u8]) -> Arc<dyn Plugin> {
    let bench = Bench::new();
    let file = bench.write("hook.wasm", bytes);
    bench.backend.load(&file).await.unwrap()
}

async fn started(plugin: &dyn Plugin, host: &Arc<MemoryHost>, limits: Limits) -> Arc<dyn Instance> {
    let grants = Grants::of(&[Permission::Webhook]).unwrap();
    let instance = plugin.instance(setup(host, grants, limits)).await.unwrap();
    instance.start().await.unwrap();
    instance
}

async fn status(instance: &dyn Instance) -> u16 {
    let answer = instance.webhook(request("push.example")).await;
    answer.unwrap().status
}

#[tokio::test]
async fn a_plain_component_for_http_is_a_webhook_plugin() {
    let plugin = loaded(&plain(manifest(), "")).await;
    assert_eq!(plugin.manifest().id, "org.example.hook");
    assert_eq!(plugin.manifest().version, "1.2.0");
    let capabilities = plugin.capabilities().unwrap();
    assert_eq!(
        capabilities.iter().collect::<Vec<_>>(),
        [Capability::Webhook]
    );
    assert!(capabilities.stores());
    let instance = started(&*plugin, &Arc::default(), Limits::default()).await;
    assert_eq!(status(&*instance).await, 204);
}

#[tokio::test]
async fn keyvalue_is_the_plugins_storage() {
    let body = r"
        (local.set $store (call $opened))
        ;; Not there yet, set, there, and read.
        (call $exists (local.get $store) (i32.const 1030) (i32.const 5) (i32.const 50000))
        (call $expect (i32.const 0) (i32.const 0))
        (call $expect (i32.const 4) (i32.const 0))
        (call $put (local.get $store) (i32.const 1030) (i32.const 5) (i32.const 1050) (i32.const 5) (i32.const 50000))
        (call $expect (i32.const 0) (i32.const 0))
        (call $put (local.get $store) (i32.const 1040) (i32.const 6) (i32.const 1050) (i32.const 5) (i32.const 50000))
        (call $exists (local.get $store) (i32.const 1030) (i32.const 5) (i32.const 50000))
        (call $expect (i32.const 4) (i32.const 1))
        (call $get (local.get $store) (i32.const 1030) (i32.const 5) (i32.const 50000))
        (call $expect (i32.const 4) (i32.const 1))
        (call $say (i32.const 8))
        ;; One removed, the other listed in both drafts.
        (call $delete (local.get $store) (i32.const 1040) (i32.const 6) (i32.const 50000))
        (call $expect (i32.const 0) (i32.const 0))
        (call $keys (local.get $store) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 50000))
        (call $expect (i32.const 8) (i32.const 1))
        (call $expect (i32.const 12) (i32.const 0))
        ;; Of two keys, the first has a value.
        (call $get_many (local.get $store) (i32.const 1072) (i32.const 2) (i32.const 50000))
        (call $expect (i32.const 0) (i32.const 0))
        (call $expect (i32.const 8) (i32.const 2))
        (if (i32.ne (i32.load8_u (i32.load (i32.const 50004))) (i32.const 1)) (then unreachable))
        (if (i32.load8_u (i32.add (i32.load (i32.const 50004)) (i32.const 20))) (then unreachable))
        (call $close (local.get $store))
        (call $old_open (i32.const 0) (i32.const 0) (i32.const 50000))
        (call $old_keys (i32.load (i32.const 50004)) (i32.const 0) (i64.const 0) (i32.const 50000))
        (call $expect (i32.const 12) (i32.const 1))
        (call $expect (i32.const 16) (i32.const 0))";
    let host = Arc::new(MemoryHost::default());
    let plugin = loaded(&plain(manifest(), body)).await;
    let instance = started(&*plugin, &host, Limits::default()).await;
    assert_eq!(status(&*instance).await, 204);
    let storage: Vec<_> = host.kept().storage.into_iter().collect();
    assert_eq!(storage, [("first".to_owned(), b"worth".to_vec())]);
    assert_eq!(log(&*instance), ["worth"]);
}

#[tokio::test]
async fn a_full_storage_and_an_unknown_store_are_errors_of_the_interface() {
    let body = r"
        (call $open (i32.const 1010) (i32.const 5) (i32.const 50000))
        (call $expect (i32.const 0) (i32.const 1))
        (call $expect (i32.const 4) (i32.const 0))
        (local.set $store (call $opened))
        (call $put (local.get $store) (i32.const 1030) (i32.const 5) (i32.const 1050) (i32.const 5) (i32.const 50000))
        (call $expect (i32.const 0) (i32.const 1))
        (call $expect (i32.const 4) (i32.const 2))
        (call $say (i32.const 8))
        ;; A key without a letter.
        (call $get (local.get $store) (i32.const 1030) (i32.const 0) (i32.const 50000))
        (call $expect (i32.const 0) (i32.const 1))
        (call $say (i32.const 8))";
    let limits = Limits {
        storage_bytes: 9,
        ..Limits::default()
    };
    let plugin = loaded(&plain(manifest(), body)).await;
    let instance = started(&*plugin, &Arc::default(), limits).await;
    assert_eq!(status(&*instance).await, 204);
    let told = log(&*instance);
    assert!(told[0].contains("no store `other`"), "{told:?}");
    assert!(told[1].contains("limited to 9 bytes"), "{told:?}");
    assert!(told[2].contains("a key of 0"), "{told:?}");
}

#[tokio::test]
async fn open_stores_count_as_handles() {
    let plugin = loaded(&plain(
        manifest(),
        "(loop $more (drop (call $opened)) (br $more))",
    ))
    .await;
    let limits = Limits {
        handles: 100,
        ..Limits::default()
    };
    let instance = started(&*plugin, &Arc::default(), limits).await;
    match instance.webhook(request("push.example")).await {
        Err(CallError::Crashed { cause, .. }) => {
            assert!(cause.contains("`handles` is 100"), "{cause}");
        }
        other => panic!("{other:?}"),
    }
}

/// Logs the value of `greeting`, or `none`.
const GREETS: &str = r"
    (call $config (i32.const 1020) (i32.const 8) (i32.const 50000))
    (call $expect (i32.const 0) (i32.const 0))
    (if (i32.load8_u (i32.const 50004)) (then (call $say (i32.const 8)))
        (else (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 1060) (i32.const 4))))
    (call $all (i32.const 50000))
    (call $expect (i32.const 0) (i32.const 0))";

/// Its last greeting.
async fn greeting(instance: &dyn Instance) -> String {
    assert_eq!(status(instance).await, 204);
    log(instance).pop().unwrap()
}

#[tokio::test]
async fn a_configuration_in_the_section_has_values_that_change_with_it() {
    let mut value = manifest();
    value["configuration"] = json!({
        "defaults": "# Says this.\ngreeting: hello\n", "schema": {"type": "object"},
    });
    let plugin = loaded(&plain(value, GREETS)).await;
    assert!(
        plugin
            .capabilities()
            .unwrap()
            .contains(Capability::Configurer)
    );
    let instance = started(&*plugin, &Arc::default(), Limits::default()).await;
    assert_eq!(
        instance.default_config().await.unwrap(),
        "# Says this.\ngreeting: hello\n"
    );
    let schema = instance.config_schema().await.unwrap();
    assert_eq!(schema.unwrap(), r#"{"type":"object"}"#);
    assert_eq!(greeting(&*instance).await, "hello");
    instance.apply_config("greeting: moin").await.unwrap();
    assert_eq!(greeting(&*instance).await, "moin");
    for (wrong, says) in [("- a", "no YAML mapping"), ("a: [", "line 1")] {
        match instance.apply_config(wrong).await {
            Err(CallError::Config(problems)) => {
                assert!(problems[0].text.contains(says), "{problems:?}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(greeting(&*instance).await, "moin");
    }
    instance.apply_config("# nothing\n").await.unwrap();
    assert_eq!(greeting(&*instance).await, "hello");
}

#[tokio::test]
async fn without_a_configuration_there_are_no_values() {
    let plugin = loaded(&plain(manifest(), GREETS)).await;
    let instance = started(&*plugin, &Arc::default(), Limits::default()).await;
    assert_eq!(greeting(&*instance).await, "none");
    assert!(matches!(
        instance.apply_config("greeting: hello").await,
        Err(CallError::NotExported(Capability::Configurer))
    ));
}

/// With the export `configurer`, a component that accepts texts of 14 bytes.
#[tokio::test]
async fn values_are_those_that_the_plugin_itself_accepted() {
    let functions = format!(
        r#"{}
        (data (i32.const 1100) "greeting: moin")
        (data (i32.const 1120) "\4c\04\00\00\0e\00\00\00")
        (func (export "mortise:plugin/configurer@0.2.0#defaults") (result i32) (i32.const 1120))
        (func (export "mortise:plugin/configurer@0.2.0#schema") (result i32) (i32.const 32768))
        (func (export "mortise:plugin/configurer@0.2.0#apply") (param i32 i32) (result i32)
            (if (i32.ne (local.get 1) (i32.const 14)) (then
                (i32.store (i32.const 50100) (i32.const 1))
                (return (i32.const 50100))))
            (i32.const 32768))"#,
        handling(GREETS)
    );
    let world = format!("{WORLD} export mortise:plugin/configurer@0.2.0;");
    let bytes = bare(&world, &functions).unwrap();
    let bytes = Embedded::from_value(manifest())
        .unwrap()
        .embed(&bytes)
        .unwrap();
    let instance = started(&*loaded(&bytes).await, &Arc::default(), Limits::default()).await;
    assert_eq!(greeting(&*instance).await, "moin");
    instance.apply_config("greeting: tach").await.unwrap();
    assert_eq!(greeting(&*instance).await, "tach");
    let rejected = instance.apply_config("greeting: hello").await;
    assert!(
        matches!(rejected, Err(CallError::Config(_))),
        "{rejected:?}"
    );
    assert_eq!(greeting(&*instance).await, "tach");
}

#[tokio::test]
async fn log_entries_have_their_level_and_context() {
    let all: String = (0..6)
        .map(|level| {
            format!("(call $log (i32.const {level}) (i32.const 1030) (i32.const 5) (i32.const 1050) (i32.const 5))")
        })
        .collect();
    let plugin = loaded(&plain(manifest(), &all)).await;
    let instance = started(&*plugin, &Arc::default(), Limits::default()).await;
    assert_eq!(status(&*instance).await, 204);
    let entries = instance.guard().log().since(0);
    let levels: Vec<_> = entries.iter().map(|entry| entry.level).collect();
    let expected = [
        Level::Trace,
        Level::Debug,
        Level::Info,
        Level::Warn,
        Level::Error,
        Level::Error,
    ];
    assert_eq!(levels, expected);
    let written = |entry: &mortise_runtime::log::Entry| {
        entry.text == "[first] worth" && entry.source == Source::Plugin
    };
    assert!(entries.iter().all(written), "{entries:?}");
}

/// A section of this name around a text of at most 100 bytes.
fn section(json: &str) -> Vec<u8> {
    let name = u8::try_from(SECTION.len()).unwrap();
    let size = u8::try_from(1 + SECTION.len() + json.len()).unwrap();
    assert!(size < 128);
    [&[0, size, name], SECTION.as_bytes(), json.as_bytes()].concat()
}

#[tokio::test]
async fn a_manifest_that_is_missing_or_broken_is_reported() {
    let handler = bare(WORLD, &handling("")).unwrap();
    let ours = plugin_asking("ours", &[], WORLD, &handling("")).unwrap();
    let silent = bare("import wasi:http/types@0.2.0;", "").unwrap();
    let good = r#"{"id": "a", "name": "A", "version": "1.0.0"}"#;
    for (bytes, step, expected, found, fix) in [
        (
            handler.clone(),
            Step::Link,
            "mortise:plugin/manifest@0.2.0",
            "`wasi:http/incoming-handler@0.2.0` without it",
            "--manifest manifest.toml",
        ),
        (
            [&handler[..], &section("{}")].concat(),
            Step::Manifest,
            "a manifest with the fields",
            "missing field `id`",
            "componentize --manifest",
        ),
        (
            [&handler[..], &section(good), &section(good)].concat(),
            Step::Manifest,
            "`mortise:manifest` once",
            "several",
            "leave one",
        ),
        (
            [&handler[..], &section(&good.replace("1.0.0", "1"))].concat(),
            Step::Manifest,
            "`version`",
            "`1`",
            "correct `version`",
        ),
        (
            [&silent[..], &section(good)].concat(),
            Step::Link,
            "an export that this host calls",
            "exports nothing",
            "guest SDKs",
        ),
    ] {
        let bench = Bench::new();
        let error = bench.backend.load(&bench.write("a.wasm", &bytes)).await;
        let error = error.unwrap_err();
        assert_eq!(error.step, step, "{error}");
        assert!(error.expected.contains(expected), "{error}");
        assert!(error.found.contains(found), "{error}");
        assert!(error.fix.contains(fix), "{error}");
    }
    // Where both are there, the export counts; our own tool does not make such.
    let flaw = Embedded::from_value(manifest()).unwrap().embed(&ours);
    assert!(flaw.unwrap_err().found.contains("counts alone"));
    let both = [&ours[..], &section("no JSON")].concat();
    assert_eq!(loaded(&both).await.manifest().id, "ours");
}

#[tokio::test]
async fn drafts_that_are_not_served_are_reported_with_those_that_are() {
    for (import, fix) in [
        ("wasi:keyvalue/store@0.2.0-draft9", "store@0.2.0-draft2"),
        (
            "wasi:keyvalue/atomics@0.2.0-draft2",
            "in the place of `atomics`",
        ),
        (
            "wasi:config/runtime@0.2.0-draft",
            "wasi:config/store@0.2.0-rc.1",
        ),
        ("wasi:logging/logging", "wasi:logging/logging@0.1.0-draft"),
    ] {
        let bytes = wat::parse_str(format!(r#"(component (import "{import}" (instance)))"#));
        let bench = Bench::new();
        let file = bench.write("a.wasm", &bytes.unwrap());
        let error = bench.backend.load(&file).await.unwrap_err();
        assert_eq!(error.step, Step::Link);
        assert!(error.found.contains(import), "{error}");
        assert!(error.fix.contains(fix), "{error}");
    }
}
