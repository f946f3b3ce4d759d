//! The note that the seal of a file was checked, and the file is unchanged since.
//!
//! A check reads all of the code, which takes many times as long as mapping it. So a
//! file beside the code keeps a digest, under the cache's key, of the name, the inode,
//! the size and the times of the checked file. Each write to a file moves its time of
//! change, which programs cannot set. If one of these differs, the seal is checked
//! again.
//!
//! The time of the mark's own file is that of the code's last use. In the code's file
//! it would be a change.

use std::{
    ffi::OsStr,
    fs::{File, Metadata},
    io::Read as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::KEY_BYTES;

/// The ending of a mark's name, in the place of the code's.
const ENDING: &str = "checked";
/// The age from which a further change would have another time: some file systems
/// keep times in whole seconds.
pub(super) const SETTLED: Duration = Duration::from_secs(2);
/// The beginning of the digested bytes. A seal begins with the name of a file, and
/// none begins so.
const CONTEXT: &[u8] = b"/checked/";

/// The mark of a file as it is now.
pub(super) struct Mark {
    path: PathBuf,
    digest: blake3::Hash,
}

impl Mark {
    /// Returns none for a file that changed less than `settled` ago, and where files
    /// have no times of change.
    pub(super) fn of(
        code: &Path,
        data: &Metadata,
        key: &[u8; KEY_BYTES],
        settled: Duration,
    ) -> Option<Self> {
        let identity = identity(data, settled)?;
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(CONTEXT);
        for number in identity {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(code.file_name().map_or(&[], OsStr::as_encoded_bytes));
        Some(Self {
            path: beside(code),
            digest: hasher.finalize(),
        })
    }

    /// Returns true if the file was marked as it is now, and notes that it is used.
    pub(super) fn is_set(&self) -> bool {
        let Ok(mut file) = File::open(&self.path) else {
            return false;
        };
        let mut kept = [0; blake3::OUT_LEN];
        // Compares in constant time.
        let is_set = file.read_exact(&mut kept).is_ok() && self.digest == blake3::Hash::from(kept);
        if is_set {
            // A failure only ages it.
            drop(file.set_modified(SystemTime::now()));
        }
        is_set
    }

    /// Marks the file. A half-written mark is none, and without one the seal is
    /// checked again.
    pub(super) fn set(&self) {
        if let Err(error) = std::fs::write(&self.path, self.digest.as_bytes()) {
            tracing::debug!("{} is not written: {error}", self.path.display());
        }
    }
}

/// The path of a file's mark.
pub(super) fn beside(code: &Path) -> PathBuf {
    code.with_extension(ENDING)
}

/// The numbers that a change of a file changes.
#[cfg(unix)]
fn identity(data: &Metadata, settled: Duration) -> Option<[u64; 7]> {
    use std::os::unix::fs::MetadataExt as _;
    let changed = Duration::new(
        data.ctime().try_into().ok()?,
        data.ctime_nsec().try_into().ok()?,
    );
    let age = SystemTime::UNIX_EPOCH
        .checked_add(changed)?
        .elapsed()
        .ok()?;
    (age >= settled).then(|| {
        [
            data.dev(),
            data.ino(),
            data.size(),
            data.mtime().cast_unsigned(),
            data.mtime_nsec().cast_unsigned(),
            data.ctime().cast_unsigned(),
            data.ctime_nsec().cast_unsigned(),
        ]
    })
}

#[cfg(not(unix))]
fn identity(_data: &Metadata, _settled: Duration) -> Option<[u64; 7]> {
    None
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::FileExt as _,
        path::{Path, PathBuf},
        time::Duration,
    };

    use super::{Mark, beside};

    const KEY: [u8; 32] = [7; 32];

    fn mark(code: &Path, key: &[u8; 32]) -> Mark {
        Mark::of(code, &fs::metadata(code).unwrap(), key, Duration::ZERO).unwrap()
    }

    /// A file of code that is marked.
    fn marked() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let code = folder.path().join("a.cwasm");
        fs::write(&code, "code").unwrap();
        assert!(!mark(&code, &KEY).is_set());
        mark(&code, &KEY).set();
        (folder, code)
    }

    #[test]
    fn holds_while_the_file_is_as_it_was() {
        let (_folder, code) = marked();
        assert!(mark(&code, &KEY).is_set());
        assert!(mark(&code, &KEY).is_set(), "also after it was used");
        assert!(!mark(&code, &[8; 32]).is_set(), "under another key");
    }

    #[test]
    fn is_void_after_each_change() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 5] = [
            ("written in place, its time set back", |code| {
                let file = fs::File::options().write(true).open(code).unwrap();
                let before = file.metadata().unwrap().modified().unwrap();
                file.write_all_at(b"C", 0).unwrap();
                file.set_modified(before).unwrap();
            }),
            ("replaced by another with its time", |code| {
                let before = fs::metadata(code).unwrap().modified().unwrap();
                let other = code.with_file_name("other");
                fs::write(&other, "CODE").unwrap();
                let file = fs::File::options().write(true).open(&other).unwrap();
                file.set_modified(before).unwrap();
                fs::rename(other, code).unwrap();
            }),
            ("longer", |code| fs::write(code, "code, more").unwrap()),
            ("its mark cut short", |code| {
                let mark = beside(code);
                let kept = fs::read(&mark).unwrap();
                fs::write(&mark, kept.get(..31).unwrap()).unwrap();
            }),
            ("the mark of another file", |code| {
                let other = code.with_file_name("b.cwasm");
                fs::write(&other, "code").unwrap();
                mark(&other, &KEY).set();
                fs::copy(beside(&other), beside(code)).unwrap();
            }),
        ];
        for (what, change) in changes {
            let (_folder, code) = marked();
            // Until a change has another time than what was marked.
            let changed = || {
                change(&code);
                !mark(&code, &KEY).is_set()
            };
            assert!((0..1000).any(|_| changed()), "{what}");
        }
    }

    #[test]
    fn a_file_that_changed_a_moment_ago_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let code = folder.path().join("a.cwasm");
        fs::write(&code, "code").unwrap();
        let data = fs::metadata(&code).unwrap();
        assert!(Mark::of(&code, &data, &KEY, Duration::from_secs(3600)).is_none());
    }
}
