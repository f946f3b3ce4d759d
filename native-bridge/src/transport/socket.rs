//! A local socket: a Unix domain socket in a folder that only the server's user
//! can enter, a named pipe on Windows.
//!
//! The socket's file goes as soon as the listener does, which is when the
//! expected process has connected or was given up.

use std::{
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use interprocess::local_socket::{
    GenericFilePath, ListenerOptions, ToFsName as _,
    tokio::{Listener as Socket, Stream},
    traits::tokio::Listener as _,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Link;

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
        /// Where.
        path: PathBuf,
        /// Why.
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
    /// A socket of this name in `folder`, which nobody else may enter.
    ///
    /// # Errors
    ///
    /// [`SocketError`].
    pub fn bind(folder: &Path, name: &str) -> Result<Self, SocketError> {
        let path = address(folder, name);
        if cfg!(unix) && path.as_os_str().len() > LONGEST_PATH {
            return Err(SocketError::PathTooLong(path));
        }
        let bound = path
            .as_path()
            .to_fs_name::<GenericFilePath>()
            .and_then(|name| ListenerOptions::new().name(name).create_tokio());
        match bound {
            Ok(socket) => Ok(Self { socket, path }),
            Err(error) => Err(SocketError::Io { path, error }),
        }
    }

    /// Where to connect.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next connection.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub async fn accept(&self) -> io::Result<Link> {
        let stream = Arc::new(self.socket.accept().await?);
        Ok(Link {
            reader: Box::new(Half(Arc::clone(&stream))),
            writer: Box::new(Half(stream)),
        })
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

/// One direction of a stream that both share.
struct Half(Arc<Stream>);

impl AsyncRead for Half {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Half {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write(context, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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
    async fn a_path_that_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("x".repeat(100));
        let error = Listener::bind(&long, "a").unwrap_err();
        assert!(matches!(error, SocketError::PathTooLong(_)), "{error}");
        let error = Listener::bind(&folder.path().join("no"), "a").unwrap_err();
        assert!(error.to_string().contains("/no/a.sock"), "{error}");
    }
}
