//! The contract's functions by their names on the wire, with their parameters
//! and results. Values are [`mortise_contract::types`].

use mortise_contract::{
    Capabilities, Capability, bytes as blob,
    types::{Draft, Level, Message, Outgoing, Schedule, StopReason, User, WebhookRequest},
};
use serde::{Deserialize, Serialize};

use super::{
    codec::{DecodeError, Payload},
    message::{Failure, FailureKind},
};

/// A function that the host calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its name on the wire.
    pub wire: &'static str,
    /// Its name in the contract, for people.
    pub contract: &'static str,
    /// The capability; none for functions of every plugin.
    pub capability: Option<Capability>,
}

impl Method {
    pub(crate) const fn new(wire: &'static str) -> Self {
        Self {
            wire,
            contract: wire,
            capability: None,
        }
    }

    const fn of(capability: Capability, wire: &'static str) -> Self {
        Self::named(capability, wire, wire)
    }

    const fn named(capability: Capability, wire: &'static str, contract: &'static str) -> Self {
        Self {
            wire,
            contract,
            capability: Some(capability),
        }
    }
}

/// `manifest.describe`, of the process.
pub const DESCRIBE: Method = Method::new("manifest.describe");
/// `instance.create`, of the process.
pub const CREATE: Method = Method::new("instance.create");
/// `instance.drop`, of the process.
pub const DROP: Method = Method::new("instance.drop");
/// `health.ping`, of the process.
pub const PING: Method = Method::new("health.ping");
/// `process.shutdown`, of the process.
pub const SHUTDOWN: Method = Method::new("process.shutdown");
/// `lifecycle.start`.
pub const START: Method = Method::new("lifecycle.start");
/// `lifecycle.stop`.
pub const STOP: Method = Method::new("lifecycle.stop");
/// `configurer.defaults`.
pub const DEFAULTS: Method = Method::of(Capability::Configurer, "configurer.defaults");
/// `configurer.schema`.
pub const SCHEMA: Method = Method::of(Capability::Configurer, "configurer.schema");
/// `configurer.apply`.
pub const APPLY: Method = Method::of(Capability::Configurer, "configurer.apply");
/// `displayer.display`.
pub const DISPLAY: Method = Method::of(Capability::Displayer, "displayer.display");
/// `webhook.handle`.
pub const WEBHOOK: Method = Method::of(Capability::Webhook, "webhook.handle");
/// `filter.filter`.
pub const FILTER: Method = Method::of(Capability::Filter, "filter.filter");
/// `listener.on-messages`.
pub const ON_MESSAGES: Method = Method::named(
    Capability::Listener,
    "listener.on_messages",
    "listener.on-messages",
);
/// `timer.on-timer`.
pub const ON_TIMER: Method = Method::named(Capability::Timer, "timer.on_timer", "timer.on-timer");

/// No parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// Of [`CREATE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Create {
    /// The number it gets.
    pub instance: u64,
    /// Its user.
    pub user: User,
    /// The path of its webhooks, if the host knows it.
    #[serde(default)]
    pub base_path: Option<String>,
}

/// The result of [`CREATE`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The instance's capabilities, as names of exported interfaces.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// True if its webhooks and its display may be called while it is busy.
    #[serde(default)]
    pub concurrent: bool,
}

impl Created {
    /// The capabilities that this host knows.
    pub fn known(&self) -> Capabilities {
        Capability::ALL
            .into_iter()
            .filter(|capability| {
                self.capabilities
                    .iter()
                    .any(|name| name == capability.name())
            })
            .collect()
    }
}

/// Of [`DROP`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drop {
    /// Its number.
    pub instance: u64,
}

/// Of [`START`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Its user.
    pub user: User,
}

/// Of [`STOP`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The reason.
    pub reason: StopReason,
}

/// Of [`APPLY`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apply {
    /// As the user wrote it.
    pub config: String,
}

/// Of [`DISPLAY`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    /// The server's scheme and host.
    #[serde(default)]
    pub base_url: Option<String>,
}

/// Of [`WEBHOOK`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The request.
    pub request: WebhookRequest,
}

/// Of [`FILTER`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Filter<'a> {
    /// The draft.
    pub draft: &'a Draft,
}

/// Of [`ON_MESSAGES`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OnMessages<'a> {
    /// 1 to 64, in order.
    pub messages: &'a [Message],
}

/// Of [`ON_TIMER`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnTimer {
    /// The timer's name.
    pub name: String,
}

