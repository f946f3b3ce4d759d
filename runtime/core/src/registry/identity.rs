//! Whether a file is still the one that was looked at, told without reading
//! it.

use std::{fs::Metadata, io, path::Path};

use serde::{Deserialize, Serialize};

/// What a file system says of a file's content without reading it. Two
/// different identities of one path mean that it may have changed; the same
/// one, that it has not, unless somebody took pains to hide it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// In bytes.
    pub size: u64,
    /// When its content was written last, in nanoseconds since the epoch.
    pub modified_ns: i64,
    /// When its content or permissions changed last, in nanoseconds since the
    /// epoch; 0 where the system does not say.
    pub changed_ns: i64,
    /// Its number in the file system; 0 where the system has none.
    pub inode: u64,
}

impl Identity {
    /// The identity of a file now; none if there is no file of this name, or a
    /// directory. A link counts as what it points to, a broken one as itself.
    ///
    /// # Errors
    ///
    /// What keeps the file from being looked at.
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
