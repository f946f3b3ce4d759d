//! Accepting connections and speaking HTTP on them, within bounds: how many, how
//! long a request's head may take, and how long the end may. A client chooses HTTP/2
//! with TLS, or by its first bytes without.

mod answer;
mod opening;
mod patient;
mod places;

use std::{
    borrow::Cow,
    convert::Infallible,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Weak},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    http::{HeaderValue, Uri, header, uri::PathAndQuery},
    response::Response,
};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
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
    tls::{HTTP_2, Tls},
};

/// The most requests at a time on a connection by HTTP/2.
const STREAMS: u32 = 128;
/// The most requests on a connection by HTTP/2 that its client may have taken back
/// before they were answered. Beyond, the connection ends.
const RESET_STREAMS: usize = 64;
/// The time without anything from a client by HTTP/2 before it is asked whether it
/// is there, and the time for its answer.
const ALIVE: [Duration; 2] = [Duration::from_secs(45), Duration::from_secs(20)];
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
                // Tokens of its own: a connection locks them each time that it is polled.
                let (stopping, kill) = (stopping.child_token(), kill.child_token());
                let connection = {
                    let (tls, router) = (tls.clone(), router.clone());
                    enter(stream, peer, place, tls, router, serving, stopping)
                };
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
            let limit = serving.limits.head_timeout;
            let opening = opening::is_http2(&stream, limit);
            let cut = place.cut();
            let http2 = tokio::select! {
                http2 = opening => http2,
                () = cut.cancelled() => return,
                () = stopping.cancelled() => return,
            };
            let Some(http2) = http2 else { return };
            let kind = Kind {
                secure: false,
                http2,
            };
            connection(stream, peer, place, kind, router, serving, stopping).await;
        }
        (Stream::Tcp(stream), Some(tls)) => {
            let limit = serving.limits.head_timeout;
            match tokio::time::timeout(limit, tls.accept(stream)).await {
                Ok(Ok(None)) => tracing::info!(%peer, "an authority looked at the proof of a name"),
                Ok(Ok(Some(stream))) => {
                    let http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
                    let kind = Kind {
                        secure: true,
                        http2,
                    };
                    connection(stream, peer, place, kind, router, serving, stopping).await
                }
                Ok(Err(error)) => tracing::debug!(%error, %peer, "no connection by TLS"),
                Err(_) => tracing::debug!(%peer, "no connection by TLS in time"),
            }
        }
        #[cfg(unix)]
        (Stream::Unix(stream), _) => {
            let kind = Kind {
                secure: false,
                http2: false,
            };
            connection(stream, peer, place, kind, router, serving, stopping).await;
        }
    }
}

/// The kind of a connection.
#[derive(Clone, Copy, Debug)]
struct Kind {
    /// By TLS.
    secure: bool,
    /// By HTTP/2.
    http2: bool,
}

/// Gives a request by HTTP/2 the form of one by HTTP/1: the host is a header.
fn as_http1(request: &mut Request) {
    *request.version_mut() = http::Version::HTTP_11;
    let uri = std::mem::take(request.uri_mut());
    let host = uri.authority().map(|authority| authority.as_str());
    let host = host.and_then(|host| HeaderValue::try_from(host).ok());
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host);
    }
    // Cookies may come in pieces.
    let cookies = request.headers().get_all(header::COOKIE).iter();
    let cookies: Vec<&[u8]> = cookies.map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(all) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        request.headers_mut().insert(header::COOKIE, all);
    }
    let mut parts = http::uri::Parts::default();
    parts.path_and_query = uri.into_parts().path_and_query;
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
}

/// Takes the prefix away from a request's path, unless a proxy did so.
fn strip_prefix(prefix: &PathPrefix, request: &mut Request) {
    let uri = request.uri();
    let Some(path) = prefix.strip(uri.path()) else {
        return;
    };
    let target = match uri.query() {
        Some(query) => Cow::Owned(format!("{path}?{query}")),
        None => Cow::Borrowed(path),
    };
    let mut parts = uri.clone().into_parts();
    if let Ok(target) = PathAndQuery::try_from(&*target) {
        parts.path_and_query = Some(target);
        if let Ok(stripped) = Uri::from_parts(parts) {
            *request.uri_mut() = stripped;
        }
    }
}