/// A plugin's call to its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Import {
    /// `messages.send`.
    Send(Outgoing),
    /// `messages.get`.
    Message(u64),
    /// `messages.sent`.
    Sent(Page),
    /// `messages.received`.
    Received(Page),
    /// `messages.remove`.
    RemoveMessage(u64),
    /// `storage.get`.
    Load(String),
    /// `storage.set`.
    Store(String, Vec<u8>),
    /// `storage.remove`.
    Unset(String),
    /// `storage.keys`.
    Keys(String),
    /// `timers.set`.
    SetTimer(String, Schedule),
    /// `timers.cancel`.
    CancelTimer(String),
    /// `log.write`.
    Log(Level, String),
}

/// A part of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Only ids below this one.
    #[serde(default)]
    pub before: Option<u64>,
    /// At most this many.
    pub limit: u32,
}

/// `log.write` by its name on the wire.
pub const LOG: &str = "log.write";

impl Import {
    /// Reads a plugin's call.
    ///
    /// # Errors
    ///
    /// What to answer: there is no such function, or its parameters are wrong.
    pub fn read(method: &str, payload: &Payload) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Send {
            message: Outgoing,
        }
        #[derive(Deserialize)]
        struct Id {
            id: u64,
        }
        #[derive(Deserialize)]
        struct Key {
            key: String,
        }
        #[derive(Deserialize)]
        struct Set {
            key: String,
            #[serde(with = "blob")]
            value: Vec<u8>,
        }
        #[derive(Deserialize)]
        struct Prefix {
            prefix: String,
        }
        #[derive(Deserialize)]
        struct Timer {
            name: String,
            when: Schedule,
        }
        #[derive(Deserialize)]
        struct Name {
            name: String,
        }
        #[derive(Deserialize)]
        struct Line {
            level: Level,
            text: String,
        }
        let import = match method {
            "messages.send" => payload.params().map(|Send { message }| Self::Send(message)),
            "messages.get" => payload.params().map(|Id { id }| Self::Message(id)),
            "messages.sent" => payload.params().map(Self::Sent),
            "messages.received" => payload.params().map(Self::Received),
            "messages.remove" => payload.params().map(|Id { id }| Self::RemoveMessage(id)),
            "storage.get" => payload.params().map(|Key { key }| Self::Load(key)),
            "storage.set" => payload
                .params()
                .map(|Set { key, value }| Self::Store(key, value)),
            "storage.remove" => payload.params().map(|Key { key }| Self::Unset(key)),
            "storage.keys" => payload.params().map(|Prefix { prefix }| Self::Keys(prefix)),
            "timers.set" => payload
                .params()
                .map(|Timer { name, when }| Self::SetTimer(name, when)),
            "timers.cancel" => payload
                .params()
                .map(|Name { name }| Self::CancelTimer(name)),
            LOG => payload
                .params()
                .map(|Line { level, text }| Self::Log(level, text)),
            _ => {
                return Err(Failure::new(
                    FailureKind::UnknownMethod,
                    format!(
                        "this host has no function `{}`",
                        method.chars().take(64).collect::<String>()
                    ),
                ));
            }
        };
        import.map_err(|error| bad_params(method, &error))
    }
}

/// Returns the answer to a call whose parameters cannot be read.
pub fn bad_params(method: &str, error: &DecodeError) -> Failure {
    Failure::new(
        FailureKind::Invalid,
        format!("the parameters of `{method}` are wrong: {error}"),
    )
}

