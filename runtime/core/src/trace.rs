//! The trace of a message or request through the server and its plugins, in the terms of
//! W3C Trace Context.
//!
//! Spans are those of `tracing` with [`TARGET`]. The program that records them provides the
//! current span's header, which goes into requests that plugins make.

use std::sync::OnceLock;

use http::HeaderMap;

/// The target of the spans.
pub const TARGET: &str = "mortise::trace";
/// The header that names the caller's span.
pub const HEADER: &str = "traceparent";

/// Returns the value of [`HEADER`] for the current span.
pub type Source = fn() -> Option<String>;

static SOURCE: OnceLock<Source> = OnceLock::new();

/// Sets the source of the current span's header, for the whole process. Only the first
/// one counts.
pub fn provide(source: Source) {
    let _ = SOURCE.set(source);
}

/// Returns the value of [`HEADER`] for the current span; none if nothing records spans.
pub fn current() -> Option<String> {
    SOURCE.get().and_then(|source| source())
}

/// Adds the current span to a request, unless the request names one itself.
pub fn add_to(headers: &mut HeaderMap) {
    if !headers.contains_key(HEADER) {
        put_into(headers);
    }
}

/// Puts the current span in the place of the one that a request names.
pub fn put_into(headers: &mut HeaderMap) {
    if let Some(Ok(value)) = current().map(http::HeaderValue::try_from) {
        headers.insert(HEADER, value);
    }
}
