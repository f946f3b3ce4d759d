//! Compiled code between runs.
//!
//! One file per component and engine set-up: the code as wasmtime serialized
//! it, then 32 bytes that authenticate it together with its name under a key
//! only this user can read. Code that does not authenticate, because it was cut
//! short, damaged or written by someone else, is removed and compiled anew;
//! it is never run. Files are written aside and renamed, so that a crash leaves
//! none half-written. A file that was checked and has not changed since is not
//! checked again ([`mark`]).

mod mark;

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use wasmtime::{Engine, component::Component};

use self::mark::{Mark, SETTLED};
use mortise_runtime::{Digest, files};

/// A folder of compiled code.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    /// Of wasmtime's version and settings: code made under others is of no use.
    engine: u64,
    most_bytes: u64,
}

const KEY_BYTES: usize = 32;
const KEY_FILE: &str = "key";
const SEAL_BYTES: usize = 32;
const ENDING: &str = "cwasm";

impl Cache {
    /// Opens a folder, for this user alone, and makes it if it is not there.
    pub(super) fn open(folder: &Path, engine: &Engine, most_bytes: u64) -> io::Result<Self> {
        make_private(folder)?;
        // Absolute, so that a later change of directory changes nothing.
        let folder = fs::canonicalize(folder)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let key = key(&folder)?;
        Ok(Self {
            folder,
            key,
            engine: hasher.finish(),
            most_bytes,
        })
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.folder
            .join(format!("{}-{:016x}.{ENDING}", digest.hex(), self.engine))
    }

    /// The code of the component with this digest, if it is there and authentic.
    pub(super) fn load(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let file = self.file(digest);
        match self.open_sealed(engine, &file) {
            Ok(component) => Some(component),
            Err(Unusable::Absent) => None,
            Err(why) => {
                tracing::warn!(
                    "compiled code in {} was removed and is compiled again: {why}",
                    file.display()
                );
                drop(fs::remove_file(&file));
                None
            }
        }
    }

    fn open_sealed(&self, engine: &Engine, path: &Path) -> Result<Component, Unusable> {
        let mut file = fs::File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unusable::Absent,
            _ => Unusable::Unreadable(error),
        })?;
        let data = file.metadata().map_err(Unusable::Unreadable)?;
        let mark = Mark::of(path, &data, &self.key, SETTLED);
        if !mark.as_ref().is_some_and(Mark::is_set) {
            self.check_seal(&mut file, path, data.len())?;
            if let Some(mark) = mark {
                mark.set();
            } else if cfg!(not(unix)) {
                // Notes its use, for `make_room`; a failure only ages it.
                drop(file.set_modified(SystemTime::now()));
            }
        }
        #[expect(
            unsafe_code,
            reason = "wasmtime cannot check that code is its own; the seal can"
        )]
        // SAFETY: the seal, now or when the file was marked, shows that `store`
        // serialized exactly these bytes under a key that only this user can
        // read, with an engine of the same version and settings, which are part
        // of the name. Nothing else can replace the file meanwhile: `open` made
        // sure that the folder belongs to this user alone. Only the seal follows
        // the code, and no part of the code's own format refers to it.
        let component = unsafe { Component::deserialize_file(engine, path) };
        component.map_err(Unusable::Refused)
    }

    fn check_seal(&self, file: &mut fs::File, path: &Path, length: u64) -> Result<(), Unusable> {
        let code = length
            .checked_sub(SEAL_BYTES as u64)
            .ok_or(Unusable::Seal)?;
        // Streamed, not held: the code is mapped afterwards and mostly never touched.
        let mut hasher = self.sealing(path);
        hasher
            .update_reader(file.take(code))
            .map_err(Unusable::Unreadable)?;
        let mut seal = [0; SEAL_BYTES];
        file.read_exact(&mut seal).map_err(|_| Unusable::Seal)?;
        // Compares in constant time.
        if hasher.finalize() == blake3::Hash::from(seal) {
            Ok(())
        } else {
            Err(Unusable::Seal)
        }
    }

    /// Starts the computation of a file's seal, which needs the code next.
    fn sealing(&self, file: &Path) -> blake3::Hasher {
        let name = file.file_name().unwrap_or_default();
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(name.as_encoded_bytes());
        hasher.update(&[0]);
        hasher
    }

    /// Keeps a component's code. A failure costs time at the next start and is
    /// logged.
    pub(super) fn store(&self, digest: &Digest, component: &Component) {
        let file = self.file(digest);
        let written = component
            .serialize()
            .map_err(|error| format!("{error:#}"))
            .and_then(|code| self.write(&file, &code).map_err(|error| error.to_string()));
        if let Err(error) = written {
            tracing::warn!(
                "compiled code is not kept in {}: {error}",
                self.folder.display()
            );
        }
    }

    fn write(&self, file: &Path, code: &[u8]) -> io::Result<()> {
        self.make_room((code.len() + SEAL_BYTES) as u64)?;
        let mut aside = tempfile::NamedTempFile::new_in(&self.folder)?;
        aside.write_all(code)?;
        aside.write_all(self.sealing(file).update(code).finalize().as_bytes())?;
        aside.as_file().sync_all()?;
        aside.persist(file)?;
        Ok(())
    }

    /// Removes the least recently used files until `more` bytes fit.
    fn make_room(&self, more: u64) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry
                .path()
                .extension()
                .is_some_and(|ending| ending == ENDING)
            {
                let data = entry.metadata()?;
                let mark = fs::metadata(mark::beside(&entry.path()));
                let used = mark.and_then(|mark| mark.modified()).ok();
                let used = used.max(Some(data.modified()?));
                kept.push((used, data.len(), entry.path()));
            }
        }
        kept.sort();
        let mut total = more + kept.iter().map(|(_, size, _)| size).sum::<u64>();
        for (_, size, file) in kept {
            if total <= self.most_bytes {
                break;
            }
            // Code is enough without a mark, a mark is nothing without code.
            drop(fs::remove_file(mark::beside(&file)));
            fs::remove_file(file)?;
            total -= size;
        }
        Ok(())
    }
}

