//! The folder that contains the processes' folders. Programs that clean up temporary
//! files remove it now and then; then another one takes its place.

use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use tempfile::TempDir;

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
    /// Its device and its number there: another user may put one in its place.
    identity: (u64, u64),
}

impl Folders {
    /// Makes the folder in another one, which is made if it is not there.
    pub(crate) fn new(parent: PathBuf) -> Result<Self, (PathBuf, io::Error)> {
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
        std::fs::create_dir_all(parent)?;
        // Only this user can enter it: `tempfile` sees to that.
        let folder = tempfile::Builder::new()
            .prefix("mortise-")
            .tempdir_in(parent)?;
        Ok(Self {
            identity: identity(folder.path())?,
            folder,
        })
    }

    fn is_there(&self) -> bool {
        identity(self.folder.path()).is_ok_and(|identity| identity == self.identity)
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let data = std::fs::symlink_metadata(path)?;
    Ok((data.dev(), data.ino()))
}

#[cfg(test)]
mod tests {
    use super::Folders;

    #[test]
    fn a_removed_folder_is_replaced_and_a_foreign_one_is_not_used() {
        let parent = tempfile::tempdir().unwrap();
        let folders = Folders::new(parent.path().join("run")).unwrap();
        let before = folders.make("p-").unwrap();
        let above = before.path().parent().unwrap().to_owned();
        let beside = folders.make("p-").unwrap();
        assert_eq!(beside.path().parent(), Some(&*above));
        drop((before, beside));
        std::fs::remove_dir_all(parent.path().join("run")).unwrap();
        let second = folders.make("p-").unwrap();
        let new = second.path().parent().unwrap().to_owned();
        assert_ne!(new, above);
        // Kept, so that the number of the next one is another.
        std::fs::rename(&new, parent.path().join("aside")).unwrap();
        std::fs::create_dir(&new).unwrap();
        let third = folders.make("p-").unwrap();
        assert_ne!(third.path().parent(), Some(&*new));
        let last = third.path().parent().unwrap().to_owned();
        drop((third, folders));
        assert!(new.exists() && !last.exists());
    }
}
