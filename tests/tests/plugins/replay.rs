//! Replays of a filter's recorded calls.

use std::time::Duration;

use mortise_runtime::limits::CONFIG_BYTES;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::{
    ADA, PASSWORD, Rig, data,
    fixture::{
        FILTER, READ_ALL, SEND, WEBHOOK, dropping, listening, plugin, sending, titling, trapping,
    },
    grant, replace, until,
};

impl Rig {
    /// Replays the calls of one of Ada's plugins with a file, or with the pending version
    /// if it is empty.
    async fn candidate(&self, id: &str, file: Vec<u8>) -> (StatusCode, Value) {
        let slot = self.slot(id).await;
        let path = format!("/plugin/{}/replay/candidate", slot.id);
        let answer = self
            .client
            .post(format!("{}{path}", self.server.url()))
            .basic_auth("ada", Some(PASSWORD))
            .header("content-type", "application/octet-stream")
            .body(file)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap())
    }

    async fn replay(&self, id: &str, query: &str) -> Value {
        let slot = self.slot(id).await;
        let path = format!("/plugin/{}/replay{query}", slot.id);
        self.api(Method::POST, &path, "").await
    }
}

fn counts(replay: &Value) -> [u64; 3] {
    ["calls", "same", "different"].map(|name| replay[name].as_u64().unwrap())
}

#[tokio::test]
async fn calls_are_compared_with_their_recorded_answers() {
    let data = data(&[
        ("a", plugin("a", &[FILTER], &[titling("from a")])),
        ("b", plugin("b", &[FILTER], &[titling("from b")])),
    ]);
    let rig = Rig::start(data.path()).await;
    let early = rig.replay("a", "").await;
    assert_eq!(counts(&early), [0, 0, 0]);
    rig.enable("a").await;
    let alone = rig.stored("backup", "one").await;
    rig.enable("b").await;
    let both = rig.stored("backup", "two").await;
    // One that changed nothing has no message of its own.
    assert_eq!(counts(&rig.replay("a", "").await), [2, 2, 0]);
    assert_eq!(counts(&rig.replay("b", "").await), [1, 1, 0]);

    let other = plugin("a", &[FILTER], &[titling("from another")]);
    let (status, replay) = rig.candidate("a", other).await;
    assert_eq!(status, 200, "{replay}");
    assert_eq!(counts(&replay), [2, 0, 2]);
    let first = &replay["differences"][0];
    assert_eq!(first["message"]["id"], alone.id);
    assert_eq!(
        (&first["application"], &first["title"]),
        (&"backup".into(), &"plain".into())
    );
    for (side, title) in [("recorded", "from a"), ("replayed", "from another")] {
        assert_eq!(first[side]["action"], "replace");
        let change = &first[side]["changes"][0];
        assert_eq!(
            (&change["before"], &change["after"]),
            (&"plain".into(), &title.into())
        );
    }
    // The other filter came after it, and its change is not this one's.
    let second = &replay["differences"][1];
    assert_eq!(second["message"]["id"], both.id);
    assert_eq!(second["recorded"]["changes"][0]["after"], "from a");

    // Nothing of it was stored or is in force.
    assert_eq!(rig.stored("backup", "three").await.title, "from b");
    let versions = std::fs::read_dir(data.path().join("versions")).unwrap();
    let kept = versions.filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(kept.count(), 2, "the copy went with the replay");
    rig.stop().await;
}

#[tokio::test]
async fn drops_and_failures_are_compared_too() {
    let data = data(&[("a", plugin("a", &[FILTER], &[dropping()]))]);
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    rig.send("backup", "done").await.unwrap();
    let same = rig.replay("a", "").await;
    assert_eq!(counts(&same), [1, 1, 0]);

    let (_, replay) = rig
        .candidate("a", plugin("a", &[FILTER], &[titling("kept")]))
        .await;
    assert_eq!(counts(&replay), [1, 0, 1]);
    let first = &replay["differences"][0];
    assert_eq!(first["message"]["dropped"], true);
    assert_eq!(first["recorded"]["action"], "drop");
    assert_ne!(first["recorded"]["detail"], "");
    assert_eq!(first["replayed"]["action"], "replace");

    let (_, replay) = rig
        .candidate("a", plugin("a", &[FILTER], &[trapping()]))
        .await;
    assert_eq!(counts(&replay), [1, 0, 1]);
    let failed = &replay["differences"][0]["replayed"];
    assert_eq!(failed["action"], "fail");
    // The plugin itself did not fail.
    let doctor = rig.api(Method::GET, "/admin/plugins/a/doctor", "").await;
    assert_eq!(doctor["findings"], Value::Array(Vec::new()), "{doctor}");
    rig.stop().await;
}

