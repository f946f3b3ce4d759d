//! The folder that contains the processes' folders. Programs that clean up temporary
//! files remove it now and then; then another one takes its place.
//!
//! A monitor removes the folder of its process, also after the host was killed. A host
//! that is killed after it made a folder, and before it started the monitor, leaves
//! it; the next host finds the folder above it without a lock, and removes it.

use std::{
    fs::{self, DirEntry, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use crate::launch::remove;

/// The beginning of the folder's name. `tempfile` adds [`ADDED`] characters.
const PREFIX: &str = "mortise-run-";
const ADDED: usize = 6;
/// The beginning of a name in it: the folder of a process.
pub(crate) const PROCESS: &str = "p-";
/// The same for a point at which a process attaches.
pub(crate) const ATTACH: &str = "a-";

/// The folder of all processes. With the value it is removed.
#[derive(Debug)]
pub(crate) struct Folders {
    /// The place for it.
    parent: PathBuf,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    folder: TempDir,
    /// Of the folder, until the host ends.
    _lock: File,
    /// Its device and its number there: another user may put one in its place.
    identity: (u64, u64),
}

impl Folders {
    /// Makes the folder in another one, which is made if it is not there.
    pub(crate) fn new(parent: PathBuf) -> Result<Self, (PathBuf, io::Error)> {
        remove_left(&parent);
        match Current::new(&parent) {
            Ok(current) => Ok(Self {
                parent,
                current: Mutex::new(current),
            }),
            Err(error) => Err((parent, error)),
        }
    }

    /// Makes a folder in it, whose name begins so.
    pub(crate) fn make(&self, prefix: &str) -> io::Result<TempDir> {
        let mut current = self.current.lock();
        if !current.is_there() {
            let gone = std::mem::replace(&mut *current, Current::new(&self.parent)?);
            // The one in its place, if there is one, is not ours to remove.
            let gone = gone.folder.keep();
            tracing::warn!(
                "{} was removed while the server used it; native plugins start in {} now",
                gone.display(),
                current.folder.path().display()
            );
        }
        tempfile::Builder::new()
            .prefix(prefix)
            .tempdir_in(current.folder.path())
    }
}

impl Current {
    fn new(parent: &Path) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        // Only this user can enter it: `tempfile` sees to that.
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .rand_bytes(ADDED)
            .tempdir_in(parent)?;
        let lock = File::open(folder.path())?;
        flock(&lock, FlockOperation::LockExclusive)?;
        Ok(Self {
            identity: identity(folder.path())?,
            folder,
            _lock: lock,
        })
    }

    fn is_there(&self) -> bool {
        identity(self.folder.path()).is_ok_and(|identity| identity == self.identity)
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let data = fs::symlink_metadata(path)?;
    Ok((data.dev(), data.ino()))
}

/// Removes the folders of hosts that were killed.
fn remove_left(parent: &Path) {
    // One that is not there, or cannot be read, has none.
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if is_left(&entry).unwrap_or(false)
            && let Err(error) = remove::tree(&entry.path())
        {
            let folder = entry.path();
            tracing::warn!(%error, folder = %folder.display(), "a killed server's folder stays");
        }
    }
}

/// Returns true for a folder that a host of this user made and that no host holds.
fn is_left(entry: &DirEntry) -> io::Result<bool> {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    if !name.starts_with(PREFIX) || name.len() != PREFIX.len() + ADDED {
        return Ok(false);
    }
    let data = entry.metadata()?;
    if !data.is_dir() || data.uid() != rustix::process::geteuid().as_raw() {
        return Ok(false);
    }
    let folder = File::open(entry.path())?;
    if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(false);
    }
    // The names are this host's too, so that nothing else is ever removed.
    for inner in fs::read_dir(entry.path())? {
        let inner = inner?.file_name();
        let inner = inner.as_encoded_bytes();
        if ![PROCESS, ATTACH]
            .iter()
            .any(|prefix| inner.starts_with(prefix.as_bytes()))
        {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{Folders, PROCESS};

    #[test]
    fn the_folders_of_a_killed_host_are_removed_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let make = |path: &str| {
            let path = parent.path().join(path);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let host = Folders::new(parent.path().to_owned()).unwrap();
        let alive = host.make(PROCESS).unwrap();
        make("mortise-run-killed/p-1/work/tmp");
        make("mortise-run-emptyy");
        let left = [
            // Not a name that a host gives; something in it that no host made; a folder
            // of an earlier release, which has no lock.
            make("mortise-run-something/p-1"),
            make("mortise-run-foreig/letters"),
            make("mortise-abcdef/p-1"),
        ];
        let link = parent.path().join("mortise-run-linked");
        std::os::unix::fs::symlink(&left[1], &link).unwrap();
        let next = Folders::new(parent.path().to_owned()).unwrap();
        let is_there = |path: &str| Path::new(&parent.path().join(path)).exists();
        assert!(!is_there("mortise-run-killed") && !is_there("mortise-run-emptyy"));
        assert!(alive.path().exists() && link.exists());
        assert!(left.iter().all(|path| path.exists()));
        drop(next);
        assert!(alive.path().exists());
    }

    #[test]
    fn a_removed_folder_is_replaced_and_a_foreign_one_is_not_used() {
        let parent = tempfile::tempdir().unwrap();
        let folders = Folders::new(parent.path().join("run")).unwrap();
        let before = folders.make(PROCESS).unwrap();
        let above = before.path().parent().unwrap().to_owned();
        let beside = folders.make(PROCESS).unwrap();
        assert_eq!(beside.path().parent(), Some(&*above));
        drop((before, beside));
        std::fs::remove_dir_all(parent.path().join("run")).unwrap();
        let second = folders.make(PROCESS).unwrap();
        let new = second.path().parent().unwrap().to_owned();
        assert_ne!(new, above);
        // Kept, so that the number of the next one is another.
        std::fs::rename(&new, parent.path().join("aside")).unwrap();
        std::fs::create_dir(&new).unwrap();
        let third = folders.make(PROCESS).unwrap();
        assert_ne!(third.path().parent(), Some(&*new));
        let last = third.path().parent().unwrap().to_owned();
        drop((third, folders));
        assert!(new.exists() && !last.exists());
    }
}
