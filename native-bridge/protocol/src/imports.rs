//! The functions of the host that a plugin calls, by their names on the wire, with
//! their parameters.

use mortise_contract::types::{Content, Level, Outgoing, Schedule, TimerOptions};
use serde::{Deserialize, Serialize, Serializer};

use super::{
    codec::Payload,
    message::{Failure, FailureKind},
    methods::{Blob, bad_params},
};

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
    /// `messages.update`.
    UpdateMessage(u64, Content),
    /// `messages.expire`.
    ExpireMessage(u64, Option<u64>),
    /// `messages.send_to`.
    SendTo(Vec<String>, Outgoing),
    /// `messages.set_image`.
    SetImage(Option<String>, Blob),
    /// `storage.get`.
    Load(String),
    /// `storage.set`.
    Store(String, Blob),
    /// `storage.remove`.
    Unset(String),
    /// `storage.keys`.
    Keys(String),
    /// `timers.set`.
    SetTimer(String, Schedule),
    /// `timers.set_with`.
    SetTimerWith(String, Schedule, TimerOptions),
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

/// `process.debugged` by its name on the wire: a notification about the whole process.
pub const DEBUGGED: &str = "process.debugged";

/// The parameters of [`DEBUGGED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debugged {
    /// True if a debugger follows the plugin's code from inside the process.
    pub attached: bool,
}

#[derive(Serialize, Deserialize)]
struct Send<M> {
    message: M,
}

#[derive(Serialize, Deserialize)]
struct SendTo<U, M> {
    users: U,
    message: M,
}

#[derive(Serialize, Deserialize)]
struct Id {
    id: u64,
}

#[derive(Serialize, Deserialize)]
struct Update<C> {
    id: u64,
    content: C,
}

#[derive(Serialize, Deserialize)]
struct Expire {
    id: u64,
    #[serde(default)]
    at_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Image<A, I> {
    #[serde(default = "none")]
    application: Option<A>,
    image: I,
}

const fn none<A>() -> Option<A> {
    None
}

#[derive(Serialize, Deserialize)]
struct Key<K> {
    key: K,
}

#[derive(Serialize, Deserialize)]
struct Set<K, V> {
    key: K,
    value: V,
}

#[derive(Serialize, Deserialize)]
struct Prefix<P> {
    prefix: P,
}

#[derive(Serialize, Deserialize)]
struct Timer<N, S> {
    name: N,
    when: S,
}

#[derive(Serialize, Deserialize)]
struct TimerWith<N, S, O> {
    name: N,
    when: S,
    options: O,
}

#[derive(Serialize, Deserialize)]
struct Name<N> {
    name: N,
}

#[derive(Serialize, Deserialize)]
struct Line<T> {
    level: Level,
    text: T,
}

impl Import {
    /// Returns its name on the wire.
    pub const fn wire(&self) -> &'static str {
        match self {
            Self::Send(_) => "messages.send",
            Self::Message(_) => "messages.get",
            Self::Sent(_) => "messages.sent",
            Self::Received(_) => "messages.received",
            Self::RemoveMessage(_) => "messages.remove",
            Self::UpdateMessage(..) => "messages.update",
            Self::ExpireMessage(..) => "messages.expire",
            Self::SendTo(..) => "messages.send_to",
            Self::SetImage(..) => "messages.set_image",
            Self::Load(_) => "storage.get",
            Self::Store(..) => "storage.set",
            Self::Unset(_) => "storage.remove",
            Self::Keys(_) => "storage.keys",
            Self::SetTimer(..) => "timers.set",
            Self::SetTimerWith(..) => "timers.set_with",
            Self::CancelTimer(_) => "timers.cancel",
            Self::Log(..) => LOG,
        }
    }

