//! A Unix domain socket.
//!
//! Its two directions wait for different events. The other side reads a message
//! just before it begins to work; a waiting reader is not woken by that,
//! because it would cost two switches between the processes in each call. The
//! writer waits only while the socket is full.

use std::{
    io::{self, Read as _, Write as _},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf, unix::AsyncFd},
    net::UnixListener,
    runtime::Handle,
};

use crate::transport::Link;

/// The size of one read, in bytes.
const READ: usize = 16 << 10;

/// A socket in the file system. Its file goes with it.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        Ok(Self {
            listener: UnixListener::bind(path)?,
            path: path.to_owned(),
        })
    }

    pub(super) async fn accept(&self) -> io::Result<Link> {
        let (stream, _) = self.listener.accept().await?;
        let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
        // It stays one that does not block.
        let link = link(stream.into_std()?)?;
        Ok(Link {
            // 0 is a process that this one cannot see.
            peer: peer
                .and_then(|id| u32::try_from(id).ok())
                .filter(|id| *id != 0),
            ..link
        })
    }
}

/// Two ends of a new connection: the host's, and the one to hand to a plugin.
/// Neither has a name that another process could connect to.
///
/// # Errors
///
/// Those of the operating system.
pub fn pair() -> io::Result<(Link, UnixStream)> {
    let (own, other) = UnixStream::pair()?;
    own.set_nonblocking(true)?;
    Ok((link(own)?, other))
}

/// Serves a stream that does not block.
fn link(stream: UnixStream) -> io::Result<Link> {
    let stream = Arc::new(stream);
    Ok(Link {
        reader: Box::new(Reader {
            stream: registered(Arc::clone(&stream), Interest::READABLE)?,
            taken: vec![0; READ].into_boxed_slice(),
        }),
        writer: Box::new(Writer {
            stream,
            room: None,
            runtime: Handle::current(),
        }),
        peer: None,
    })
}

impl Drop for Socket {
    fn drop(&mut self) {
        // If it was removed already, it is gone too.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Has the runtime of the moment wait for these events, and no others.
fn registered(stream: Arc<UnixStream>, events: Interest) -> io::Result<AsyncFd<Arc<UnixStream>>> {
    #[expect(
        unsafe_code,
        reason = "tokio has no other way to ask for some events only"
    )]
    // SAFETY: the returned value keeps the stream and never gives it away, so
    // its descriptor cannot be closed before.
    let registered = unsafe { AsyncFd::register_with_interest(stream, events) };
    Ok(registered?)
}

struct Reader {
    stream: AsyncFd<Arc<UnixStream>>,
    taken: Box<[u8]>,
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, taken } = self.get_mut();
        let most = buffer.remaining().min(taken.len());
        let taken = taken.get_mut(..most).unwrap_or_default();
        loop {
            let mut readable = ready!(stream.poll_read_ready(context))?;
            let mut from: &UnixStream = stream.get_ref();
            match from.read(taken) {
                Ok(read) => {
                    if (1..most).contains(&read) {
                        // All that was there. What comes later is an event again.
                        readable.clear_ready();
                    }
                    buffer.put_slice(taken.get(..read).unwrap_or_default());
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => readable.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

struct Writer {
    stream: Arc<UnixStream>,
    /// Waits for room in the socket while it is full. It is another descriptor
    /// of the socket, because each has one set of events.
    room: Option<AsyncFd<Arc<UnixStream>>>,
    runtime: Handle,
}

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self {
            stream,
            room,
            runtime,
        } = self.get_mut();
        loop {
            let mut to: &UnixStream = stream;
            match to.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => {
                    *room = None;
                    return Poll::Ready(written);
                }
            }
            let waiting = match room {
                Some(waiting) => waiting,
                None => {
                    // Senders are anywhere, even in a drop.
                    let _entered = runtime.enter();
                    let other = stream.try_clone()?;
                    room.insert(registered(Arc::new(other), Interest::WRITABLE)?)
                }
            };
            ready!(waiting.poll_write_ready(context))?.clear_ready();
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.shutdown(Shutdown::Write))
    }
}
