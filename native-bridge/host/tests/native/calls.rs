//! Calls to and from a plugin that behaves well.

use std::{sync::Arc, time::Duration};

use mortise_runtime::{
    CallError, Capability, Grants,
    types::{Application, Content, Draft, Message, Permission, StopReason, Verdict},
};
use serde_json::{Value, json};

use crate::support::{State, World, made, made_with, printed, request, state, talkative, until};

fn content(body: &str) -> Content {
    Content {
        title: "t".into(),
        body: body.into(),
        priority: 5,
        extras: Some("{}".into()),
    }
}

pub(crate) fn draft(body: &str) -> Draft {
    Draft {
        application: Application {
            id: 2,
            name: "backup".into(),
        },
        content: content(body),
        received_ms: 3,
    }
}

#[tokio::test]
async fn every_export_can_be_called() {
    let world = World::new();
    let plugin = world.plugin("good").await;
    let made = made(&plugin, "ann").await;
    let instance = &made.instance;
    assert_eq!(
        instance.capabilities().iter().collect::<Vec<_>>(),
        Capability::ALL
    );
    assert_eq!(instance.default_config().await.unwrap(), "# nothing\n");
    assert_eq!(instance.config_schema().await.unwrap(), None);
    let error = instance.apply_config("bad").await.unwrap_err();
    assert!(
        matches!(&error, CallError::Config(p) if p[0].path == "a"),
        "{error}"
    );
    instance.apply_config("fine").await.unwrap();
    assert_eq!(
        instance.display(Some("https://x")).await.unwrap(),
        "ann with `fine` at https://x/plugin/1/custom/t/"
    );
    let error = instance.webhook(request("echo", "")).await.unwrap_err();
    assert!(matches!(error, CallError::Stopped), "{error}");
    instance.start().await.unwrap();

    let answer = instance.webhook(request("echo", "a=1")).await.unwrap();
    let echoed: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(echoed["query"], "a=1");
    assert_eq!(echoed["body"], "Ym9keSD/");
    assert_eq!(echoed["base_path"], "/plugin/1/custom/t/");

    let second = Duration::from_secs(5);
    for (body, expected) in [
        ("keep", Verdict::Keep),
        ("shout", Verdict::Replace(content("SHOUT"))),
        ("drop me", Verdict::Drop("asked to".into())),
    ] {
        assert_eq!(
            instance.filter(&draft(body), second).await.unwrap(),
            expected
        );
    }
    let error = instance
        .filter(&draft("refuse me"), second)
        .await
        .unwrap_err();
    assert!(matches!(&error, CallError::Refused(text) if text == "cannot decide"));
    for body in ["empty me", "nonsense"] {
        let error = instance.filter(&draft(body), second).await.unwrap_err();
        assert!(
            matches!(error, CallError::BadAnswer { .. }),
            "{body}: {error}"
        );
    }

    let message = Message {
        id: 9,
        application: draft("").application,
        content: content("stored"),
        created_ms: 4,
    };
    instance.on_messages(&[message]).await.unwrap();
    let error = instance.on_timer("noon").await.unwrap_err();
    assert_eq!(error.to_string(), "the plugin answered: noon");
    instance.stop(StopReason::Reloading).await.unwrap();
    assert_eq!(state(&plugin), State::Down);
    assert_eq!(world.leftovers(), [] as [&str; 0]);
}

#[tokio::test]
async fn every_import_passes_the_guard() {
    let world = World::new();
    let plugin = world.plugin("good").await;
    let ann = made(&plugin, "ann").await;
    ann.instance.start().await.unwrap();
    assert_eq!(ann.deed("send", "hello").await, (200, "1".into()));
    let sent = ann.host.sent.lock().unwrap().clone();
    assert_eq!(sent[0].0.content.body, "hello");
    assert!(sent[0].1, "it passes filters");
    assert_eq!(ann.deed("load", "").await, (200, "null".into()));
    assert_eq!(ann.deed("store", "value").await, (200, "null".into()));
    assert_eq!(ann.deed("load", "").await, (200, "\"dmFsdWU=\"".into()));
    for (deed, kind) in [
        ("for-another", "unknown_instance"),
        ("unknown", "unknown_method"),
        ("malformed", "invalid"),
    ] {
        let (status, error) = ann.deed(deed, "").await;
        let error: Value = serde_json::from_str(&error).unwrap();
        assert_eq!((status, &error["kind"]), (403, &json!(kind)));
    }

    let bob = made_with(
        &plugin,
        "bob",
        Grants::of(&[Permission::Webhook]).unwrap(),
        None,
    )
    .await;
    bob.instance.start().await.unwrap();
    let (status, error) = bob.deed("send", "hello").await;
    assert_eq!(status, 403);
    assert!(
        error.contains("denied") && error.contains("send-messages"),
        "{error}"
    );
    assert_eq!(
        bob.instance.guard().denials()[0].permission,
        "send-messages"
    );
    assert_eq!(bob.deed("load", "").await, (200, "null".into()));
    let error = bob
        .instance
        .filter(&draft("x"), Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Denied { .. }), "{error}");
}

