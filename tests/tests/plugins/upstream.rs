//! In front of a Gotify that stays as it is: here, another server of ours.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use reqwest::Method;

use crate::{
    ADA, PASSWORD, Rig, data,
    fixture::{FILTER, READ_ALL, SEND, WEBHOOK, dropping, listening, plugin, sending, titling},
    grant, said, until,
};

/// A Gotify with an application and a client of Ada.
struct Gotify {
    rig: Rig,
    application: Value,
    client: String,
    _data: tempfile::TempDir,
}

impl Gotify {
    async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let rig = Rig::start(data.path()).await;
        let application = rig
            .api(Method::POST, "/application", r#"{"name":"backup"}"#)
            .await;
        let client = rig
            .api(Method::POST, "/client", r#"{"name":"mortise"}"#)
            .await;
        Self {
            rig,
            application,
            client: client["token"].as_str().unwrap().to_owned(),
            _data: data,
        }
    }

    /// A server in front of it.
    async fn front(&self, data: &tempfile::TempDir) -> Rig {
        let url = self.rig.server.url().parse().unwrap();
        Rig::start_with(data.path(), |config| {
            config.upstream = Some(url);
            config.upstream_tokens = vec![self.client.clone()];
        })
        .await
    }

    fn token(&self) -> &str {
        self.application["token"].as_str().unwrap()
    }

    /// The titles and texts that it has stored, oldest first.
    async fn stored(&self) -> Vec<(String, String)> {
        let page = self.rig.api(Method::GET, "/message", "").await;
        let messages = page["messages"].as_array().unwrap().iter().rev();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        messages
            .map(|message| (text(&message["title"]), text(&message["message"])))
            .collect()
    }
}

fn outside(front: &Rig) -> String {
    format!("http://{}", front.server.served().unwrap())
}

/// Sends a message as a sender does.
async fn send(to: &str, token: &str, message: &str) -> (u16, Value) {
    let sent = reqwest::Client::new()
        .post(format!("{to}/message"))
        .header("x-gotify-key", token)
        .json(&json!({ "message": message, "title": "plain" }))
        .send()
        .await
        .unwrap();
    (sent.status().as_u16(), sent.json().await.unwrap())
}

fn pair(title: &str, message: &str) -> (String, String) {
    (title.to_owned(), message.to_owned())
}

#[tokio::test]
async fn messages_pass_the_filters_on_their_way_in() {
    let gotify = Gotify::start().await;
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("from a")]))]);
    let front = gotify.front(&data).await;
    front.enable("a").await;
    let address = outside(&front);
    // The first message of a sender makes it known.
    let (status, first) = send(&address, gotify.token(), "one").await;
    assert_eq!((status, &first["title"]), (200, &json!("plain")), "{first}");
    let (status, second) = send(&address, gotify.token(), "two").await;
    assert_eq!(
        (status, &second["title"]),
        (200, &json!("from a")),
        "{second}"
    );
    assert_eq!(second["appid"], gotify.application["id"]);
    assert_eq!(second["id"].as_i64(), first["id"].as_i64().map(|id| id + 1));
    let expected = [pair("plain", "one"), pair("from a", "two")];
    assert_eq!(gotify.stored().await, expected);
    // The trace is here.
    let trace = format!("/message/{}/trace", second["id"]);
    let trace = front.api(Method::GET, &trace, "").await;
    assert_eq!(trace[0]["action"], "replace", "{trace}");
    // A wrong token is refused by Gotify itself.
    assert_eq!(send(&address, "A0000000000000x", "m").await.0, 401);
    front.stop().await;
    // Gotify is as it was, and everything is in it.
    let (status, third) = send(&gotify.rig.server.url(), gotify.token(), "three").await;
    assert_eq!((status, &third["title"]), (200, &json!("plain")));
    // The sender is still known after a restart.
    let front = gotify.front(&data).await;
    let (_, fourth) = send(&outside(&front), gotify.token(), "four").await;
    assert_eq!(fourth["title"], "from a");
    front.stop().await;
    gotify.rig.stop().await;
}

#[tokio::test]
async fn a_dropped_message_never_reaches_gotify() {
    let gotify = Gotify::start().await;
    let data = data(&[("a", plugin("a", &[FILTER], &[dropping()]))]);
    let front = gotify.front(&data).await;
    let address = outside(&front);
    send(&address, gotify.token(), "first").await;
    front.enable("a").await;
    let (status, dropped) = send(&address, gotify.token(), "dropped").await;
    assert_eq!((status, &dropped["id"]), (200, &json!(0)));
    assert_eq!(gotify.stored().await, [pair("plain", "first")]);
    let kept = front.api(Method::GET, "/message/dropped", "").await;
    let id = kept["messages"][0]["id"].as_i64().unwrap();
    let restore = format!("/message/dropped/{id}/restore");
    front.api(Method::POST, &restore, "").await;
    assert_eq!(
        gotify.stored().await.last(),
        Some(&pair("plain", "dropped"))
    );
    let kept = front.api(Method::GET, "/message/dropped", "").await;
    assert_eq!(kept["messages"], json!([]));
    front.stop().await;
    gotify.rig.stop().await;
}

