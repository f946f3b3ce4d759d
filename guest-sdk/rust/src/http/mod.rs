//! HTTP requests: one call from the request to the whole response.
//!
//! This module follows redirects one by one, so that the host sees and checks
//! each of them. It removes credentials from a request to another origin. A
//! backend sends one [`Hop`] and reads one response.
//!
//! With the feature `http`, requests and responses convert from and to those of the
//! crate `http`, which other clients and the libraries above them have too.

#[cfg(feature = "http")]
mod standard;
mod url;

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

pub(crate) use self::url::Url;
use crate::types::{Error, Header};

/// A request to be sent with [`crate::Context::http`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// Upper case.
    pub method: String,
    /// `http` or `https`, absolute.
    pub url: String,
    /// In order; names may repeat.
    pub headers: Vec<Header>,
    /// Whole.
    pub body: Vec<u8>,
    /// The time to wait for a connection, for the beginning of the response,
    /// and for each part of it. The default is 8 seconds, less than a call's
    /// own deadline.
    pub timeout: Duration,
    /// The number of redirects to follow; 5 by default.
    pub max_redirects: u32,
    /// The longest response body in bytes: 1 MiB by default.
    pub max_body: usize,
}

impl HttpRequest {
    /// Creates a request with this method, without headers or body.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self {
            method: method.to_ascii_uppercase(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(8),
            max_redirects: 5,
            max_body: 1 << 20,
        }
    }

    /// Creates a GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// Creates a POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(Header::new(name, value));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to a value as JSON, and its content type.
    ///
    /// # Errors
    ///
    /// Invalid if JSON cannot express the value.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, Error> {
        let body = serde_json::to_vec(value)
            .map_err(|error| Error::Invalid(format!("the request's body: {error}")))?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Sets [`HttpRequest::timeout`].
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets [`HttpRequest::max_redirects`]; with 0 a redirect is a response like any other.
    #[must_use]
    pub const fn max_redirects(mut self, most: u32) -> Self {
        self.max_redirects = most;
        self
    }

    /// Sets [`HttpRequest::max_body`].
    #[must_use]
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }
}

/// A whole response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// 100 to 599.
    pub status: u16,
    /// In the order of their arrival; names in lower case.
    pub headers: Vec<Header>,
    /// Whole.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// Returns the first value of a header. The name's case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        Header::first(&self.headers, name)
    }

    /// Returns true if the status is 200 to 299.
    pub const fn ok(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Returns the response if its status is 200 to 299.
    ///
    /// # Errors
    ///
    /// Unavailable, with the status and the beginning of the body.
    pub fn error_for_status(self) -> Result<Self, Error> {
        if self.ok() {
            return Ok(self);
        }
        let body: String = self.text().chars().take(200).collect();
        let status = self.status;
        Err(Error::Unavailable(format!(
            "the response has the status {status}: {body}"
        )))
    }

    /// Returns the body as text; bytes that are not UTF-8 become `�`.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// Invalid, with the mistake.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::Invalid(format!("the response's body: {error}")))
    }
}

/// One request on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    pub(crate) method: String,
    pub(crate) url: Url,
    pub(crate) headers: Vec<Header>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Duration,
    pub(crate) max_body: usize,
}

#[cfg(not(target_family = "wasm"))]
impl Hop {
    /// Returns the hop as a request, for a function that answers in a test.
    pub(crate) fn request(&self) -> HttpRequest {
        HttpRequest {
            method: self.method.clone(),
            url: self.url.to_string(),
            headers: self.headers.clone(),
            body: self.body.clone(),
            timeout: self.timeout,
            max_redirects: 0,
            max_body: self.max_body,
        }
    }
}

