//! A plugin that misbehaves: each way ends in a clear state by its deadline,
//! and a neighbour goes on answering.

use std::time::{Duration, Instant};

use mortise_runtime::CallError;

use crate::support::{
    Neighbour, State, TestInstance, World, log, made, made_with, printed, request, state,
    talkative, until,
};

async fn fails(made: &TestInstance, deed: &str, argument: &str) -> CallError {
    made.instance
        .webhook(request(deed, argument))
        .await
        .unwrap_err()
}

/// One whose calls take 300 ms at most, once its process has started: that may
/// take longer on a busy machine.
async fn impatient(plugin: &mortise_native::NativePlugin) -> TestInstance {
    let made = made(plugin, "ann").await;
    made.instance.start().await.unwrap();
    made.regrant(|rights| rights.limits.call_ms = 300).await;
    made
}

#[tokio::test]
async fn each_crash_is_reported_and_recovered_from() {
    let world = World::with(|settings| settings.restart.give_up_after = 20);
    let neighbour = Neighbour::of(&world).await;
    let plugin = world.plugin("concurrent").await;
    let ann = made(&plugin, "ann").await;
    ann.instance.start().await.unwrap();
    for (deed, argument, expected) in [
        ("exit", "7", "its process exited with status 7"),
        ("abort", "", "its process was killed by signal 6"),
        (
            "garbage",
            "",
            "the plugin sent a frame that is not a message",
        ),
        (
            "oversized",
            "",
            "the plugin sent a frame of 4294967295 bytes",
        ),
        ("half", "", "its process exited with status 0"),
        ("close", "", "it ended the connection, but not its process"),
        (
            "stray",
            "",
            "more than 1000 answers to calls that were not made",
        ),
    ] {
        let begun = Instant::now();
        // `garbage` and the like are answered before they are noticed.
        let outcome = ann.instance.webhook(request(deed, argument)).await;
        let error = match outcome {
            Err(error) => error.full(),
            Ok(_) => {
                until("the crash", async || {
                    ann.log
                        .since(0)
                        .iter()
                        .any(|entry| entry.text.contains(expected))
                })
                .await;
                ann.log.since(0).last().unwrap().text.clone()
            }
        };
        assert!(error.contains(expected), "{deed}: {error}");
        if deed == "exit" {
            assert!(error.contains("last words"), "{error}");
        }
        assert!(begun.elapsed() < Duration::from_secs(4), "{deed}");
        until("the restart", async || {
            ann.instance.webhook(request("echo", "")).await.is_ok()
        })
        .await;
    }
    neighbour.answered().await;
    drop(ann);
    until("the end of all", async || world.leftovers().is_empty()).await;
}

#[tokio::test]
async fn instances_come_up_again_in_their_order() {
    let world = World::new();
    let plugin = world.plugin("good").await;
    let users = ["ann", "bob", "cid"];
    let mut all = Vec::new();
    for user in users {
        all.push(made_with(&plugin, user, talkative(), Some("theirs")).await);
    }
    // In another order than they were made in.
    for made in all.iter().rev() {
        made.instance.start().await.unwrap();
    }
    let before = printed(&plugin).len();
    let error = fails(&all[1], "exit", "1").await;
    assert!(matches!(error, CallError::Crashed { .. }), "{error}");
    until("the restart", async || {
        matches!(state(&plugin), State::Up { generation: 2, .. })
    })
    .await;
    let expected: Vec<String> = std::iter::once("manifest.describe ".to_owned())
        .chain(users.iter().flat_map(|user| {
            ["instance.create", "configurer.apply", "lifecycle.start"]
                .map(|call| format!("{call} {user}"))
        }))
        .collect();
    until("all calls", async || {
        printed(&plugin).get(before..) == Some(&expected[..])
    })
    .await;
    assert_eq!(all[0].deed("echo", "").await.0, 200);
}

