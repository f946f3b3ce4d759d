//! The content of a frame: JSON, or MessagePack if both sides offer it.

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::frame::{self, TooLong};

/// The form of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Text that every language reads with its standard library.
    Json,
    /// Binary, with names as in JSON and bytes as they are.
    MsgPack,
}

/// A value that cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Longer than the other side takes.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A value that the codec has no form for.
    #[error("a value that cannot be encoded: {0}")]
    Value(String),
}

/// A value with an unexpected form; the text names its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(String);

impl Codec {
    /// All of them, in the host's order of preference.
    pub const ALL: [Self; 2] = [Self::MsgPack, Self::Json];

    /// Its name in the handshake.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::MsgPack => "msgpack",
        }
    }

    /// Returns the codec of a name in the handshake.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// Appends a frame with this value in it.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]; the buffer is then as it was.
    pub fn put<T: Serialize>(
        self,
        buffer: &mut Vec<u8>,
        limit: usize,
        value: &T,
    ) -> Result<(), EncodeError> {
        frame::put(buffer, limit, |buffer| match self {
            Self::Json => serde_json::to_writer(buffer, value)
                .map_err(|error| EncodeError::Value(error.to_string())),
            Self::MsgPack => rmp_serde::encode::write_named(buffer, value)
                .map_err(|error| EncodeError::Value(error.to_string())),
        })
    }

    /// Reads a value from a frame's content.
    ///
    /// # Errors
    ///
    /// The mistake in it.
    pub fn read<'de, T: Deserialize<'de>>(self, content: &'de [u8]) -> Result<T, DecodeError> {
        match self {
            Self::Json => {
                serde_json::from_slice(content).map_err(|error| DecodeError(error.to_string()))
            }
            Self::MsgPack => {
                rmp_serde::from_slice(content).map_err(|error| DecodeError(error.to_string()))
            }
        }
    }
}

/// A frame's content, whose payload is read later, when its type is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    codec: Codec,
    content: Bytes,
}

impl Payload {
    pub(crate) const fn new(codec: Codec, content: Bytes) -> Self {
        Self { codec, content }
    }

    /// Returns the parameters of a call or a notification.
    ///
    /// # Errors
    ///
    /// The mistake in them.
    pub fn params<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        #[derive(Deserialize)]
        struct Frame<T> {
            params: Option<T>,
        }
        match self.codec.read::<Frame<T>>(&self.content)?.params {
            Some(params) => Ok(params),
            // Left out means an object without fields.
            None => Codec::Json.read(b"{}"),
        }
    }

    /// Returns the result in a reply.
    ///
    /// # Errors
    ///
    /// The mistake in it.
    pub fn result<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        #[derive(Deserialize)]
        struct Frame<T> {
            result: T,
        }
        self.codec
            .read::<Frame<T>>(&self.content)
            .map(|frame| frame.result)
    }

    /// The frame's size in bytes.
    pub fn size(&self) -> usize {
        self.content.len()
    }
}