/// Sends a request and follows its redirects.
pub(crate) fn follow(
    request: HttpRequest,
    mut send: impl FnMut(&Hop) -> Result<HttpResponse, Error>,
) -> Result<HttpResponse, Error> {
    let mut hop = Hop {
        url: Url::parse(&request.url)?,
        method: request.method,
        headers: request.headers,
        body: request.body,
        timeout: request.timeout,
        max_body: request.max_body,
    };
    let mut left = request.max_redirects;
    loop {
        let response = send(&hop)?;
        let target = match response.header("location") {
            Some(target)
                if request.max_redirects > 0
                    && matches!(response.status, 301 | 302 | 303 | 307 | 308) =>
            {
                hop.url.join(target)?
            }
            _ => return Ok(response),
        };
        if left == 0 {
            return Err(Error::Invalid(format!(
                "{} redirected more than {} times",
                request.url, request.max_redirects
            )));
        }
        left -= 1;
        redirect(&mut hop, response.status, target);
    }
}

/// Turns a request into its redirect, as browsers do.
fn redirect(hop: &mut Hop, status: u16, target: Url) {
    let becomes_get = match status {
        303 => hop.method != "HEAD",
        301 | 302 => hop.method == "POST",
        _ => false,
    };
    if becomes_get {
        hop.method = "GET".to_owned();
        hop.body.clear();
        hop.headers
            .retain(|header| !header.name.starts_with("content-"));
    }
    if target.origin() != hop.url.origin() {
        hop.headers.retain(|header| {
            !matches!(
                header.name.as_str(),
                "authorization" | "cookie" | "proxy-authorization" | "host"
            )
        });
    }
    hop.url = target;
}

#[cfg(test)]
mod tests {
    use super::{Hop, HttpRequest, HttpResponse, follow};
    use crate::types::{Error, Header};

    fn response(status: u16, location: Option<&str>) -> HttpResponse {
        HttpResponse {
            status,
            headers: location
                .map(|target| Header::new("Location", target))
                .into_iter()
                .collect(),
            body: Vec::new(),
        }
    }

    /// Answers with each status and location in turn; returns the sent
    /// requests.
    fn drive(
        request: HttpRequest,
        answers: &[(u16, Option<&str>)],
    ) -> (Result<HttpResponse, Error>, Vec<Hop>) {
        let mut hops = Vec::new();
        let result = follow(request, |hop| {
            let (status, location) = answers[hops.len()];
            hops.push(hop.clone());
            Ok(response(status, location))
        });
        (result, hops)
    }

    #[test]
    fn a_redirect_is_a_request_of_its_own() {
        let (result, hops) = drive(
            HttpRequest::post("http://a.example/x?y")
                .body("b")
                .header("Authorization", "s"),
            &[
                (307, Some("/z")),
                (302, Some("https://b.example")),
                (200, None),
            ],
        );
        assert!(result.unwrap().ok());
        let seen: Vec<_> = hops
            .iter()
            .map(|hop| {
                (
                    hop.method.as_str(),
                    hop.url.to_string(),
                    hop.body.len(),
                    hop.headers.len(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("POST", "http://a.example/x?y".to_owned(), 1, 1),
                ("POST", "http://a.example/z".to_owned(), 1, 1),
                ("GET", "https://b.example/".to_owned(), 0, 0),
            ]
        );
    }

    #[test]
    fn a_status_of_an_error_becomes_one() {
        assert_eq!(
            response(204, None).error_for_status(),
            Ok(response(204, None))
        );
        let mut failed = response(503, None);
        failed.body = b"later".to_vec();
        assert_eq!(
            failed.error_for_status(),
            Err(Error::Unavailable(
                "the response has the status 503: later".to_owned()
            ))
        );
    }

    #[test]
    fn stops_at_the_bound() {
        let (result, hops) = drive(
            HttpRequest::get("http://a.example").max_redirects(2),
            &[(302, Some("/")); 3],
        );
        assert!(
            result
                .unwrap_err()
                .to_string()
                .contains("more than 2 times")
        );
        assert_eq!(hops.len(), 3);
        let (result, _) = drive(
            HttpRequest::get("http://a.example").max_redirects(0),
            &[(302, Some("/"))],
        );
        assert_eq!(result.unwrap().status, 302);
    }
}
