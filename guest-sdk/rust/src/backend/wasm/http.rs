//! One request over `wasi:http`.

use wasip2::{
    http::{
        outgoing_handler,
        types::{
            ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
            RequestOptions, Scheme,
        },
    },
    io::streams::StreamError,
};

use crate::{
    http::{Hop, HttpResponse},
    types::{Error, Header},
};

/// The largest size of one write to a stream.
const CHUNK: usize = 4096;

pub(super) fn send(hop: &Hop) -> Result<HttpResponse, Error> {
    let request = request(hop)?;
    let body = request
        .body()
        .map_err(|()| unavailable(hop, "the request has no body to write"))?;
    let nanoseconds = u64::try_from(hop.timeout.as_nanos()).unwrap_or(u64::MAX);
    let options = RequestOptions::new();
    // A host that cannot bound one of these still bounds the call as a whole.
    let _ = options.set_connect_timeout(Some(nanoseconds));
    let _ = options.set_first_byte_timeout(Some(nanoseconds));
    let _ = options.set_between_bytes_timeout(Some(nanoseconds));
    let future =
        outgoing_handler::handle(request, Some(options)).map_err(|code| failed(hop, &code))?;
    // Write the body after passing on the request, because the host reads it
    // only then. The response or its error reports a failed write.
    let written = write(&body, &hop.body);
    if written.is_ok() {
        let _ = OutgoingBody::finish(body, None);
    } else {
        drop(body);
    }
    future.subscribe().block();
    match future.get() {
        Some(Ok(Ok(response))) => read(hop, &response),
        Some(Ok(Err(code))) => Err(failed(hop, &code)),
        Some(Err(())) | None => Err(unavailable(hop, "no response came")),
    }
}

fn request(hop: &Hop) -> Result<OutgoingRequest, Error> {
    let headers = Fields::new();
    for Header { name, value } in &hop.headers {
        headers.append(name, value.as_bytes()).map_err(|error| {
            Error::Invalid(format!("the header `{name}` of a request: {error}"))
        })?;
    }
    // The length is known, so servers that do not accept chunks work too.
    if !hop.body.is_empty() || matches!(hop.method.as_str(), "POST" | "PUT" | "PATCH") {
        let _ = headers.append("content-length", hop.body.len().to_string().as_bytes());
    }
    let request = OutgoingRequest::new(headers);
    let method = match hop.method.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    };
    let scheme = if hop.url.tls {
        Scheme::Https
    } else {
        Scheme::Http
    };
    request
        .set_method(&method)
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(&hop.url.authority)))
        .and_then(|()| request.set_path_with_query(Some(&hop.url.path)))
        .map_err(|()| {
            Error::Invalid(format!(
                "`{} {}` is not a request that can be made",
                hop.method, hop.url
            ))
        })?;
    Ok(request)
}

fn write(body: &OutgoingBody, bytes: &[u8]) -> Result<(), ()> {
    let stream = body.write()?;
    for chunk in bytes.chunks(CHUNK) {
        stream.blocking_write_and_flush(chunk).map_err(drop)?;
    }
    Ok(())
}

fn read(hop: &Hop, response: &IncomingResponse) -> Result<HttpResponse, Error> {
    let headers = response
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| {
            // As in the contract, a value that is not UTF-8 is read as Latin-1.
            let value = String::from_utf8(value)
                .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect());
            Header::new(&name, value)
        })
        .collect();
    let content = response
        .consume()
        .map_err(|()| unavailable(hop, "the response's body is gone"))?;
    let stream = content
        .stream()
        .map_err(|()| unavailable(hop, "the response's body is gone"))?;
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(part) => body.extend_from_slice(&part),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(unavailable(hop, &error.to_debug_string()));
            }
        }
        if body.len() > hop.max_body {
            return Err(Error::Invalid(format!(
                "the response of {} is longer than {} bytes; raise `max_body` to read more",
                hop.url, hop.max_body
            )));
        }
    }
    Ok(HttpResponse {
        status: response.status(),
        headers,
        body,
    })
}

fn failed(hop: &Hop, code: &ErrorCode) -> Error {
    match code {
        ErrorCode::HttpRequestDenied => Error::Denied(format!(
            "{}://{} is not among the hosts that this plugin was granted with `http`",
            hop.url.scheme(),
            hop.url.authority
        )),
        ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestMethodInvalid => {
            Error::Invalid(format!("`{} {}` is not a request", hop.method, hop.url))
        }
        code => unavailable(hop, &format!("{code:?}")),
    }
}

fn unavailable(hop: &Hop, why: &str) -> Error {
    Error::Unavailable(format!("{} did not answer: {why}", hop.url))
}
