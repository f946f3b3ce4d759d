//! Messages past filters that work, fail, and never answer.

use std::time::{Duration, Instant};

use mortise_server::{
    pipeline::{Cause, PostError, Posted, TraceAction},
    remove_old_traces,
};
use mortise_tests::server::run;
use reqwest::Method;

use crate::{
    ADA, Rig, data,
    fixture::{
        FILTER, SEND, WEBHOOK, dropping, keeping, looping, plugin, sending, titling, trapping,
    },
    grant, until,
};

#[tokio::test]
async fn filters_are_asked_in_the_users_order() {
    let data = data(&[
        ("a", plugin("a", &[FILTER], &[titling("from a")])),
        ("b", plugin("b", &[FILTER], &[titling("from b")])),
    ]);
    let rig = Rig::start(data.path()).await;
    let untouched = rig.stored("backup", "done").await;
    assert_eq!(untouched.title, "plain");
    assert!(rig.trace(&untouched).await.is_empty());

    let a = rig.enable("a").await;
    rig.enable("b").await;
    let message = rig.stored("backup", "done").await;
    assert_eq!(
        (message.title.as_str(), message.body.as_str()),
        ("from b", "done")
    );
    let trace = rig.trace(&message).await;
    let steps: Vec<_> = trace
        .iter()
        .map(|e| (e.plugin.as_str(), e.action))
        .collect();
    assert_eq!(
        steps,
        [("a", TraceAction::Replace), ("b", TraceAction::Replace)]
    );

    let path = format!("/plugin/{}/filter", a.id);
    let place = r#"{"order":5,"failClosed":false}"#;
    let (status, text) = rig.request(Method::PUT, &path, place).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(rig.stored("backup", "done").await.title, "from a");
    rig.stop().await;
    // And so after a restart.
    let rig = Rig::start(data.path()).await;
    assert_eq!(rig.stored("backup", "done").await.title, "from a");
    assert_eq!(rig.shown("a").await["filter"]["order"], 5);
    rig.stop().await;
}