#[tokio::test]
async fn only_the_calls_of_the_period_are_replayed() {
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("from a")]))]);
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    for body in ["one", "two"] {
        rig.stored("backup", body).await;
    }
    rig.clock.advance(Duration::from_secs(3600));
    let late = rig.stored("backup", "three").await;
    let since = |ms: i64| format!("?since={ms}");
    assert_eq!(counts(&rig.replay("a", "?limit=2").await), [2, 2, 0]);
    let one = rig.replay("a", &since(late.created_ms)).await;
    assert_eq!(counts(&one), [1, 1, 0]);
    let none = rig.replay("a", &since(late.created_ms + 1)).await;
    assert_eq!(counts(&none), [0, 0, 0]);

    let slot = rig.slot("a").await;
    let path = format!("/plugin/{}/calls?limit=1", slot.id);
    let calls = rig.api(Method::GET, &path, "").await;
    assert_eq!(calls[0]["draft"]["content"]["body"], "three");
    assert_eq!(calls[0]["draft"]["content"]["title"], "plain");
    assert_eq!(calls[0]["verdict"]["replace"]["title"], "from a");
    assert_eq!(calls.as_array().unwrap().len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn the_version_that_waits_for_approval_is_replayed_without_its_grant() {
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("from a")]))]);
    let rig = Rig::start(data.path()).await;
    grant(data.path(), &["a"], "");
    rig.enable("a").await;
    rig.stored("backup", "one").await;
    let (status, answer) = rig.candidate("a", Vec::new()).await;
    assert_eq!(status, 409, "{answer}");

    let more = plugin(
        "a",
        &[FILTER, WEBHOOK],
        &[titling("from the next"), sending()],
    );
    replace(data.path(), "a", &more);
    until("it waits", async || {
        let status = rig.plugins().status("a").unwrap();
        status.waiting.is_some()
    })
    .await;
    let (status, replay) = rig.candidate("a", Vec::new()).await;
    assert_eq!(status, 200, "{replay}");
    assert_eq!(counts(&replay), [1, 0, 1]);
    assert_eq!(
        replay["differences"][0]["replayed"]["changes"][0]["after"],
        "from the next"
    );
    // It waits as before.
    assert!(rig.plugins().status("a").unwrap().waiting.is_some());
    assert_eq!(rig.title().await, "from a");
    rig.stop().await;
}

#[tokio::test]
async fn each_file_that_cannot_be_replayed_has_its_reason() {
    let data = data(&[
        ("a", plugin("a", &[FILTER], &[titling("from a")])),
        ("l", plugin("l", &[READ_ALL], &[listening('!')])),
    ]);
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    rig.stored("backup", "one").await;
    let of_another = plugin("b", &[FILTER], &[titling("from b")]);
    let no_filter = plugin("a", &[SEND, WEBHOOK], &[sending()]);
    for (file, part) in [
        (of_another, "the plugin `b`"),
        (no_filter, "does not filter messages"),
        (b"no plugin".to_vec(), "the uploaded file"),
    ] {
        let (status, answer) = rig.candidate("a", file).await;
        assert_eq!(status, 422, "{answer}");
        let text = answer["errorDescription"].as_str().unwrap();
        assert!(text.contains(part), "{text}");
    }
    let listener = rig.slot("l").await;
    let (status, text) = rig.post(&listener, "replay", "").await;
    assert_eq!(status, 422, "{text}");
    assert!(text.contains("does not filter messages"), "{text}");
    let (status, _) = rig.request(Method::POST, "/plugin/99/replay", "").await;
    assert_eq!(status, 404);
    assert_eq!(rig.title().await, "from a");
    rig.stop().await;
}

#[tokio::test]
async fn a_message_to_try_is_bounded_and_not_stored() {
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("from a")]))]);
    let rig = Rig::start(data.path()).await;
    // Also of a plugin that is not enabled.
    let slot = rig.slot("a").await;
    let path = format!("/plugin/{}/try", slot.id);
    let sample = r#"{"title": "plain", "message": "one", "priority": 3}"#;
    let tried = rig.api(Method::POST, &path, sample).await;
    assert_eq!(tried["result"]["action"], "replace");
    assert_eq!(tried["result"]["changes"][0]["after"], "from a");
    let long = "x".repeat(CONFIG_BYTES + 1);
    for (sample, status) in [
        (r#"{"message": ""}"#.to_owned(), 400),
        (r#"{"message": "one", "appid": 99}"#.to_owned(), 400),
        (format!(r#"{{"message": "one", "config": "{long}"}}"#), 413),
    ] {
        let (answered, text) = rig.request(Method::POST, &path, &sample).await;
        assert_eq!(answered, status, "{text}");
    }
    let (_, list) = rig.get("/message").await;
    assert!(list.contains(r#""messages":[]"#), "{list}");
    rig.stop().await;
}

#[tokio::test]
async fn users_replay_their_own_calls_and_only_administrators_bring_a_version() {
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("from a")]))]);
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    rig.stored("backup", "one").await;
    let bob = r#"{"name":"bob","pass":"another horse","admin":false}"#;
    rig.api(Method::POST, "/user", bob).await;
    let as_bob = async |path: &str, body: Vec<u8>| {
        let request = rig.client.post(format!("{}{path}", rig.server.url()));
        let request = request.basic_auth("bob", Some("another horse"));
        request.body(body).send().await.unwrap()
    };
    let mine = rig.slot("a").await;
    let path = format!("/plugin/{}/replay", mine.id);
    assert_eq!(as_bob(&path, Vec::new()).await.status(), 404);
    let users = rig.server.state().store.users().await.unwrap();
    let bob = users.iter().find(|user| user.id != ADA).unwrap().id;
    let slots = rig.plugins().of_user(bob).await.unwrap();
    let path = format!("/plugin/{}/replay", slots[0].id);
    let answer = as_bob(&path, Vec::new()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(counts(&answer.json().await.unwrap()), [0, 0, 0]);
    let file = plugin("a", &[FILTER], &[titling("from bob")]);
    let path = format!("{path}/candidate");
    assert_eq!(as_bob(&path, file).await.status(), 403);
    rig.stop().await;
}
