//! The traces of calls: deliveries to listeners, timers and webhooks, and the messages that a
//! plugin sent because of them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    Rig, data,
    fixture::{READ_ALL, SEND, TIMERS, WEBHOOK, listening, plugin, sending, ticking},
    grant, said, until,
};

/// The calls of a plugin, without the fields that differ from run to run.
async fn calls(rig: &Rig, id: i64, query: &str) -> Vec<Value> {
    let path = format!("/plugin/{id}/trace{query}");
    let mut calls = rig.api(Method::GET, &path, "").await;
    let calls = calls.as_array_mut().unwrap();
    for call in calls.iter_mut() {
        let call = call.as_object_mut().unwrap();
        assert_eq!(call.remove("plugin").unwrap(), id);
        assert!(call.remove("id").unwrap().as_i64().unwrap() > 0);
        assert!(call.remove("micros").unwrap().as_u64().unwrap() > 0);
        assert!(call.remove("date").unwrap().is_string());
        assert_eq!(call.remove("version").unwrap(), "1.0.0");
    }
    std::mem::take(calls)
}

#[tokio::test]
async fn a_delivery_is_traced_with_its_failure() {
    let data = data(&[("ears", plugin("ears", &[READ_ALL], &[listening('!')]))]);
    let rig = Rig::start(data.path()).await;
    let ears = rig.enable("ears").await;
    let good = rig.stored("backup", "good").await.id;
    until("it was given", async || !said(&ears).is_empty()).await;
    let bad = rig.stored("backup", "!bad").await.id;
    let letters = format!("/plugin/{}/dead-letters", ears.id);
    until("it is a dead letter", async || {
        rig.api(Method::GET, &letters, "").await != json!([])
    })
    .await;
    let failed = json!({
        "kind": "listener", "modulePath": "ears", "messages": [bad],
        "cause": "failed", "detail": "the plugin answered: poison",
    });
    let delivered = json!({ "kind": "listener", "modulePath": "ears", "messages": [good] });
    let all = calls(&rig, ears.id, "").await;
    assert_eq!(all.last(), Some(&delivered), "{all:?}");
    assert!(all.len() >= 4, "an attempt is a call: {all:?}");
    assert!(
        all.iter().rev().skip(1).all(|call| *call == failed),
        "{all:?}"
    );
    let failures = calls(&rig, ears.id, "?failed=true&limit=2").await;
    assert_eq!(failures, [failed.clone(), failed]);

    // From the message's side.
    let about = rig
        .api(Method::GET, &format!("/message/{good}/calls"), "")
        .await;
    assert_eq!(
        (about.get("ofPlugin"), &about["sentIn"]),
        (None, &json!([]))
    );
    assert_eq!(about["deliveredIn"][0]["plugin"], ears.id, "{about}");
    assert_eq!(about["deliveredIn"].as_array().unwrap().len(), 1);
    let (status, _) = rig.get("/message/999/calls").await;
    assert_eq!(status, 404);
    rig.stop().await;

    // They outlive the server, and a page of them begins where the last one ended.
    let rig = Rig::start(data.path()).await;
    let all = rig
        .api(Method::GET, &format!("/plugin/{}/trace", ears.id), "")
        .await;
    let first = all[0]["id"].as_i64().unwrap();
    let rest = rig
        .api(
            Method::GET,
            &format!("/plugin/{}/trace?before={first}", ears.id),
            "",
        )
        .await;
    assert_eq!(rest[0], all[1]);
    rig.stop().await;
}

#[tokio::test]
async fn a_message_is_traced_to_the_webhook_that_sent_it() {
    let data = data(&[("hook", plugin("hook", &[SEND, WEBHOOK], &[sending()]))]);
    grant(data.path(), &["hook"], "webhook = true");
    let rig = Rig::start(data.path()).await;
    let hook = rig.enable("hook").await;
    let path = format!("/plugin/{}/custom/{}/deploy?secret=1", hook.id, hook.token);
    let (status, text) = rig.request(Method::POST, &path, "done").await;
    assert_eq!(status, 200, "{text}");
    let sent = rig
        .server
        .state()
        .store
        .newest_message(crate::ADA)
        .await
        .unwrap();
    assert_eq!(
        calls(&rig, hook.id, "").await,
        [json!({
            "kind": "webhook", "modulePath": "hook", "method": "POST", "path": "deploy",
            "status": 200, "sent": [sent],
        })]
    );
    let about = rig
        .api(Method::GET, &format!("/message/{sent}/calls"), "")
        .await;
    assert_eq!(about["sentIn"][0]["kind"], "webhook", "{about}");
    // Nobody else sees it.
    rig.api(
        Method::POST,
        "/user",
        r#"{"name":"eve","pass":"another horse","admin":false}"#,
    )
    .await;
    let others = rig
        .client
        .get(format!("{}/message/{sent}/calls", rig.server.url()));
    let others = others.basic_auth("eve", Some("another horse")).send().await;
    assert_eq!(others.unwrap().status(), 404);
    rig.stop().await;
}

#[tokio::test]
async fn a_timer_is_traced() {
    let ticks = plugin("clock", &[TIMERS], &[ticking(Some((0, 3_600_000)))]);
    let data = data(&[("clock", ticks)]);
    grant(data.path(), &["clock"], "timers = true");
    let rig = Rig::start(data.path()).await;
    let clock = rig.enable("clock").await;
    rig.hours_pass(&clock).await;
    let ticked = json!({ "kind": "timer", "modulePath": "clock", "timer": "tick" });
    let mut all = Vec::new();
    // The second call may not have ended when its plugin logged the name.
    until("both are traced", async || {
        all = calls(&rig, clock.id, "").await;
        all.len() == 2
    })
    .await;
    assert_eq!(all, [ticked.clone(), ticked]);
    rig.stop().await;
}
