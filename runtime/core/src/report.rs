//! What is told about a plugin that does not load: which step, what was
//! expected, what was found, and what to do.

use std::{fmt, path::PathBuf};

use serde::Serialize;

/// The steps of loading a plugin, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Reading the file.
    Read,
    /// Seeing who signed it, where the embedder looks at signatures.
    Signature,
    /// Seeing that it is a plugin, and of which kind.
    Decode,
    /// Making machine code of it, or finding it in the cache.
    Compile,
    /// Seeing that it imports what this host provides, and exports the contract.
    Link,
    /// Asking it who it is.
    Describe,
    /// Checking its manifest, also against the plugins already loaded.
    Check,
    /// Starting its process.
    Start,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Read => "read",
            Self::Signature => "signature",
            Self::Decode => "decode",
            Self::Compile => "compile",
            Self::Link => "link",
            Self::Describe => "describe",
            Self::Check => "check",
            Self::Start => "start",
        })
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
    /// What the step needs, as a phrase.
    pub expected: String,
    /// What was there instead, as a phrase; may go over several lines where
    /// the plugin itself said something.
    pub found: String,
    /// What to do, as an imperative sentence without a full stop.
    pub fix: String,
}
