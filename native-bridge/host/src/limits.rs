//! The bounds of a plugin's process.

use serde::{Deserialize, Serialize};

/// Bounds of a plugin's process, all its instances together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProcessLimits {
    /// Memory it may write to, in bytes, while it is asked for its manifest;
    /// afterwards the instances' limit `process-memory-bytes` holds.
    pub memory_bytes: u64,
    /// Descriptors open at a time.
    pub open_files: u64,
    /// The longest file it may write, in bytes.
    pub file_bytes: u64,
    /// Processes and threads it may have at a time.
    pub processes: u64,
    /// Bytes that all files in its working directory may have together.
    pub directory_bytes: u64,
    /// Files and directories that may be in its working directory.
    pub directory_entries: u64,
}

impl Default for ProcessLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            open_files: 1024,
            file_bytes: 1 << 30,
            processes: 1024,
            directory_bytes: 256 << 20,
            directory_entries: 16 << 10,
        }
    }
}
