//! The socket in the data directory, by which an administrator at the same
//! machine gives orders without a password: whoever may enter its folder owns
//! the server's data anyway. The folder is for the server's user alone.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

/// Where the socket of a server on this data directory is.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    folder(data_dir).join("mortise.sock")
}

fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("run")
}

/// Listens on the socket, in place of one that a server left behind. Called
/// with the data directory locked.
///
/// # Errors
///
/// What keeps it from being made, such as a path that is too long for a
/// socket.
pub(crate) fn listen(data_dir: &Path) -> io::Result<UnixListener> {
    let folder = folder(data_dir);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    // Before the socket is there, and also where the folder was: nobody else
    // gets in between.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    let path = path(data_dir);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Removes the socket of a server that ended.
pub(crate) fn remove(data_dir: &Path) {
    // One that stays answers nobody, and the next server replaces it.
    let _: io::Result<()> = fs::remove_file(path(data_dir));
}
