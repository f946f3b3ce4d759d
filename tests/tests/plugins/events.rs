//! The stream of live events: its first state, the changes, and the readers of each.

use std::time::Duration;

use mortise_store::NewApplication;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
};

use crate::{
    ADA, PASSWORD, Rig, data,
    fixture::{FILTER, SEND, WEBHOOK, dropping, plugin, sending, telling, titling},
    grant, replace,
};

/// An open stream.
struct Stream {
    response: Response,
    read: String,
}

impl Stream {
    async fn open(rig: &Rig, name: &str) -> Self {
        let url = format!("{}/events", rig.server.url());
        let request = rig.client.get(url).basic_auth(name, Some(PASSWORD));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            read: String::new(),
        }
    }

    /// The next event; none at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = event.lines();
                    lines.find_map(|line| line.strip_prefix(name).map(str::to_owned))
                };
                let found = field("event: ").zip(field("data: "));
                self.read = rest.to_owned();
                if let Some((name, data)) = found {
                    return Some((name, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(60), self.response.chunk());
            let chunk = chunk
                .await
                .unwrap_or_else(|_| panic!("no event within a minute"))
                .ok()??;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The data of the next event of this name that fits.
    async fn find(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (event, data) = self
                .next()
                .await
                .unwrap_or_else(|| panic!("the stream ended"));
            if event == name && fits(&data) {
                return data;
            }
        }
    }
}

async fn add_user(rig: &Rig, name: &str) -> i64 {
    let state = rig.server.state();
    let hash = state.passwords.hash(PASSWORD).await.unwrap();
    let user = state.store.create_user(name, &hash, false).await.unwrap();
    state.plugins.user_created(user.id).await;
    user.id
}

#[tokio::test]
async fn the_state_comes_first_and_then_each_change() {
    let parts = [telling("up"), dropping(), sending()];
    let data = data(&[("a", plugin("a", &[FILTER, WEBHOOK, SEND], &parts))]);
    let rig = Rig::start(data.path()).await;
    let mut stream = Stream::open(&rig, "ada").await;
    let (name, state) = stream.next().await.unwrap();
    assert_eq!(name, "state");
    assert_eq!(state["plugins"][0]["modulePath"], "a");
    assert_eq!(state["plugins"][0]["enabled"], false);
    assert_eq!(state["admin"]["plugins"][0]["id"], "a");
    assert_eq!(state["admin"]["pending"], json!([]));

    let slot = rig.enable("a").await;
    let changed = stream.find("plugin", |data| data["enabled"] == true).await;
    assert_eq!(
        (&changed["id"], &changed["atWork"]),
        (&json!(slot.id), &json!(true))
    );
    let log = stream.find("log", |_| true).await;
    assert_eq!(log["id"], slot.id);
    assert_eq!(log["entries"][0]["text"], "up");
    rig.send("backup", "done").await.unwrap();
    let dropped = stream.find("dropped", |_| true).await;
    assert_eq!(
        (&dropped["message"], &dropped["reason"]),
        (&json!("done"), &json!("unwanted"))
    );
    // Without the grant, its webhook is refused.
    let hook = format!("/plugin/{}/custom/{}/", slot.id, slot.token);
    let (status, _) = rig.request(Method::POST, &hook, "x").await;
    assert_ne!(status, 200);
    let denials = stream.find("denials", |_| true).await;
    assert_eq!(denials["denials"][0]["permission"], "webhook");
    let denials = stream.find("admin-denials", |_| true).await;
    assert_eq!(
        (&denials["id"], &denials["denials"][0]["user"]),
        (&json!("a"), &json!("ada"))
    );

    std::fs::write(
        data.path().join("plugins/broken.wasm"),
        b"\0asm\x0d\0\x01\0no",
    )
    .unwrap();
    let problems = stream.find("problems", |data| data != &json!([])).await;
    assert!(
        problems[0]["file"]
            .as_str()
            .unwrap()
            .ends_with("broken.wasm")
    );
    let gone = rig.request(Method::DELETE, "/admin/plugins/a", "").await;
    assert_eq!(gone.0, 200, "{}", gone.1);
    stream
        .find("admin-plugin", |data| {
            data["gone"] == true && data["id"] == "a"
        })
        .await;

    // The state at the beginning of another one is that of now.
    let mut again = Stream::open(&rig, "ada").await;
    let (name, state) = again.next().await.unwrap();
    assert_eq!((name.as_str(), &state["plugins"]), ("state", &json!([])));
    rig.stop().await;
    // Both end with the server.
    assert!(again.next().await.is_none());
}