#[tokio::test]
async fn the_chain_is_put_into_an_order_as_a_whole() {
    let data = data(&[
        ("a", plugin("a", &[FILTER], &[titling("from a")])),
        ("b", plugin("b", &[FILTER], &[titling("from b")])),
        ("c", plugin("c", &[FILTER], &[titling("from c")])),
        ("none", plugin("none", &[WEBHOOK], &[sending()])),
    ]);
    let rig = Rig::start(data.path()).await;
    let (a, b) = (rig.enable("a").await, rig.enable("b").await);
    let c = rig.slot("c").await;
    let none = rig.slot("none").await;
    let shown = async |rig: &Rig| {
        let chain = rig.api(Method::GET, "/plugin/filters", "").await;
        let chain = chain.as_array().unwrap().clone();
        chain
            .iter()
            .map(|one| {
                let name = one["name"].as_str().unwrap().to_owned();
                (name, one["atWork"] == true, one["failClosed"] == true)
            })
            .collect::<Vec<_>>()
    };
    let expected = |names: [(&str, bool, bool); 3]| {
        names.map(|(name, works, closed)| (name.to_owned(), works, closed))
    };
    assert_eq!(
        shown(&rig).await,
        expected([("a", true, false), ("b", true, false), ("c", false, false)])
    );
    let order = format!(
        r#"[{{"id":{},"failClosed":true}},{{"id":{},"failClosed":false}}]"#,
        b.id, a.id
    );
    rig.api(Method::PUT, "/plugin/filters", &order).await;
    let now = expected([("b", true, true), ("a", true, false), ("c", false, false)]);
    assert_eq!(shown(&rig).await, now);
    assert_eq!(rig.title().await, "from a");
    for (wrong, says) in [
        (
            format!(r#"[{{"id":{},"failClosed":true}}]"#, none.id),
            "no filter of yours",
        ),
        (
            r#"[{"id":999,"failClosed":true}]"#.to_owned(),
            "no filter of yours",
        ),
        (
            format!(
                r#"[{{"id":{id},"failClosed":true}},{{"id":{id},"failClosed":false}}]"#,
                id = c.id
            ),
            "named twice",
        ),
    ] {
        let (status, text) = rig.request(Method::PUT, "/plugin/filters", &wrong).await;
        assert_eq!(status, 400, "{text}");
        assert!(text.contains(says), "{text}");
    }
    rig.stop().await;
    let rig = Rig::start(data.path()).await;
    assert_eq!(shown(&rig).await, now);
    rig.stop().await;
}

#[tokio::test]
async fn a_filter_that_fails_is_passed_over_and_others_work() {
    let data = data(&[
        ("loops", plugin("loops", &[FILTER], &[looping()])),
        ("traps", plugin("traps", &[FILTER], &[trapping()])),
        ("works", plugin("works", &[FILTER], &[titling("filtered")])),
    ]);
    let rig = Rig::start_with(data.path(), |config| {
        config.filter_deadline = Duration::from_millis(400);
    })
    .await;
    for id in ["works", "traps", "loops"] {
        rig.enable(id).await;
    }
    // The loop last, so that the others have their time.
    let last = rig.slot("loops").await;
    let path = format!("/plugin/{}/filter", last.id);
    rig.request(Method::PUT, &path, r#"{"order":9,"failClosed":false}"#)
        .await;
    let begun = Instant::now();
    let message = rig.stored("backup", "done").await;
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(message.title, "filtered");
    let trace = rig.trace(&message).await;
    let steps: Vec<_> = trace
        .iter()
        .map(|e| (e.plugin.as_str(), e.action))
        .collect();
    assert_eq!(
        steps,
        [
            ("traps", TraceAction::Skipped),
            ("works", TraceAction::Replace),
            ("loops", TraceAction::Skipped),
        ]
    );
    let causes: Vec<_> = trace.iter().map(|e| e.cause).collect();
    assert_eq!(causes, [Some(Cause::Failed), None, Some(Cause::TimedOut)]);
    assert!(trace[0].detail.contains("crashed"), "{}", trace[0].detail);
    assert!(
        trace[2].detail.contains("did not answer within"),
        "{}",
        trace[2].detail
    );
    assert!(rig.is_healthy().await);
    let shown = rig.shown("traps").await;
    let error = shown["lastError"].to_string();
    assert!(error.contains("crashed"), "{error}");
    assert_eq!(shown["failing"], true, "{shown}");
    rig.stop().await;
}

#[tokio::test]
async fn filters_that_never_answer_leave_time_to_the_last_one() {
    let data = data(&[
        ("loops", plugin("loops", &[FILTER], &[looping()])),
        ("loops-too", plugin("loops-too", &[FILTER], &[looping()])),
        ("works", plugin("works", &[FILTER], &[titling("filtered")])),
    ]);
    let rig = Rig::start_with(data.path(), |config| {
        config.filter_deadline = Duration::from_millis(800);
    })
    .await;
    for id in ["loops", "loops-too", "works"] {
        rig.enable(id).await;
    }
    let begun = Instant::now();
    let message = rig.stored("backup", "done").await;
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(message.title, "filtered");
    let trace = rig.trace(&message).await;
    let actions: Vec<_> = trace.iter().map(|entry| entry.action).collect();
    assert_eq!(
        actions,
        [
            TraceAction::Skipped,
            TraceAction::Skipped,
            TraceAction::Replace
        ]
    );
    // The time of all is no limit of one.
    assert_eq!(rig.slot("loops").await.reached(), []);
    rig.stop().await;
}

#[tokio::test]
async fn a_user_may_have_messages_refused_when_a_filter_fails() {
    let data = data(&[("traps", plugin("traps", &[FILTER], &[trapping()]))]);
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable("traps").await;
    let path = format!("/plugin/{}/filter", slot.id);
    rig.request(Method::PUT, &path, r#"{"order":0,"failClosed":true}"#)
        .await;
    let refused = rig.send("backup", "done").await;
    assert!(
        matches!(&refused, Err(PostError::Refused { by, .. }) if by == "traps"),
        "{refused:?}"
    );
    let newest = rig.server.state().store.newest_message(ADA).await.unwrap();
    assert_eq!(newest, 0, "nothing was stored");
    // The sender receives the rejecting filter's name and may try again.
    let answer = rig.sent_by_http("backup").await;
    assert_eq!(answer.status(), 503);
    let error: serde_json::Value = answer.json().await.unwrap();
    let description = error["errorDescription"].as_str().unwrap();
    assert!(description.contains("traps"), "{description}");
    rig.stop().await;
}

#[tokio::test]
async fn a_dropped_message_is_not_stored() {
    let data = data(&[("drops", plugin("drops", &[FILTER], &[dropping()]))]);
    let rig = Rig::start(data.path()).await;
    rig.enable("drops").await;
    let dropped = rig.send("backup", "done").await.unwrap();
    assert_eq!(
        dropped,
        Posted::Dropped {
            by: "drops".to_owned(),
            reason: "unwanted".to_owned()
        }
    );
    // A sender by HTTP has succeeded, and can tell that nothing was stored.
    let answer = rig.sent_by_http("backup").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["mortise-dropped-by"], "drops");
    let message: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(
        (&message["id"], &message["message"]),
        (&0.into(), &"done".into())
    );
    assert_eq!(
        rig.server.state().store.newest_message(ADA).await.unwrap(),
        0
    );
    rig.stop().await;
}

#[tokio::test]
async fn what_a_plugin_sends_passes_the_others_filters_but_not_its_own() {
    let own = [sending(), titling("own")];
    let data = data(&[
        ("own", plugin("own", &[FILTER, SEND, WEBHOOK], &own)),
        ("other", plugin("other", &[FILTER], &[titling("other")])),
    ]);
    grant(data.path(), &["own"], "webhook = true");
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable("own").await;
    let hook = format!("/plugin/{}/custom/{}/", slot.id, slot.token);
    let (status, text) = rig.request(Method::POST, &hook, "one").await;
    assert_eq!(status, 200, "{text}");
    rig.enable("other").await;
    rig.request(Method::POST, &hook, "two").await;
    let newest = mortise_store::Page {
        before: None,
        limit: 9,
    };
    let listing = rig
        .server
        .state()
        .store
        .messages(ADA, newest)
        .await
        .unwrap();
    let seen: Vec<_> = listing
        .messages
        .iter()
        .map(|m| (m.body.as_str(), m.title.as_str()))
        .collect();
    // Without a title of its own, a message has its application's name.
    assert_eq!(seen, [("two", "other"), ("one", "own")]);
    rig.stop().await;
}

#[tokio::test]
async fn a_filter_that_does_not_ask_for_the_permission_is_never_asked() {
    let data = data(&[("sly", plugin("sly", &[], &[titling("sly")]))]);
    let rig = Rig::start(data.path()).await;
    rig.enable("sly").await;
    let message = rig.stored("backup", "done").await;
    assert_eq!(message.title, "plain");
    assert!(rig.trace(&message).await.is_empty());
    rig.stop().await;
}

#[tokio::test]
async fn a_filter_is_asked_about_the_chosen_applications_alone() {
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("from a")]))]);
    let rig = Rig::start(data.path()).await;
    let a = rig.enable("a").await;
    let backup = rig.stored("backup", "done").await;
    assert_eq!(rig.stored("other", "done").await.title, "from a");
    let path = format!("/plugin/{}/filter/applications", a.id);
    let only = format!(r#"{{"applications":[{0},{0}]}}"#, backup.application_id);
    rig.api(Method::PUT, &path, &only).await;
    let chain = rig.api(Method::GET, "/plugin/filters", "").await;
    assert_eq!(
        chain[0]["applications"],
        serde_json::json!([backup.application_id])
    );
    assert_eq!(rig.stored("backup", "done").await.title, "from a");
    let other = rig.stored("other", "done").await;
    assert_eq!(other.title, "plain");
    assert!(rig.trace(&other).await.is_empty());

    // Nothing changes by an order with an application that is not the user's.
    let (status, text) = rig
        .request(Method::PUT, &path, r#"{"applications":[999]}"#)
        .await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("application 999 is none of yours"), "{text}");

    // It stays over a restart, also of a filter without which no message passes and which is
    // not there.
    let place = r#"{"order":0,"failClosed":true}"#;
    let filter = format!("/plugin/{}/filter", a.id);
    assert_eq!(rig.request(Method::PUT, &filter, place).await.0, 200);
    rig.stop().await;
    std::fs::write(data.path().join("plugins/a.wasm"), "broken").unwrap();
    std::fs::remove_dir_all(data.path().join("versions")).unwrap();
    let rig = Rig::start(data.path()).await;
    assert_eq!(rig.stored("other", "done").await.title, "plain");
    let refused = rig.send("backup", "done").await;
    assert!(
        matches!(refused, Err(PostError::Refused { .. })),
        "{refused:?}"
    );
    // It is kept, and tells which filter was missing.
    let kept = rig.api(Method::GET, "/message/dropped", "").await;
    let kept = &kept["messages"][0];
    assert_eq!(kept["kind"], "refused");
    assert_eq!(kept["by"]["id"], "a", "{kept}");
    assert_eq!(kept["trace"][0]["action"], "refused", "{kept}");
    assert_eq!(kept["trace"][0]["cause"], "not_at_work", "{kept}");
    assert_eq!(kept["reason"], kept["trace"][0]["detail"]);
    rig.stop().await;
}

