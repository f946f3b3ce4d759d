//! Requests from outside to plugins.

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    ADA, Rig, data,
    fixture::{SEND, WEBHOOK, echoing, listening, plugin, sending},
    grant,
};

async fn echo() -> (tempfile::TempDir, Rig) {
    let data = data(&[
        ("echo", plugin("echo", &[WEBHOOK], &[echoing()])),
        ("none", plugin("none", &[], &[listening('!')])),
    ]);
    grant(
        data.path(),
        &["echo", "none"],
        "webhook = true\nlimits.webhook-body-bytes = 100",
    );
    let rig = Rig::start_with(data.path(), |config| {
        config.trusted_proxies = vec!["127.0.0.2/32".parse().unwrap()];
    })
    .await;
    (data, rig)
}

#[tokio::test]
async fn a_plugin_is_given_the_request_as_it_was_sent() {
    let (_data, rig) = echo().await;
    let slot = rig.enable("echo").await;
    let base = format!("/plugin/{}/custom/{}/", slot.id, slot.token);
    let host = rig.server.addr().to_string();
    for (method, path, expected) in [
        (Method::POST, "", "hello"),
        (Method::PUT, "m", "PUT"),
        (Method::DELETE, "m", "DELETE"),
        (Method::PATCH, "m", "PATCH"),
        (Method::OPTIONS, "m", "OPTIONS"),
        (Method::GET, "p/a%2Fb/", "p/a%2Fb/"),
        (Method::GET, "q?x=%31&y", "x=%31&y"),
        (Method::GET, "b", base.as_str()),
        (Method::GET, "c", "127.0.0.1"),
        (Method::GET, "s", "http"),
        (Method::GET, "h", host.as_str()),
    ] {
        let url = format!("{}{base}{path}", rig.server.url());
        let request = rig.client.request(method.clone(), url).body("hello");
        // Not from a proxy that is trusted.
        let request = request.header("x-forwarded-for", "192.0.2.1");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{method} {path}");
        assert_eq!(response.headers()["x-fixture"], "yes");
        assert!(
            response
                .headers()
                .get("access-control-allow-origin")
                .is_none()
        );
        assert!(response.headers().get("content-type").is_none());
        assert_eq!(response.text().await.unwrap(), expected, "{method} {path}");
    }
    // Only the token counts.
    let other = format!("/plugin/12345/custom/{}/b", slot.token);
    assert_eq!(rig.get(&other).await.1, base);
    rig.stop().await;
}

#[tokio::test]
async fn a_trusted_proxy_tells_where_a_request_came_from() {
    let data = data(&[("echo", plugin("echo", &[WEBHOOK], &[echoing()]))]);
    grant(data.path(), &["echo"], "webhook = true");
    let rig = Rig::start_with(data.path(), |config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let slot = rig.enable("echo").await;
    for (path, expected) in [("c", "192.0.2.1"), ("s", "https"), ("h", "push.example")] {
        let base = format!("{}/plugin/1/custom/{}/", rig.server.url(), slot.token);
        let response = rig
            .client
            .get(format!("{base}{path}"))
            .header("x-forwarded-for", "10.9.9.9, 192.0.2.1")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "push.example")
            .send()
            .await
            .unwrap();
        assert_eq!(response.text().await.unwrap(), expected);
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_plugin_knows_its_address_below_the_servers_path() {
    let data = data(&[("echo", plugin("echo", &[WEBHOOK], &[echoing()]))]);
    grant(data.path(), &["echo"], "webhook = true");
    let rig = Rig::start_with(data.path(), |config| {
        config.path_prefix = "/push".parse().unwrap();
    })
    .await;
    let slot = rig.enable("echo").await;
    let hook = format!("/plugin/{}/custom/{}/", slot.id, slot.token);
    let below = format!("/push{hook}");
    assert_eq!(rig.get(&format!("{below}b")).await.1, below);
    assert_eq!(rig.get(&format!("{below}p/a%2Fb/")).await.1, "p/a%2Fb/");
    // A proxy may have taken the prefix away.
    assert_eq!(rig.get(&format!("{hook}b")).await.1, below);
    // The API's paths are all below it.
    let plugins = rig.api(Method::GET, "/push/plugin", "").await;
    assert_eq!(plugins[0]["webhookPath"], hook);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_told_as_gotify_tells_it() {
    let (data, rig) = echo().await;
    let slot = rig.slot("echo").await;
    let hook = format!("/plugin/{}/custom/{}/", slot.id, slot.token);
    let (status, text) = rig.get(&hook).await;
    assert_eq!(status, 400);
    assert_eq!(
        text,
        r#"{"error":"Bad Request","errorCode":400,"errorDescription":"plugin is disabled"}"#
    );
    rig.enable("echo").await;
    assert_eq!(rig.get(&hook).await.0, 200);
    let wrong = format!("/plugin/{}/custom/{}x/", slot.id, slot.token);
    let (status, text) = rig.get(&wrong).await;
    assert_eq!(status, 404, "{text}");
    // A plugin that is no webhook.
    let none = rig.enable("none").await;
    let path = format!("/plugin/{}/custom/{}/", none.id, none.token);
    assert_eq!(rig.get(&path).await.0, 404);

    // A body at the limit, one above it, and one that does not say how long it is.
    let fits = "x".repeat(100);
    let (status, text) = rig.request(Method::POST, &hook, &fits).await;
    assert_eq!((status.as_u16(), text), (200, fits));
    let (status, text) = rig.request(Method::POST, &hook, &"x".repeat(101)).await;
    assert_eq!(status, 413, "{text}");
    assert!(text.contains("at most 100 bytes"), "{text}");
    let mut request = format!(
        "POST {hook} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    request.push_str(&"5\r\npiece\r\n".repeat(50));
    request.push_str("0\r\n\r\n");
    let mut connection = tokio::net::TcpStream::connect(rig.server.addr())
        .await
        .unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(rig.is_healthy().await);
    rig.stop().await;

    // The administrator takes the grant back.
    std::fs::remove_file(data.path().join("grants.toml")).unwrap();
    let rig = Rig::start(data.path()).await;
    let (status, text) = rig.get(&hook).await;
    assert_eq!(status, 403, "{text}");
    // No stranger makes a plugin look as if it failed.
    let shown = rig.shown("echo").await;
    assert_eq!(shown["failing"], false, "{shown}");
    assert_eq!(shown["lastError"], Value::Null, "{shown}");
    assert_eq!(rig.slot("echo").await.denials().len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_plugin_sends_only_while_it_is_enabled() {
    let data = data(&[("send", plugin("send", &[SEND, WEBHOOK], &[sending()]))]);
    grant(
        data.path(),
        &["send"],
        "webhook = true\nlimits.messages-per-minute = 2",
    );
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable("send").await;
    let hook = format!("/plugin/{}/custom/{}/", slot.id, slot.token);
    assert_eq!(rig.request(Method::POST, &hook, "one").await.0, 200);
    assert_eq!(rig.request(Method::POST, &hook, "two").await.0, 200);
    let (status, text) = rig.request(Method::POST, &hook, "three").await;
    assert_eq!(status, 500);
    assert!(text.contains("2 messages a minute"), "{text}");
    let newest = rig.server.state().store.newest_message(ADA).await.unwrap();
    assert_eq!(newest, 2);
    rig.stop().await;
}
