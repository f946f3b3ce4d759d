//! A named pipe.

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use interprocess::local_socket::{
    GenericFilePath, ListenerOptions, ToFsName as _,
    tokio::{Listener, Stream},
    traits::tokio::Listener as _,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::Link;

/// A pipe that waits for others to open it.
#[derive(Debug)]
pub(super) struct Socket(Listener);

impl Socket {
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        let name = path.to_fs_name::<GenericFilePath>()?;
        ListenerOptions::new().name(name).create_tokio().map(Self)
    }

    pub(super) async fn accept(&self) -> io::Result<Link> {
        let stream = Arc::new(self.0.accept().await?);
        Ok(Link {
            reader: Box::new(Half(Arc::clone(&stream))),
            writer: Box::new(Half(stream)),
            peer: None,
        })
    }
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
