//! Paths with slashes doubled, or one too many at the end.

use serde_json::json;

use super::{JSON, raw, secret, sender};
use crate::support::{ADMIN, start};

const MESSAGE: &[u8] = br#"{"message":"m"}"#;

#[tokio::test]
async fn doubled_slashes() {
    let running = start().await;
    let token = sender(&running).await;
    let (id, client) = running.client(&ADMIN).await;
    let client = secret(&client);
    for target in ["//message", "///message", "/message", "//message?x=//y"] {
        let headers = [JSON, ("X-Gotify-Key", token.as_str())];
        raw(&running, "POST", target, &headers, MESSAGE)
            .await
            .is(200);
    }
    for target in ["//application", "//current//user", "//message", "/health"] {
        let headers = [("X-Gotify-Key", client)];
        raw(&running, "GET", target, &headers, b"").await.is(200);
    }
    let page = raw(
        &running,
        "GET",
        "//message?limit=2",
        &[("X-Gotify-Key", client)],
        b"",
    )
    .await
    .is(200);
    // The address of the next page names no other host.
    let next = page.json()["paging"]["next"].as_str().unwrap().to_owned();
    assert!(next.starts_with("/message?limit=2&since="), "{next}");
    let target = format!("//client///{id}");
    let headers = [("X-Gotify-Key", client)];
    raw(&running, "DELETE", &target, &headers, b"")
        .await
        .is(200);
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_doubled_slash_before_the_stream() {
    let running = start().await;
    let (_, client) = running.client(&ADMIN).await;
    let url = format!(
        "ws://{}//stream?token={}",
        running.server.addr(),
        secret(&client)
    );
    let (_socket, answer) = tokio_tungstenite::connect_async(url).await.unwrap();
    assert_eq!(answer.status(), 101);
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_slash_at_the_end() {
    let running = start().await;
    for (method, target, status, location) in [
        ("GET", "/message/?limit=2", 301, Some("/message?limit=2")),
        ("GET", "/version/", 301, Some("/version")),
        ("HEAD", "/health/", 301, Some("/health")),
        (
            "POST",
            "/message/?token=A%20b&x=1",
            307,
            Some("/message?token=A%20b&x=1"),
        ),
        ("POST", "//message//", 307, Some("/message")),
        ("PUT", "/application/5/", 307, Some("/application/5")),
        ("DELETE", "/message/5/", 307, Some("/message/5")),
        (
            "POST",
            "/plugin/5/custom/Pabc",
            307,
            Some("/plugin/5/custom/Pabc/"),
        ),
        ("GET", "/nothing/", 404, None),
        ("POST", "/version/", 404, None),
        ("GET", "/application//", 301, Some("/application")),
    ] {
        let answer = raw(&running, method, target, &[], b"").await.is(status);
        assert_eq!(answer.header("location"), location, "{method} {target}");
    }
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_body_follows_a_redirect() {
    let running = start().await;
    let token = sender(&running).await;
    let sent = running
        .post(
            &format!("/message/?token={token}"),
            &crate::support::As::Nobody,
            json!({"message": "m"}),
        )
        .await;
    assert_eq!(crate::support::ok(sent)["message"], "m");
    running.server.shutdown().await;
}

/// The library below the server reads no such address; Gotify does.
#[tokio::test]
async fn an_address_with_characters_that_must_be_encoded() {
    let running = start().await;
    let token = sender(&running).await;
    let target = format!("/message?token={token}&message=");
    for (written, encoded) in [("<b>", "%3Cb%3E"), ("\"a\"", "%22a%22")] {
        let answer = raw(&running, "POST", &format!("{target}{written}"), &[], b"").await;
        answer.is(400);
        let answer = raw(&running, "POST", &format!("{target}{encoded}"), &[], b"").await;
        assert_eq!(answer.is(200).json()["message"], written);
    }
    running.server.shutdown().await;
}
