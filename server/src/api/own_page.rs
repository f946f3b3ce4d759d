//! A plugin's own page that calls the plugin. A browser runs the page without an
//! origin (see `webhooks`), so that it cannot use its visitor's session; its
//! requests to the webhook are therefore those of another origin, named `null`. The
//! page may read the answers: they come without the visitor's credentials.

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};

/// Any page may read it, without credentials.
const ANY: HeaderValue = HeaderValue::from_static("*");

/// Whether a request comes from a page without an origin.
pub(super) fn is_from(headers: &HeaderMap) -> bool {
    headers
        .get(header::ORIGIN)
        .is_some_and(|origin| origin == "null")
}

/// The answer to such a page's question whether it may send a request; none for
/// other requests.
pub(super) fn preflight(method: &Method, headers: &HeaderMap) -> Option<Response> {
    let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    if *method != Method::OPTIONS || !is_from(headers) {
        return None;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let allowed = response.headers_mut();
    allowed.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    allowed.insert(header::ACCESS_CONTROL_ALLOW_METHODS, wanted.clone());
    if let Some(names) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        allowed.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    Some(response)
}

/// Lets such a page read an answer, unless the plugin says who may.
pub(super) fn let_read(response: &mut Response) {
    let headers = response.headers_mut();
    headers
        .entry(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        .or_insert(ANY);
}

#[cfg(test)]
mod tests {
    use axum::{
        body::Body,
        http::{HeaderMap, HeaderName, HeaderValue, Method, header},
        response::Response,
    };

    use super::{is_from, let_read, preflight};

    fn headers(all: &[(HeaderName, &'static str)]) -> HeaderMap {
        let values = all.iter();
        values
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_page_without_an_origin_may_call_its_plugin() {
        let asked = headers(&[
            (header::ORIGIN, "null"),
            (header::ACCESS_CONTROL_REQUEST_METHOD, "PUT"),
            (header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type"),
        ]);
        assert!(is_from(&asked));
        let answer = preflight(&Method::OPTIONS, &asked).unwrap();
        assert_eq!(answer.status(), 204);
        let allowed = answer.headers();
        assert_eq!(allowed[header::ACCESS_CONTROL_ALLOW_METHODS], "PUT");
        assert_eq!(
            allowed[header::ACCESS_CONTROL_ALLOW_HEADERS],
            "content-type"
        );
        assert_eq!(allowed[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!allowed.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        assert!(preflight(&Method::GET, &asked).is_none());
    }

    #[test]
    fn other_pages_are_the_plugins_business() {
        let asked = headers(&[
            (header::ORIGIN, "https://other.example"),
            (header::ACCESS_CONTROL_REQUEST_METHOD, "PUT"),
        ]);
        assert!(!is_from(&asked));
        assert!(preflight(&Method::OPTIONS, &asked).is_none());
        assert!(!is_from(&headers(&[])));
        let mut own = Response::new(Body::empty());
        let says = HeaderValue::from_static("https://a.example");
        own.headers_mut()
            .insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, says.clone());
        let_read(&mut own);
        assert_eq!(own.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], says);
    }
}
