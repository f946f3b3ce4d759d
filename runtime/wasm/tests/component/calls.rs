//! Calls into guests that misbehave: each ends by its deadline with an error
//! that says what happened, and the next call finds a fresh guest.

use std::time::{Duration, Instant};

use mortise_fixtures::components::ZEROS;
use mortise_runtime::{
    CallError, Grants, Instance, Limits, Plugin,
    types::{Permission, StopReason, Verdict},
};
use mortise_wasm::Profile;
use std::sync::Arc;

use crate::{Bench, FILTER, draft};

const SOON: Duration = Duration::from_millis(300);

async fn filter(instance: &dyn Instance) -> Result<Verdict, CallError> {
    instance.filter(&draft(), SOON).await
}

/// A filter whose first call after coming up does `first`, and whose others
/// keep the message. What lasts across stores is nothing, so after a failure
/// the first call misbehaves again.
fn misbehaving(first: &str) -> String {
    format!("{FILTER} {first} (i32.const {ZEROS}))")
}

#[tokio::test]
async fn keeps() {
    let bench = Bench::new();
    let instance = bench.filter(Limits::default(), &misbehaving("")).await;
    assert_eq!(filter(&*instance).await.unwrap(), Verdict::Keep);
}

#[tokio::test]
async fn a_profile_has_the_functions_that_compute() {
    let profile = Arc::new(Profile::new());
    let bench = Bench::with(Some(Arc::clone(&profile)));
    let functions = format!("(func $busy (loop (br 0))) {}", misbehaving("(call $busy)"));
    let instance = bench.filter(Limits::default(), &functions).await;
    let failed = filter(&*instance).await;
    assert!(
        matches!(failed, Err(CallError::DeadlineExceeded { .. })),
        "{failed:?}"
    );
    assert!(profile.samples() > 0);
    let mut written = Vec::new();
    profile.write("io.example.busy", &mut written).unwrap();
    let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
    let thread = &written["threads"][0];
    let names = thread["stringArray"].as_array().unwrap();
    assert!(names.contains(&"busy".into()), "{names:?}");
    // It is called by another function.
    let below = thread["stackTable"]["prefix"].as_array().unwrap();
    assert!(below.iter().any(|below| !below.is_null()), "{below:?}");
}

#[tokio::test]
async fn loops_forever_and_its_neighbour_goes_on() {
    let bench = Bench::new();
    let good = bench.filter(Limits::default(), &misbehaving("")).await;
    let bad = bench
        .filter(Limits::default(), &misbehaving("(loop (br 0))"))
        .await;
    let begun = Instant::now();
    let (failed, kept) = tokio::join!(filter(&*bad), async {
        // Single-threaded: the good one only runs because the bad one yields.
        let kept = filter(&*good).await;
        (kept, begun.elapsed())
    });
    assert!(
        matches!(failed, Err(CallError::DeadlineExceeded { call: "filter.filter", deadline }) if deadline == SOON),
        "{failed:?}"
    );
    assert!(begun.elapsed() < SOON * 4, "{:?}", begun.elapsed());
    assert_eq!(kept.0.unwrap(), Verdict::Keep);
    assert!(kept.1 < SOON, "{:?}", kept.1);
}

#[tokio::test]
async fn recurses_without_end() {
    let bench = Bench::new();
    let functions = format!("(func $f (call $f)) {}", misbehaving("(call $f)"));
    let instance = bench.filter(Limits::default(), &functions).await;
    let failed = filter(&*instance).await;
    assert!(
        matches!(&failed, Err(CallError::Crashed { cause, .. }) if cause.contains("call stack exhausted")),
        "{failed:?}"
    );
}

#[tokio::test]
async fn allocates_without_end() {
    let bench = Bench::new();
    let grow = "(loop $more
        (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))
        unreachable)";
    let limits = Limits {
        memory_bytes: 4 << 20,
        ..Limits::default()
    };
    let instance = bench.filter(limits, &misbehaving(grow)).await;
    let failed = filter(&*instance).await;
    assert!(
        matches!(&failed, Err(CallError::Crashed { cause, .. }) if cause.contains("more than its 4194304 bytes")),
        "{failed:?}"
    );
}

