//! The allow-list in front of `wasi:http/outgoing-handler`.
//!
//! Following a redirect is a new request by the guest, so each hop is checked.
//! A request ends, wherever it is, when it is not allowed any more.

use std::sync::{Arc, Weak};

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
    fn allowed(&self, uri: &http::Uri) -> Result<Arc<Allowed>, Error> {
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(Error::HttpRequestDenied),
        };
        let host = uri.host().ok_or(Error::HttpRequestDenied)?;
        let allowed = self
            .guard
            .outbound_http(scheme, host, uri.port_u16())
            .map_err(|error| match error {
                types::Error::Exhausted(_) => Error::ConnectionLimitReached,
                _ => Error::HttpRequestDenied,
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
        let allowed = self.allowed(request.uri());
        // In the call's own task, whose span it is.
        trace::add_to(request.headers_mut());
        Box::new(async move {
            let allowed = allowed?;
            let (response, io) = tokio::select! {
                biased;
                () = allowed.taken_back() => return Err(Error::HttpRequestDenied),
                sent = default_send_request(request, options) => sent?,
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
