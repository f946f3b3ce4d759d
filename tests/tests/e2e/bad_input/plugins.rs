//! Misbehaving plugins. The titles of messages are commands for the fixture.

use mortise_tests::server::{Data, Server, body};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{RULES, assert_all_well, enable_rules, install_rules};

const EVERYTHING: &str = "test.everything";

/// A server with the fixture and the plugin that has to go on working.
async fn up() -> (Data, Server, String) {
    let data = Data::new();
    install_rules(&data);
    let fixture = std::fs::read(mortise_tests::guests::example("everything")).unwrap();
    data.plugin("everything.wasm", &fixture);
    data.grant_as_asked(EVERYTHING);
    let server = data.serve().await;
    enable_rules(&server).await;
    server.enable(EVERYTHING, None).await;
    let token = server.application("backup").await;
    (data, server, token)
}

/// Sends a command to the fixture's filter. Returns the stored message, and the
/// fixture's entry in the trace.
///
/// The fixture is a listener too, and executes a stored command again. So the
/// test deletes the message at once, and sends the command again while the
/// fixture is busy with an earlier one or paused after it.
async fn command(server: &Server, token: &str, command: &str) -> (Value, Value) {
    mortise_wait::found("the fixture has time", async || {
        let message = json!({"title": command, "message": "do it"});
        let stored = body(server.send(token, &message).await).await;
        let trace = server
            .admin(Method::GET, &format!("/message/{}/trace", stored["id"]))
            .send()
            .await
            .unwrap();
        let trace = body(trace).await;
        let entry = trace
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["plugin"] == "Everything")
            .unwrap_or_else(|| panic!("{trace}"))
            .clone();
        let deleted = server
            .admin(Method::DELETE, &format!("/message/{}", stored["id"]))
            .send()
            .await
            .unwrap();
        assert!(deleted.status().is_success(), "{}", deleted.status());
        let detail = entry["detail"].as_str().unwrap_or_default();
        let busy = detail.contains("is paused") || detail.contains("for earlier calls");
        (!busy).then_some((stored, entry))
    })
    .await
}

#[tokio::test]
async fn a_filter_that_misbehaves_is_passed_over() {
    let (_data, server, token) = up().await;
    for (word, says) in [
        ("loop", "did not answer within"),
        ("sleep-ms 60000", "did not answer within"),
        ("recurse", "crashed"),
        ("allocate", "crashed"),
        ("panic on purpose", "crashed"),
        ("exit 3", "crashed"),
        ("big-string 52428800", "too much data"),
        ("fail on purpose", "on purpose"),
    ] {
        let (stored, entry) = command(&server, &token, word).await;
        // It is stored all the same, as it was sent.
        assert_eq!(stored["title"], word);
        assert_eq!(stored["message"], "do it");
        assert_eq!(entry["action"], "skipped", "{word}: {entry}");
        let detail = entry["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{word}: {detail}");
        assert_all_well(&server, &token).await;
    }
    // And it works again when it behaves.
    let (stored, _) = command(&server, &token, "say hello").await;
    assert_eq!(stored["message"], "hello");
    server.stop().await;
}

#[tokio::test]
async fn a_flood_of_log_lines_stays_within_its_bound() {
    let (_data, server, token) = up().await;
    for word in ["log-flood 2000", "print-flood 2000"] {
        // Whether it gets through in time is not the point.
        command(&server, &token, word).await;
        assert_all_well(&server, &token).await;
    }
    let plugin = server.plugin(EVERYTHING).await.unwrap();
    let log = server
        .admin(Method::GET, &format!("/plugin/{}/log", plugin["id"]))
        .send()
        .await
        .unwrap();
    let log = body(log).await;
    let sizes = log.as_array().unwrap().iter();
    let bytes: usize = sizes
        .map(|entry| entry["text"].as_str().unwrap().len())
        .sum();
    assert!((1..=256 << 10).contains(&bytes), "{bytes}");
    server.stop().await;
}

#[tokio::test]
async fn webhooks_are_bounded_and_their_failures_answered() {
    let (_data, server, token) = up().await;
    let plugin = server.plugin(EVERYTHING).await.unwrap();
    let path = format!(
        "/plugin/{}/custom/{}/",
        plugin["id"],
        plugin["token"].as_str().unwrap()
    );
    let call = |text: String| server.request(Method::POST, &path).body(text).send();

    let answer = call("say hello".to_owned()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.text().await.unwrap(), "hello");

    let answer = call("x".repeat((1 << 20) + 1)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);

    for word in ["panic on purpose", "big-string 52428800"] {
        let answer = call(word.to_owned()).await.unwrap();
        assert!(
            answer.status().is_server_error(),
            "{word}: {}",
            answer.status()
        );
        assert_all_well(&server, &token).await;
    }

    // Only the secret opens it.
    for path in [
        format!("/plugin/{}/custom/Pxxxxxxxxxxxxxx/", plugin["id"]),
        format!("/plugin/{}/custom//", plugin["id"]),
        "/plugin/999/custom/Pxxxxxxxxxxxxxx/".to_owned(),
    ] {
        let answer = server.request(Method::POST, &path).body("say hello").send();
        let answer = answer.await.unwrap();
        assert!(
            answer.status().is_client_error(),
            "{path}: {}",
            answer.status()
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_configuration_that_is_refused_changes_nothing() {
    let (_data, server, token) = up().await;
    let plugin = server.plugin(RULES).await.unwrap();
    let path = format!("/plugin/{}/config", plugin["id"]);
    let before = server.admin(Method::GET, &path).send().await.unwrap();
    let before = before.text().await.unwrap();
    for (text, says) in [
        ("rules: [", "line"),
        ("rulez: []", "rulez"),
        ("rules: [{ when: { body: '(' } }]", "rules[0].when.body"),
    ] {
        let answer = server
            .admin(Method::POST, &path)
            .header("Content-Type", "application/x-yaml")
            .body(text)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{text}");
        let error: Value = answer.json().await.unwrap();
        let description = error["errorDescription"].as_str().unwrap();
        assert!(description.contains(says), "{text}: {description}");
    }
    let after = server.admin(Method::GET, &path).send().await.unwrap();
    assert_eq!(after.text().await.unwrap(), before);
    assert_all_well(&server, &token).await;
    server.stop().await;
}
