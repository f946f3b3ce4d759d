//! `/stream`: live delivery, and what ends it.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

use crate::support::{ADMIN, As, Running, id, ok, refused, start};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(running: &Running, who: &As) -> Result<Socket, Error> {
    let token = match who {
        As::Token(token) => token.as_str(),
        _ => "",
    };
    let url = format!("ws://{}/stream?token={token}", running.server.addr());
    connect_async(url).await.map(|(socket, _)| socket)
}

async fn next(socket: &mut Socket) -> Option<Value> {
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(10), socket.next());
        match frame.await.expect("the stream is silent")? {
            Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(_)) | Err(_) => return None,
            // A busy machine may take longer than the server waits between pings.
            Ok(Message::Ping(_)) => {}
            Ok(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_stream_brings_what_rest_shows() {
    let running = start().await;
    let (_, sender) = running.application("sender").await;
    let (_, client) = running.client(&ADMIN).await;
    let mut streams = [
        connect(&running, &client).await.unwrap(),
        connect(&running, &client).await.unwrap(),
    ];
    for n in 0..3 {
        let body = json!({"message": n.to_string(), "extras": {"n": n}});
        let sent = ok(running.post("/message", &sender, body).await);
        for stream in &mut streams {
            assert_eq!(next(stream).await.unwrap(), sent);
        }
        // A change comes with the number of the message, and all that changed.
        let path = format!("/message/{}", id(&sent));
        let change = json!({"priority": 9, "expiresAt": "2130-01-01T00:00:00Z"});
        let changed = ok(running.put(&path, &sender, change).await);
        assert_eq!(changed["expiresAt"], "2130-01-01T00:00:00.000Z");
        for stream in &mut streams {
            assert_eq!(next(stream).await.unwrap(), changed);
        }
    }
    running.server.shutdown().await;
    for stream in &mut streams {
        assert!(next(stream).await.is_none());
    }
}

#[tokio::test]
async fn messages_sent_at_once_come_in_the_order_of_their_ids() {
    const MESSAGES: usize = 100;
    let running = start().await;
    let (_, sender) = running.application("sender").await;
    let (_, client) = running.client(&ADMIN).await;
    let mut stream = connect(&running, &client).await.unwrap();
    let sending = (0..MESSAGES).map(|n| {
        let body = json!({"message": n.to_string()});
        running.post("/message", &sender, body)
    });
    let sent = futures_util::future::join_all(sending).await;
    let mut ids: Vec<i64> = sent.into_iter().map(|sent| id(&ok(sent))).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), MESSAGES);
    for expected in ids {
        assert_eq!(id(&next(&mut stream).await.unwrap()), expected);
    }
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_stream_takes_a_client_and_a_websocket() {
    let running = start().await;
    let (_, application) = running.application("sender").await;
    for who in [As::Nobody, As::Token("Cwrong".to_owned()), application] {
        match connect(&running, &who).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 401),
            other => panic!("{other:?}"),
        }
    }
    refused(running.get("/stream", &ADMIN).await, 400, "");
    let (_, As::Token(token)) = running.client(&ADMIN).await else {
        panic!("no token");
    };
    // A browser sends its cookie to whatever address a page connects to.
    let mut foreign = format!("ws://{}/stream", running.server.addr())
        .into_client_request()
        .unwrap();
    let cookie = format!("gotify-client-token={token}");
    foreign
        .headers_mut()
        .insert("cookie", cookie.parse().unwrap());
    foreign
        .headers_mut()
        .insert("origin", "https://evil.example".parse().unwrap());
    match connect_async(foreign).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 403),
        other => panic!("{other:?}"),
    }
    running.server.shutdown().await;
}

#[tokio::test]
async fn deleting_a_client_closes_its_streams_only() {
    let running = start().await;
    let (_, sender) = running.application("sender").await;
    let (gone, gone_token) = running.client(&ADMIN).await;
    let (_, stays_token) = running.client(&ADMIN).await;
    let mut gone_stream = connect(&running, &gone_token).await.unwrap();
    let mut stays_stream = connect(&running, &stays_token).await.unwrap();
    ok(running.delete(&format!("/client/{gone}"), &ADMIN).await);
    assert!(next(&mut gone_stream).await.is_none());
    ok(running
        .post("/message", &sender, json!({"message": "x"}))
        .await);
    assert_eq!(next(&mut stays_stream).await.unwrap()["message"], "x");
    running.server.shutdown().await;
}

/// One client never reads. The others get every message, and the slow one is
/// closed instead of filling the server's memory.
#[tokio::test]
async fn a_client_that_does_not_read_holds_up_nobody() {
    const MESSAGES: usize = 600;
    let running = Arc::new(start().await);
    let (_, sender) = running.application("sender").await;
    let (slow_id, slow_token) = running.client(&ADMIN).await;
    let (quick_id, quick_token) = running.client(&ADMIN).await;
    let slow = connect(&running, &slow_token).await.unwrap();
    let mut quick = connect(&running, &quick_token).await.unwrap();
    let body = "x".repeat(60_000);
    let sending = {
        let (running, body) = (Arc::clone(&running), body.clone());
        tokio::spawn(async move {
            for _ in 0..MESSAGES {
                let body = json!({ "message": body });
                ok(running.post("/message", &sender, body).await);
            }
        })
    };
    for _ in 0..MESSAGES {
        assert_eq!(next(&mut quick).await.unwrap()["message"], body.as_str());
    }
    sending.await.unwrap();
    let connected = running.server.state().hub.connected_clients();
    assert!(!connected.contains(&slow_id), "{connected:?}");
    assert!(connected.contains(&quick_id), "{connected:?}");
    drop(slow);
    let running = Arc::into_inner(running).unwrap();
    running.server.shutdown().await;
}

#[tokio::test]
async fn what_a_client_says_is_bounded_and_otherwise_ignored() {
    let running = start().await;
    let (_, sender) = running.application("sender").await;
    let (_, client) = running.client(&ADMIN).await;
    let mut chatty = connect(&running, &client).await.unwrap();
    chatty.send(Message::text("hello")).await.unwrap();
    ok(running
        .post("/message", &sender, json!({"message": "x"}))
        .await);
    assert_eq!(next(&mut chatty).await.unwrap()["message"], "x");
    let flood = Message::text("x".repeat(1 << 20));
    // The server may have closed before all of it is sent.
    let _ = chatty.send(flood).await;
    assert!(next(&mut chatty).await.is_none());
    let health = running.request(Method::GET, "/health", &As::Nobody);
    ok(running.send(health).await);
    running.server.shutdown().await;
}
