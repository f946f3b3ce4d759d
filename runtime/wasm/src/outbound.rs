//! The allow-list in front of `wasi:http/outgoing-handler`.
//!
//! Following a redirect is a new request by the guest, so each hop is checked.
//! A request ends, wherever it is, when it is not allowed any more. A host's name is
//! looked up before the request, and may lead to granted addresses only.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Weak},
    time::Duration,
};

use http::{HeaderValue, header, uri::Authority};
use tokio::net::TcpStream;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks, default_send_request};

use super::budget::{BODY_BYTES, Descriptors, FIELD_BYTES};
use mortise_runtime::{Guard, grants::Scheme, guard::Allowed, trace, types};

/// Sends requests that the guard allows.
pub(super) struct Outbound {
    guard: Arc<Guard>,
    descriptors: Arc<Descriptors>,
}

impl Outbound {
    pub(super) fn new(guard: Arc<Guard>, descriptors: Arc<Descriptors>) -> Self {
        Self { guard, descriptors }
    }

    /// Lets a request be sent. It counts while what is returned is there.
    fn allowed(&self, method: &http::Method, uri: &http::Uri) -> Result<Arc<Allowed>, Error> {
        let (scheme, host, _) = target(uri)?;
        let allowed = self
            .guard
            .outbound_http(scheme, host, uri.port_u16())
            .map_err(|error| match error {
                types::Error::Exhausted(_) => Error::ConnectionLimitReached,
                _ => {
                    self.guard.note_denied_request(method, uri);
                    Error::HttpRequestDenied
                }
            })?;
        if !self.descriptors.has_room() {
            return Err(Error::ConnectionLimitReached);
        }
        let allowed = Arc::new(allowed);
        let counted: Weak<Allowed> = Arc::downgrade(&allowed);
        self.descriptors.add(counted);
        Ok(allowed)
    }
}

/// The longest time for looking up a name and connecting, where the guest names none.
const CONNECT: Duration = Duration::from_secs(600);

/// The scheme, the host and the port of a request.
fn target(uri: &http::Uri) -> Result<(Scheme, &str, u16), Error> {
    let scheme = match uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => return Err(Error::HttpRequestDenied),
    };
    let host = uri.host().ok_or(Error::HttpRequestDenied)?;
    Ok((
        scheme,
        host,
        uri.port_u16().unwrap_or(scheme.default_port()),
    ))
}

/// Holds a request to an address of its host that the grants allow. With `https` the
/// certificate does that: the host's name stays.
async fn pinned(
    mut request: http::Request<WasiBody>,
    guard: &Guard,
) -> Result<http::Request<WasiBody>, Error> {
    let (scheme, host, port) = target(request.uri())?;
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    // Neither is another's to answer for.
    if literal.parse::<IpAddr>().is_ok() || literal.eq_ignore_ascii_case("localhost") {
        return Ok(request);
    }
    let found = tokio::net::lookup_host((host, port)).await;
    let (reached, denied): (Vec<SocketAddr>, Vec<_>) = found
        .map_err(Error::Connect)?
        .partition(|address| guard.may_reach(scheme, host, port, address.ip()));
    if let (true, Some(denied)) = (reached.is_empty(), denied.first()) {
        // The guest sees that it is denied, and its log has the reason.
        let _: types::Error = guard.deny_address(scheme, host, port, denied.ip());
        return Err(Error::HttpRequestDenied);
    }
    if scheme == Scheme::Https {
        return Ok(request);
    }
    let address = match reached.as_slice() {
        [only] => *only,
        // One that answers, as without this.
        several => {
            let stream = TcpStream::connect(several).await;
            stream
                .and_then(|stream| stream.peer_addr())
                .map_err(Error::Connect)?
        }
    };
    if !request.headers().contains_key(header::HOST)
        && let Some(named) = request.uri().authority()
    {
        let named = HeaderValue::try_from(named.as_str());
        let named = named.map_err(|_| Error::HttpRequestUriInvalid)?;
        request.headers_mut().insert(header::HOST, named);
    }
    let mut parts = request.uri().clone().into_parts();
    let authority = Authority::try_from(address.to_string());
    parts.authority = Some(authority.map_err(|_| Error::HttpRequestUriInvalid)?);
    *request.uri_mut() = http::Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)?;
    Ok(request)
}

/// Whether an answer's headers are more than the host holds for a guest.
fn are_too_large(headers: &http::HeaderMap) -> bool {
    let sizes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    sizes.sum::<usize>() > FIELD_BYTES
}

type Sent = Result<
    (
        http::Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl WasiHttpHooks for Outbound {
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_BYTES
    }

    fn send_request(
        &mut self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let allowed = self.allowed(request.method(), request.uri());
        let guard = Arc::clone(&self.guard);
        // In the call's own task, whose span it is.
        trace::add_to(request.headers_mut());
        Box::new(async move {
            let allowed = allowed?;
            let patience = options.as_ref().and_then(|options| options.connect_timeout);
            let sent = async {
                let pinned = pinned(request, &guard);
                let request = tokio::time::timeout(patience.unwrap_or(CONNECT), pinned).await;
                let request = request.map_err(|_| Error::ConnectionTimeout)??;
                default_send_request(request, options).await
            };
            let (response, io) = tokio::select! {
                biased;
                () = allowed.taken_back() => return Err(Error::HttpRequestDenied),
                sent = sent => sent?,
            };
            if are_too_large(response.headers()) {
                return Err(Error::HttpResponseHeaderSectionSize(None));
            }
            // The connection lives in this future: with it ends the body.
            let io: Box<dyn Future<Output = _> + Send> = Box::new(async move {
                tokio::select! {
                    biased;
                    () = allowed.taken_back() => Err(Error::HttpRequestDenied),
                    ended = io => ended,
                }
            });
            Ok((response.map(http_body_util::BodyExt::boxed_unsync), io))
        })
    }
}
