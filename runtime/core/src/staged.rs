//! A plugin's file with its content, on its way to a backend.

use std::{fmt, path::PathBuf};

use bytes::Bytes;

use crate::digest::Digest;

/// A version's own copy, with its content as it was read: whoever loads it need
/// neither read nor hash it again.
#[derive(Clone)]
pub struct Staged {
    /// The copy.
    pub file: PathBuf,
    /// The digest of its content.
    pub digest: Digest,
    /// Its content.
    pub bytes: Bytes,
}

impl fmt::Debug for Staged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Staged")
            .field("file", &self.file)
            .field("digest", &self.digest)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}
