//! Copies of a plugin's files, for its zip file.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::Error;

/// The folder of compiled modules that Python keeps beside its sources.
const CACHE: &str = "__pycache__";
/// The file in a virtual environment that makes it one.
const ENVIRONMENT: &str = "pyvenv.cfg";
/// The folder of a plugin's own tests.
const TESTS: &str = "tests";

/// Makes an empty folder.
pub(super) fn make_anew(folder: &Path) -> Result<(), Error> {
    remove_folder(folder)?;
    fs::create_dir_all(folder).map_err(|source| Error::file(folder, source))
}

/// Removes a folder with all that is in it, if it is there.
pub(super) fn remove_folder(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::file(folder, source)),
        _ => Ok(()),
    }
}

/// The files and folders in a folder, in order.
pub(super) fn within(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(|source| Error::file(folder, source))?;
    let mut paths: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    Ok(paths)
}

/// Copies a file with its time, or with another one: the same sources make the same
/// zip file.
pub(super) fn copy(from: &Path, to: &Path, time: Option<SystemTime>) -> Result<(), Error> {
    let copied = || {
        fs::copy(from, to)?;
        let time = time.map_or_else(|| from.metadata()?.modified(), Ok)?;
        fs::File::options().write(true).open(to)?.set_modified(time)
    };
    copied().map_err(|source| Error::file(from, source))
}

/// Copies all that is in a folder, without links to other folders.
pub(super) fn copy_all(from: &Path, to: &Path, time: Option<SystemTime>) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(|source| Error::file(to, source))?;
    for path in within(from)? {
        let Some(name) = path.file_name() else {
            continue;
        };
        if path.is_file() {
            copy(&path, &to.join(name), time)?;
        } else if name != CACHE && !path.is_symlink() {
            copy_all(&path, &to.join(name), time)?;
        }
    }
    Ok(())
}

/// Removes the files with these endings below a folder.
pub(super) fn remove(folder: &Path, endings: &[&str]) -> Result<(), Error> {
    for path in within(folder)? {
        let is_one = path
            .extension()
            .is_some_and(|ending| endings.iter().any(|one| ending == *one));
        if path.is_dir() && !path.is_symlink() {
            remove(&path, endings)?;
        } else if is_one {
            fs::remove_file(&path).map_err(|source| Error::file(&path, source))?;
        }
    }
    Ok(())
}

fn is_module(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "py")
}

/// Returns true if a file or folder beside a plugin's source is a module or a package
/// of it.
pub(super) fn is_imported(path: &Path) -> bool {
    if path.is_file() {
        return is_module(path);
    }
    let is_other = path.file_name().is_some_and(|name| name == TESTS)
        || path.is_symlink()
        || path.join(ENVIRONMENT).exists();
    !is_other && within(path).is_ok_and(|files| files.iter().any(|file| is_module(file)))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{copy_all, is_imported, remove, within};

    fn put(file: &Path) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }

    #[test]
    fn packages_are_copied_whole() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for file in [
            "from/__init__.py",
            "from/deep/words.txt",
            "from/deep/fast.so",
            "from/__pycache__/a.pyc",
        ] {
            put(&folder.join(file));
        }
        copy_all(&folder.join("from"), &folder.join("to"), None).unwrap();
        assert!(folder.join("to/deep/words.txt").is_file());
        assert!(!folder.join("to/__pycache__").exists());
        remove(&folder.join("to"), &["so"]).unwrap();
        let left = within(&folder.join("to/deep")).unwrap();
        assert_eq!(left, [folder.join("to/deep/words.txt")]);
        let time = |file: &str| folder.join(file).metadata().unwrap().modified().unwrap();
        assert_eq!(time("from/__init__.py"), time("to/__init__.py"));
    }

    #[test]
    fn modules_and_packages_are_imported_and_environments_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for file in [
            "one.py",
            "words.txt",
            "package/__init__.py",
            "images/a.png",
            "tests/test_one.py",
            "env/pyvenv.cfg",
            "env/a.py",
        ] {
            put(&folder.join(file));
        }
        let found = within(folder).unwrap();
        let found: Vec<_> = found.iter().filter(|path| is_imported(path)).collect();
        assert_eq!(found, [&folder.join("one.py"), &folder.join("package")]);
    }
}
