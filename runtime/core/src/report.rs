//! The report of a plugin that does not load: the step, the expectation, the
//! finding and the fix.

use std::{fmt, path::PathBuf};

use serde::{Serialize, Serializer};

/// The step of loading that failed, in their order; where a step can fail in
/// several ways that a host tells apart, the way too. As text, and as data, it is
/// the step alone ([`Step::name`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Step {
    /// Reading the file.
    Read,
    /// Checking the signature: there is none, and one is required.
    SignatureMissing,
    /// Checking the signature: it cannot be read, or is not of this file.
    SignatureWrong,
    /// Checking the signature: one by a trusted key is required.
    SignatureUntrusted,
    /// Checking the signature: the trust file cannot be used.
    TrustFile,
    /// Finding out whether it is a plugin, and of which kind.
    Decode,
    /// Compiling it, or finding its code in the cache.
    Compile,
    /// Matching its imports and exports with the contract.
    Link,
    /// Asking it for its manifest.
    Describe,
    /// Checking its manifest.
    Manifest,
    /// Checking its id, which another file of the folder has.
    Duplicate,
    /// Checking the server's own copy, which is not the file that was installed.
    Copy,
    /// Checking who changed the file, which only commands may do.
    ChangedByHand,
    /// Checking its permissions, which have to be approved.
    Approval,
    /// Starting its process, or its instances.
    Start,
    /// Starting its process: the host could not, or the process took too long.
    Unstarted,
}

impl Step {
    /// The name of the step.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::SignatureMissing
            | Self::SignatureWrong
            | Self::SignatureUntrusted
            | Self::TrustFile => "signature",
            Self::Decode => "decode",
            Self::Compile => "compile",
            Self::Link => "link",
            Self::Describe => "describe",
            Self::Manifest
            | Self::Duplicate
            | Self::Copy
            | Self::ChangedByHand
            | Self::Approval => "check",
            Self::Start | Self::Unstarted => "start",
        }
    }

    /// Returns true if the step may have failed for lack of something that the host
    /// has later: time, memory, descriptors, a disk.
    pub const fn may_succeed_later(self) -> bool {
        matches!(
            self,
            Self::Read | Self::TrustFile | Self::Describe | Self::Copy | Self::Unstarted
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A plugin that did not load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{file}: {step} failed: expected {expected}, found {found}; {fix}", file = file.display())]
pub struct LoadError {
    /// The file that was to be loaded.
    pub file: PathBuf,
    /// The step that failed.
    pub step: Step,
    /// The expected content, as a phrase.
    pub expected: String,
    /// The found content, as a phrase; several lines if the plugin itself
    /// reported something.
    pub found: String,
    /// The fix, as an imperative sentence without a full stop.
    pub fix: String,
}
