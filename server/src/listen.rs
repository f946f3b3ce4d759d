//! Accepting connections and speaking HTTP/1 on them, within bounds: how many,
//! how long a request's head may take, and how long the end may.

mod patient;
mod places;

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::ConnectInfo,
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

use self::{
    patient::Patient,
    places::{Busy, Place, Places},
};
use crate::api;

/// Connections at a time, where the system lets the server have so many
/// descriptors. At the bound a new one takes the place of an idle one.
const CONNECTIONS: usize = 8192;
/// The time in which the other side must take some of an answer.
const TAKEN: Duration = Duration::from_secs(60);
/// The time in which the head of a request must arrive, including the next one
/// on an idle connection.
const HEAD: Duration = Duration::from_secs(30);
/// The longest head, in bytes.
const HEAD_BYTES: usize = 64 << 10;
/// The time for open requests at the end.
const GRACE: Duration = Duration::from_secs(10);
/// The pause after a connection could not be accepted: there may be no more
/// file descriptors for the moment.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until asked to stop, then answers open requests.
pub(crate) async fn serve(listener: TcpListener, router: Router, stopping: CancellationToken) {
    let connections = TaskTracker::new();
    let kill = CancellationToken::new();
    let places = Places::new(connections_at_a_time());
    while let Some((stream, peer)) = stopping.run_until_cancelled(accept(&listener)).await {
        let Some(place) = stopping.run_until_cancelled(places.take(peer.ip())).await else {
            break;
        };
        let connection = connection(stream, peer, place, router.clone(), stopping.clone());
        let kill = kill.clone();
        connections.spawn(async move {
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

/// The connection that a request came on.
#[derive(Clone, Debug)]
pub(crate) struct Connection(CancellationToken);

impl Connection {
    /// Ends it at once, whatever waits to be sent on it.
    pub(crate) fn cut(&self) {
        self.0.cancel();
    }
}

/// Returns the number of connections that leaves descriptors for everything else.
fn connections_at_a_time() -> usize {
    #[cfg(unix)]
    if let Some(descriptors) = descriptors() {
        return usize::try_from(descriptors / 2).map_or(CONNECTIONS, |most| most.min(CONNECTIONS));
    }
    CONNECTIONS
}

/// Raises the bound of descriptors to the highest that the system allows, and
/// returns it; none if there is no bound.
#[cfg(unix)]
fn descriptors() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and written whole: waiting for more only
                // delays them.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The body of an answer: the connection has a request until its end.
struct Answer {
    body: Body,
    _busy: Busy,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    router: Router,
    stopping: CancellationToken,
) {
    let cut = place.cut();
    let handle = Connection(cut.clone());
    let place = Arc::new(place);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        api::collapse_slashes(&mut request);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(handle.clone());
        let router = router.clone();
        let busy = place.busy();
        async move {
            let response = router
                .oneshot(request)
                .await
                .unwrap_or_else(|never| match never {});
            // An answer may go on for long after its head.
            Ok::<_, Infallible>(response.map(|body| Answer { body, _busy: busy }))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream, TAKEN)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = cut.cancelled() => return,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = cut.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection ended early");
    }
}
