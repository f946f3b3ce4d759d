//! One HTTP request and its response, which this process sends itself. The
//! operating system enforces the grants.

use std::{cell::RefCell, io::Read as _};

use crate::{
    http::{Hop, HttpResponse},
    types::{Error, Header},
};

/// The header that names the caller's span.
const TRACE: &str = "traceparent";

thread_local! {
    /// The trace context of this thread's call.
    static TRACEPARENT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Adds this trace context to the requests of this thread's next call.
pub(super) fn continue_trace(traceparent: Option<&str>) {
    TRACEPARENT.set(traceparent.map(str::to_owned));
}

/// Sends it and reads the whole response.
///
/// # Errors
///
/// Invalid for a malformed request or too long a response, denied where the
/// system forbids it, unavailable when no response came.
pub(super) fn send(hop: &Hop) -> Result<HttpResponse, Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        // Each redirect is a separate hop.
        .max_redirects(0)
        .timeout_connect(Some(hop.timeout))
        .timeout_send_body(Some(hop.timeout))
        .timeout_recv_response(Some(hop.timeout))
        .timeout_recv_body(Some(hop.timeout))
        .build()
        .into();
    let mut request = ureq::http::Request::builder()
        .method(hop.method.as_str())
        .uri(hop.url.to_string());
    for Header { name, value } in &hop.headers {
        request = request.header(name, value);
    }
    if Header::first(&hop.headers, TRACE).is_none()
        && let Some(traceparent) = TRACEPARENT.with_borrow(Clone::clone)
    {
        request = request.header(TRACE, traceparent);
    }
    let request = request
        .body(hop.body.clone())
        .map_err(|error| Error::Invalid(format!("the request is malformed: {error}")))?;
    let response = agent.run(request).map_err(|error| failed(hop, error))?;
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: value.as_bytes().iter().copied().map(char::from).collect(),
        })
        .collect();
    let mut body = Vec::new();
    response
        .into_body()
        .into_reader()
        .take(hop.max_body as u64 + 1)
        .read_to_end(&mut body)
        .map_err(|error| Error::Unavailable(format!("{}: {error}", hop.url)))?;
    if body.len() > hop.max_body {
        return Err(Error::Invalid(format!(
            "the response of {} is longer than {} bytes",
            hop.url, hop.max_body
        )));
    }
    Ok(HttpResponse {
        status,
        headers,
        body,
    })
}

fn failed(hop: &Hop, error: ureq::Error) -> Error {
    match error {
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Error::Denied(format!(
                "a request to {} needs the permission `http`, which this plugin was not granted",
                hop.url
            ))
        }
        // The proxy that leads to the granted hosts answers so.
        ureq::Error::ConnectProxyFailed(reason) if reason.contains(" 403/") => {
            Error::Denied(format!(
                "the host of {} is not among those that this plugin was granted with `http`",
                hop.url
            ))
        }
        error => Error::Unavailable(format!("{}: {error}", hop.url)),
    }
}