#[tokio::test]
async fn a_revoked_token_sends_no_more() {
    let gotify = Gotify::start().await;
    let data = data(&[
        ("a", plugin("a", &[FILTER], &[titling("from a")])),
        ("drops", plugin("drops", &[FILTER], &[dropping()])),
    ]);
    let front = gotify.front(&data).await;
    front.enable("a").await;
    let address = outside(&front);
    for (name, renewed) in [("renewed", true), ("deleted", false)] {
        let added = gotify
            .rig
            .api(
                Method::POST,
                "/application",
                &json!({ "name": name }).to_string(),
            )
            .await;
        let token = added["token"].as_str().unwrap();
        assert_eq!(send(&address, token, "one").await.0, 200);
        assert_eq!(send(&address, token, "two").await.1["title"], "from a");
        // Gotify alone learns of it.
        let there = format!("/application/{}", added["id"]);
        if renewed {
            let (path, renew) = (format!("{there}/security"), r#"{"regenerateToken":true}"#);
            gotify.rig.api(Method::PUT, &path, renew).await;
        } else {
            front.enable("drops").await;
            gotify.rig.api(Method::DELETE, &there, "").await;
        }
        for _ in 0..2 {
            let (status, refused) = send(&address, token, "three").await;
            let (expected, same) = send(&gotify.rig.server.url(), token, "three").await;
            assert_eq!((status, expected), (401, 401), "{refused}");
            assert_eq!(refused, same);
        }
    }
    // Nor is a message kept that a filter dropped.
    let kept = front.api(Method::GET, "/message/dropped", "").await;
    assert_eq!(kept["messages"], json!([]));
    front.stop().await;
    gotify.rig.stop().await;
}

#[tokio::test]
async fn a_clients_token_sends_as_the_application_that_it_names() {
    let gotify = Gotify::start().await;
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("from a")]))]);
    let front = gotify.front(&data).await;
    front.enable("a").await;
    let add = async |path: &str| {
        let added = gotify.rig.api(Method::POST, path, r#"{"name":"other"}"#);
        added.await
    };
    let (application, client) = (add("/application").await, add("/client").await);
    let url = format!("{}/message", outside(&front));
    for application in [&gotify.application, &application, &gotify.application] {
        let sent = front
            .client
            .post(&url)
            .header("x-gotify-key", client["token"].as_str().unwrap())
            .json(&json!({ "message": "m", "title": "plain", "appid": application["id"] }))
            .send()
            .await
            .unwrap();
        assert_eq!(sent.status(), 200);
        let sent: Value = sent.json().await.unwrap();
        assert_eq!(sent["appid"], application["id"], "{sent}");
        assert_eq!(sent["title"], "plain", "{sent}");
    }
    front.stop().await;
    gotify.rig.stop().await;
}

#[tokio::test]
async fn listeners_and_webhooks_work_with_gotifys_messages() {
    let gotify = Gotify::start().await;
    let parts = [listening('!'), sending()];
    let data = data(&[("both", plugin("both", &[READ_ALL, SEND, WEBHOOK], &parts))]);
    grant(data.path(), &["both"], "webhook = true");
    let front = gotify.front(&data).await;
    let both = front.enable("both").await;
    // Until the stream is up, messages are no news.
    until("the stream brought a message", async || {
        send(&gotify.rig.server.url(), gotify.token(), "again").await;
        !said(&both).is_empty()
    })
    .await;
    // One that was sent past the front, and one through it.
    send(&gotify.rig.server.url(), gotify.token(), "past").await;
    send(&outside(&front), gotify.token(), "through").await;
    until("both came", async || {
        let said = said(&both);
        said.iter().any(|text| text == "past") && said.iter().any(|text| text == "through")
    })
    .await;
    // The webhook is reached from outside, and its message is in Gotify alone.
    let hook = format!(
        "{}/plugin/{}/custom/{}/",
        outside(&front),
        both.id,
        both.token
    );
    let called = front
        .client
        .post(hook)
        .body("from a plugin")
        .send()
        .await
        .unwrap();
    assert_eq!(called.status(), 200);
    let stored = gotify.stored().await;
    assert_eq!(stored.last().unwrap().1, "from a plugin");
    let applications = gotify.rig.api(Method::GET, "/application", "").await;
    let names: Vec<_> = applications
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["backup", "both"]);
    front.stop().await;
    gotify.rig.stop().await;
}

