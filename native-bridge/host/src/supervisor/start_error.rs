//! The reason for which a process could not be started, and the fix.

use std::{path::Path, time::Duration};

use mortise_runtime::{LoadError, Step};

use super::process::Exit;
use crate::connection::HandshakeError;

/// The reason for which a process could not be started. The text has its
/// output, on several lines.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The host lacks something, through no fault of the plugin.
    #[error("the host could not start it: {0}")]
    Host(String),
    /// It never became a process, or ended first.
    #[error("{exit}{output}")]
    Exited { exit: Exit, output: String },
    /// It sent no handshake in time.
    #[error("it sent no handshake within {deadline:?}{output}")]
    Silent { deadline: Duration, output: String },
    /// Its handshake was not acceptable.
    #[error("{error}{output}")]
    Handshake {
        error: HandshakeError,
        output: String,
    },
    /// It does not say who it is.
    #[error("{0}")]
    Describe(String),
}

impl StartError {
    /// As the report of a file that does not load.
    pub(crate) fn report(&self, file: &Path) -> LoadError {
        let (step, expected, fix) = match self {
            Self::Host(_) => (
                Step::Unstarted,
                "a host that can start processes",
                "check the server's log and settings",
            ),
            Self::Exited {
                exit: Exit::NotStarted(_),
                ..
            } => (
                Step::Start,
                "an executable for this machine",
                "build it for this system and architecture, and give it the permission to be \
                 executed",
            ),
            Self::Exited { .. } | Self::Silent { .. } => (
                match self {
                    Self::Silent { .. } => Step::Unstarted,
                    _ => Step::Start,
                },
                "a process that sends a handshake on the connection in MORTISE_SOCKET",
                "build it with a current SDK of Mortise, or as native-bridge/PROTOCOL.md says; an \
                 older SDK connects by path and cannot use a descriptor; an executable that is no \
                 plugin does not belong in the plugins folder",
            ),
            Self::Handshake { .. } => (
                Step::Start,
                "a handshake that this host understands",
                "build it with a current SDK, or update the server",
            ),
            Self::Describe(_) => (
                Step::Describe,
                "`manifest.describe` to answer with the manifest",
                "make it answer with constants: it runs before anything was granted",
            ),
        };
        LoadError {
            file: file.to_owned(),
            step,
            expected: expected.to_owned(),
            found: self.to_string(),
            fix: fix.to_owned(),
        }
    }
}