/// The page with a sample of each outcome.
const SAMPLES: &str = include_str!("../../../docs/server.md");

/// The trace of a message as `mortise message trace` prints it, with the name and the
/// durations of the samples.
async fn printed(rig: &Rig, message: i64, plugin: &str) -> String {
    let data = rig.server.state().config.data_dir.display().to_string();
    let arguments = [
        "message",
        "trace",
        &message.to_string(),
        "--data-dir",
        &data,
    ];
    let arguments = arguments.map(str::to_owned);
    // The server runs in this thread.
    let output = tokio::task::spawn_blocking(|| run(arguments))
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.replace(&format!("{plugin} 1.0.0:"), "rules 1.0.0:");
    let words = text.split(' ').collect::<Vec<_>>();
    let words = words.iter().enumerate().map(|(at, word)| {
        let is_duration = words.get(at + 1).is_some_and(|next| next.starts_with("ms"));
        if is_duration { "0.3" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The id under which the newest message is stored that a filter dropped or that was refused.
async fn restored(rig: &Rig) -> i64 {
    let page = rig.api(Method::GET, "/message/dropped", "").await;
    let path = format!("/message/dropped/{}/restore", page["messages"][0]["id"]);
    rig.api(Method::POST, &path, "").await["id"]
        .as_i64()
        .unwrap()
}

#[tokio::test]
async fn the_trace_of_an_old_message_is_removed_and_the_message_stays() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("from a")]))]);
    let rig = Rig::start(data.path()).await;
    let plain = rig.stored("backup", "plain").await;
    rig.enable("a").await;
    let changed = rig.stored("backup", "changed").await;
    rig.clock.advance(20 * DAY);
    let recent = rig.stored("backup", "recent").await;
    rig.clock.advance(11 * DAY);
    remove_old_traces(rig.server.state()).await.unwrap();
    assert_eq!(rig.trace(&recent).await[0].action, TraceAction::Replace);
    for old in [&plain, &changed] {
        let trace = rig.trace(old).await;
        assert_eq!(trace[0].action, TraceAction::NotKept);
        assert!(trace[0].detail.contains("for 30days"), "{trace:?}");
    }
    // A change still knows that the server lacks the message as it was sent.
    for (message, expected) in [(&plain, 200), (&changed, 409)] {
        let url = format!("{}/message/{}", rig.server.url(), message.id);
        let change = rig.client.put(url).header("x-gotify-key", "backup");
        let change = change.json(&serde_json::json!({ "priority": 5 }));
        assert_eq!(change.send().await.unwrap().status(), expected);
    }
    rig.stop().await;
}