#[tokio::test]
async fn listeners_get_the_messages_that_came_while_the_server_was_down() {
    let gotify = Gotify::start().await;
    let url = gotify.rig.server.url();
    let data = data(&[("l", plugin("l", &[READ_ALL], &[listening('!')]))]);
    let front = gotify.front(&data).await;
    let listener = front.enable("l").await;
    until("the stream brought a message", async || {
        send(&url, gotify.token(), "again").await;
        !said(&listener).is_empty()
    })
    .await;
    send(&url, gotify.token(), "last").await;
    until("the last one came", async || {
        said(&listener).iter().any(|text| text == "last")
    })
    .await;
    front.stop().await;
    for text in ["missed", "missed, too"] {
        send(&url, gotify.token(), text).await;
    }
    let front = gotify.front(&data).await;
    let listener = front.slot("l").await;
    until("the missed ones came", async || {
        said(&listener).iter().any(|text| text == "missed, too")
    })
    .await;
    // The ones before had come already.
    assert_eq!(said(&listener), ["missed", "missed, too"]);
    front.stop().await;
    gotify.rig.stop().await;
}

#[tokio::test]
async fn a_message_that_passes_without_a_stream_overtakes_no_missed_one() {
    let gotify = Gotify::start().await;
    let data = data(&[("l", plugin("l", &[READ_ALL], &[listening('!')]))]);
    let front = gotify.front(&data).await;
    let listener = front.enable("l").await;
    until("the stream brought a message", async || {
        send(&outside(&front), gotify.token(), "again").await;
        !said(&listener).is_empty()
    })
    .await;
    send(&outside(&front), gotify.token(), "last").await;
    until("the last one came", async || {
        said(&listener).iter().any(|text| text == "last")
    })
    .await;
    front.stop().await;
    // Another client takes the only place for a stream.
    let hub = &gotify.rig.server.state().hub;
    hub.set_most(1);
    until("the stream ended", async || hub.connections() == 0).await;
    let stream = hub.subscribe(ADA, None).unwrap();
    let front = gotify.front(&data).await;
    let listener = front.slot("l").await;
    send(&gotify.rig.server.url(), gotify.token(), "missed").await;
    let (_, through) = send(&outside(&front), gotify.token(), "through").await;
    // The server here has it already.
    let id = through["id"].as_i64().unwrap();
    let store = &front.server.state().store;
    assert!(store.sourced_message(ADA, id).await.unwrap().is_some());
    drop(stream);
    until("both came", async || {
        said(&listener).iter().any(|text| text == "through")
    })
    .await;
    assert_eq!(said(&listener), ["missed", "through"]);
    front.stop().await;
    gotify.rig.stop().await;
}

#[tokio::test]
async fn everything_else_passes_through() {
    let gotify = Gotify::start().await;
    let data = data(&[]);
    let front = gotify.front(&data).await;
    let address = outside(&front);
    let get = async |path: &str| {
        let request = front.client.get(format!("{address}{path}"));
        let answer = request
            .basic_auth("ada", Some(PASSWORD))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for path in [
        "/application",
        "/client",
        "/current/user",
        "/plugin",
        "/nothing",
        "/health",
    ] {
        let (status, text) = get(path).await;
        let (expected, same) = gotify.rig.get(path).await;
        assert_eq!(status, expected.as_u16(), "{path}");
        // The client that looks was used a moment ago.
        if path != "/client" {
            assert_eq!(text, same, "{path}");
        }
    }
    // These are not Gotify's. The metrics count what passes through, too.
    assert_eq!(get("/ready").await.0, 200);
    let (status, metrics) = get("/metrics").await;
    assert_eq!(status, 200, "{metrics}");
    let counted = r#"mortise_http_requests_total{method="GET",route="",status="404"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    let closed = front.client.get(format!("{address}/metrics")).send().await;
    assert_eq!(closed.unwrap().status(), 401);
    let passed = front.client.get(format!("{address}/version"));
    let passed = passed.header("x-request-id", "an-id").send().await.unwrap();
    assert_eq!(passed.headers()["x-request-id"], "an-id");
    // A WebSocket, as a page of this origin opens it.
    let mut stream = TcpStream::connect(front.server.served().unwrap())
        .await
        .unwrap();
    let host = address.trim_start_matches("http://");
    let upgrade = format!(
        "GET /stream?token={} HTTP/1.1\r\nHost: {host}\r\nOrigin: {address}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        gotify.client
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let mut seen = async |wanted: &str| {
        while !String::from_utf8_lossy(&read).contains(wanted) {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "{wanted}");
        }
    };
    seen("HTTP/1.1 101").await;
    send(&address, gotify.token(), "by the stream").await;
    seen("by the stream").await;
    // Without Gotify, senders are told.
    gotify.rig.stop().await;
    let (status, refused) = send(&address, "Aunknown", "m").await;
    assert_eq!(status, 502);
    assert!(
        refused["errorDescription"]
            .as_str()
            .unwrap()
            .contains("does not answer")
    );
    front.stop().await;
}