#[tokio::test]
async fn a_version_that_waits_for_approval_is_told() {
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("one")]))]);
    grant(data.path(), &["a"], "timers = false");
    let rig = Rig::start(data.path()).await;
    let mut stream = Stream::open(&rig, "ada").await;
    stream.find("state", |_| true).await;
    let more = plugin("a", &[FILTER, crate::fixture::TIMERS], &[titling("two")]);
    replace(data.path(), "a", &more);
    let pending = stream.find("pending", |data| data != &json!([])).await;
    assert_eq!(pending[0]["id"], "a");
    let wants = pending[0]["difference"]["wants"].clone();
    // One by one, as it asks; all granted, it is taken up.
    let body = json!({ "permissions": [wants[0]["permission"]] }).to_string();
    rig.api(Method::POST, "/admin/plugins/a/grant", &body).await;
    stream.find("pending", |data| data == &json!([])).await;
    let own = json!({ "permissions": ["send-messages"] }).to_string();
    let (status, text) = rig
        .request(Method::POST, "/admin/plugins/a/grant", &own)
        .await;
    assert_eq!(status, 400, "{text}");
    rig.api(Method::POST, "/admin/plugins/a/revoke", &body)
        .await;
    let rights = rig.api(Method::GET, "/admin/plugins/a/grants", "").await;
    assert_eq!(rights["allowed"]["timers"], json!(false), "{rights}");
    rig.stop().await;
}

#[tokio::test]
async fn a_user_is_told_of_their_own_alone_and_no_longer_once_they_are_gone() {
    let data = data(&[("a", plugin("a", &[FILTER], &[telling("up"), dropping()]))]);
    let rig = Rig::start(data.path()).await;
    let bob = add_user(&rig, "bob").await;
    let mut stream = Stream::open(&rig, "bob").await;
    let (_, state) = stream.next().await.unwrap();
    assert_eq!(state["admin"], Value::Null);
    let bobs = state["plugins"][0]["id"].clone();

    // All of this is Ada's.
    let adas = rig.enable("a").await;
    rig.send("backup", "secret of ada").await.unwrap();
    assert_ne!(json!(adas.id), bobs);
    let url = format!("{}/plugin/{bobs}/enable", rig.server.url());
    let request = rig.client.post(url).basic_auth("bob", Some(PASSWORD));
    assert_eq!(request.send().await.unwrap().status(), 200);
    let mut seen = Vec::new();
    loop {
        let (name, event) = stream.next().await.unwrap();
        assert!(
            matches!(name.as_str(), "plugin" | "log" | "denials" | "dropped"),
            "{name}"
        );
        assert!(!event.to_string().contains("secret of ada"), "{event}");
        assert_eq!(event["id"], bobs);
        seen.push(name);
        if seen.iter().any(|name| name == "log") {
            break;
        }
    }
    let (status, text) = rig
        .request(Method::DELETE, &format!("/user/{bob}"), "")
        .await;
    assert_eq!(status, 200, "{text}");
    while stream.next().await.is_some() {}
    rig.stop().await;
}

