//! The sockets that the server listens on.

#[cfg(unix)]
use std::path::PathBuf;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use crate::config::Listen;

/// The address of a peer on a socket in the file system.
const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A socket that listens.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(FileSocket),
}

/// A connection.
pub(crate) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// A socket in the file system. Its file is removed at the end, unless it is
/// another program's.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct FileSocket {
    listener: UnixListener,
    file: Option<PathBuf>,
}

#[cfg(unix)]
impl Drop for FileSocket {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // The next server replaces one that stays.
            let _ = std::fs::remove_file(file);
        }
    }
}

impl Socket {
    /// Binds the sockets of an address: one, unless systemd passes on several.
    pub(crate) async fn bind(listen: &Listen) -> io::Result<Vec<Self>> {
        match listen {
            Listen::Tcp(address) => Ok(vec![Self::Tcp(TcpListener::bind(address).await?)]),
            #[cfg(unix)]
            Listen::Unix(path) => Ok(vec![unix(path)?]),
            #[cfg(unix)]
            Listen::Systemd => inherited(),
            #[cfg(not(unix))]
            Listen::Unix(_) | Listen::Systemd => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this system has addresses of TCP only",
            )),
        }
    }

    /// A free port of loopback.
    pub(crate) async fn on_loopback() -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind(LOCAL).await?;
        let address = listener.local_addr()?;
        Ok((Self::Tcp(listener), address))
    }

    /// Its address; none for a socket in the file system.
    pub(crate) fn address(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Some),
            #[cfg(unix)]
            Self::Unix(_) => Ok(None),
        }
    }

    /// The next connection, and the address of its other end.
    pub(crate) async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are small and written whole: waiting for more only
                // delays them.
                let _ = stream.set_nodelay(true);
                Ok((Stream::Tcp(stream), peer))
            }
            #[cfg(unix)]
            Self::Unix(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                Ok((Stream::Unix(stream), LOCAL))
            }
        }
    }
}

/// Binds a socket in the file system. One that a killed server left is replaced.
#[cfg(unix)]
fn unix(path: &std::path::Path) -> io::Result<Socket> {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};

    if let Ok(there) = std::fs::symlink_metadata(path) {
        if !there.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file that is no socket is there",
            ));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another program listens there",
            ));
        }
        std::fs::remove_file(path)?;
    }
    let socket = FileSocket {
        listener: UnixListener::bind(path)?,
        file: Some(path.to_owned()),
    };
    // For its owner and the group, such as the proxy's.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(Socket::Unix(socket))
}

/// The sockets that the process was started with.
#[cfg(unix)]
fn inherited() -> io::Result<Vec<Socket>> {
    let mut passed = listenfd::ListenFd::from_env();
    if passed.len() == 0 {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "no socket was passed on: start the server by a systemd socket unit, or set another \
             address",
        ));
    }
    let count = passed.len();
    (0..count).map(|index| taken(&mut passed, index)).collect()
}

#[cfg(unix)]
fn taken(passed: &mut listenfd::ListenFd, index: usize) -> io::Result<Socket> {
    if let Ok(Some(listener)) = passed.take_tcp_listener(index) {
        listener.set_nonblocking(true)?;
        return TcpListener::from_std(listener).map(Socket::Tcp);
    }
    let listener = passed.take_unix_listener(index)?.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            "a socket that was passed on is gone",
        )
    })?;
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let file = None;
    Ok(Socket::Unix(FileSocket { listener, file }))
}
