//! A connection against a plugin that is played by the test, in memory.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::BytesMut;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Answer, AskError, Closed, Connection, Handler, HandshakeError, Patience, handshake};
use crate::transport::{Link, in_memory};
use mortise_protocol::{
    codec::{Codec, Payload},
    frame,
    handshake::Terms,
    message::{Call, Failure, FailureKind},
    methods::{self, Empty},
};

const SECRET: &str = "s3cret";

/// Answers `wait` never, anything else with its own name's length.
struct Host;

#[async_trait]
impl Handler for Host {
    async fn asked(&self, call: Call) -> Result<Answer, Failure> {
        match call.method.as_str() {
            "wait" => std::future::pending().await,
            "long" => Ok(Answer::Keys(vec!["k".repeat(200_000)])),
            "no" => Err(Failure::new(FailureKind::Denied, "no grant")),
            method => Ok(Answer::Id(method.len() as u64)),
        }
    }

    fn notified(&self, _method: &str, _instance: Option<u64>, _payload: &Payload) {}
}

/// The plugin's end.
struct Plugin {
    link: Link,
    buffer: BytesMut,
}

impl Plugin {
    async fn say(&mut self, message: &Value) {
        let mut frame = Vec::new();
        Codec::Json.put(&mut frame, 1 << 20, message).unwrap();
        self.raw(&frame).await;
    }

    async fn raw(&mut self, bytes: &[u8]) {
        self.link.writer.write_all(bytes).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        loop {
            if let Some(content) = frame::take(&mut self.buffer, 1 << 20).unwrap() {
                return serde_json::from_slice(&content).unwrap();
            }
            let read = self.link.reader.read_buf(&mut self.buffer).await.unwrap();
            assert_ne!(read, 0, "the host ended the connection");
        }
    }
}

fn hello() -> Value {
    json!({
        "type": "hello", "protocol": "mortise-native", "versions": [1], "contracts": ["0.1.0"],
        "codecs": ["json"], "max_frame": 65536, "secret": SECRET,
    })
}

fn terms() -> Terms {
    Terms {
        contracts: vec!["0.1.0".into()],
        codecs: Codec::ALL.to_vec(),
        features: Vec::new(),
        max_frame: 1 << 20,
        max_calls: 4,
        cancel_grace_ms: 100,
        host: "test".into(),
    }
}

async fn connected(patience: Patience) -> (Connection, Plugin) {
    let (host, plugin) = in_memory(4096);
    let mut plugin = Plugin {
        link: plugin,
        buffer: BytesMut::new(),
    };
    plugin.say(&hello()).await;
    let opened = handshake(host, &terms(), SECRET).await.unwrap();
    assert_eq!(plugin.hear().await["type"], "welcome");
    (Connection::open(opened, Arc::new(Host), patience), plugin)
}

fn quick() -> Patience {
    Patience {
        cancel_grace: Duration::from_millis(100),
        ..Patience::default()
    }
}

const SOON: Duration = Duration::from_secs(10);

async fn ask(connection: &Connection, deadline: Duration) -> Result<String, AskError> {
    connection
        .ask(methods::DEFAULTS, Some(3), &Empty {}, deadline)
        .await
}

#[tokio::test]
async fn answers_find_their_calls_in_any_order() {
    let (connection, mut plugin) = connected(quick()).await;
    let play = async {
        let first = plugin.hear().await;
        let second = plugin.hear().await;
        assert_eq!(first["method"], "configurer.defaults");
        assert_eq!(first["instance"], 3);
        assert_eq!(first["deadline_ms"], 10_000);
        for call in [second, first] {
            let id = call["id"].clone();
            plugin
                .say(&json!({"type": "reply", "id": id, "result": format!("answer {id}")}))
                .await;
        }
    };
    let (one, two, ()) = tokio::join!(ask(&connection, SOON), ask(&connection, SOON), play);
    assert_eq!(one.unwrap(), "answer 1");
    assert_eq!(two.unwrap(), "answer 2");
}