#[tokio::test]
async fn one_process_serves_all_users_in_order() {
    let world = World::new();
    let plugin = world.plugin("good").await;
    let ann = made_with(&plugin, "ann", talkative(), Some("hers")).await;
    let bob = made(&plugin, "bob").await;
    ann.instance.start().await.unwrap();
    bob.instance.start().await.unwrap();
    assert_eq!(ann.deed("pid", "").await, bob.deed("pid", "").await);
    ann.instance.stop(StopReason::Idle).await.unwrap();
    // The next call brings it back, started.
    ann.deed("pid", "").await;
    ann.instance.stop(StopReason::Disabled).await.unwrap();
    assert_eq!(
        ann.instance.display(None).await.unwrap(),
        "ann with `hers` at nowhere/plugin/1/custom/t/"
    );
    drop(bob);
    ann.instance.stop(StopReason::ShuttingDown).await.unwrap();
    until("the end", async || {
        printed(&plugin)
            .iter()
            .any(|call| call == "process.shutdown ")
    })
    .await;
    let calls: Vec<String> = printed(&plugin)
        .into_iter()
        .filter(|call| !call.starts_with("instance.drop"))
        .collect();
    assert_eq!(
        calls,
        [
            "manifest.describe ",
            "instance.create ann",
            "instance.create bob",
            "configurer.apply ann",
            "lifecycle.start ann",
            "configurer.defaults bob",
            "configurer.apply bob",
            "lifecycle.start bob",
            "lifecycle.stop ann",
            "instance.create ann",
            "configurer.apply ann",
            "lifecycle.start ann",
            "lifecycle.stop ann",
            "displayer.display ann",
            "process.shutdown ",
        ]
    );
    until("the end of its process", async || {
        state(&plugin) == State::Down && world.leftovers().is_empty()
    })
    .await;
}

#[tokio::test]
async fn calls_of_one_instance_wait_and_those_of_a_concurrent_one_do_not() {
    for (behaviour, least, most) in [("good", 600, 5000), ("concurrent", 300, 590)] {
        let world = World::new();
        let plugin = world.plugin(behaviour).await;
        let made = Arc::new(made(&plugin, "ann").await);
        made.instance.start().await.unwrap();
        let begun = std::time::Instant::now();
        let sleeps = [0; 2].map(|_| {
            let made = Arc::clone(&made);
            tokio::spawn(async move { made.deed("sleep", "300").await })
        });
        for sleep in sleeps {
            assert_eq!(sleep.await.unwrap().0, 200);
        }
        let took = begun.elapsed().as_millis();
        assert!((least..most).contains(&took), "{behaviour}: {took} ms");
    }
}

#[tokio::test]
async fn a_refused_start_and_a_refused_configuration_leave_it_stopped() {
    let world = World::new();
    let plugin = world.plugin("good").await;
    let made = made_with(&plugin, "ann", talkative(), Some("refuse start")).await;
    let error = made.instance.start().await.unwrap_err();
    assert_eq!(error.to_string(), "the plugin answered: not today");
    let error = made
        .instance
        .webhook(request("echo", ""))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Stopped), "{error}");
    made.instance.apply_config("fine").await.unwrap();
    made.instance.start().await.unwrap();

    let bad = made_with(&plugin, "bob", talkative(), Some("bad")).await;
    let error = bad.instance.start().await.unwrap_err();
    assert!(matches!(error, CallError::Config(_)), "{error}");
    assert_eq!(made.deed("echo", "").await.0, 200);
}

#[tokio::test]
async fn a_process_that_nobody_needs_goes() {
    let world = World::with(|settings| settings.linger = Duration::from_millis(100));
    let plugin = world.plugin("good").await;
    let made = made(&plugin, "ann").await;
    assert!(matches!(state(&plugin), State::Up { .. }));
    until("the end of an idle process", async || {
        state(&plugin) == State::Down
    })
    .await;
    made.instance.start().await.unwrap();
    // Another one, which came later, goes before it.
    let other = world.plugin("concurrent").await;
    let idle = self::made(&other, "ann").await;
    assert!(matches!(state(&other), State::Up { .. }));
    until("the end of another idle process", async || {
        state(&other) == State::Down
    })
    .await;
    drop(idle);
    assert!(matches!(state(&plugin), State::Up { generation: 2, .. }));
    drop(made);
    until("the end of an empty process", async || {
        state(&plugin) == State::Down && world.leftovers().is_empty()
    })
    .await;
}
