//! Errors of a connection and of a call over it.

use std::time::Duration;

use mortise_protocol::{Violation, codec::EncodeError, message::Failure};

/// The reason for which a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Closed {
    /// The plugin ended it, or its process did.
    #[error("the plugin ended the connection")]
    ByPlugin,
    /// The host ended it.
    #[error("the host ended the connection")]
    ByHost,
    /// It broke.
    #[error("the connection broke: {0}")]
    Io(String),
    /// The plugin broke the protocol.
    #[error("the plugin sent {0}")]
    Violation(Violation),
    /// The plugin left something unanswered for too long.
    #[error("the plugin hangs: `{call}` was not answered within {waited:?}{more}")]
    Hung {
        /// The function that was called.
        call: &'static str,
        /// The time spent waiting.
        waited: Duration,
        /// The awaited event.
        more: &'static str,
    },
    /// The plugin does not read its messages.
    #[error("the plugin does not read: {0} bytes wait for it")]
    NotReading(usize),
}

/// The reason for which a call to a plugin has no result.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The plugin answered with a failure.
    #[error("{}", .0.text)]
    Failed(Failure),
    /// The plugin answered with something else than was expected.
    #[error("{0}")]
    BadAnswer(String),
    /// It did not answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The connection ended first.
    #[error("{0}")]
    Closed(Closed),
    /// The parameters cannot be sent.
    #[error("{0}")]
    Unsendable(EncodeError),
}