#[tokio::test]
async fn both_sides_ask_at_once() {
    let (connection, mut plugin) = connected(quick()).await;
    let play = async {
        let call = plugin.hear().await;
        plugin
            .say(&json!({"type": "call", "id": 1, "method": "five5"}))
            .await;
        let answer = plugin.hear().await;
        assert_eq!(answer, json!({"type": "reply", "id": 1, "result": 5}));
        plugin
            .say(&json!({"type": "call", "id": 2, "method": "no"}))
            .await;
        assert_eq!(plugin.hear().await["error"]["kind"], "denied");
        plugin
            .say(&json!({"type": "reply", "id": call["id"], "result": "done"}))
            .await;
    };
    let (answer, ()) = tokio::join!(ask(&connection, SOON), play);
    assert_eq!(answer.unwrap(), "done");
}

#[tokio::test]
async fn a_late_call_is_cancelled_and_may_be_answered_still() {
    let (connection, mut plugin) = connected(quick()).await;
    let error = ask(&connection, Duration::from_millis(20))
        .await
        .unwrap_err();
    assert!(matches!(error, AskError::TimedOut), "{error}");
    let id = plugin.hear().await["id"].clone();
    assert_eq!(plugin.hear().await, json!({"type": "cancel", "id": id}));
    plugin
        .say(&json!({"type": "error", "id": id, "error": {"kind": "cancelled", "text": ""}}))
        .await;
    // Another one, cancelled later and never answered, is closed before it.
    let (other, _plugin) = connected(quick()).await;
    let error = ask(&other, Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(error, AskError::TimedOut), "{error}");
    let reason = tokio::time::timeout(SOON, other.closed()).await.unwrap();
    assert!(matches!(reason, Closed::Hung { .. }), "{reason}");
    assert!(!connection.is_closed());
}

#[tokio::test]
async fn each_deadline_is_kept_whichever_came_first() {
    let (connection, _plugin) = connected(Patience::default()).await;
    let over = Mutex::new(Vec::new());
    let late = async |deadline| {
        let error = ask(&connection, Duration::from_millis(deadline)).await;
        assert!(matches!(error, Err(AskError::TimedOut)), "{error:?}");
        over.lock().push(deadline);
    };
    tokio::join!(late(300), late(20), late(400), late(150));
    assert_eq!(*over.lock(), [20, 150, 300, 400]);
}

#[tokio::test]
async fn a_cancelled_call_that_is_never_answered_ends_the_connection() {
    let (connection, _plugin) = connected(quick()).await;
    // Dropped, not timed out.
    let asked = tokio::time::timeout(Duration::from_millis(20), ask(&connection, SOON)).await;
    assert!(asked.is_err());
    let reason = tokio::time::timeout(SOON, connection.closed())
        .await
        .unwrap();
    assert!(
        matches!(
            reason,
            Closed::Hung {
                call: "configurer.defaults",
                ..
            }
        ),
        "{reason}"
    );
}

#[tokio::test]
async fn a_silent_plugin_is_pinged_and_then_given_up() {
    let (connection, mut plugin) = connected(Patience {
        cancel_grace: SOON,
        ping_after: Duration::from_millis(200),
        ping_deadline: Duration::from_millis(200),
    })
    .await;
    let ping = plugin.hear().await;
    assert_eq!(ping["method"], "health.ping");
    plugin
        .say(&json!({"type": "reply", "id": ping["id"], "result": null}))
        .await;
    assert_eq!(plugin.hear().await["method"], "health.ping");
    let reason = tokio::time::timeout(SOON, connection.closed())
        .await
        .unwrap();
    assert!(
        matches!(
            reason,
            Closed::Hung {
                call: "health.ping",
                ..
            }
        ),
        "{reason}"
    );
}

