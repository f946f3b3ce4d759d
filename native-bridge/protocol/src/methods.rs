//! The functions that a host calls, by their names on the wire, with their
//! parameters and results. Values are [`mortise_contract::types`].

use std::borrow::Cow;

use mortise_contract::{
    Capabilities, bytes as blob,
    export::{self, Export},
    types::{Draft, Manifest, Message, StopReason, User, WebhookRequest},
};
use serde::{Deserialize, Serialize};

use super::{
    codec::DecodeError,
    message::{Failure, FailureKind},
};

/// A function that the host calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its name on the wire.
    pub wire: &'static str,
    /// The contract's function, or the protocol's own in the same form.
    pub export: Export,
}

impl Method {
    /// A function of the protocol.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self::of(Export::of_all(name))
    }

    /// A function of the contract, under its own name.
    const fn of(export: Export) -> Self {
        Self::named(export.name, export)
    }

    const fn named(wire: &'static str, export: Export) -> Self {
        Self { wire, export }
    }
}

/// `manifest.describe`, of the process.
pub const DESCRIBE: Method = Method::of(export::DESCRIBE);
/// `instance.create`, of the process.
pub const CREATE: Method = Method::new("instance.create");
/// `instance.drop`, of the process.
pub const DROP: Method = Method::new("instance.drop");
/// `health.ping`, of the process.
pub const PING: Method = Method::new("health.ping");
/// `process.shutdown`, of the process.
pub const SHUTDOWN: Method = Method::new("process.shutdown");
/// `lifecycle.start`.
pub const START: Method = Method::of(export::START);
/// `lifecycle.stop`.
pub const STOP: Method = Method::of(export::STOP);
/// `configurer.defaults`.
pub const DEFAULTS: Method = Method::of(export::DEFAULTS);
/// `configurer.schema`.
pub const SCHEMA: Method = Method::of(export::SCHEMA);
/// `configurer.apply`.
pub const APPLY: Method = Method::of(export::APPLY);
/// `displayer.display`.
pub const DISPLAY: Method = Method::of(export::DISPLAY);
/// `webhook.handle`.
pub const WEBHOOK: Method = Method::of(export::WEBHOOK);
/// `filter.filter`.
pub const FILTER: Method = Method::of(export::FILTER);
/// `listener.on-messages`.
pub const ON_MESSAGES: Method = Method::named("listener.on_messages", export::ON_MESSAGES);
/// `timer.on-timer`.
pub const ON_TIMER: Method = Method::named("timer.on_timer", export::ON_TIMER);

/// No parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// The result of [`DESCRIBE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The manifest, whose fields are the result's.
    #[serde(flatten)]
    pub manifest: Manifest,
    /// The module path of a plugin for Gotify's plugin API v1, as its author wrote
    /// it; none for any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module_path: Option<String>,
}

impl Description {
    /// The longest module path, in bytes.
    pub const MODULE_PATH_BYTES: usize = 1024;
}

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
    /// The instance's capabilities, as names of exported interfaces; and `storage` if
    /// it stores values.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// True if its webhooks and its display may be called while it is busy.
    #[serde(default)]
    pub concurrent: bool,
}

impl Created {
    /// The capabilities that this host knows.
    pub fn known(&self) -> Capabilities {
        Capabilities::named(self.capabilities.iter().map(String::as_str))
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
    /// The same as JSON, if it is a mapping in YAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Filter<'a> {
    /// The draft.
    pub draft: Cow<'a, Draft>,
}

/// Of [`ON_MESSAGES`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OnMessages<'a> {
    /// 1 to 64, in order.
    pub messages: Cow<'a, [Message]>,
}

/// Of [`ON_TIMER`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnTimer {
    /// The timer's name.
    pub name: String,
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
    use mortise_contract::types::WebhookResponse;
    use serde_json::json;

    use super::{Blob, Create, Created};
    use crate::codec::Codec;

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
