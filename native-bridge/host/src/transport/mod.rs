//! The carrier of the bytes: a local socket, or memory in tests. Knows nothing
//! of their meaning.

mod socket;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use tokio::io::{AsyncRead, AsyncWrite};

pub use self::socket::{Listener, SocketError};
#[cfg(unix)]
pub use self::unix::pair;

/// Both directions of one connection.
pub struct Link {
    /// Bytes from the other side.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// Bytes for the other side. Dropping both ends the connection.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// The process that connected, if the system names it.
    pub peer: Option<u32>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Link").finish_non_exhaustive()
    }
}

/// Two ends of a connection in memory that holds up to `buffer` bytes in each
/// direction.
pub fn in_memory(buffer: usize) -> (Link, Link) {
    let (one, other) = tokio::io::duplex(buffer);
    let link = |stream| {
        let (reader, writer) = tokio::io::split(stream);
        Link {
            reader: Box::new(reader),
            writer: Box::new(writer),
            peer: None,
        }
    };
    (link(one), link(other))
}
