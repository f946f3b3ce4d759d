//! A local socket: a Unix domain socket in a folder that only the server's user
//! can enter, a named pipe on Windows.
//!
//! The socket's file goes as soon as the listener does, which is when the
//! expected process has connected or was given up.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::Link;
#[cfg(unix)]
use super::unix::Socket;
#[cfg(windows)]
use super::windows::Socket;

/// The longest path of a socket, in bytes, on every Unix.
const LONGEST_PATH: usize = 103;

/// A socket that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The folder's path is too long.
    #[error(
        "the path of the socket `{0}` is longer than {LONGEST_PATH} bytes; choose a runtime folder with a shorter path"
    )]
    PathTooLong(PathBuf),
    /// The operating system refused.
    #[error("the socket `{path}` could not be made: {error}; check the runtime folder")]
    Io {
        /// The path.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
}

/// Waits for a process to connect.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    path: PathBuf,
}

impl Listener {
    /// Creates a socket with this name in `folder`, which only this user may
    /// enter.
    ///
    /// # Errors
    ///
    /// [`SocketError`].
    pub fn bind(folder: &Path, name: &str) -> Result<Self, SocketError> {
        let path = address(folder, name);
        if cfg!(unix) && path.as_os_str().len() > LONGEST_PATH {
            return Err(SocketError::PathTooLong(path));
        }
        match Socket::bind(&path) {
            Ok(socket) => Ok(Self { socket, path }),
            Err(error) => Err(SocketError::Io { path, error }),
        }
    }

    /// Returns the path to connect to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next connection.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub async fn accept(&self) -> io::Result<Link> {
        self.socket.accept().await
    }
}

#[cfg(unix)]
fn address(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.sock"))
}

#[cfg(windows)]
fn address(folder: &Path, name: &str) -> PathBuf {
    // Pipes have a namespace of their own; the folder's name keeps those of
    // different servers apart.
    let folder = folder.file_name().unwrap_or_default().to_string_lossy();
    PathBuf::from(format!(r"\\.\pipe\{folder}-{name}"))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use futures_util::FutureExt as _;

    use super::{Listener, SocketError};

    #[tokio::test]
    async fn carries_both_directions_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let listener = Listener::bind(folder.path(), "a").unwrap();
        let path = listener.path().to_owned();
        let client = tokio::spawn(async move {
            let mut stream = tokio::net::UnixStream::connect(path).await.unwrap();
            stream.write_all(b"ping").await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            answer
        });
        let mut link = listener.accept().await.unwrap();
        let mut asked = [0; 4];
        link.reader.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"ping");
        link.writer.write_all(b"pong").await.unwrap();
        drop(link);
        assert_eq!(client.await.unwrap(), b"pong");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        drop(listener);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[tokio::test]
    async fn waits_for_room_and_for_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let listener = Listener::bind(folder.path(), "a").unwrap();
        let (stream, link) = tokio::join!(
            tokio::net::UnixStream::connect(listener.path()),
            listener.accept()
        );
        let (mut from, mut to) = stream.unwrap().into_split();
        let mut link = link.unwrap();
        // Far more than the socket holds, in both directions at once.
        let all: Vec<u8> = (0..4_000_000_u32).map(|n| (n % 251) as u8).collect();
        let echo = tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
        let write = async {
            link.writer.write_all(&all).await.unwrap();
            link.writer.shutdown().await.unwrap();
        };
        let read = async {
            let mut back = Vec::new();
            link.reader.read_to_end(&mut back).await.unwrap();
            assert!(back == all, "{} bytes came back", back.len());
            // It has ended, and goes on saying so.
            assert_eq!(link.reader.read(&mut [0]).await.unwrap(), 0);
        };
        // The writer waits first.
        let mut write = Box::pin(write);
        assert!(write.as_mut().now_or_never().is_none());
        tokio::join!(write, read);
        assert_eq!(echo.await.unwrap().unwrap(), all.len() as u64);
    }

    #[tokio::test]
    async fn a_path_that_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("x".repeat(100));
        let error = Listener::bind(&long, "a").unwrap_err();
        assert!(matches!(error, SocketError::PathTooLong(_)), "{error}");
        let error = Listener::bind(&folder.path().join("no"), "a").unwrap_err();
        assert!(error.to_string().contains("/no/a.sock"), "{error}");
    }
}
