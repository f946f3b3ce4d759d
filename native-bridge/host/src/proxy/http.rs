//! A proxy of HTTP/1.1: `CONNECT`, and requests with a whole address. Each request
//! is checked by its own address, also on a connection that is kept open.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    body::Incoming,
    ext::ReasonPhrase,
    header::{self, HeaderName, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use mortise_runtime::grants::Scheme;
use tokio::net::TcpStream;

use super::{Exit, Failure, connect};
use crate::imports::Target;

/// The most that a request's head may take, in bytes.
const HEAD: usize = 64 << 10;
/// The time in which a connection must bring a request's head.
const IDLE: Duration = Duration::from_secs(120);

/// Headers that are between the process and the proxy.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

type Body = Either<Incoming, Full<Bytes>>;

/// Serves one connection of the process.
pub(super) async fn serve(stream: TcpStream, exit: &Exit) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request, exit).await) });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        // The process sees it too.
        tracing::debug!(%error, "a plugin's connection to its proxy ended");
    }
}

async fn answer(request: Request<Incoming>, exit: &Exit) -> Response<Body> {
    let answered = if request.method() == Method::CONNECT {
        tunnel(request, exit).await
    } else {
        forward(request, exit).await
    };
    answered.unwrap_or_else(|(status, text)| refusal(status, &text))
}

type Refusal = (StatusCode, String);

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let status = match &failure {
            Failure::Denied(_) => StatusCode::FORBIDDEN,
            Failure::Exhausted(_) => StatusCode::TOO_MANY_REQUESTS,
            Failure::Unreachable { .. } => StatusCode::BAD_GATEWAY,
            Failure::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
        };
        (status, failure.to_string())
    }
}

/// The proxy's own answer, which `Proxy-Status` (RFC 9209) tells from a host's. Libraries
/// show the reason of a failed `CONNECT`, and never its body.
fn refusal(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Either::Right(Full::from(format!("{text}\n"))));
    *response.status_mut() = status;
    if let Ok(reason) = ReasonPhrase::try_from(text.as_bytes()) {
        response.extensions_mut().insert(reason);
    }
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, plain);
    headers.insert("proxy-status", HeaderValue::from_static("mortise"));
    response
}

/// The host without an address's brackets, and the port.
fn host_and_port(uri: &Uri, default: Option<u16>) -> Result<(String, u16), Refusal> {
    let bad = |text: &str| (StatusCode::BAD_REQUEST, text.to_owned());
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(bad("this is a proxy: name the whole address"));
    }
    let port = uri.port_u16().or(default);
    let port = port.ok_or_else(|| bad("CONNECT needs a host and a port"))?;
    Ok((host.to_owned(), port))
}

/// Connects the process with a host, whatever they say to each other.
async fn tunnel(request: Request<Incoming>, exit: &Exit) -> Result<Response<Body>, Refusal> {
    let (host, port) = host_and_port(request.uri(), None)?;
    // Either may be spoken inside; the first is named in a denial.
    let mut schemes = [Scheme::Https, Scheme::Http];
    if port == 80 {
        schemes.reverse();
    }
    let targets = schemes.map(|scheme| Target {
        scheme,
        host: host.clone(),
        port,
    });
    let allowed = exit.allow(&targets)?;
    let stream = connect(exit, &targets, &allowed).await?;
    let exit = exit.clone();
    tokio::spawn(async move {
        let piped = async {
            if let Ok(upgraded) = hyper::upgrade::on(request).await {
                exit.pipe(TokioIo::new(upgraded), stream, allowed).await;
            }
        };
        exit.over.run_until_cancelled(piped).await;
    });
    Ok(Response::new(Either::Right(Full::default())))
}

/// Sends a request on, on a connection of its own.
async fn forward(mut request: Request<Incoming>, exit: &Exit) -> Result<Response<Body>, Refusal> {
    if request
        .uri()
        .scheme_str()
        .is_some_and(|scheme| scheme != "http")
    {
        let text = "this proxy takes https requests by CONNECT only";
        return Err((StatusCode::NOT_IMPLEMENTED, text.to_owned()));
    }
    let (host, port) = host_and_port(request.uri(), Some(80))?;
    let target = Target {
        scheme: Scheme::Http,
        host: host.clone(),
        port,
    };
    let targets = [target];
    let allowed = exit.allow(&targets)?;
    let stream = connect(exit, &targets, &allowed).await?;
    let failed = |error: hyper::Error| {
        let text = format!("{host}:{port} did not answer: {error}");
        (StatusCode::BAD_GATEWAY, text)
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let over = exit.over.clone();
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = over.cancelled() => {}
            () = allowed.taken_back() => {}
            // Its end is in the answer, or in the answer's body.
            _ = connection => {}
        }
    });
    let own = own_address(request.uri(), &host, port);
    remove_hop_by_hop(request.headers_mut());
    // The checked address counts, and not a name beside it.
    let (path, authority) = own.map_err(|text| (StatusCode::BAD_REQUEST, text))?;
    request.headers_mut().insert(header::HOST, authority);
    *request.uri_mut() = path;
    let mut response = sender.send_request(request).await.map_err(failed)?;
    remove_hop_by_hop(response.headers_mut());
    Ok(response.map(Either::Left))
}

/// The path for the host, and the `Host` that belongs to the address.
fn own_address(uri: &Uri, host: &str, port: u16) -> Result<(Uri, HeaderValue), String> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let authority = match port {
        80 => host,
        port => format!("{host}:{port}"),
    };
    let path = path.parse().map_err(|_| "the path is none".to_owned())?;
    let authority = HeaderValue::try_from(authority).map_err(|error| error.to_string())?;
    Ok((path, authority))
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, Uri, header::HeaderValue};

    use super::{host_and_port, own_address, remove_hop_by_hop};

    #[test]
    fn an_address_is_read_as_the_matcher_reads_it() {
        let of = |text: &str, default| {
            let uri: Uri = text.parse().unwrap();
            host_and_port(&uri, default).ok()
        };
        let some = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(of("a.org:443", None), some("a.org", 443));
        assert_eq!(of("[::1]:8080", None), some("::1", 8080));
        assert_eq!(of("a.org", None), None);
        assert_eq!(of("http://a.org/x", Some(80)), some("a.org", 80));
        assert_eq!(of("http://b@a.org:1/x", Some(80)), some("a.org", 1));
        assert_eq!(of("/x", Some(80)), None);
    }

    #[test]
    fn the_host_is_told_the_checked_name() {
        let uri: Uri = "http://[::1]:81/a?b=c".parse().unwrap();
        let (path, host) = own_address(&uri, "::1", 81).unwrap();
        assert_eq!(
            (path.to_string().as_str(), host.to_str().unwrap()),
            ("/a?b=c", "[::1]:81")
        );
        let (path, host) = own_address(&"http://a.org".parse().unwrap(), "a.org", 80).unwrap();
        assert_eq!(
            (path.to_string().as_str(), host.to_str().unwrap()),
            ("/", "a.org")
        );
    }

    #[test]
    fn headers_for_the_proxy_are_not_sent_on() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "x-own, close"),
            ("x-own", "1"),
            ("proxy-authorization", "Basic x"),
            ("upgrade", "h2c"),
            ("x-other", "2"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        remove_hop_by_hop(&mut headers);
        let left: Vec<_> = headers.keys().map(|name| name.as_str()).collect();
        assert_eq!(left, ["x-other"]);
    }
}
