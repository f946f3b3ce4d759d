//! Removes what a plugin left behind, however deep its folders are.
//!
//! Recursion would be as deep as the plugin made them, and so would a chain of
//! open descriptors. Instead, each folder's own folders are moved up, next to it,
//! until it is empty: one level, and one descriptor of it, at a time.

use std::{
    ffi::{CStr, CString},
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, renameat, unlinkat},
    io::Errno,
};

/// A folder that is removed, with all that is in it, when this is dropped.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Takes over a temporary folder.
    pub(crate) fn of(folder: tempfile::TempDir) -> Self {
        Self(folder.keep())
    }

    /// The folder's path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The monitor removed it already, most likely.
        let _ = tree(&self.0);
    }
}

/// Removes a folder and all that is in it. Links are not followed. Another process may
/// do the same at the same time.
///
/// # Errors
///
/// Those of the operating system; the rest is removed all the same.
pub(crate) fn tree(path: &Path) -> io::Result<()> {
    let top = open(CWD, path)?;
    let mut moved = 0_u64;
    let mut outcome = Ok(());
    loop {
        let mut removed = false;
        // What was moved up is found in the next round.
        for (name, kind) in entries(&top)? {
            let done = if kind == FileType::Directory {
                empty(&top, &name, &mut moved)
            } else {
                unlinkat(&top, &name, AtFlags::empty()).map_err(Into::into)
            };
            match unless_gone(done) {
                Ok(()) => removed = true,
                Err(error) => outcome = Err(error),
            }
        }
        if !removed || outcome.is_err() {
            break;
        }
    }
    outcome?;
    drop(top);
    unless_gone(std::fs::remove_dir(path))
}

/// What another process removed meanwhile is no error.
fn unless_gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Removes a folder in `top`, whose own folders are moved into `top`.
fn empty(top: &OwnedFd, name: &CStr, moved: &mut u64) -> io::Result<()> {
    // It may be one that not even its owner may enter.
    let _ = rustix::fs::chmodat(top, name, Mode::RWXU, AtFlags::empty());
    let folder = open(top, name)?;
    loop {
        let found = entries(&folder)?;
        if found.is_empty() {
            break;
        }
        for (name, kind) in found {
            if kind == FileType::Directory {
                move_up(&folder, &name, top, moved)?;
            } else {
                unless_gone(unlinkat(&folder, &name, AtFlags::empty()).map_err(Into::into))?;
            }
        }
    }
    unlinkat(top, name, AtFlags::REMOVEDIR)?;
    Ok(())
}

fn move_up(folder: &OwnedFd, name: &CStr, top: &OwnedFd, moved: &mut u64) -> io::Result<()> {
    // A folder is moved by who may write to it.
    let _ = rustix::fs::chmodat(folder, name, Mode::RWXU, AtFlags::empty());
    loop {
        *moved += 1;
        let place = CString::new(format!(".removed-{moved}"))?;
        match renameat(folder, name, top, &place) {
            Ok(()) => return Ok(()),
            // The plugin has one of this name.
            Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn open<P: rustix::path::Arg>(at: impl AsFd, path: P) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(at, path, flags, Mode::empty())?)
}

/// The entries of a folder, with their kinds; at most as many at a time as memory
/// is no concern for.
fn entries(folder: &OwnedFd) -> io::Result<Vec<(CString, FileType)>> {
    const MOST: usize = 4096;
    let mut found = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let status = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(status.st_mode)
            }
            kind => kind,
        };
        found.push((name.to_owned(), kind));
        if found.len() == MOST {
            break;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::tree;

    #[test]
    fn folders_of_any_depth_and_width_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let outside = parent.path().join("outside");
        std::fs::write(&outside, "stays").unwrap();
        let folder = parent.path().join("folder");
        std::fs::create_dir(&folder).unwrap();
        // Deeper than any stack of frames, and longer than any path.
        let chain = rustix::fs::CWD;
        let mut deepest = super::open(chain, &folder).unwrap();
        for _ in 0..20_000 {
            rustix::fs::mkdirat(&deepest, "d", rustix::fs::Mode::RWXU).unwrap();
            deepest = super::open(&deepest, "d").unwrap();
        }
        drop(deepest);
        for number in 0..5000 {
            std::fs::write(folder.join(format!("f{number}")), "").unwrap();
        }
        std::fs::create_dir(folder.join(".removed-1")).unwrap();
        std::fs::write(folder.join(".removed-1/file"), "").unwrap();
        std::os::unix::fs::symlink(parent.path(), folder.join("link")).unwrap();
        std::os::unix::fs::symlink("/nowhere", folder.join(".removed-2")).unwrap();
        tree(&folder).unwrap();
        assert!(!folder.exists());
        assert_eq!(std::fs::read_to_string(&outside).unwrap(), "stays");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(tree(Path::new("/no/such/folder")).is_err());
    }
}