/// The reason for which existing code is not used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("it is not there")]
    Absent,
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("it is cut short or damaged, or someone else wrote it")]
    Seal,
    #[error("wasmtime refuses it: {0:#}")]
    Refused(wasmtime::Error),
}

/// Makes a folder that only this user can use, or sees that it is one.
#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    files::make_private_folder(folder)?;
    // What this process makes is owned by its effective user.
    let own = tempfile::NamedTempFile::new_in(folder)?
        .as_file()
        .metadata()?
        .uid();
    let data = fs::metadata(folder)?;
    if data.uid() != own {
        return Err(io::Error::other("it belongs to another user"));
    }
    if data.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Makes a folder, whose access follows from the folder it is in.
#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Reads a key that only this user can have written and read. None if there is
/// none: a new one makes all kept code void.
fn trusted_key(file: &Path) -> io::Result<Option<[u8; KEY_BYTES]>> {
    let data = match fs::symlink_metadata(file) {
        Ok(data) => data,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !data.is_file() || !is_own(&data, file)? {
        tracing::warn!(
            "the key {} is replaced, and all components are compiled anew: others than the \
             server's user could have written or read it",
            file.display()
        );
        return Ok(None);
    }
    Ok(fs::read(file)?.try_into().ok())
}

/// Returns true if a file belongs to this user, and no other user has access.
#[cfg(unix)]
fn is_own(data: &fs::Metadata, file: &Path) -> io::Result<bool> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let folder = fs::metadata(file.parent().unwrap_or(file))?;
    // `make_private` saw that the folder is this user's.
    Ok(data.uid() == folder.uid() && data.nlink() == 1 && data.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_own(_data: &fs::Metadata, _file: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Reads the folder's key, or makes one.
fn key(folder: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let file = folder.join(KEY_FILE);
    if let Some(key) = trusted_key(&file)? {
        return Ok(key);
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    // Readable by this user alone: that is how temporary files are made.
    let mut aside = tempfile::NamedTempFile::new_in(folder)?;
    aside.write_all(&key)?;
    aside.persist(&file)?;
    Ok(key)
}
