//! Sizes: whatever senders send, up to the bounds that an operator sets.

use mortise_server::{Config, Server, config::Size};
use serde_json::json;

use super::{raw, sender};
use crate::support::{ADMIN, Running, config, ok, refused, start};

#[tokio::test]
async fn long_messages_titles_and_names() {
    let running = start().await;
    let token = crate::support::As::Token(sender(&running).await);
    // A line break takes two bytes in JSON, and every letter one.
    for (character, length) in [
        ("\n", 200 << 10),
        ("\n", 1 << 20),
        ("x", 2 << 20),
        ("x", 15 << 20),
    ] {
        let text = character.repeat(length);
        let sent = ok(running
            .post("/message", &token, json!({"message": text}))
            .await);
        assert_eq!(sent["message"].as_str().unwrap().len(), length);
    }
    let title = "t".repeat(2 << 10);
    let sent = json!({"message": "m", "title": title, "extras": {"x": "e".repeat(1 << 20)}});
    let sent = ok(running.post("/message", &token, sent).await);
    assert_eq!(sent["title"], title.as_str());
    let name = "應".repeat(60);
    let description = "d".repeat(10 << 10);
    let params = json!({"name": name, "description": description});
    let created = ok(running.post("/application", &ADMIN, params).await);
    assert_eq!(created["name"], name.as_str());
    let created = ok(running
        .post("/client", &ADMIN, json!({"name": "應".repeat(100)}))
        .await);
    assert_eq!(created["name"].as_str().unwrap().len(), 300);
    let user = json!({"name": name, "pass": "p"});
    assert_eq!(
        ok(running.post("/user", &ADMIN, user).await)["name"],
        name.as_str()
    );
    let page = ok(running.get("/message", &ADMIN).await);
    assert_eq!(page["messages"].as_array().unwrap().len(), 5);
    running.server.shutdown().await;
}

/// A page of long messages is shorter than its limit, and names the next one.
#[tokio::test]
async fn a_long_message_in_the_address() {
    let running = start().await;
    let token = sender(&running).await;
    let text = "x".repeat(65_000);
    let target = format!("/message?token={token}&message={text}");
    // Headers have room beside it.
    let cookies = "c".repeat(16 << 10);
    let headers = [("Cookie", cookies.as_str())];
    let sent = raw(&running, "POST", &target, &headers, b"").await.is(200);
    assert_eq!(sent.json()["message"], text);
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_page_of_long_messages_is_bounded() {
    let running = start().await;
    let token = crate::support::As::Token(sender(&running).await);
    let text = "x".repeat(12 << 20);
    for _ in 0..4 {
        ok(running
            .post("/message", &token, json!({"message": text}))
            .await);
    }
    let mut next = Some("/message?limit=3".to_owned());
    let mut sizes = Vec::new();
    while let Some(path) = next {
        let page = ok(running.get(&path, &ADMIN).await);
        sizes.push(page["paging"]["size"].as_u64().unwrap());
        next = page["paging"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!(sizes, [2, 2]);
    running.server.shutdown().await;
}

#[tokio::test]
async fn an_operator_sets_the_bound() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Config {
        max_message_size: Size::in_bytes(1000),
        max_image_size: Size::in_bytes(100),
        ..config(&directory)
    };
    let running = Running {
        server: Server::start(settings, mortise_backends::of_server)
            .await
            .unwrap(),
        http: reqwest::Client::new(),
        directory,
    };
    let (id, token) = running.application("a").await;
    ok(running
        .post("/message", &token, json!({"message": "x".repeat(999)}))
        .await);
    let long = json!({"message": "x".repeat(1001)});
    refused(
        running.post("/message", &token, long).await,
        413,
        "this server accepts 1000B, set by --max-message-size",
    );
    let mut image = b"GIF89a".to_vec();
    image.resize(101, 0);
    let part = reqwest::multipart::Part::bytes(image).file_name("a.gif");
    let upload = running
        .request(
            reqwest::Method::POST,
            &format!("/application/{id}/image"),
            &ADMIN,
        )
        .multipart(reqwest::multipart::Form::new().part("file", part));
    refused(running.send(upload).await, 413, "--max-image-size");
    running.server.shutdown().await;
}
