//! Accepting connections and speaking HTTP/1 on them, within bounds: how many,
//! how long a request's head may take, and how long the end may. Connections
//! come from the network, or by the socket in the data directory.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

use crate::auth::DataDirectory;

/// Connections at a time; others wait to be accepted.
const CONNECTIONS: usize = 8192;
/// How long the head of a request may take to arrive, an idle connection's
/// next one included.
const HEAD: Duration = Duration::from_secs(30);
/// The longest head, in bytes.
const HEAD_BYTES: usize = 64 << 10;
/// How long requests in flight are given at the end.
const GRACE: Duration = Duration::from_secs(10);
/// The pause after a connection could not be accepted: there may be no more
/// file descriptors for the moment.
const PAUSE: Duration = Duration::from_millis(100);

/// What connections come from.
pub(crate) trait Listener: Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for one.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Peer)>> + Send;
}

/// Whom a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    /// Anybody.
    Network(SocketAddr),
    /// Whoever may enter the data directory.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is no such socket"))]
    DataDirectory,
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Peer)> {
        let (stream, peer) = Self::accept(self).await?;
        // Answers are small and written whole: waiting for more only delays
        // them.
        let _ = stream.set_nodelay(true);
        Ok((stream, Peer::Network(peer)))
    }
}

#[cfg(unix)]
impl Listener for tokio::net::UnixListener {
    type Stream = tokio::net::UnixStream;

    async fn accept(&self) -> io::Result<(Self::Stream, Peer)> {
        let (stream, _) = Self::accept(self).await?;
        Ok((stream, Peer::DataDirectory))
    }
}

/// Serves until it is told to stop, then answers what is in flight.
pub(crate) async fn serve(listener: impl Listener, router: Router, stopping: CancellationToken) {
    let connections = TaskTracker::new();
    let kill = CancellationToken::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    while let Some((stream, peer)) = stopping.run_until_cancelled(accept(&listener)).await {
        let Some(Ok(slot)) = stopping
            .run_until_cancelled(Arc::clone(&slots).acquire_owned())
            .await
        else {
            break;
        };
        let connection = connection(stream, peer, router.clone(), stopping.clone());
        let kill = kill.clone();
        connections.spawn(async move {
            let _slot = slot;
            kill.run_until_cancelled(connection).await;
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            "ending connections that did not end by themselves"
        );
        kill.cancel();
        connections.wait().await;
    }
}

async fn accept<L: Listener>(listener: &L) -> (L::Stream, Peer) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    stopping: CancellationToken,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        let address = match peer {
            Peer::Network(address) => address,
            Peer::DataDirectory => {
                request.extensions_mut().insert(DataDirectory);
                SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
            }
        };
        request.extensions_mut().insert(ConnectInfo(address));
        let router = router.clone();
        async move {
            Ok::<_, Infallible>(
                router
                    .oneshot(request)
                    .await
                    .unwrap_or_else(|never| match never {}),
            )
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, ?peer, "a connection ended early");
    }
}