/// Bytes as a result: base64 in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Blob(#[serde(with = "blob")] pub Vec<u8>);

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use mortise_contract::types::{Content, Outgoing as NewMessage, Schedule, WebhookResponse};
    use serde_json::json;

    use super::{Blob, Create, Created, Import, Page};
    use crate::{
        codec::{Codec, Payload},
        frame,
        message::{FailureKind, Message, Outgoing},
    };

    fn import(codec: Codec, method: &str, params: &serde_json::Value) -> Result<Import, String> {
        let mut buffer = Vec::new();
        let call = Outgoing::Call {
            id: 1,
            method,
            instance: Some(2),
            deadline_ms: 3,
            params,
        };
        codec.put(&mut buffer, 1 << 20, &call).unwrap();
        let content = frame::take(&mut BytesMut::from(&*buffer), 1 << 20)
            .unwrap()
            .unwrap();
        let Message::Call(call) = Message::read(codec, content).unwrap() else {
            panic!()
        };
        assert_eq!(
            (call.id, call.instance, call.deadline_ms),
            (1, Some(2), Some(3))
        );
        Import::read(&call.method, &call.payload).map_err(|failure| failure.text)
    }

    #[test]
    fn reads_every_import_in_both_codecs() {
        let message = json!({"content":{"title":"t","body":"b","priority":5}});
        let outgoing = NewMessage {
            application: None,
            content: Content {
                title: "t".into(),
                body: "b".into(),
                priority: 5,
                extras: None,
            },
        };
        for codec in Codec::ALL {
            for (method, params, expected) in [
                (
                    "messages.send",
                    json!({"message": message}),
                    Import::Send(outgoing.clone()),
                ),
                ("messages.get", json!({"id": 9}), Import::Message(9)),
                (
                    "messages.sent",
                    json!({"limit": 9}),
                    Import::Sent(Page {
                        before: None,
                        limit: 9,
                    }),
                ),
                (
                    "messages.received",
                    json!({"limit": 9, "before": 4}),
                    Import::Received(Page {
                        before: Some(4),
                        limit: 9,
                    }),
                ),
                (
                    "messages.remove",
                    json!({"id": 9}),
                    Import::RemoveMessage(9),
                ),
                ("storage.get", json!({"key": "k"}), Import::Load("k".into())),
                (
                    "storage.remove",
                    json!({"key": "k"}),
                    Import::Unset("k".into()),
                ),
                (
                    "storage.keys",
                    json!({"prefix": ""}),
                    Import::Keys(String::new()),
                ),
                (
                    "timers.set",
                    json!({"name": "n", "when": {"every_ms": 1000}}),
                    Import::SetTimer("n".into(), Schedule::EveryMs(1000)),
                ),
                (
                    "timers.cancel",
                    json!({"name": "n"}),
                    Import::CancelTimer("n".into()),
                ),
                (
                    "log.write",
                    json!({"level": "warn", "text": "x"}),
                    Import::Log(mortise_contract::types::Level::Warn, "x".into()),
                ),
            ] {
                assert_eq!(import(codec, method, &params), Ok(expected), "{method}");
            }
        }
        assert_eq!(
            import(
                Codec::Json,
                "storage.set",
                &json!({"key": "k", "value": "AAH/"})
            ),
            Ok(Import::Store("k".into(), vec![0, 1, 255]))
        );
    }

    #[test]
    fn says_what_is_wrong_with_parameters() {
        for (method, params, expected) in [
            ("storage.get", json!({}), "missing field `key`"),
            ("storage.get", json!({"key": 1}), "invalid type"),
            (
                "storage.set",
                json!({"key": "k", "value": "?"}),
                "not base64",
            ),
            ("files.read", json!({}), "no function `files.read`"),
        ] {
            let error = import(Codec::Json, method, &params).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let payload = Payload::new(
            Codec::Json,
            Bytes::from_static(br#"{"type":"call","id":1,"method":"storage.get"}"#),
        );
        let failure = Import::read("storage.get", &payload).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Invalid);
    }

    #[test]
    fn bytes_are_base64_in_json_and_themselves_in_messagepack() {
        let answer = WebhookResponse {
            status: 200,
            headers: Vec::new(),
            body: vec![0, 159, 255],
        };
        let mut json = Vec::new();
        Codec::Json.put(&mut json, 1000, &answer).unwrap();
        assert!(json.windows(4).any(|part| part == b"AJ//"));
        let mut binary = Vec::new();
        Codec::MsgPack.put(&mut binary, 1000, &answer).unwrap();
        assert!(binary.windows(3).any(|part| part == [0, 159, 255]));
        for (codec, bytes) in [(Codec::Json, json), (Codec::MsgPack, binary)] {
            assert_eq!(codec.read::<WebhookResponse>(&bytes[4..]).unwrap(), answer);
        }
        assert_eq!(
            serde_json::to_string(&Some(Blob(vec![1]))).unwrap(),
            r#""AQ==""#
        );
    }

    #[test]
    fn capabilities_it_does_not_know_are_left_out() {
        let created: Created =
            serde_json::from_value(json!({"capabilities": ["webhook", "juggler", "filter"]}))
                .unwrap();
        assert_eq!(
            serde_json::to_value(created.known()).unwrap(),
            json!(["webhook", "filter"])
        );
        let create: Create =
            serde_json::from_value(json!({"instance":1,"user":{"id":1,"name":"a","admin":false}}))
                .unwrap();
        assert_eq!(create.base_path, None);
    }
}