/// A filter that replaces the message by one whose body is `length` bytes at
/// `at`.
fn replacing(at: u32, length: u32, before: &str) -> String {
    format!(
        "{FILTER} {before}
            (i32.store8 (i32.const {ZEROS}) (i32.const 0))
            (i32.store8 (i32.const {}) (i32.const 1))
            (i32.store (i32.const {}) (i32.const {at}))
            (i32.store (i32.const {}) (i32.const {length}))
            (i32.const {ZEROS}))",
        ZEROS + 4,
        ZEROS + 8 + 8,
        ZEROS + 8 + 12,
    )
}

#[tokio::test]
async fn returns_invalid_utf8() {
    let bench = Bench::new();
    let functions = format!(
        r#"(data (i32.const 40000) "\ff\fe") {}"#,
        replacing(40000, 2, "")
    );
    let instance = bench.filter(Limits::default(), &functions).await;
    let failed = filter(&*instance).await;
    assert!(
        matches!(&failed, Err(CallError::Crashed { cause, .. }) if cause.contains("utf-8")),
        "{failed:?}"
    );
}

#[tokio::test]
async fn returns_a_string_of_50_megabytes() {
    let bench = Bench::new();
    let functions = replacing(65536, 50 << 20, "(drop (memory.grow (i32.const 900)))");
    let instance = bench.filter(Limits::default(), &functions).await;
    let failed = filter(&*instance).await;
    assert!(
        matches!(&failed, Err(CallError::Crashed { .. })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn returns_a_body_over_the_limit() {
    let bench = Bench::new();
    // Memory is zero, and so is this body: 65 MiB of NUL characters.
    let functions = replacing(65536, 65 << 20, "(drop (memory.grow (i32.const 1100)))");
    let instance = bench.filter(Limits::default(), &functions).await;
    let failed = filter(&*instance).await;
    let Err(failed) = failed else {
        panic!("it was accepted");
    };
    assert!(
        matches!(&failed, CallError::Crashed { cause, .. } if cause.contains("too much data is being copied")),
        "{failed:?}"
    );
}

#[tokio::test]
async fn floods_the_log() {
    let bench = Bench::new();
    let functions = format!(
        r#"(import "mortise:plugin/log@0.2.0" "write" (func $write (param i32 i32 i32)))
        {FILTER}
        (loop (call $write (i32.const 2) (i32.const 2048) (i32.const 1000)) (br 0))
        unreachable)"#
    );
    let limits = Limits {
        log_bytes: 100_000,
        ..Limits::default()
    };
    let instance = bench.filter(limits, &functions).await;
    let failed = filter(&*instance).await;
    assert!(
        matches!(failed, Err(CallError::DeadlineExceeded { .. })),
        "{failed:?}"
    );
    let log = instance.guard().log();
    let kept: usize = log.since(0).iter().map(|entry| entry.text.len()).sum();
    assert!(kept <= 100_000, "{kept}");
    assert!(log.written() > 1000, "{}", log.written());
}

#[tokio::test]
async fn a_trap_shows_the_functions_it_went_through() {
    let bench = Bench::new();
    let functions = format!(
        "(func $divide_by_zero (drop (i32.div_u (i32.const 1) (i32.const 0)))) {}",
        misbehaving("(call $divide_by_zero)")
    );
    let instance = bench.filter(Limits::default(), &functions).await;
    match filter(&*instance).await {
        Err(CallError::Crashed {
            call,
            cause,
            details,
        }) => {
            assert_eq!(call, "filter.filter");
            assert!(cause.contains("integer divide by zero"), "{cause}");
            assert!(details.contains("divide_by_zero"), "{details}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_fresh_guest_takes_the_place_of_one_that_trapped() {
    let bench = Bench::new();
    // Counts its calls in its memory and traps at each second one.
    let functions = misbehaving(
        "(i32.store (i32.const 50000) (i32.add (i32.load (i32.const 50000)) (i32.const 1)))
        (if (i32.eq (i32.load (i32.const 50000)) (i32.const 2)) (then unreachable))",
    );
    let instance = bench.filter(Limits::default(), &functions).await;
    for _ in 0..3 {
        assert_eq!(filter(&*instance).await.unwrap(), Verdict::Keep);
        assert!(matches!(
            filter(&*instance).await,
            Err(CallError::Crashed { .. })
        ));
    }
}

#[tokio::test]
async fn one_that_always_fails_is_given_a_pause_that_grows() {
    let bench = Bench::new();
    let instance = bench
        .filter(Limits::default(), &misbehaving("unreachable"))
        .await;
    for _ in 0..2 {
        assert!(matches!(
            filter(&*instance).await,
            Err(CallError::Crashed { .. })
        ));
    }
    match filter(&*instance).await {
        Err(CallError::BackingOff { retry_in, last }) => {
            assert!(retry_in <= Duration::from_millis(100));
            assert!(last.contains("unreachable"), "{last}");
        }
        other => panic!("{other:?}"),
    }
    let next = mortise_wait::found("the end of the pause", async || {
        let outcome = filter(&*instance).await;
        (!matches!(outcome, Err(CallError::BackingOff { .. }))).then_some(outcome)
    });
    assert!(matches!(next.await, Err(CallError::Crashed { .. })));
    // Its user may disable it and enable it at once, whatever the pause is.
    assert!(matches!(
        filter(&*instance).await,
        Err(CallError::BackingOff { .. })
    ));
    instance.stop(StopReason::Disabled).await.unwrap();
    instance.start().await.unwrap();
    assert!(matches!(
        filter(&*instance).await,
        Err(CallError::Crashed { .. })
    ));
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_a_usable_instance() {
    let bench = Bench::new();
    let instance = bench
        .filter(
            Limits::default(),
            &misbehaving("(if (i32.eqz (i32.load (i32.const 50000))) (then (loop (br 0))))"),
        )
        .await;
    let given_up = tokio::time::timeout(Duration::from_millis(50), filter(&*instance)).await;
    assert!(given_up.is_err());
    // Fresh again, it loops again; what matters is that it is called at all.
    assert!(matches!(
        filter(&*instance).await,
        Err(CallError::DeadlineExceeded { .. })
    ));
}

#[tokio::test]
async fn a_call_waits_for_the_one_before_it_only_until_its_deadline() {
    let bench = Bench::new();
    let instance = bench
        .filter(Limits::default(), &misbehaving("(loop (br 0))"))
        .await;
    let short = Duration::from_millis(50);
    let draft = draft();
    let (first, second) = tokio::join!(
        instance.filter(&draft, SOON),
        instance.filter(&draft, short)
    );
    assert!(
        matches!(first, Err(CallError::DeadlineExceeded { .. })),
        "{first:?}"
    );
    assert!(
        matches!(second, Err(CallError::Busy { deadline, .. }) if deadline == short),
        "{second:?}"
    );
}

#[tokio::test]
async fn is_not_called_without_its_grant_or_before_it_was_started() {
    let bench = Bench::new();
    let plugin = bench
        .plugin(
            "export mortise:plugin/filter@0.2.0;",
            &misbehaving("unreachable"),
        )
        .await;
    let host = Arc::default();
    let limits = Limits::default();
    let denied = plugin
        .instance(mortise_fixtures::host::setup(
            &host,
            Grants::default(),
            limits.clone(),
        ))
        .await
        .unwrap();
    assert!(matches!(
        filter(&*denied).await,
        Err(CallError::Denied {
            permission: "filter-messages"
        })
    ));
    assert_eq!(denied.guard().denials()[0].count, 1);
    let grants = Grants::of(&[Permission::FilterMessages]).unwrap();
    let stopped = plugin
        .instance(mortise_fixtures::host::setup(&host, grants, limits))
        .await
        .unwrap();
    assert!(matches!(filter(&*stopped).await, Err(CallError::Stopped)));
    stopped.start().await.unwrap();
    stopped.stop(StopReason::Disabled).await.unwrap();
    assert!(matches!(filter(&*stopped).await, Err(CallError::Stopped)));
    assert!(matches!(
        stopped.display(None).await,
        Err(CallError::NotExported(
            mortise_runtime::Capability::Displayer
        ))
    ));
}

#[tokio::test]
async fn an_idle_instance_comes_back_by_itself() {
    let bench = Bench::new();
    let instance = bench.filter(Limits::default(), &misbehaving("")).await;
    assert_eq!(filter(&*instance).await.unwrap(), Verdict::Keep);
    instance.stop(StopReason::Idle).await.unwrap();
    assert_eq!(filter(&*instance).await.unwrap(), Verdict::Keep);
}

/// A component that remembers whether it was configured, and traps in the filter if
/// it was not. It applies any text of this length, and rejects others.
fn configured_by(length: u32) -> String {
    let filter = misbehaving("(if (i32.eqz (i32.load (i32.const 50000))) (then unreachable))");
    format!(
        r#"(func (export "mortise:plugin/configurer@0.2.0#defaults") (result i32)
            (i32.const {ZEROS}))
        (func (export "mortise:plugin/configurer@0.2.0#schema") (result i32) (i32.const {ZEROS}))
        (func (export "mortise:plugin/configurer@0.2.0#apply") (param i32 i32) (result i32)
            (if (i32.ne (local.get 1) (i32.const {length})) (then
                (i32.store (i32.const 50100) (i32.const 1))
                (return (i32.const 50100))))
            (i32.store (i32.const 50000) (i32.const 1)) (i32.const {ZEROS}))
        {filter}"#,
    )
}

const CONFIGURED: &str =
    "export mortise:plugin/configurer@0.2.0; export mortise:plugin/filter@0.2.0;";

async fn configured(plugin: &dyn Plugin, config: Option<&str>) -> Arc<dyn Instance> {
    let grants = Grants::of(&[Permission::FilterMessages]).unwrap();
    let setup = mortise_fixtures::host::setup(&Arc::default(), grants, Limits::default());
    let setup = mortise_runtime::InstanceSetup {
        config: config.map(str::to_owned),
        ..setup
    };
    plugin.instance(setup).await.unwrap()
}

#[tokio::test]
async fn a_stored_configuration_is_applied_also_when_the_defaults_were_asked_for_before() {
    let bench = Bench::new();
    let plugin = bench.plugin(CONFIGURED, &configured_by(6)).await;
    let instance = configured(&*plugin, Some("stored")).await;
    assert_eq!(instance.default_config().await.unwrap(), "");
    instance.start().await.unwrap();
    assert_eq!(filter(&*instance).await.unwrap(), Verdict::Keep);
}

#[tokio::test]
async fn the_defaults_are_applied_before_the_first_start() {
    let bench = Bench::new();
    let plugin = bench.plugin(CONFIGURED, &configured_by(0)).await;
    let instance = configured(&*plugin, None).await;
    instance.start().await.unwrap();
    assert_eq!(filter(&*instance).await.unwrap(), Verdict::Keep);
}

#[tokio::test]
async fn a_plugin_that_rejects_its_defaults_waits_for_a_configuration() {
    let bench = Bench::new();
    let plugin = bench.plugin(CONFIGURED, &configured_by(6)).await;
    let instance = configured(&*plugin, None).await;
    let error = instance.start().await.unwrap_err();
    assert!(matches!(error, CallError::Config(_)), "{error}");
    instance.apply_config("stored").await.unwrap();
    instance.start().await.unwrap();
    assert_eq!(filter(&*instance).await.unwrap(), Verdict::Keep);
}
