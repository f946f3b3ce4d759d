//! Messages that filters dropped: kept, shown with their trace, restored.

use std::time::Duration;

use mortise_server::time::rfc3339;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    ADA, PASSWORD, Rig, data,
    fixture::{FILTER, READ_ALL, dropping, listening, plugin, titling, trapping},
    said, until,
};

async fn dropped(rig: &Rig) -> Vec<Value> {
    let page = rig.api(Method::GET, "/message/dropped", "").await;
    page["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_dropped_message_is_kept_with_its_trace_and_restored_once() {
    let data = data(&[
        ("a", plugin("a", &[FILTER], &[titling("from a")])),
        ("drops", plugin("drops", &[FILTER], &[dropping()])),
        ("ears", plugin("ears", &[READ_ALL], &[listening('!')])),
    ]);
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    let drops = rig.enable("drops").await;
    rig.enable("ears").await;
    rig.send("backup", "done").await.unwrap();
    rig.stop().await;

    // It is there after a restart.
    let rig = Rig::start(data.path()).await;
    let kept = dropped(&rig).await;
    let [message] = kept.as_slice() else {
        panic!("{kept:?}");
    };
    assert_eq!(
        (&message["title"], &message["message"], &message["kind"]),
        (&json!("from a"), &json!("done"), &json!("dropped"))
    );
    assert_eq!(message["reason"], "unwanted");
    assert_eq!(
        message["by"],
        json!({ "id": "drops", "name": "drops", "instance": drops.id })
    );
    let trace = message["trace"].as_array().unwrap();
    assert_eq!((trace.len(), &trace[0]["action"]), (2, &json!("replace")));
    assert_eq!(
        trace[0]["changes"],
        json!([{ "field": "title", "before": "plain", "after": "from a" }])
    );
    assert_eq!(
        (&trace[1]["action"], &trace[1]["version"]),
        (&json!("drop"), &json!("1.0.0"))
    );

    let path = format!("/message/dropped/{}/restore", message["id"]);
    let both = tokio::join!(
        rig.request(Method::POST, &path, ""),
        rig.request(Method::POST, &path, ""),
    );
    let mut statuses = [both.0.0.as_u16(), both.1.0.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404], "{both:?}");
    let stored = rig.api(Method::GET, "/message", "").await;
    let stored = stored["messages"].as_array().unwrap();
    assert_eq!(stored.len(), 1, "{stored:?}");
    assert_eq!(stored[0]["title"], "from a");
    let path = format!("/message/{}/trace", stored[0]["id"]);
    let trace = rig.api(Method::GET, &path, "").await;
    assert_eq!(trace[1]["action"], "drop");
    assert_eq!(trace[2]["action"], "restored");
    assert!(dropped(&rig).await.is_empty());
    let ears = rig.slot("ears").await;
    until("the listener got it", async || said(&ears) == ["done"]).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_restored_message_ends_at_its_time_unless_it_has_passed() {
    let data = data(&[("drops", plugin("drops", &[FILTER], &[dropping()]))]);
    let rig = Rig::start(data.path()).await;
    let changed = rig.stored("backup", "before").await.id;
    rig.enable("drops").await;
    let send = async |method: Method, path: &str, body: Value| {
        let url = format!("{}{path}", rig.server.url());
        let request = rig.client.request(method, url);
        let request = request.header("x-gotify-key", "backup").json(&body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{body}");
    };
    let now = rig.server.state().config.clock.now_ms();
    let (soon, late) = (rfc3339(now + 600_000), rfc3339(now + 3_600_000));
    for end in [&soon, &late] {
        let new = json!({ "message": "new", "expiresAt": end });
        send(Method::POST, "/message", new).await;
    }
    let message = format!("/message/{changed}");
    for change in [
        json!({ "message": "ends", "expiresAt": late }),
        json!({ "message": "keeps its end" }),
        json!({ "message": "stays", "expiresAt": "" }),
    ] {
        send(Method::PUT, &message, change).await;
    }
    rig.clock.advance(Duration::from_secs(1200));
    let end = |message: &Value| message.get("expiresAt").cloned();
    let mut kept = dropped(&rig).await;
    kept.reverse();
    let (soon, late) = (Some(json!(soon)), Some(json!(late)));
    let ends: Vec<_> = kept.iter().map(end).collect();
    assert_eq!(ends, [soon, late.clone(), late.clone(), None, None]);
    let mut ends = Vec::new();
    for one in &kept {
        let path = format!("/message/dropped/{}/restore", one["id"]);
        ends.push(end(&rig.api(Method::POST, &path, "").await));
    }
    assert_eq!(ends, [None, late.clone(), late.clone(), late, None]);
    rig.stop().await;
}

#[tokio::test]
async fn a_refused_message_is_kept_and_each_can_be_deleted() {
    let data = data(&[
        ("drops", plugin("drops", &[FILTER], &[dropping()])),
        ("traps", plugin("traps", &[FILTER], &[trapping()])),
    ]);
    let rig = Rig::start(data.path()).await;
    let traps = rig.enable("traps").await;
    let path = format!("/plugin/{}/filter", traps.id);
    let place = r#"{"order":0,"failClosed":true}"#;
    rig.request(Method::PUT, &path, place).await;
    assert!(rig.send("backup", "refused").await.is_err());
    rig.post(&traps, "disable", "").await;
    rig.enable("drops").await;
    for number in 0..3 {
        rig.send("backup", &format!("dropped {number}"))
            .await
            .unwrap();
    }
    let kept = dropped(&rig).await;
    let texts: Vec<_> = kept
        .iter()
        .map(|one| one["message"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["dropped 2", "dropped 1", "dropped 0", "refused"]);
    assert_eq!(kept[3]["kind"], "refused");
    let last = &kept[3]["trace"][0];
    assert_eq!(
        (&last["action"], &last["cause"]),
        (&json!("refused"), &json!("failed"))
    );
    // Page by page.
    let page = rig.api(Method::GET, "/message/dropped?limit=2", "").await;
    assert_eq!(page["paging"]["since"], kept[1]["id"]);
    let next = page["paging"]["next"].as_str().unwrap();
    let rest = rig.api(Method::GET, next, "").await;
    assert_eq!(rest["messages"][1], kept[3]);

    let path = format!("/message/dropped/{}", kept[0]["id"]);
    for expected in [200, 404] {
        let (status, text) = rig.request(Method::DELETE, &path, "").await;
        assert_eq!(status, expected, "{text}");
    }
    rig.api(Method::DELETE, "/message/dropped", "").await;
    assert!(dropped(&rig).await.is_empty());
    rig.stop().await;
}

#[tokio::test]
async fn a_dropped_message_is_its_users_alone() {
    let data = data(&[("drops", plugin("drops", &[FILTER], &[dropping()]))]);
    let rig = Rig::start(data.path()).await;
    rig.enable("drops").await;
    rig.send("backup", "done").await.unwrap();
    let id = dropped(&rig).await[0]["id"].clone();
    let state = rig.server.state();
    let hash = state.passwords.hash(PASSWORD).await.unwrap();
    state.store.create_user("bob", &hash, false).await.unwrap();
    for (method, path, expected) in [
        (Method::POST, format!("/message/dropped/{id}/restore"), 404),
        (Method::DELETE, format!("/message/dropped/{id}"), 404),
        (Method::DELETE, "/message/dropped".to_owned(), 200),
    ] {
        let url = format!("{}{path}", rig.server.url());
        let request = rig.client.request(method, url);
        let answer = request.basic_auth("bob", Some(PASSWORD)).send().await;
        assert_eq!(answer.unwrap().status().as_u16(), expected, "{path}");
    }
    assert_eq!(dropped(&rig).await.len(), 1);
    assert_eq!(state.store.newest_message(ADA).await.unwrap(), 0);
    rig.stop().await;
}

#[tokio::test]
async fn as_many_are_kept_as_may_be_and_the_oldest_go() {
    let data = data(&[("drops", plugin("drops", &[FILTER], &[dropping()]))]);
    let rig = Rig::start(data.path()).await;
    rig.enable("drops").await;
    let all = (0..510).map(|number| {
        let rig = &rig;
        async move { rig.send("backup", &number.to_string()).await.unwrap() }
    });
    rig.send("backup", "the first").await.unwrap();
    futures_util::future::join_all(all).await;
    let mut kept = 0;
    let mut path = "/message/dropped?limit=200".to_owned();
    loop {
        let page = rig.api(Method::GET, &path, "").await;
        for one in page["messages"].as_array().unwrap() {
            assert_ne!(one["message"], "the first");
            kept += 1;
        }
        match page["paging"]["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(kept, 500);
    rig.stop().await;
}
