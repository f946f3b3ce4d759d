//! Detecting changes of a file without reading it.

use std::{fs::Metadata, io, path::Path};

use serde::{Deserialize, Serialize};

/// The file system's data about a file's content. Two different identities of
/// one path mean that the file may have changed. The same identity means that
/// it has not, unless a person hid the change on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// In bytes.
    pub size: u64,
    /// The time of the last write to its content, in nanoseconds since the
    /// epoch.
    pub modified_ns: i64,
    /// The time of the last change to its content or permissions, in
    /// nanoseconds since the epoch; 0 if the system does not know it.
    pub changed_ns: i64,
    /// Its number in the file system; 0 where the system has none.
    pub inode: u64,
}

impl Identity {
    /// Returns a file's current identity; none if there is no such file, or if
    /// it is a directory. A link counts as its target, a broken link as itself.
    ///
    /// # Errors
    ///
    /// The reason for which the file cannot be examined.
    pub fn read(file: &Path) -> io::Result<Option<Self>> {
        let metadata = std::fs::metadata(file).or_else(|_| std::fs::symlink_metadata(file));
        match metadata {
            Ok(metadata) if metadata.is_dir() => Ok(None),
            Ok(metadata) => Ok(Some(Self::of(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn of(metadata: &Metadata) -> Self {
        let modified = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .map_or(0, |since| {
                i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
            });
        #[cfg(unix)]
        let (changed_ns, inode) = {
            use std::os::unix::fs::MetadataExt as _;
            let changed = metadata
                .ctime()
                .saturating_mul(1_000_000_000)
                .saturating_add(metadata.ctime_nsec());
            (changed, metadata.ino())
        };
        #[cfg(not(unix))]
        let (changed_ns, inode) = (0, 0);
        Self {
            size: metadata.len(),
            modified_ns: modified,
            changed_ns,
            inode,
        }
    }
}