#[tokio::test]
async fn a_crash_loop_ends_in_a_failed_state_that_a_person_leaves() {
    let world = World::new();
    let neighbour = Neighbour::of(&world).await;
    let plugin = world.plugin("good").await;
    let ann = made_with(&plugin, "ann", talkative(), None).await;
    ann.instance.start().await.unwrap();
    ann.instance.apply_config("exit at start").await.unwrap();
    let error = fails(&ann, "exit", "1").await;
    assert!(matches!(error, CallError::Crashed { .. }), "{error}");
    until("the failed state", async || {
        matches!(state(&plugin), State::Failed { crashes: 4, .. })
    })
    .await;
    let error = fails(&ann, "echo", "").await.to_string();
    assert!(error.contains("crashed 4 times in a row"), "{error}");
    assert!(error.contains("status 5"), "{error}");
    // It stays so, without a hot loop, while another one goes the same way.
    let lines = log(&plugin).written();
    let other = world.plugin("concurrent").await;
    let bob = made_with(&other, "bob", talkative(), None).await;
    bob.instance.start().await.unwrap();
    bob.instance.apply_config("exit at start").await.unwrap();
    fails(&bob, "exit", "1").await;
    until("the failed state of another", async || {
        matches!(state(&other), State::Failed { crashes: 4, .. })
    })
    .await;
    assert_eq!(log(&plugin).written(), lines);
    assert!(matches!(state(&plugin), State::Failed { crashes: 4, .. }));
    neighbour.answered().await;
    assert_eq!(world.leftovers(), [] as [&str; 0]);
    ann.instance.start().await.unwrap_err();
    assert!(matches!(
        state(&plugin),
        State::Pausing { crashes: 1, .. } | State::Starting | State::Pausing { .. }
    ));
}

#[tokio::test]
async fn a_call_past_its_deadline_is_cancelled_and_harms_nobody() {
    let world = World::new();
    let neighbour = Neighbour::of(&world).await;
    let plugin = world.plugin("concurrent").await;
    let TestInstance { instance, .. } = &impatient(&plugin).await;
    let begun = Instant::now();
    let error = instance
        .webhook(request("sleep", "60000"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::DeadlineExceeded { .. }),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(1));
    // One that ignores its cancellation, which came later, is ended before.
    let other = world.plugin("ignores-cancel").await;
    let ignoring = impatient(&other).await;
    fails(&ignoring, "sleep", "60000").await;
    until("the restart of another", async || {
        matches!(state(&other), State::Up { generation: 2, .. })
    })
    .await;
    instance.webhook(request("echo", "")).await.unwrap();
    assert!(matches!(state(&plugin), State::Up { generation: 1, .. }));
    neighbour.answered().await;
}

#[tokio::test]
async fn a_plugin_that_ignores_cancel_is_ended_and_comes_back() {
    let world = World::new();
    let neighbour = Neighbour::of(&world).await;
    let plugin = world.plugin("ignores-cancel").await;
    let TestInstance { instance, log, .. } = &impatient(&plugin).await;
    instance
        .webhook(request("sleep", "60000"))
        .await
        .unwrap_err();
    until("the restart", async || {
        matches!(state(&plugin), State::Up { generation: 2, .. })
    })
    .await;
    assert!(
        log.since(0)
            .iter()
            .any(|entry| { entry.text.contains("the plugin hangs: `webhook.handle`") })
    );
    instance.webhook(request("echo", "")).await.unwrap();
    neighbour.answered().await;
}

#[tokio::test]
async fn a_hang_at_any_step_ends_by_its_deadline() {
    for step in ["instance.create", "lifecycle.start", "configurer.defaults"] {
        let world = World::new();
        let neighbour = Neighbour::of(&world).await;
        let plugin = world.plugin(&format!("hangs-at:{step}")).await;
        let host = std::sync::Arc::default();
        let mut setup = crate::support::setup("ann", &host, talkative());
        setup.limits.call_ms = 300;
        let begun = Instant::now();
        let error = match mortise_runtime::Plugin::instance(&*plugin, setup).await {
            Err(error) => error,
            Ok(instance) if step == "lifecycle.start" => instance.start().await.unwrap_err(),
            Ok(instance) => instance.default_config().await.unwrap_err(),
        };
        assert!(
            matches!(error, CallError::DeadlineExceeded { .. }),
            "{step}: {error}"
        );
        assert!(begun.elapsed() < Duration::from_secs(2), "{step}");
        neighbour.answered().await;
    }
}

