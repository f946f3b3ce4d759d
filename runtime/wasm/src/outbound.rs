//! The allow-list in front of `wasi:http/outgoing-handler`.
//!
//! Following a redirect is a new request by the guest, so each hop is checked.
//! A request ends, wherever it is, when it is not allowed any more.

use std::sync::Arc;

use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks, default_send_request};

use mortise_runtime::{Guard, grants::Scheme, guard::Allowed};

/// Sends what the guard allows.
pub(super) struct Outbound {
    guard: Arc<Guard>,
}

impl Outbound {
    pub(super) fn new(guard: Arc<Guard>) -> Self {
        Self { guard }
    }

    fn allowed(&self, uri: &http::Uri) -> Option<Allowed> {
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return None,
        };
        let host = uri.host()?;
        let port = uri.port_u16();
        self.guard.outbound_http(scheme, host, port).ok()
    }
}

type Sent = Result<
    (
        http::Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let allowed = self.allowed(request.uri());
        Box::new(async move {
            let Some(allowed) = allowed else {
                return Err(Error::HttpRequestDenied);
            };
            let (response, io) = tokio::select! {
                biased;
                () = allowed.taken_back() => return Err(Error::HttpRequestDenied),
                sent = default_send_request(request, options) => sent?,
            };
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
