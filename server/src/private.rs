//! Keeps other users of the machine from the data directory. The server makes it
//! for its own user alone; one that was there before, or files in it, can have
//! been made with wider permissions.

use std::path::Path;

/// The server's files in a data directory: passwords' hashes, tokens, messages and
/// grants. SQLite makes its other files as accessible as the database.
#[cfg(unix)]
const FILES: [&str; 7] = [
    "mortise.db",
    "mortise.db-wal",
    "mortise.db-shm",
    "mortise.lock",
    "running.json",
    "grants.toml",
    "trusted-keys",
];

/// Folders in a data directory that the server alone reads.
#[cfg(unix)]
const FOLDERS: [&str; 5] = ["acme", "versions", "cache", "images", "uploads"];

/// Takes others' access to the server's files, and others' right to replace them.
/// What cannot be changed is logged: the server works, but is not private.
#[cfg(unix)]
pub(crate) fn close_to_others(data_dir: &Path) {
    // A new database must not be readable to others for a moment.
    let _existing: std::io::Result<_> = create_privately(&data_dir.join("mortise.db"));
    let open = is_open_to_others(data_dir);
    let files = FILES.map(|name| (data_dir.join(name), 0o600));
    let folders = FOLDERS.map(|name| (data_dir.join(name), 0o700));
    for (path, most) in files.into_iter().chain(folders) {
        narrow(&path, most, open);
    }
    // Others may list it, as it was made, but not replace files in it.
    narrow(data_dir, 0o755, open);
}

#[cfg(not(unix))]
pub(crate) fn close_to_others(_data_dir: &Path) {}

/// Returns true if others can enter the folder: only then do the modes of the files
/// in it matter to them.
#[cfg(unix)]
fn is_open_to_others(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(folder).is_ok_and(|data| data.permissions().mode() & 0o011 != 0)
}

#[cfg(unix)]
fn create_privately(file: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
}

/// Takes the permissions beyond `most` from a file or folder that is there, and logs
/// that if it was open to others.
#[cfg(unix)]
fn narrow(path: &Path, most: u32, open: bool) {
    use std::{
        fs::{Permissions, set_permissions, symlink_metadata},
        os::unix::fs::PermissionsExt as _,
    };
    let Ok(data) = symlink_metadata(path) else {
        return;
    };
    // The person who made a link chose its target.
    if data.is_symlink() {
        return;
    }
    let mode = data.permissions().mode() & 0o7777;
    if mode & !most == 0 {
        return;
    }
    match set_permissions(path, Permissions::from_mode(mode & most)) {
        Ok(()) if !open => {}
        Ok(()) => tracing::warn!(
            "other users of this machine had access to {}; its mode was {mode:o} and is {:o} now",
            path.display(),
            mode & most
        ),
        Err(error) => tracing::warn!(
            "other users of this machine have access to {}, and its mode cannot be changed \
             ({error}); make it the server's user's own with chown and chmod",
            path.display()
        ),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

    use super::close_to_others;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_that_were_there_are_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        fs::write(at("grants.toml"), "").unwrap();
        fs::set_permissions(at("grants.toml"), fs::Permissions::from_mode(0o666)).unwrap();
        fs::create_dir(at("versions")).unwrap();
        fs::set_permissions(at("versions"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(at("note"), "").unwrap();
        fs::set_permissions(at("note"), fs::Permissions::from_mode(0o644)).unwrap();
        close_to_others(folder.path());
        assert_eq!(mode(folder.path()), 0o755);
        assert_eq!(mode(&at("grants.toml")), 0o600);
        assert_eq!(mode(&at("versions")), 0o700);
        assert_eq!(mode(&at("note")), 0o644, "not the server's");
        assert_eq!(mode(&at("mortise.db")), 0o600);
        assert_eq!(fs::metadata(at("mortise.db")).unwrap().len(), 0);
    }
}
