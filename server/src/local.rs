//! The command line's access from the same machine. A file in the data
//! directory has the server's address and a key, which is created at each
//! start; commands with the key need no password. A person who can read the
//! directory could write to the database as well. A native plugin runs as the
//! same user, but its sandbox cannot read the file.

use std::{
    fs, io,
    io::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use mortise_runtime::files;
use serde::{Deserialize, Serialize};

use crate::auth::Token;

/// The header that brings the key.
pub const KEY_HEADER: &str = "x-mortise-key";
/// The header that names the administrator whom a request with the key is of.
pub const USER_HEADER: &str = "x-mortise-user";

/// The content of the file.
#[derive(Serialize, Deserialize)]
pub struct LocalServer {
    /// The server's address on this machine, for HTTP.
    pub address: SocketAddr,
    /// The value for [`KEY_HEADER`].
    pub key: String,
}

/// Returns the path of the file.
pub fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("running.json")
}

/// The largest file that is read for it, in bytes.
const MOST_BYTES: u64 = 64 << 10;

impl LocalServer {
    /// The server that runs on a data directory, or that was killed there.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] where none runs, and why the file cannot be
    /// read or understood.
    pub fn find(data_dir: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&files::read(
            &file(data_dir),
            MOST_BYTES,
        )?)?)
    }
}

/// Writes the file of a server that listens at this address. Called with the
/// data directory locked.
///
/// # Errors
///
/// What keeps it from being written.
pub fn announce(data_dir: &Path, address: SocketAddr, key: &Token) -> io::Result<()> {
    let server = LocalServer {
        address: reachable(address),
        key: key.reveal().to_owned(),
    };
    // Whole or not at all, and readable to the server's user alone.
    let mut aside = tempfile::NamedTempFile::new_in(data_dir)?;
    serde_json::to_writer(&aside, &server)?;
    aside.flush()?;
    aside.persist(file(data_dir))?;
    Ok(())
}

/// Removes the file of a server that ended.
pub fn withdraw(data_dir: &Path) {
    // A remaining file leads to no server, and the next server replaces it.
    let _: io::Result<()> = fs::remove_file(file(data_dir));
}

/// Returns the address at which this machine reaches a server that listens at
/// `address`.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn a_server_that_listens_everywhere_is_reached_by_loopback() {
        for (listens, reached) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(reachable(listens.parse().unwrap()).to_string(), reached);
        }
    }
}
