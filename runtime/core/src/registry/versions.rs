//! The files from which plugins run: a copy of each accepted version, named by
//! its digest, apart from the folder for people.
//!
//! So the checked content is the one that runs, whatever happens in the folder.
//! A file that is overwritten, cut short or replaced does not affect the active
//! version, and a rollback is possible. Files are written under another name
//! and renamed, so that no file is ever incomplete under its own name.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::{Digest, LoadError, Staged, Step, files, registry::unreadable};

/// A folder of versions.
#[derive(Clone, Debug)]
pub struct Versions {
    folder: PathBuf,
}

/// How the permissions of a copy are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// As those of the file that is copied.
    Same,
    /// As its content needs them: executable, unless it is a component. For a
    /// file that came over the network, and so without permissions.
    ByContent,
}

/// The largest file that is taken for a plugin, in bytes.
pub const MOST_BYTES: u64 = 1 << 30;

impl Versions {
    /// The versions in a folder, which is made when it is first needed.
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Returns the path of a version, which may not exist. `name` is that of
    /// the original file, for the names of processes and for reports.
    pub fn file(&self, digest: &Digest, name: &str) -> PathBuf {
        self.folder.join(digest.hex()).join(name)
    }

    /// The versions that are there: those with a folder. One look for all, since there
    /// may be thousands. A folder that cannot be read has none.
    pub async fn all(&self) -> HashSet<Digest> {
        let folder = self.folder.clone();
        let all = tokio::task::spawn_blocking(move || {
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            entries.filter_map(|entry| version_of(&entry)).collect()
        });
        all.await.unwrap_or_default()
    }

    /// Takes a copy of a file under its own name, with its permissions.
    ///
    /// # Errors
    ///
    /// A report of the step `read`: the file cannot be read, or is too large,
    /// or the copy cannot be written.
    pub async fn stage(&self, file: &Path) -> Result<Staged, LoadError> {
        let name = file.file_name().unwrap_or_default().to_owned();
        self.stage_as(file, &name, Permissions::Same).await
    }

    /// Takes a copy of a file under another name.
    ///
    /// # Errors
    ///
    /// As [`Versions::stage`].
    pub async fn stage_as(
        &self,
        file: &Path,
        name: &OsStr,
        permissions: Permissions,
    ) -> Result<Staged, LoadError> {
        let (versions, from, name) = (self.clone(), file.to_owned(), name.to_owned());
        let copied =
            tokio::task::spawn_blocking(move || versions.copy(&from, &name, permissions)).await;
        copied.unwrap_or_else(|error| Err(unreadable(file, &io::Error::other(error))))
    }

    fn copy(
        &self,
        file: &Path,
        name: &OsStr,
        permissions: Permissions,
    ) -> Result<Staged, LoadError> {
        let (opened, metadata) = files::open(file).map_err(|error| unreadable(file, &error))?;
        if metadata.len() > MOST_BYTES {
            return Err(LoadError {
                file: file.to_owned(),
                step: Step::Read,
                expected: format!("a plugin of at most {MOST_BYTES} bytes"),
                found: format!("{} bytes", metadata.len()),
                fix: "build it without debug information".to_owned(),
            });
        }
        let bytes = files::read_opened(opened, &metadata, MOST_BYTES)
            .map_err(|error| unreadable(file, &error))?;
        let bytes = Bytes::from(bytes);
        tracing::debug!(file = %file.display(), "read a plugin's file");
        let digest = Digest::of(&bytes);
        let staged = Staged {
            file: self.folder.join(digest.hex()).join(name),
            digest,
            bytes,
        };
        let permissions = match permissions {
            Permissions::Same => metadata.permissions(),
            Permissions::ByContent => by_content(&staged.bytes, &metadata),
        };
        self.write(&staged, permissions)
            .map_err(|error| LoadError {
                file: file.to_owned(),
                step: Step::Read,
                expected: format!("a copy of it in {}", self.folder.display()),
                found: error.to_string(),
                fix: "check that the server's user may write there, and that the disk is not full"
                    .to_owned(),
            })?;
        Ok(staged)
    }

    fn write(&self, staged: &Staged, permissions: fs::Permissions) -> io::Result<()> {
        // It may run already: then it is left alone.
        if let Ok(metadata) = fs::metadata(&staged.file)
            && metadata.permissions() == permissions
            && fs::read(&staged.file).is_ok_and(|there| there == staged.bytes)
        {
            return Ok(());
        }
        let folder = staged.file.parent().unwrap_or(&self.folder);
        files::make_private_folder(folder)?;
        // Not in the version's own folder: what a crash leaves would stay as long as
        // the version.
        let mut aside = tempfile::NamedTempFile::new_in(&self.folder)?;
        io::Write::write_all(&mut aside, &staged.bytes)?;
        aside.as_file().set_permissions(permissions)?;
        aside.as_file().sync_all()?;
        aside.persist(&staged.file)?;
        sync_folder(folder)
    }

    /// Removes a version; one that is not there is removed already. What cannot
    /// be removed stays and is logged.
    pub async fn remove(&self, digest: &Digest) {
        let folder = self.folder.join(digest.hex());
        if let Err(error) = tokio::fs::remove_dir_all(&folder).await
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("{} is not removed: {error}", folder.display());
        }
    }

    /// Removes everything but these versions: a crash may have left others, and half
    /// of one. What cannot be removed stays and is logged.
    pub async fn keep_only(&self, digests: Vec<Digest>) {
        let folder = self.folder.clone();
        let removed = tokio::task::spawn_blocking(move || {
            let wanted: HashSet<Digest> = digests.into_iter().collect();
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
            for entry in entries {
                let entry = entry?;
                if version_of(&entry).is_some_and(|digest| wanted.contains(&digest)) {
                    continue;
                }
                if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(entry.path())?;
                } else {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        });
        if let Ok(Err(error)) = removed.await {
            tracing::warn!(
                "old versions of plugins in {} are not removed: {error}",
                self.folder.display()
            );
        }
    }
}

/// The version whose folder this is; none if it is something else.
fn version_of(entry: &fs::DirEntry) -> Option<Digest> {
    Digest::from_hex(entry.file_name().to_str()?)
}

#[cfg(unix)]
fn by_content(bytes: &[u8], _metadata: &fs::Metadata) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if bytes.starts_with(b"\0asm") {
        0o644
    } else {
        0o755
    };
    fs::Permissions::from_mode(mode)
}

#[cfg(not(unix))]
fn by_content(_bytes: &[u8], metadata: &fs::Metadata) -> fs::Permissions {
    metadata.permissions()
}

/// Has the names in a folder survive a loss of power, after a rename in it.
///
/// # Errors
///
/// A folder that cannot be opened or written.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Versions;

    #[tokio::test]
    async fn what_a_crash_left_goes_and_the_kept_version_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (plugins, versions) = (
            folder.path().join("plugins"),
            folder.path().join("versions"),
        );
        fs::create_dir(&plugins).unwrap();
        let copies = Versions::new(versions.clone());
        let mut digests = Vec::new();
        for name in ["kept", "other"] {
            let file = plugins.join(name);
            fs::write(&file, name).unwrap();
            digests.push(copies.stage(&file).await.unwrap().digest);
        }
        // Half a version, as it is written.
        fs::write(versions.join(".tmp1"), "ha").unwrap();
        copies.keep_only(digests[..1].to_vec()).await;
        let names = |folder| -> Vec<_> {
            let entries = fs::read_dir(folder).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        assert_eq!(names(versions.clone()), [digests[0].hex()]);
        assert_eq!(names(versions.join(digests[0].hex())), ["kept"]);
    }
}