/// Puts the prefix into the address of a redirect.
fn add_prefix(prefix: &PathPrefix, response: &mut Response) {
    let headers = response.headers_mut();
    let target = headers.get(header::LOCATION);
    let target = target.and_then(|target| target.to_str().ok());
    if let Some(target) = target.and_then(|target| prefix.add_to(target))
        && let Ok(target) = HeaderValue::try_from(target)
    {
        headers.insert(header::LOCATION, target);
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    place: Place,
    Kind { secure, http2 }: Kind,
    router: Router,
    serving: Arc<Serving>,
    stopping: CancellationToken,
) {
    let cut = place.cut();
    let handle = Connection(cut.clone());
    let place = Arc::new(place);
    let watched = Arc::downgrade(&place);
    let head = serving.limits.head_timeout;
    let head_bytes = serving.limits.max_head_size.bytes();
    let patience = serving.limits.answer_timeout;
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        if http2 {
            as_http1(&mut request);
        }
        api::collapse_slashes(&mut request);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(handle.clone());
        if secure {
            request.extensions_mut().insert(Secure);
        }
        let (router, serving) = (router.clone(), Arc::clone(&serving));
        if !serving.prefix.is_empty() {
            strip_prefix(&serving.prefix, &mut request);
        }
        let busy = place.busy();
        async move {
            let mut response = router
                .oneshot(request)
                .await
                .unwrap_or_else(|never| match never {});
            if !serving.prefix.is_empty() {
                add_prefix(&serving.prefix, &mut response);
            }
            // An answer may go on for long after its head.
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, busy)))
        }
    });
    let stream = TokioIo::new(Patient::new(stream, patience));
    let ended = if http2 {
        let [after, within] = ALIVE;
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_pending_accept_reset_streams(RESET_STREAMS)
            .max_local_error_reset_streams(RESET_STREAMS)
            .max_header_list_size(u32::try_from(head_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(after)
            .keep_alive_timeout(within)
            .serve_connection(stream, service);
        served(connection, idle(&watched, head), &cut, &stopping).await
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .max_buf_size(head_bytes)
            .serve_connection(stream, service)
            .with_upgrades();
        served(connection, std::future::pending(), &cut, &stopping).await
    };
    if let Some(Err(error)) = ended {
        tracing::debug!(%error, %peer, "a connection ended early");
    }
}

/// Serves a connection to its end; none if it was cut. When the server stops, or
/// when nothing was asked for too long, the requests under way are answered first.
async fn served(
    connection: impl Closing,
    idle: impl Future<Output = ()>,
    cut: &CancellationToken,
    stopping: &CancellationToken,
) -> Option<hyper::Result<()>> {
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return Some(ended),
        () = cut.cancelled() => return None,
        () = stopping.cancelled() => {}
        () = idle => {}
    }
    connection.as_mut().close();
    tokio::select! {
        ended = connection => Some(ended),
        () = cut.cancelled() => None,
    }
}

/// Waits until a connection has no request for this long.
async fn idle(place: &Weak<Place>, limit: Duration) {
    loop {
        let before = place.upgrade().and_then(|place| place.idle_since());
        tokio::time::sleep(limit).await;
        let now = place.upgrade().and_then(|place| place.idle_since());
        if before.is_some() && before == now {
            return;
        }
    }
}

/// A connection that can end after its requests.
trait Closing: Future<Output = hyper::Result<()>> {
    fn close(self: Pin<&mut Self>);
}

impl<I, S> Closing for http1::UpgradeableConnection<I, S>
where
    Self: Future<Output = hyper::Result<()>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = Answer>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn close(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S> Closing for http2::Connection<I, S, TokioExecutor>
where
    Self: Future<Output = hyper::Result<()>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: hyper::service::HttpService<Incoming, ResBody = Answer>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    TokioExecutor: hyper::rt::bounds::Http2ServerConnExec<S::Future, Answer>,
{
    fn close(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}
