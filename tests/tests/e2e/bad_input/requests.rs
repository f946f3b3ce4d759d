//! Malformed requests.

use mortise_tests::server::{Data, Server};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{assert_all_well, enable_rules, install_rules};

/// Sends a request that is to be refused, in Gotify's form.
async fn refused(request: RequestBuilder, status: StatusCode) -> Value {
    let answer = request.send().await.unwrap();
    let found = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    let error: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
    assert_eq!(error["errorCode"], status.as_u16(), "{error}");
    for part in ["error", "errorDescription"] {
        assert!(
            error[part].as_str().is_some_and(|text| !text.is_empty()),
            "{error}"
        );
    }
    error
}

/// A server with the plugin, and an application's token.
async fn up() -> (Data, Server, String) {
    let data = Data::new();
    install_rules(&data);
    let server = data.serve().await;
    enable_rules(&server).await;
    let token = server.application("backup").await;
    (data, server, token)
}

#[tokio::test]
async fn wrong_tokens_are_refused() {
    let (_data, server, token) = up().await;
    let message = json!({"message": "hello"});
    let post = || server.request(Method::POST, "/message").json(&message);
    let long = "A".repeat(4096);
    for wrong in [
        "",
        "A",
        "Axxxxxxxxxxxxxx",
        "Cxxxxxxxxxxxxxx",
        "' OR 1=1 --",
        &long,
    ] {
        let request = post().query(&[("token", wrong)]);
        refused(request, StatusCode::UNAUTHORIZED).await;
        if !wrong.is_empty() {
            let request = post().header("X-Gotify-Key", wrong);
            refused(request, StatusCode::UNAUTHORIZED).await;
        }
    }
    refused(post(), StatusCode::UNAUTHORIZED).await;
    refused(post().bearer_auth("nobody"), StatusCode::UNAUTHORIZED).await;
    refused(
        post().basic_auth("admin", Some("wrong")),
        StatusCode::UNAUTHORIZED,
    )
    .await;
    refused(
        post().basic_auth("nobody", Some("wrong")),
        StatusCode::UNAUTHORIZED,
    )
    .await;
    // An application may send and no more.
    for path in [
        "/message",
        "/application",
        "/client",
        "/plugin",
        "/current/user",
    ] {
        let request = server
            .request(Method::GET, path)
            .header("X-Gotify-Key", &token);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        assert!([401, 403].contains(&status), "{path}: {status}");
    }
    assert_all_well(&server, &token).await;
}

#[tokio::test]
async fn messages_beyond_their_bounds_are_refused() {
    let (_data, server, token) = up().await;
    let post = |message: &Value| {
        server
            .request(Method::POST, "/message")
            .header("X-Gotify-Key", &token)
            .json(message)
    };
    let mib = |count: usize| "x".repeat(count << 20);
    for message in [
        json!({"message": mib(17)}),
        json!({"message": "x", "title": mib(16)}),
        json!({"message": "x", "extras": {"a::b": mib(16)}}),
    ] {
        let answer = post(&message).send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        assert_eq!(status, 413, "{text}");
        assert!(text.contains("--max-message-size"), "{text}");
    }
    // Much more than that is not even read: the connection may be closed before
    // the client has written it all. It has a client of its own, as its connection
    // is of no use for later requests.
    let much = reqwest::Client::new()
        .post(format!("{}/message", server.url()))
        .header("X-Gotify-Key", &token)
        .json(&json!({"message": mib(50)}));
    match much.send().await {
        Ok(answer) => assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE),
        Err(error) => assert!(error.is_request(), "{error}"),
    }
    assert!(server.messages().await.is_empty());
    assert_all_well(&server, &token).await;
}

#[tokio::test]
async fn malformed_messages_are_refused() {
    let (_data, server, token) = up().await;
    let deep = format!(
        "{{\"message\": \"x\", \"extras\": {}",
        "{\"a\":".repeat(20_000)
    );
    for text in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"message": ""}"#,
        r#"{"message": 1}"#,
        r#"{"message": "x", "priority": "high"}"#,
        r#"{"message": "x", "priority": 99999999999999999999}"#,
        r#"{"message": "x", "extras": []}"#,
        "{\"message\": \"\u{0}",
        &deep,
    ] {
        let request = server
            .request(Method::POST, "/message")
            .header("X-Gotify-Key", &token)
            .header("Content-Type", "application/json")
            .body(text.to_owned());
        refused(request, StatusCode::BAD_REQUEST).await;
    }
    assert!(server.messages().await.is_empty());
    assert_all_well(&server, &token).await;
}