#[tokio::test]
async fn an_elevation_that_ends_ends_the_administrators_part() {
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("one")]))]);
    let rig = Rig::start(data.path()).await;
    let client = rig.api(Method::POST, "/client", r#"{"name":"page"}"#).await;
    let token = client["token"].as_str().unwrap();
    let open = async || {
        let url = format!("{}/events", rig.server.url());
        let request = rig.client.get(url).header("x-gotify-key", token);
        Stream {
            response: request.send().await.unwrap(),
            read: String::new(),
        }
    };
    let mut plain = open().await;
    let (_, state) = plain.next().await.unwrap();
    assert_eq!(state["admin"], Value::Null);
    let path = format!("/client/{}/elevate", client["id"]);
    let body = r#"{"durationSeconds":2}"#;
    let (status, text) = rig.request(Method::POST, &path, body).await;
    assert_eq!(status, 204, "{text}");
    // It comes back with its new rights.
    assert!(plain.next().await.is_none());
    let mut elevated = open().await;
    let (_, state) = elevated.next().await.unwrap();
    assert_eq!(state["admin"]["plugins"][0]["id"], "a");
    elevated.find("not-elevated", |_| true).await;
    rig.api(Method::DELETE, "/admin/plugins/a", "").await;
    loop {
        let (name, event) = elevated.next().await.unwrap();
        assert!(!name.starts_with("admin"), "{name}");
        if name == "plugin" && event["gone"] == true {
            break;
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_cut_and_keeps_nobody_waiting() {
    let data = data(&[("drops", plugin("drops", &[FILTER], &[dropping()]))]);
    let rig = Rig::start(data.path()).await;
    rig.enable("drops").await;
    // Little room for unread events: by default the system makes more of it than
    // this test sends.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut socket = socket.connect(rig.server.addr()).await.unwrap();
    let request = format!(
        "GET /events HTTP/1.1\r\nhost: x\r\nauthorization: Basic {}\r\n\r\n",
        "YWRhOmNvcnJlY3QgaG9yc2U="
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 16];
    socket.read_exact(&mut head).await.unwrap();
    assert!(head.starts_with(b"HTTP/1.1 200"));
    let mut quick = Stream::open(&rig, "ada").await;
    quick.find("state", |_| true).await;
    let text = "x".repeat(60 << 10);
    for _ in 0..400 {
        rig.send("backup", &text).await.unwrap();
        quick.find("dropped", |_| true).await;
    }
    // The connection is cut, or, if it is read from just in time, its answer ends.
    let mut rest = Vec::new();
    let mut piece = vec![0; 64 << 10];
    let read = tokio::time::timeout(Duration::from_secs(20), async {
        while !rest.ends_with(b"\r\n0\r\n\r\n") {
            match socket.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(bytes) => rest.extend_from_slice(&piece[..bytes]),
            }
        }
    });
    read.await.expect("the stream ends");
    assert!(rest.len() < 400 * text.len(), "{} bytes", rest.len());
    rig.stop().await;
}

#[tokio::test]
async fn streams_of_events_are_bounded_and_closed_with_their_client() {
    let data = data(&[]);
    let rig = Rig::start(data.path()).await;
    let state = rig.server.state();
    let new = NewApplication {
        name: "sender",
        description: "",
        default_priority: 0,
        sort_key: None,
    };
    let token = mortise_server::auth::Token::from_request("Asender");
    let hash = token.hash();
    state
        .store
        .create_application(ADA, &hash, new)
        .await
        .unwrap();
    let url = format!("{}/events", rig.server.url());
    let by = |token: &str| rig.client.get(&url).header("x-gotify-key", token).send();
    assert_eq!(by("Asender").await.unwrap().status(), 401);
    assert_eq!(rig.client.get(&url).send().await.unwrap().status(), 401);

    let client = rig.api(Method::POST, "/client", r#"{"name":"page"}"#).await;
    let token = client["token"].as_str().unwrap();
    let mut open = Vec::new();
    for _ in 0..16 {
        let response = by(token).await.unwrap();
        assert_eq!(response.status(), 200);
        open.push(Stream {
            response,
            read: String::new(),
        });
    }
    assert_eq!(by(token).await.unwrap().status(), 429);
    let path = format!("/client/{}", client["id"]);
    rig.api(Method::DELETE, &path, "").await;
    for stream in &mut open {
        while stream.next().await.is_some() {}
    }
    assert_eq!(by(token).await.unwrap().status(), 401);
    rig.stop().await;
}
