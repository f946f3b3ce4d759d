//! Requests and responses in the types of the crate `http`.

use ::http::{Request, Response};

use super::{HttpRequest, HttpResponse};
use crate::types::{Error, Header};

/// With the timeout and the bounds of [`HttpRequest::new`].
impl<B: Into<Vec<u8>>> From<Request<B>> for HttpRequest {
    fn from(request: Request<B>) -> Self {
        let (head, body) = request.into_parts();
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| Header::new(name.as_str(), text(value.as_bytes())))
            .collect();
        Self {
            // `new` writes it in upper case.
            method: head.method.as_str().to_owned(),
            headers,
            body: body.into(),
            ..Self::new("", head.uri.to_string())
        }
    }
}

/// As in the contract, a value that is not UTF-8 is read as Latin-1.
fn text(value: &[u8]) -> String {
    std::str::from_utf8(value).map_or_else(
        |_| value.iter().copied().map(char::from).collect(),
        str::to_owned,
    )
}

impl TryFrom<HttpResponse> for Response<Vec<u8>> {
    type Error = Error;

    fn try_from(response: HttpResponse) -> Result<Self, Error> {
        let mut builder = Response::builder().status(response.status);
        for Header { name, value } in response.headers {
            builder = builder.header(name, value.into_bytes());
        }
        builder
            .body(response.body)
            .map_err(|error| Error::Unavailable(format!("the response is malformed: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use ::http::{Method, Request, Response, header};

    use super::{HttpRequest, HttpResponse};
    use crate::types::{Error, Header};

    #[test]
    fn a_request_keeps_all_its_parts() {
        let standard = Request::post("https://a.example/x?y=1")
            .header(header::ACCEPT, "text/plain")
            .header("x-name", "a")
            .header("x-name", &b"\xe4"[..])
            .body("a body")
            .unwrap();
        let expected = HttpRequest::post("https://a.example/x?y=1")
            .header("accept", "text/plain")
            .header("x-name", "a")
            .header("x-name", "ä")
            .body("a body");
        assert_eq!(HttpRequest::from(standard), expected);
        let method = Method::from_bytes(b"Purge").unwrap();
        let standard = Request::builder().method(method).body("").unwrap();
        assert_eq!(HttpRequest::from(standard).method, "Purge");
    }

    #[test]
    fn a_response_keeps_all_its_parts() {
        let response = |name: &str| HttpResponse {
            status: 201,
            headers: vec![Header::new(name, "k")],
            body: b"done".to_vec(),
        };
        let standard = Response::try_from(response("x-kind")).unwrap();
        assert_eq!(standard.status(), 201);
        assert_eq!(standard.headers()["x-kind"], "k");
        assert_eq!(standard.into_body(), b"done");
        let malformed = Response::try_from(response("x kind"));
        assert!(matches!(malformed, Err(Error::Unavailable(_))));
    }
}
