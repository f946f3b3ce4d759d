//! Accepting connections and speaking HTTP/1 on them, within bounds: how many,
//! how long a request's head may take, and how long the end may.

mod answer;
mod patient;
mod places;

use std::{borrow::Cow, convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    http::{HeaderValue, Uri, header, uri::PathAndQuery},
    response::Response,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

use self::{
    answer::Answer,
    patient::Patient,
    places::{Place, Places},
};
use crate::{
    api,
    config::{Limits, PathPrefix},
    origin::Secure,
    sockets::{Socket, Stream},
    tls::Tls,
};

/// The time in which the other side must take some of an answer.
const TAKEN: Duration = Duration::from_secs(60);
/// The longest head, in bytes.
const HEAD_BYTES: usize = 64 << 10;
/// The pause after a connection could not be accepted: there may be no more
/// file descriptors for the moment.
const PAUSE: Duration = Duration::from_millis(100);

/// How connections are served.
pub(crate) struct Serving {
    pub(crate) limits: Limits,
    pub(crate) prefix: PathPrefix,
}

/// A socket, the certificate for its connections, and the routes on them.
pub(crate) struct Entrance {
    pub(crate) socket: Socket,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) router: Router,
}

/// Serves until asked to stop, then answers open requests.
pub(crate) async fn serve(
    entrances: Vec<Entrance>,
    serving: Arc<Serving>,
    stopping: CancellationToken,
) {
    let connections = TaskTracker::new();
    let kill = CancellationToken::new();
    let most = usize::try_from(serving.limits.max_connections.get()).unwrap_or(usize::MAX);
    let places = Places::new(most.min(connections_at_a_time()));
    let accepting = entrances.into_iter().map(|entrance| {
        let Entrance {
            socket,
            tls,
            router,
        } = entrance;
        let (connections, kill, places) = (&connections, &kill, &places);
        let (serving, stopping) = (&serving, &stopping);
        async move {
            while let Some((stream, peer)) = stopping.run_until_cancelled(accept(&socket)).await {
                let Some(place) = stopping.run_until_cancelled(places.take(peer.ip())).await else {
                    break;
                };
                let serving = Arc::clone(serving);
                let connection = {
                    let (tls, router) = (tls.clone(), router.clone());
                    enter(stream, peer, place, tls, router, serving, stopping.clone())
                };
                let kill = kill.clone();
                connections.spawn(async move {
                    kill.run_until_cancelled(connection).await;
                });
            }
        }
    });
    futures_util::future::join_all(accepting).await;
    connections.close();
    if tokio::time::timeout(serving.limits.stop_timeout, connections.wait())
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
        return usize::try_from(descriptors / 2).unwrap_or(usize::MAX);
    }
    usize::MAX
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

async fn accept(socket: &Socket) -> (Stream, SocketAddr) {
    loop {
        match socket.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Serves a connection, behind TLS if its socket has a certificate.
async fn enter(
    stream: Stream,
    peer: SocketAddr,
    place: Place,
    tls: Option<Arc<Tls>>,
    router: Router,
    serving: Arc<Serving>,
    stopping: CancellationToken,
) {
    match (stream, tls) {
        (Stream::Tcp(stream), None) => {
            connection(stream, peer, place, false, router, serving, stopping).await;
        }
        (Stream::Tcp(stream), Some(tls)) => {
            let limit = serving.limits.head_timeout;
            match tokio::time::timeout(limit, tls.acceptor().accept(stream)).await {
                Ok(Ok(stream)) => {
                    connection(stream, peer, place, true, router, serving, stopping).await
                }
                Ok(Err(error)) => tracing::debug!(%error, %peer, "no connection by TLS"),
                Err(_) => tracing::debug!(%peer, "no connection by TLS in time"),
            }
        }
        #[cfg(unix)]
        (Stream::Unix(stream), _) => {
            connection(stream, peer, place, false, router, serving, stopping).await;
        }
    }
}

/// Takes the prefix away from a request's path. True if it had it.
fn strip_prefix(prefix: &PathPrefix, request: &mut Request) -> bool {
    let uri = request.uri();
    let Some(path) = prefix.strip(uri.path()) else {
        return false;
    };
    let target = match uri.query() {
        Some(query) => Cow::Owned(format!("{path}?{query}")),
        None => Cow::Borrowed(path),
    };
    let mut parts = uri.clone().into_parts();
    let Ok(target) = PathAndQuery::try_from(&*target) else {
        return false;
    };
    parts.path_and_query = Some(target);
    match Uri::from_parts(parts) {
        Ok(uri) => {
            *request.uri_mut() = uri;
            true
        }
        Err(_) => false,
    }
}

/// Puts the prefix back into the address of a redirect.
fn add_prefix(prefix: &PathPrefix, response: &mut Response) {
    let headers = response.headers_mut();
    let target = headers.get(header::LOCATION);
    let target = target.and_then(|target| target.to_str().ok());
    if let Some(target) = target.filter(|target| target.starts_with('/'))
        && let Ok(target) = HeaderValue::try_from(format!("{}{target}", prefix.as_str()))
    {
        headers.insert(header::LOCATION, target);
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    place: Place,
    secure: bool,
    router: Router,
    serving: Arc<Serving>,
    stopping: CancellationToken,
) {
    let cut = place.cut();
    let handle = Connection(cut.clone());
    let place = Arc::new(place);
    let head = serving.limits.head_timeout;
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        api::collapse_slashes(&mut request);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(handle.clone());
        if secure {
            request.extensions_mut().insert(Secure);
        }
        let (router, serving) = (router.clone(), Arc::clone(&serving));
        let below =
            !serving.prefix.as_str().is_empty() && strip_prefix(&serving.prefix, &mut request);
        let busy = place.busy();
        async move {
            let mut response = router
                .oneshot(request)
                .await
                .unwrap_or_else(|never| match never {});
            if below {
                add_prefix(&serving.prefix, &mut response);
            }
            // An answer may go on for long after its head.
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, busy)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
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
