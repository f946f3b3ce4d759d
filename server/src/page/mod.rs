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

use self::files::{Document, Encoding, File};
use crate::config::PathPrefix;

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

/// Returns the server's root as the document writes it: the prefix, if there is one,
/// and otherwise relative to the document's own path as the browser has it. A proxy
/// may put the server below a path that the settings do not name.
pub(crate) fn root(prefix: &PathPrefix, path: &str) -> String {
    if !prefix.is_empty() {
        return format!("{prefix}/");
    }
    match path.matches('/').count() {
        0 | 1 => "./".to_owned(),
        slashes => "../".repeat(slashes - 1),
    }
}

/// Answers a request for an address that is no route of the API; `None` where
/// the page has nothing there either. The document names its files below `root`.
pub(crate) fn serve(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    root: &str,
) -> Option<Response> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let path = uri.path();
    if let Some(file) = files::find(path) {
        return Some(answer(file, headers));
    }
    if !is_own(path) {
        return None;
    }
    Some(match &files::DOCUMENT {
        Some(document) => show(document, root, headers),
        None => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], ABSENT).into_response(),
    })
}

/// Whether an address is one that the page's router knows.
fn is_own(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    path == "/" || first.is_some_and(|first| ADDRESSES.contains(&first))
}

/// Sends a file in the smallest form that the client accepts.
fn answer(file: &'static File, headers: &HeaderMap) -> Response {
    let encoding = file.encoding(headers.get_all(ACCEPT_ENCODING).iter());
    let body = || file.bytes(encoding).into_response();
    let mut response = respond(&file.etag(encoding), headers, body);
    let out = response.headers_mut();
    out.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type()));
    out.insert(CACHE_CONTROL, HeaderValue::from_static(file.caching()));
    out.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if encoding != Encoding::Plain {
        out.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    response
}

/// Sends the document, which is too small to be compressed.
fn show(document: &Document, root: &str, headers: &HeaderMap) -> Response {
    let body = || document.text(root).into_response();
    let mut response = respond(&document.etag(root), headers, body);
    let out = response.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    out.insert(CONTENT_TYPE, html);
    out.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Answers 304 to a client that has the content with this tag, and otherwise sends
/// the content; with the headers that everything of the page has.
fn respond(tag: &str, headers: &HeaderMap, body: impl FnOnce() -> Response) -> Response {
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| {
            // A proxy that compresses marks the tag as a weak one.
            let mut tags = known.split(',').map(str::trim);
            tags.any(|known| known.trim_start_matches("W/") == tag)
        });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        body()
    };
    let fixed: [(HeaderName, &'static str); 4] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    let out = response.headers_mut();
    for (name, value) in fixed {
        out.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(tag) {
        out.insert(ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Method, StatusCode, Uri};

    use super::{is_own, root, serve};

    fn ask(method: &Method, path: &'static str) -> Option<StatusCode> {
        let answer = serve(method, &Uri::from_static(path), &HeaderMap::new(), "./");
        answer.map(|response| response.status())
    }

    fn get(path: &'static str) -> Option<StatusCode> {
        ask(&Method::GET, path)
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
        assert!(ask(&Method::POST, "/").is_none());
    }

    #[test]
    fn the_root_is_the_prefix_or_relative_to_the_documents_path() {
        for (path, expected) in [
            ("/", "./"),
            ("/plugins", "./"),
            ("/plugins/", "../"),
            ("/plugins/5", "../"),
            ("/plugins/5/log", "../../"),
            ("//plugins//5", "../../../"),
        ] {
            assert_eq!(root(&"".parse().unwrap(), path), expected, "{path}");
            assert_eq!(root(&"/push".parse().unwrap(), path), "/push/", "{path}");
        }
    }
}
