//! One version in the place of another while it is used, and what happens when
//! it cannot be.

use std::time::Duration;

use mortise_runtime::Step;
use mortise_server::plugins::CommandError;

use crate::{
    BY, Rig, data,
    fixture::{
        FILTER, READ_ALL, TIMERS, WEBHOOK, configured, echoing, listening, living, plugin, telling,
        ticking, titling, titling_slowly, trapping,
    },
    grant, install, replace, said, until,
};

fn version(title: &str) -> Vec<u8> {
    plugin("a", &[FILTER], &[titling(title), telling(title)])
}

/// The step at which an order failed.
fn step<T: std::fmt::Debug>(outcome: Result<T, CommandError>) -> Step {
    match outcome {
        Err(CommandError::Load(report)) => {
            assert!(!report.fix.is_empty());
            report.step
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_in_flight_ends_where_it_began() {
    let slow = titling_slowly("old", Duration::from_secs(1));
    let data = data(&[("a", plugin("a", &[FILTER], &[slow, telling("old")]))]);
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable("a").await;
    let new = version("new");
    let meanwhile = async {
        until("the old one was asked", async || {
            said(&slot).iter().any(|line| line == "asked")
        })
        .await;
        rig.installed(&new).await.unwrap();
        rig.title().await
    };
    let (first, second) = tokio::join!(rig.title(), meanwhile);
    assert_eq!((first.as_str(), second.as_str()), ("old", "new"));
    until("the old one was stopped", async || said(&slot).len() == 4).await;
    // The new one started before the old one stopped.
    assert_eq!(said(&slot), ["old", "asked", "new", "no more"]);
    rig.stop().await;
}

#[tokio::test]
async fn what_a_plugin_has_goes_on_with_the_next_version() {
    let ears = |name: &str| {
        let parts = [listening('!'), echoing(), telling(name)];
        plugin("ears", &[READ_ALL, WEBHOOK], &parts)
    };
    let clock = |schedule| plugin("clock", &[TIMERS], &[ticking(schedule)]);
    let data = data(&[("ears", ears("one")), ("clock", clock(Some((0, 1000))))]);
    grant(data.path(), &["ears"], "webhook = true");
    let grants = data.path().join("grants.toml");
    let both = std::fs::read_to_string(&grants).unwrap() + "[clock]\ntimers = true\n";
    std::fs::write(grants, both).unwrap();
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable("ears").await;
    let ticks = rig.enable("clock").await;
    let hook = format!("/plugin/{}/custom/{}/x", slot.id, slot.token);

    // A timer that the new version does not set again goes on.
    rig.installed(&clock(None)).await.unwrap();
    let before = said(&ticks).len();

    let mut expected = Vec::new();
    for round in 0..6 {
        for number in 0..10 {
            let text = format!("{round}.{number}");
            rig.stored("backup", &text).await;
            expected.push(text);
        }
        let name = if round % 2 == 0 { "two" } else { "one" };
        rig.installed(&ears(name)).await.unwrap();
        assert_eq!(rig.get(&hook).await.0, 200);
    }
    let heard = || {
        let lines = said(&slot);
        let messages = lines.into_iter().filter(|line| line.contains('.'));
        messages.collect::<Vec<_>>()
    };
    until("all were heard", async || heard().len() >= expected.len()).await;
    assert_eq!(heard(), expected, "each once, in order");
    until("the timer went on", async || said(&ticks).len() > before).await;
    rig.stop().await;
}

#[tokio::test]
async fn what_does_not_come_up_leaves_the_version_before() {
    let data = data(&[("a", version("good"))]);
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable("a").await;
    let path = format!("/plugin/{}/config", slot.id);
    let file = data.path().join("plugins/a.wasm");
    let good = std::fs::read(&file).unwrap();
    let refusing = plugin("a", &[FILTER], &[titling("bad"), living(Some("no"), None)]);
    let cases = [
        (b"\x7fELF".to_vec(), Step::Decode),
        (good[..good.len() - 9].to_vec(), Step::Compile),
        (
            mortise_tests::components::component("export mortise:plugin/filter@0.2.0;", {
                r#"(module (memory (export "memory") 1)
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
                (func (export "mortise:plugin/filter@0.2.0#filter") (param i64 i32 i32 i32 i32
                i32 i32 i32 i32 i32 i32 i64) (result i32) i32.const 0))"#
            })
            .unwrap(),
            Step::Link,
        ),
        (plugin("Not An Id", &[], &[]), Step::Manifest),
        (refusing.clone(), Step::Start),
    ];
    for (bytes, expected) in cases {
        let outcome = rig.installed(&bytes).await;
        assert_eq!(step(outcome), expected);
        // As if nothing had been ordered.
        assert_eq!(rig.title().await, "good");
        assert!(std::fs::read(&file).unwrap() == good);
        assert_eq!(rig.failed(), []);
    }
    let names: Vec<_> = std::fs::read_dir(data.path().join("versions"))
        .unwrap()
        .collect();
    assert_eq!(names.len(), 1, "what does not run is not kept: {names:?}");

    // The same by the folder, where the file stays and the report with it.
    replace(data.path(), "a", &refusing);
    until("it was reported", async || !rig.failed().is_empty()).await;
    assert_eq!(rig.failed(), [("a.wasm".to_owned(), Step::Start)]);
    assert_eq!(rig.title().await, "good");
    // An order that fails leaves that as it is too.
    let outcome = rig.installed(&refusing).await;
    assert_eq!(step(outcome), Step::Start);
    assert_eq!(rig.failed(), [("a.wasm".to_owned(), Step::Start)]);
    let outcome = rig.plugins().reload("a", &BY).await;
    assert_eq!(step(outcome), Step::Start);
    assert_eq!(rig.title().await, "good");

    // A version that rejects one user's configuration starts for no user.
    let parts = [titling("settable"), configured('!')];
    rig.installed(&plugin("a", &[FILTER], &parts))
        .await
        .unwrap();
    assert_eq!(rig.failed(), []);
    let (status, text) = rig.post(&slot, "config", "old: 1").await;
    assert_eq!(status, 200, "{text}");
    let parts = [titling("pickier"), configured('o')];
    let outcome = rig.installed(&plugin("a", &[FILTER], &parts)).await;
    assert_eq!(step(outcome), Step::Start);
    assert_eq!(rig.title().await, "settable");
    assert_eq!(rig.get(&path).await.1, "old: 1");
    assert!(rig.slot("a").await.is_enabled());

    // One that comes up and fails later is the plugin's affair.
    rig.installed(&plugin("a", &[FILTER], &[trapping()]))
        .await
        .unwrap();
    assert_eq!(rig.title().await, "plain");
    rig.stop().await;
}

#[tokio::test]
async fn the_version_before_can_be_had_back() {
    let data = data(&[("a", version("one"))]);
    let rig = Rig::start(data.path()).await;
    let file = data.path().join("plugins/a.wasm");
    let none = rig.plugins().rollback("a", &BY).await;
    assert!(
        matches!(none, Err(CommandError::NothingBefore(_))),
        "{none:?}"
    );
    let slot = rig.enable("a").await;
    rig.installed(&version("two")).await.unwrap();
    assert_eq!(rig.title().await, "two");

    rig.plugins().rollback("a", &BY).await.unwrap();
    assert_eq!(rig.title().await, "one");
    assert!(std::fs::read(&file).unwrap() == version("one"));
    rig.plugins().rollback("a", &BY).await.unwrap();
    assert_eq!(rig.title().await, "two");
    // The watch sees that its file changed, and that it was no news.
    until("the file was seen", async || {
        !rig.plugins().status("a").unwrap().changed
    })
    .await;
    // It has taken up a later change too.
    install(data.path(), &[("b", plugin("b", &[], &[]))]);
    until("the later file was taken up", async || {
        rig.plugins().status("b").is_some()
    })
    .await;
    rig.plugins().uninstall("b", &BY).await.unwrap();
    let ups = said(&slot).into_iter().filter(|line| line != "no more");
    assert_eq!(ups.collect::<Vec<_>>(), ["one", "two", "one", "two"]);
    rig.stop().await;

    // It outlives the server.
    let rig = Rig::start(data.path()).await;
    assert_eq!(rig.title().await, "two");
    rig.plugins().rollback("a", &BY).await.unwrap();
    assert_eq!(rig.title().await, "one");
    // The version before that one is known again, and no third one is kept.
    let kept = std::fs::read_dir(data.path().join("versions")).unwrap();
    assert_eq!(kept.count(), 2);
    rig.stop().await;
}
