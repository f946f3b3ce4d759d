//! The protocol of `PROTOCOL.md`: its types and rules, without I/O.
//!
//! Bytes go in, and values and decisions come out, so that a fuzzer can drive
//! all of it. Nothing here reads a clock, a socket or the environment, and
//! nothing trusts a length, an id or a name from the other side.
//!
//! - [`frame`]: frames in a stream of bytes.
//! - [`codec`]: the content of a frame, as JSON or MessagePack.
//! - [`handshake`]: hello, and welcome or reject.
//! - [`message`]: call, reply, error, cancel and notify.
//! - [`calls`]: the open calls in either direction.
//! - [`methods`], [`imports`]: the functions that hosts and plugins call, by name,
//!   with their parameters.
//! - [`stream`]: a webhook's response in parts.

pub mod calls;
pub mod codec;
pub mod frame;
pub mod handshake;
pub mod imports;
pub mod message;
pub mod methods;
pub mod stream;
#[cfg(test)]
mod testing;

/// The name both sides give in the handshake.
pub const NAME: &str = "mortise-native";
/// The versions of the protocol that this side speaks, best first.
pub const VERSIONS: &[u32] = &[1];
/// The longest frame of the handshake, and the least that a side may announce,
/// in bytes.
pub const LEAST_MAX_FRAME: usize = 64 << 10;
/// The most that a side may announce as its longest frame, in bytes.
pub const MOST_MAX_FRAME: usize = 256 << 20;
/// This side's longest frame, in bytes: the longest webhook response in base64,
/// with room for its headers.
pub const MAX_FRAME: usize = 32 << 20;
/// Calls that a plugin may have open at a time.
pub const MAX_CALLS: usize = 256;
/// Answers to calls that were never made which a plugin may send before its
/// connection is ended.
pub const MAX_STRAY_ANSWERS: u32 = 1000;

/// The variable that names the connection: a descriptor that is open already
/// (`fd:3`), or a path to connect to.
pub const SOCKET_VARIABLE: &str = "MORTISE_SOCKET";
/// The prefix of a [`SOCKET_VARIABLE`] that names a descriptor.
pub const DESCRIPTOR_PREFIX: &str = "fd:";
/// The variable that holds what to show there.
pub const SECRET_VARIABLE: &str = "MORTISE_SECRET";

/// A breach of the protocol. The connection ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A frame of no bytes.
    #[error("an empty frame")]
    EmptyFrame,
    /// A frame longer than was announced.
    #[error("a frame of {length} bytes, more than the {limit} that this side takes")]
    FrameTooLong {
        /// Its length, as its header says.
        length: usize,
        /// The longest frame.
        limit: usize,
    },
    /// A frame that is no message.
    #[error("a frame that is not a message of this protocol: {0}")]
    Malformed(String),
    /// Something else than a hello at the beginning.
    #[error("`{0}` where the handshake's `hello` was expected")]
    NoHandshake(String),
    /// A call under an id that is still in use.
    #[error("a call with the id {0}, which is still open")]
    IdInUse(u64),
    /// A part of a streamed answer that must not come.
    #[error("{0}")]
    Stream(&'static str),
    /// Too many answers to nothing.
    #[error("more than {MAX_STRAY_ANSWERS} answers to calls that were not made")]
    StrayAnswers,
}
