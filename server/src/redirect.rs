//! Plain HTTP beside HTTPS: browsers are redirected, as by Gotify.

use std::future::ready;

use axum::{
    Router,
    extract::Request,
    http::{
        Method, StatusCode, header,
        uri::{Authority, PathAndQuery},
    },
    response::{IntoResponse as _, Response},
};

use crate::{
    api::{self, ApiError},
    config::PathPrefix,
    state::AppState,
};

/// The port of HTTPS that addresses leave out.
const USUAL: u16 = 443;

/// The routes at an address for plain HTTP, which lead to HTTPS at this port.
pub(crate) fn to_https(port: Option<u16>, state: &AppState) -> Router {
    let prefix = state.config.path_prefix.clone();
    let redirect = move |request: Request| ready(redirected(&request, &prefix, port));
    api::timed(Router::new().fallback(redirect), state)
}

/// Redirects a request that only reads. The sender of another one has to notice that it
/// sends its secrets in the clear.
fn redirected(
    request: &Request,
    prefix: &PathPrefix,
    port: Option<u16>,
) -> Result<Response, ApiError> {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    match address(request, prefix, port) {
        Some(address) if reads => {
            Ok((StatusCode::FOUND, [(header::LOCATION, address)]).into_response())
        }
        // In Gotify's words.
        _ => Err(ApiError::bad_request("Use HTTPS")),
    }
}

/// The address of a request by HTTPS; none if the request names no host.
fn address(request: &Request, prefix: &PathPrefix, port: Option<u16>) -> Option<String> {
    let host = request.headers().get(header::HOST)?.to_str().ok()?;
    let host: Authority = host.parse().ok()?;
    let path = request.uri().path_and_query();
    let path = path.map_or("/", PathAndQuery::as_str);
    // It was taken away before.
    let path = prefix.add_to(path).unwrap_or_else(|| path.to_owned());
    let port = port.filter(|port| *port != USUAL);
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    Some(format!("https://{}{port}{path}", host.host()))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};

    use super::address;

    #[test]
    fn an_address_keeps_its_path_and_gets_the_port() {
        for (host, path, prefix, port, expected) in [
            ("a.example", "/", "", Some(443), "https://a.example/"),
            (
                "a.example:80",
                "/x?y=/z",
                "",
                None,
                "https://a.example/x?y=/z",
            ),
            ("[::1]:80", "/x", "", Some(8443), "https://[::1]:8443/x"),
            ("a.example", "/x", "/push", None, "https://a.example/push/x"),
            ("b@a.example", "/", "", None, "https://a.example/"),
        ] {
            let request = Request::get(path).header("host", host);
            let request = request.body(Body::empty()).unwrap();
            let found = address(&request, &prefix.parse().unwrap(), port);
            assert_eq!(found.as_deref(), Some(expected));
        }
        for host in [None, Some("a b"), Some("a/b")] {
            let mut request = Request::get("/");
            if let Some(host) = host {
                request = request.header("host", host);
            }
            let request = request.body(Body::empty()).unwrap();
            assert_eq!(address(&request, &"".parse().unwrap(), None), None);
        }
    }
}
