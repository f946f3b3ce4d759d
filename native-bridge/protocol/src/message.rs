//! Messages after the handshake: call, reply, error, cancel and notify.
//!
//! A message is read in two steps. [`Message::read`] finds its type and its
//! instance, and leaves parameters and results in a [`Payload`] until their
//! type is known.

use std::borrow::Cow;

use bytes::Bytes;
use mortise_contract::types::{Error, Problem};
use serde::{Deserialize, Serialize};

use super::{
    Violation,
    codec::{Codec, Payload},
};

/// A message as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The other side asks something.
    Call(Call),
    /// The other side answered.
    Reply {
        /// The id of our call.
        id: u64,
        /// With the result.
        payload: Payload,
    },
    /// The other side could not answer.
    Error {
        /// The id of our call.
        id: u64,
        /// The error.
        error: Failure,
    },
    /// The other side no longer waits for an answer.
    Cancel {
        /// The id of its call.
        id: u64,
    },
    /// The other side says something that has no answer.
    Notify {
        /// The function.
        method: String,
        /// The instance concerned.
        instance: Option<u64>,
        /// With the parameters.
        payload: Payload,
    },
    /// Something that this version does not know.
    Unknown,
}

/// A call as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The caller's number for it.
    pub id: u64,
    /// The function.
    pub method: String,
    /// The instance concerned; none for the whole process.
    pub instance: Option<u64>,
    /// The time that the caller waits, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// The trace context of the call, in the form of W3C Trace Context; none without
    /// a trace.
    pub traceparent: Option<String>,
    /// With the parameters.
    pub payload: Payload,
}

/// The failure of a call, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Of which kind.
    pub kind: FailureKind,
    /// The event and the next step.
    #[serde(default)]
    pub text: String,
    /// The problems of a configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// A stack, over several lines.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub details: String,
}

/// The kinds of [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The plugin's function answered with its error.
    Refused,
    /// The plugin refused a configuration.
    Problems,
    /// The plugin's function panicked.
    Crashed,
    /// A grant is missing.
    Denied,
    /// A parameter is malformed or exceeds a bound.
    Invalid,
    /// A quota is used up.
    Exhausted,
    /// The host could not do it now.
    Unavailable,
    /// The caller no longer waits for the answer.
    Cancelled,
    /// There is no such function.
    UnknownMethod,
    /// There is no such instance.
    UnknownInstance,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Failure {
    /// A failure with nothing but a text.
    pub fn new(kind: FailureKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            problems: Vec::new(),
            details: String::new(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (kind, text) = match error {
            Error::Denied(text) => (FailureKind::Denied, text),
            Error::Invalid(text) => (FailureKind::Invalid, text),
            Error::Exhausted(text) => (FailureKind::Exhausted, text),
            Error::Unavailable(text) => (FailureKind::Unavailable, text),
        };
        Self::new(kind, text)
    }
}

impl Message {
    /// Reads a frame's content.
    ///
    /// # Errors
    ///
    /// Content that is not in the codec, or lacks what its type needs.
    pub fn read(codec: Codec, content: Bytes) -> Result<Self, Violation> {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(rename = "type", borrow)]
            kind: Cow<'a, str>,
            id: Option<u64>,
            #[serde(borrow)]
            method: Option<Cow<'a, str>>,
            instance: Option<u64>,
            deadline_ms: Option<u64>,
            #[serde(borrow)]
            traceparent: Option<Cow<'a, str>>,
            error: Option<Failure>,
        }
        let head: Head<'_> = codec
            .read(&content)
            .map_err(|error| Violation::Malformed(error.to_string()))?;
        let lacks = |field: &str| {
            Violation::Malformed(format!(
                "a message of the type `{}` without `{field}`",
                head.kind
            ))
        };
        let id = || head.id.ok_or_else(|| lacks("id"));
        let method = || {
            head.method
                .as_deref()
                .map(str::to_owned)
                .ok_or_else(|| lacks("method"))
        };
        let payload = || Payload::new(codec, content.clone());
        Ok(match &*head.kind {
            "call" => Self::Call(Call {
                id: id()?,
                method: method()?,
                instance: head.instance,
                deadline_ms: head.deadline_ms,
                traceparent: head.traceparent.as_deref().map(str::to_owned),
                payload: payload(),
            }),
            "reply" => Self::Reply {
                id: id()?,
                payload: payload(),
            },
            "error" => Self::Error {
                id: id()?,
                error: head.error.clone().ok_or_else(|| lacks("error"))?,
            },
            "cancel" => Self::Cancel { id: id()? },
            "notify" => Self::Notify {
                method: method()?,
                instance: head.instance,
                payload: payload(),
            },
            _ => Self::Unknown,
        })
    }
}

/// A message to be sent, with parameters or a result of type `T`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Outgoing<'a, T> {
    /// Asks something.
    Call {
        /// This side's number for it.
        id: u64,
        /// The function.
        method: &'a str,
        /// The instance concerned.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<u64>,
        /// The time that this side waits, in milliseconds.
        deadline_ms: u64,
        /// The trace context of the call; none without a trace.
        #[serde(skip_serializing_if = "Option::is_none")]
        traceparent: Option<&'a str>,
        /// An object.
        params: &'a T,
    },
    /// Answers.
    Reply {
        /// The other side's number for the call.
        id: u64,
        /// The answer.
        result: &'a T,
    },
    /// Says why there is no answer.
    Error {
        /// The other side's number for the call.
        id: u64,
        /// The error.
        error: &'a Failure,
    },
    /// Gives up waiting.
    Cancel {
        /// This side's number for the call.
        id: u64,
    },
    /// Says something that has no answer.
    Notify {
        /// The function.
        method: &'a str,
        /// The instance concerned.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<u64>,
        /// An object.
        params: &'a T,
    },
}
