//! The files that plugins run from: a copy of each version that was accepted,
//! named by its digest, apart from the folder that people put files into.
//!
//! So what was checked is what runs, whatever is done to the folder meanwhile:
//! a file that is overwritten in place, cut short or replaced by something that
//! may not run yet leaves the version that runs alone, and there is something
//! to go back to. Files are written aside and renamed, so that none is ever
//! half there under its name.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Digest, LoadError, Step, files, registry::unreadable};

/// A folder of versions.
#[derive(Clone, Debug)]
pub struct Versions {
    folder: PathBuf,
}

/// A version's own copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where it is.
    pub file: PathBuf,
    /// Of its content.
    pub digest: Digest,
}

/// The largest file that is taken for a plugin, in bytes.
pub const MOST_BYTES: u64 = 1 << 30;

impl Versions {
    /// The versions in a folder, which is made when it is first needed.
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where a version is, or would be. `name` is that of the file it came
    /// from, by which its process and its reports are known.
    pub fn file(&self, digest: &Digest, name: &str) -> PathBuf {
        self.folder.join(digest.hex()).join(name)
    }

    /// Takes a copy of a file, with its permissions.
    ///
    /// # Errors
    ///
    /// A report of the step `read`: the file cannot be read, or is too large,
    /// or the copy cannot be written.
    pub async fn keep(&self, file: &Path) -> Result<Kept, LoadError> {
        let (versions, file) = (self.clone(), file.to_owned());
        let copied = {
            let file = file.clone();
            tokio::task::spawn_blocking(move || versions.copy(&file)).await
        };
        copied.unwrap_or_else(|error| Err(unreadable(&file, &io::Error::other(error))))
    }

    fn copy(&self, file: &Path) -> Result<Kept, LoadError> {
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
        let digest = Digest::of(&bytes);
        let name = file.file_name().unwrap_or_default();
        let kept = Kept {
            file: self.folder.join(digest.hex()).join(name),
            digest,
        };
        self.write(&kept, &bytes, &metadata)
            .map_err(|error| LoadError {
                file: file.to_owned(),
                step: Step::Read,
                expected: format!("a copy of it in {}", self.folder.display()),
                found: error.to_string(),
                fix: "check that the server's user may write there, and that the disk is not full"
                    .to_owned(),
            })?;
        Ok(kept)
    }

    fn write(&self, kept: &Kept, bytes: &[u8], original: &fs::Metadata) -> io::Result<()> {
        // It may run already: then it is left alone.
        if let Ok(metadata) = fs::metadata(&kept.file)
            && metadata.permissions() == original.permissions()
            && fs::read(&kept.file).is_ok_and(|there| there == bytes)
        {
            return Ok(());
        }
        let folder = kept.file.parent().unwrap_or(&self.folder);
        make_private(folder)?;
        let mut aside = tempfile::NamedTempFile::new_in(folder)?;
        io::Write::write_all(&mut aside, bytes)?;
        aside.as_file().set_permissions(original.permissions())?;
        aside.as_file().sync_all()?;
        aside.persist(&kept.file)?;
        Ok(())
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

    /// Removes every version but these, which a crash may have left behind.
    /// What cannot be removed stays and is logged.
    pub async fn keep_only(&self, digests: Vec<Digest>) {
        let folder = self.folder.clone();
        let removed = tokio::task::spawn_blocking(move || {
            let wanted: HashSet<String> = digests.iter().map(Digest::hex).collect();
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                if !wanted.contains(&*name.to_string_lossy()) {
                    fs::remove_dir_all(entry.path())?;
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

/// Makes a folder that only this user can use.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