#[tokio::test]
async fn an_exit_at_any_step_is_a_crash() {
    for step in ["instance.create", "lifecycle.start", "configurer.defaults"] {
        let world = World::new();
        let neighbour = Neighbour::of(&world).await;
        let plugin = world.plugin(&format!("exits-at:{step}")).await;
        let host = std::sync::Arc::default();
        let setup = crate::support::setup("ann", &host, talkative());
        let error = match mortise_runtime::Plugin::instance(&*plugin, setup).await {
            Err(error) => error,
            Ok(instance) if step == "lifecycle.start" => instance.start().await.unwrap_err(),
            Ok(instance) => instance.default_config().await.unwrap_err(),
        };
        let CallError::Crashed { cause, details, .. } = &error else {
            panic!("{step}: {error}")
        };
        assert_eq!(cause, "its process exited with status 4");
        assert!(
            details.ends_with(&format!("leaving at {step}")),
            "{details}"
        );
        neighbour.answered().await;
    }
}

#[tokio::test]
async fn a_panic_discards_one_instance_alone() {
    let world = World::new();
    let neighbour = Neighbour::of(&world).await;
    let plugin = world.plugin("good").await;
    let ann = made(&plugin, "ann").await;
    let bob = made(&plugin, "bob").await;
    ann.instance.start().await.unwrap();
    bob.instance.start().await.unwrap();
    let error = fails(&ann, "panic", "").await;
    let CallError::Crashed { cause, details, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(
        (cause.as_str(), details.as_str()),
        ("it panicked", "the stack")
    );
    assert_eq!(bob.deed("echo", "").await.0, 200);
    // Made anew and started by the next call.
    assert_eq!(ann.deed("echo", "").await.0, 200);
    let calls = printed(&plugin);
    let count = |call: &str| calls.iter().filter(|printed| *printed == call).count();
    assert_eq!(count("instance.create ann"), 2);
    assert_eq!(count("lifecycle.start ann"), 2);
    assert_eq!(count("instance.create bob"), 1);
    assert!(matches!(state(&plugin), State::Up { generation: 1, .. }));
    neighbour.answered().await;
}

#[tokio::test]
async fn floods_are_bounded() {
    let world = World::new();
    let neighbour = Neighbour::of(&world).await;
    let plugin = world.plugin("good").await;
    let ann = made(&plugin, "ann").await;
    ann.instance.start().await.unwrap();
    // A flood takes its time on a busy machine; the neighbour has its usual 5 s.
    ann.regrant(|rights| rights.limits.call_ms = 60_000).await;
    for (deed, argument) in [
        ("flood-calls", ""),
        ("flood-log", ""),
        ("flood-output", "500"),
    ] {
        assert_eq!(ann.deed(deed, argument).await.0, 200, "{deed}");
        assert_eq!(ann.deed("echo", "").await.0, 200, "{deed}");
    }
    let bytes: usize = ann.log.since(0).iter().map(|entry| entry.text.len()).sum();
    assert!(bytes <= 256 << 10, "{bytes}");
    neighbour.answered().await;
    assert!(matches!(state(&plugin), State::Up { generation: 1, .. }));
}

#[tokio::test]
async fn one_that_ignores_sigterm_is_killed() {
    let world = World::new();
    let neighbour = Neighbour::of(&world).await;
    let plugin = world.plugin("ignores-term").await;
    let ann = made(&plugin, "ann").await;
    ann.instance.start().await.unwrap();
    let begun = Instant::now();
    ann.instance
        .stop(mortise_runtime::types::StopReason::ShuttingDown)
        .await
        .unwrap();
    // One second to answer, half a second after SIGTERM.
    let took = begun.elapsed();
    assert!((1500..4000).contains(&took.as_millis()), "{took:?}");
    assert_eq!(crate::launcher::working_in(world.folder.path()).len(), 1);
    neighbour.answered().await;
    assert_eq!(world.leftovers(), [] as [&str; 0]);
}
