//! Copies of a data directory, made while its server runs, and put back.
//!
//! The database is copied by SQLite, as it is at one moment. Files are copied
//! before, so that each image that the database names is there, and those that are
//! new or changed are copied after it, so that a grant that was revoked meanwhile
//! does not return with the backup. A backup ends with a list of its files and
//! their digests; without it, it is none.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use mortise_runtime::files;
use mortise_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    private,
    server::{StartError, lock},
    time::now_ms,
};

/// The name of the list.
const LIST: &str = "backup.json";
/// The form of backups that this version writes and reads.
const FORM: u32 = 1;
const DATABASE: &str = "mortise.db";
/// Files and folders of a data directory that are of a running server, or are made
/// again.
const LEFT_OUT: [&str; 7] = [
    DATABASE,
    "mortise.db-wal",
    "mortise.db-shm",
    "mortise.lock",
    "running.json",
    "cache",
    "uploads",
];

/// The list of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    form: u32,
    /// The version of the server's program.
    pub version: String,
    /// When it was made, in milliseconds since the epoch.
    pub created_ms: i64,
    /// The files and their SHA-256.
    pub files: BTreeMap<String, String>,
}

/// The reason for which a backup is not made or put back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is no database.
    #[error("{} is no data directory: it has no mortise.db; name it with --data-dir", .0.display())]
    NoData(PathBuf),
    /// Something is there already.
    #[error("{} exists and is not empty; {fix}", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
        /// The next step.
        fix: &'static str,
    },
    /// The folder has no list.
    #[error("{} is no backup, or an incomplete one: it has no {LIST}", .0.display())]
    NoBackup(PathBuf),
    /// It is of a newer version.
    #[error("{} was made by version {version}, whose backups this version does not read; update Mortise", path.display())]
    Newer {
        /// The folder.
        path: PathBuf,
        /// The version.
        version: String,
    },
    /// A file is not as it was.
    #[error("the backup is damaged: {file} {problem}; use another one")]
    Damaged {
        /// The file.
        file: String,
        /// The problem.
        problem: &'static str,
    },
    /// A file or folder.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// The action.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The data directory.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File {
        doing,
        path,
        source,
    }
}

/// Copies a data directory, which a server may use, to a folder that is not there
/// or is empty.
///
/// # Errors
///
/// [`BackupError`].
pub async fn backup(data_dir: &Path, to: &Path) -> Result<Backup, BackupError> {
    let database = data_dir.join(DATABASE);
    if !database.is_file() {
        return Err(BackupError::NoData(data_dir.to_owned()));
    }
    if !is_empty(to) {
        return Err(BackupError::NotEmpty {
            path: to.to_owned(),
            fix: "name a folder that is not there yet",
        });
    }
    Store::make_directory(to)?;
    let mut files = BTreeMap::new();
    copy_folder(data_dir, to, Path::new(""), &mut files)?;
    let copy = to.join(DATABASE);
    Store::copy_database(&database, &copy).await?;
    Store::check_database(&copy).await?;
    // New and changed files.
    copy_folder(data_dir, to, Path::new(""), &mut files)?;
    remove_withdrawn(data_dir, to, &mut files)?;
    let digest = digest(&copy).map_err(failed("read", &copy))?;
    files.insert(DATABASE.to_owned(), digest);
    let list = Backup {
        form: FORM,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created_ms: now_ms(),
        files,
    };
    let path = to.join(LIST);
    // Strings and numbers always serialize.
    let text = serde_json::to_vec_pretty(&list).unwrap_or_default();
    fs::write(&path, text).map_err(failed("write", &path))?;
    Ok(list)
}

/// Puts a backup back as a data directory that is not there or is empty.
///
/// # Errors
///
/// [`BackupError`].
pub async fn restore(from: &Path, data_dir: &Path) -> Result<Backup, BackupError> {
    let list = check(from)?;
    if !is_empty(data_dir) {
        return Err(BackupError::NotEmpty {
            path: data_dir.to_owned(),
            fix: "stop its server and move the folder away, or name another one with --data-dir",
        });
    }
    Store::make_directory(data_dir)?;
    let _lock = lock(data_dir)?;
    // The database at last: without it, the directory is as good as new.
    let names = list.files.keys().filter(|name| *name != DATABASE);
    for name in names.chain([&DATABASE.to_owned()]) {
        let (source, target) = (from.join(name), data_dir.join(name));
        if let Some(folder) = target.parent() {
            files::make_private_folder(folder).map_err(failed("make", folder))?;
        }
        fs::copy(&source, &target).map_err(failed("write", &target))?;
    }
    private::close_to_others(data_dir);
    Store::check_database(&data_dir.join(DATABASE)).await?;
    Ok(list)
}

