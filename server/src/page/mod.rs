//! The page that a browser shows: files that are embedded in the program.
//!
//! It is asked only for addresses that are no route of the API. Of those it
//! serves its files and, at the page's own addresses, its document; everything
//! else stays the API's answer for an unknown address. It needs no
//! authorization: it holds no data, and what it shows comes from the API.

mod files;

use axum::{
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
            CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse as _, Response},
};

use self::files::{Encoding, File};

/// The first segments of the page's own addresses; the page's router has the
/// same (`web/src/router.tsx`).
const ADDRESSES: [&str; 7] = [
    "administration",
    "applications",
    "clients",
    "messages",
    "plugins",
    "settings",
    "users",
];

/// Scripts come from the server only and never from the document. Styles may
/// stand in it, for the editor writes some. Messages show images from
/// elsewhere, as Gotify's clients do.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' https: http:; font-src 'self'; connect-src 'self'; \
                      manifest-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

const ABSENT: &str = "This server was built without its page: install Node.js 20 or newer, run \
                      `cargo xtask web` in the repository, and build the server again.\n";

/// Answers a request for an address that is no route of the API; `None` where
/// the page has nothing there either.
pub(crate) fn serve(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let path = uri.path();
    if let Some(file) = files::find(path).filter(|file| !file.is_document()) {
        return Some(answer(file, headers));
    }
    if !is_own(path) {
        return None;
    }
    Some(match files::document() {
        Some(document) => answer(document, headers),
        None => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], ABSENT).into_response(),
    })
}

/// Whether an address is one that the page's router knows.
fn is_own(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    path == "/" || first.is_some_and(|first| ADDRESSES.contains(&first))
}

fn answer(file: &'static File, headers: &HeaderMap) -> Response {
    let encoding = file.encoding(headers.get_all(ACCEPT_ENCODING).iter());
    let tag = file.etag(encoding);
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| known.split(',').any(|one| one.trim() == tag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.bytes(encoding).into_response()
    };
    let fixed: [(HeaderName, &'static str); 7] = [
        (CONTENT_TYPE, file.content_type()),
        (CACHE_CONTROL, file.caching()),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (VARY, "Accept-Encoding"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    let out = response.headers_mut();
    for (name, value) in fixed {
        out.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(ETAG, tag);
    }
    if encoding != Encoding::Plain {
        out.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Method, StatusCode, Uri};

    use super::{is_own, serve};

    fn get(path: &'static str) -> Option<StatusCode> {
        serve(&Method::GET, &Uri::from_static(path), &HeaderMap::new())
            .map(|response| response.status())
    }

    #[test]
    fn only_its_own_addresses_are_the_pages() {
        for own in [
            "/",
            "/messages/3",
            "/plugins/1/log",
            "/administration/plugins/a.b",
        ] {
            assert!(is_own(own), "{own}");
            assert_eq!(get(own), Some(StatusCode::OK), "{own}");
        }
        for other in [
            "/message",
            "/plugin/1",
            "/admin/plugins",
            "/index.php",
            "//",
            "/page/x.js",
        ] {
            assert!(!is_own(other), "{other}");
            assert_eq!(get(other), None, "{other}");
        }
        assert!(serve(&Method::POST, &Uri::from_static("/"), &HeaderMap::new()).is_none());
    }
}