    /// Reads a plugin's call.
    ///
    /// # Errors
    ///
    /// The answer: there is no such function, or its parameters are wrong.
    pub fn read(method: &str, payload: &Payload) -> Result<Self, Failure> {
        let import = match method {
            "messages.send" => payload.params().map(|Send { message }| Self::Send(message)),
            "messages.get" => payload.params().map(|Id { id }| Self::Message(id)),
            "messages.sent" => payload.params().map(Self::Sent),
            "messages.received" => payload.params().map(Self::Received),
            "messages.remove" => payload.params().map(|Id { id }| Self::RemoveMessage(id)),
            "messages.update" => payload
                .params()
                .map(|Update { id, content }| Self::UpdateMessage(id, content)),
            "messages.expire" => payload
                .params()
                .map(|Expire { id, at_ms }| Self::ExpireMessage(id, at_ms)),
            "messages.send_to" => payload
                .params()
                .map(|SendTo { users, message }| Self::SendTo(users, message)),
            "messages.set_image" => payload
                .params()
                .map(|Image { application, image }| Self::SetImage(application, image)),
            "storage.get" => payload.params().map(|Key { key }| Self::Load(key)),
            "storage.set" => payload
                .params()
                .map(|Set { key, value }| Self::Store(key, value)),
            "storage.remove" => payload.params().map(|Key { key }| Self::Unset(key)),
            "storage.keys" => payload.params().map(|Prefix { prefix }| Self::Keys(prefix)),
            "timers.set" => payload
                .params()
                .map(|Timer { name, when }| Self::SetTimer(name, when)),
            "timers.set_with" => payload.params().map(
                |TimerWith {
                     name,
                     when,
                     options,
                 }| Self::SetTimerWith(name, when, options),
            ),
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

/// Writes its parameters.
impl Serialize for Import {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Send(message) => Send { message }.serialize(serializer),
            Self::Message(id) | Self::RemoveMessage(id) => Id { id: *id }.serialize(serializer),
            Self::Sent(page) | Self::Received(page) => page.serialize(serializer),
            Self::UpdateMessage(id, content) => Update { id: *id, content }.serialize(serializer),
            Self::ExpireMessage(id, at_ms) => Expire {
                id: *id,
                at_ms: *at_ms,
            }
            .serialize(serializer),
            Self::SendTo(users, message) => SendTo { users, message }.serialize(serializer),
            Self::SetImage(application, image) => Image {
                application: application.as_ref(),
                image,
            }
            .serialize(serializer),
            Self::Load(key) | Self::Unset(key) => Key { key }.serialize(serializer),
            Self::Store(key, value) => Set { key, value }.serialize(serializer),
            Self::Keys(prefix) => Prefix { prefix }.serialize(serializer),
            Self::SetTimer(name, when) => Timer { name, when }.serialize(serializer),
            Self::SetTimerWith(name, when, options) => TimerWith {
                name,
                when,
                options,
            }
            .serialize(serializer),
            Self::CancelTimer(name) => Name { name }.serialize(serializer),
            Self::Log(level, text) => Line {
                level: *level,
                text,
            }
            .serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use mortise_contract::types::{Content, Outgoing as NewMessage, Schedule, TimerOptions};
    use serde_json::json;

    use super::{Blob, Import, Page};
    use crate::{
        codec::{Codec, Payload},
        frame,
        message::{FailureKind, Message, Outgoing},
    };

    fn import<P: serde::Serialize>(
        codec: Codec,
        method: &str,
        params: &P,
    ) -> Result<Import, String> {
        let mut buffer = Vec::new();
        let call = Outgoing::Call {
            id: 1,
            method,
            instance: Some(2),
            deadline_ms: 3,
            traceparent: Some("00-ab-cd-01"),
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
        assert_eq!(call.traceparent.as_deref(), Some("00-ab-cd-01"));
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
                (
                    "messages.update",
                    json!({"id": 9, "content": message["content"]}),
                    Import::UpdateMessage(9, outgoing.content.clone()),
                ),
                (
                    "messages.expire",
                    json!({"id": 9, "at_ms": 5}),
                    Import::ExpireMessage(9, Some(5)),
                ),
                (
                    "messages.expire",
                    json!({"id": 9}),
                    Import::ExpireMessage(9, None),
                ),
                (
                    "messages.send_to",
                    json!({"users": ["ann"], "message": message}),
                    Import::SendTo(vec!["ann".into()], outgoing.clone()),
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
                    "timers.set_with",
                    json!({"name": "n", "when": {"cron": "0 9 * * *"}, "options": {"zone": "Asia/Tokyo"}}),
                    Import::SetTimerWith(
                        "n".into(),
                        Schedule::Cron("0 9 * * *".into()),
                        TimerOptions::default().zone("Asia/Tokyo"),
                    ),
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
                assert_eq!(
                    import(codec, method, &params).as_ref(),
                    Ok(&expected),
                    "{method}"
                );
                // It is written as it is read.
                assert_eq!(expected.wire(), method);
                assert_eq!(import(codec, method, &expected), Ok(expected));
            }
        }
        let image = Blob(vec![0, 1, 255]);
        let stored = Import::Store("k".into(), image.clone());
        let images =
            [Some("alerts".to_owned()), None].map(|name| Import::SetImage(name, image.clone()));
        for codec in Codec::ALL {
            for bytes in images.iter().chain([&stored]) {
                assert_eq!(import(codec, bytes.wire(), bytes).as_ref(), Ok(bytes));
            }
        }
        assert_eq!(
            import(
                Codec::Json,
                "storage.set",
                &json!({"key": "k", "value": "AAH/"})
            ),
            Ok(stored.clone())
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
}