/// Checks that a backup is whole, and returns its list.
///
/// # Errors
///
/// [`BackupError`].
pub fn check(from: &Path) -> Result<Backup, BackupError> {
    let path = from.join(LIST);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(BackupError::NoBackup(from.to_owned()));
        }
        text => text.map_err(failed("read", &path))?,
    };
    let list: Backup =
        serde_json::from_slice(&text).map_err(|_| BackupError::NoBackup(from.to_owned()))?;
    if list.form > FORM {
        return Err(BackupError::Newer {
            path: from.to_owned(),
            version: list.version,
        });
    }
    let damaged = |file: &str, problem| BackupError::Damaged {
        file: file.to_owned(),
        problem,
    };
    for (name, expected) in &list.files {
        let plain = Path::new(name)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        if !plain {
            return Err(damaged(name, "is a path out of the backup"));
        }
        let path = from.join(name);
        let found = match digest(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged(name, "is missing"));
            }
            found => found.map_err(failed("read", &path))?,
        };
        if found != *expected {
            return Err(damaged(name, "has another content"));
        }
    }
    if !list.files.contains_key(DATABASE) {
        return Err(damaged(DATABASE, "is missing"));
    }
    Ok(list)
}

/// Copies the files below a folder, except those that were copied and have not
/// changed since. Links and sockets are left out.
fn copy_folder(
    data_dir: &Path,
    to: &Path,
    below: &Path,
    files: &mut BTreeMap<String, String>,
) -> Result<(), BackupError> {
    let folder = data_dir.join(below);
    let entries = fs::read_dir(&folder).map_err(failed("read", &folder))?;
    for entry in entries {
        let entry = entry.map_err(failed("read", &folder))?;
        let name = below.join(entry.file_name());
        let (source, target) = (data_dir.join(&name), to.join(&name));
        let left_out = LEFT_OUT.iter().any(|left_out| name == Path::new(left_out));
        // A backup below the data directory does not copy itself.
        if left_out || source == to {
            continue;
        }
        let kind = entry.file_type().map_err(failed("read", &source))?;
        if kind.is_dir() {
            files::make_private_folder(&target).map_err(failed("make", &target))?;
            copy_folder(data_dir, to, &name, files)?;
            continue;
        }
        let Some(text) = name.to_str() else { continue };
        if !kind.is_file() {
            continue;
        }
        // By the content: a quick change keeps the size, and on some disks the time.
        if let Some(copied) = files.get(text) {
            match digest(&source) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                found if found.as_ref().is_ok_and(|found| found == copied) => continue,
                found => found.map_err(failed("read", &source))?,
            };
        }
        match fs::copy(&source, &target) {
            // It went meanwhile, as temporary files do.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            copied => copied.map_err(failed("copy", &source))?,
        };
        let digest = digest(&target).map_err(failed("read", &target))?;
        files.insert(text.to_owned(), digest);
    }
    Ok(())
}

/// Removes the copies of files that were removed from the data directory itself
/// meanwhile. These are grants and trusted keys, which must not return; the files in
/// its folders stay, because the copied database may name them.
fn remove_withdrawn(
    data_dir: &Path,
    to: &Path,
    files: &mut BTreeMap<String, String>,
) -> Result<(), BackupError> {
    let is_gone = |name: &String, _: &mut String| {
        Path::new(name).components().count() == 1 && !data_dir.join(name).exists()
    };
    for (name, _) in files.extract_if(.., is_gone) {
        let copy = to.join(name);
        fs::remove_file(&copy).map_err(failed("remove", &copy))?;
    }
    Ok(())
}

fn is_empty(folder: &Path) -> bool {
    match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn digest(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut fs::File::open(path)?, &mut hash)?;
    Ok(hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use super::{copy_folder, digest, remove_withdrawn};

    #[test]
    fn a_file_that_changes_meanwhile_is_copied_as_it_is_at_the_end() {
        let place = tempfile::tempdir().unwrap();
        let (data, copy) = (place.path().join("data"), place.path().join("copy"));
        for folder in [&data.join("images"), &copy] {
            fs::create_dir_all(folder).unwrap();
        }
        let files = [
            "grants.toml",
            "trusted-keys",
            "images/a.png",
            "images/b.png",
        ];
        for name in files {
            fs::write(data.join(name), "granted").unwrap();
        }
        let mut list = BTreeMap::new();
        copy_folder(&data, &copy, Path::new(""), &mut list).unwrap();
        // Of the same size.
        fs::write(data.join("grants.toml"), "revoked").unwrap();
        fs::remove_file(data.join("trusted-keys")).unwrap();
        // The copied database may name it.
        fs::remove_file(data.join("images/a.png")).unwrap();
        fs::write(data.join("images/c.png"), "new").unwrap();
        copy_folder(&data, &copy, Path::new(""), &mut list).unwrap();
        remove_withdrawn(&data, &copy, &mut list).unwrap();
        let names: Vec<_> = list.keys().map(String::as_str).collect();
        let expected = [
            "grants.toml",
            "images/a.png",
            "images/b.png",
            "images/c.png",
        ];
        assert_eq!(names, expected);
        for (name, expected) in &list {
            assert_eq!(digest(&copy.join(name)).unwrap(), *expected, "{name}");
        }
        assert_eq!(
            fs::read_to_string(copy.join("grants.toml")).unwrap(),
            "revoked"
        );
        assert!(!copy.join("trusted-keys").exists());
    }
}