#[tokio::test]
async fn the_documents_have_a_sample_of_each_trace() {
    let filters = [
        ("keeps", keeping()),
        ("changes", titling("[!] nas")),
        ("drops", dropping()),
        ("traps", trapping()),
        ("loops", looping()),
    ];
    let filters = filters.map(|(id, part)| (id, plugin(id, &[FILTER], &[part])));
    let data = data(&filters);
    let rig = Rig::start_with(data.path(), |config| {
        config.filter_deadline = Duration::from_millis(400);
    })
    .await;
    let mut samples = Vec::new();
    let only = async |rig: &Rig, id: &str| {
        for slot in rig.plugins().of_user(ADA).await.unwrap() {
            if slot.is_enabled() {
                assert_eq!(rig.post(&slot, "disable", "").await.0, 200);
            }
        }
        rig.enable(id).await
    };
    for id in ["keeps", "changes", "traps", "loops"] {
        only(&rig, id).await;
        let message = rig.stored("backup", "done").await.id;
        let trace = printed(&rig, message, id).await;
        // The time that it had follows.
        let sample = trace
            .split_once(" within ")
            .map_or(&*trace, |(sample, _)| sample);
        samples.push(sample.to_owned());
    }
    // A filter that crashes again and again rests.
    only(&rig, "traps").await;
    let mut resting = String::new();
    until("it rests", async || {
        let message = rig.stored("backup", "done").await.id;
        resting = printed(&rig, message, "traps").await;
        resting.contains("(not at work)")
    })
    .await;
    // It says how long.
    let end = resting.find("not at work").unwrap() + "not at work".len();
    samples.push(resting[..end].to_owned());
    only(&rig, "drops").await;
    assert!(matches!(
        rig.send("backup", "done").await,
        Ok(Posted::Dropped { .. })
    ));
    let dropped = printed(&rig, restored(&rig).await, "drops").await;
    let (dropped, restored_at) = dropped.split_once("\nrestored at ").unwrap();
    assert!(restored_at.starts_with("20"), "{restored_at}");
    samples.push(dropped.to_owned());
    samples.push("restored at 20".to_owned());
    let traps = only(&rig, "traps").await;
    let path = format!("/plugin/{}/filter", traps.id);
    let place = r#"{"order":0,"failClosed":true}"#;
    assert_eq!(rig.request(Method::PUT, &path, place).await.0, 200);
    rig.send("backup", "done").await.unwrap_err();
    let refused = printed(&rig, restored(&rig).await, "traps").await;
    assert!(refused.contains("refused ("), "{refused}");
    samples.push("rules 1.0.0: refused (failed), 0.3 ms".to_owned());
    only(&rig, "keeps").await;
    let old = rig.stored("backup", "done").await.id;
    rig.clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    remove_old_traces(rig.server.state()).await.unwrap();
    let old = printed(&rig, old, "keeps").await;
    samples.extend(old.lines().next().map(str::to_owned));
    samples.retain(|sample| !SAMPLES.contains(sample.trim_end()));
    assert!(
        samples.is_empty(),
        "not in the documents:\n{}",
        samples.concat()
    );
    rig.stop().await;
}