#[tokio::test]
async fn calls_in_flight_fail_when_the_plugin_goes() {
    let (connection, mut plugin) = connected(quick()).await;
    let play = async move {
        plugin.hear().await;
        drop(plugin);
    };
    let (answer, ()) = tokio::join!(ask(&connection, SOON), play);
    assert!(
        matches!(answer, Err(AskError::Closed(Closed::ByPlugin))),
        "{answer:?}"
    );
    let later = ask(&connection, SOON).await;
    assert!(matches!(later, Err(AskError::Closed(Closed::ByPlugin))));
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_connection() {
    for (bytes, expected) in [
        (&b"\0\0\0\0"[..], "an empty frame"),
        (b"\xff\xff\xff\xff", "a frame of 4294967295 bytes"),
        (b"\0\0\0\x03abc", "not a message"),
        (b"\0\0\0\x02{}", "not a message"),
    ] {
        let (connection, mut plugin) = connected(quick()).await;
        plugin.raw(bytes).await;
        let reason = tokio::time::timeout(SOON, connection.closed())
            .await
            .unwrap();
        assert!(reason.to_string().contains(expected), "{reason}");
    }
}

#[tokio::test]
async fn a_flood_of_calls_is_bounded_and_a_cancel_ends_one() {
    let (connection, mut plugin) = connected(quick()).await;
    for id in 1..=6 {
        plugin
            .say(&json!({"type": "call", "id": id, "method": "wait"}))
            .await;
    }
    for id in [5, 6] {
        let answer = plugin.hear().await;
        assert_eq!(answer["id"], id);
        assert_eq!(answer["error"]["kind"], "exhausted");
    }
    plugin.say(&json!({"type": "cancel", "id": 2})).await;
    let answer = plugin.hear().await;
    assert_eq!(answer["id"], 2);
    assert_eq!(answer["error"]["kind"], "cancelled");
    plugin
        .say(&json!({"type": "call", "id": 7, "method": "abc"}))
        .await;
    assert_eq!(plugin.hear().await["result"], 3);
    assert!(!connection.is_closed());
}

#[tokio::test]
async fn what_the_plugin_cannot_take_becomes_an_error() {
    let (connection, mut plugin) = connected(quick()).await;
    plugin
        .say(&json!({"type": "call", "id": 1, "method": "long"}))
        .await;
    let answer = plugin.hear().await;
    assert_eq!(answer["error"]["kind"], "unavailable");
    let params = methods::Apply {
        config: "x".repeat(100_000),
        value: None,
    };
    let error = connection
        .ask::<_, ()>(methods::APPLY, Some(1), &params, SOON)
        .await
        .unwrap_err();
    assert!(matches!(error, AskError::Unsendable(_)), "{error}");
}

#[tokio::test]
async fn a_plugin_that_does_not_read_is_given_up() {
    let (connection, plugin) = connected(Patience::default()).await;
    let params = methods::Apply {
        config: "x".repeat(60_000),
        value: None,
    };
    for _ in 0..4 {
        // No caller waits; only the written messages matter.
        let asked = connection.ask::<_, ()>(methods::APPLY, Some(1), &params, SOON);
        let _ = tokio::time::timeout(Duration::from_millis(10), asked).await;
    }
    assert!(
        matches!(
            tokio::time::timeout(SOON, connection.closed()).await,
            Ok(Closed::NotReading(_))
        ),
        "{connection:?}"
    );
    drop(plugin);
}

#[tokio::test]
async fn the_wrong_process_is_turned_away() {
    for (change, expected) in [
        (("secret", json!("guess")), "wrong secret"),
        (("versions", json!([9])), "version 9"),
        (("type", json!("welcome")), "not a message"),
    ] {
        let (host, plugin) = in_memory(4096);
        let mut plugin = Plugin {
            link: plugin,
            buffer: BytesMut::new(),
        };
        let mut hello = hello();
        hello[change.0] = change.1;
        plugin.say(&hello).await;
        let error = handshake(host, &terms(), SECRET).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        if !matches!(error, HandshakeError::Violation(_)) {
            assert_eq!(plugin.hear().await["type"], "reject");
        }
    }
}
