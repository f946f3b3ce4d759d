//! Answers that a client may have already, or wants a part of: `ETag`,
//! `Last-Modified` and `Range`.

use std::{
    ops::Range,
    time::{Duration, SystemTime},
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;

use super::ApiError;

/// A file to serve.
pub(super) struct File {
    pub(super) bytes: Bytes,
    pub(super) content_type: &'static str,
    /// Changes with the file's bytes; without its quotes.
    pub(super) tag: String,
    /// The time of its last change, if known.
    pub(super) modified: Option<SystemTime>,
}

/// A range that a request names.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<usize>),
    Nothing,
}

impl File {
    /// Answers 304 to a client that has the file, 206 with the part it wants, or
    /// 200.
    pub(super) fn respond(self, request: &HeaderMap) -> Response {
        let tag = format!("\"{}\"", self.tag);
        let modified = self.modified.map(httpdate::fmt_http_date);
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        };
        set(header::ETAG, &tag);
        if let Some(modified) = &modified {
            set(header::LAST_MODIFIED, modified);
        }
        set(header::ACCEPT_RANGES, "bytes");
        set(header::CACHE_CONTROL, "public, max-age=86400");
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        if self.is_known(request, &tag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        set(header::CONTENT_TYPE, self.content_type);
        let length = self.bytes.len();
        let wanted = match text(request, header::RANGE) {
            Some(range) if applies(request, &tag, modified.as_deref()) => wanted(range, length),
            _ => Wanted::All,
        };
        match wanted {
            Wanted::All => (headers, Body::from(self.bytes)).into_response(),
            Wanted::Part(part) => {
                let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
                set(header::CONTENT_RANGE, &range);
                let bytes = self.bytes.slice(part);
                (StatusCode::PARTIAL_CONTENT, headers, Body::from(bytes)).into_response()
            }
            Wanted::Nothing => {
                let error = ApiError::new(
                    StatusCode::RANGE_NOT_SATISFIABLE,
                    format!("the file has {length} bytes"),
                );
                let range = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
                (range, error).into_response()
            }
        }
    }

    /// Whether the client has the file as it is.
    fn is_known(&self, request: &HeaderMap, tag: &str) -> bool {
        if let Some(tags) = text(request, header::IF_NONE_MATCH) {
            let mut tags = tags.split(',').map(str::trim);
            return tags.any(|known| known == "*" || known.trim_start_matches("W/") == tag);
        }
        let since = text(request, header::IF_MODIFIED_SINCE)
            .and_then(|date| httpdate::parse_http_date(date).ok());
        match (since, self.modified) {
            // A date has whole seconds.
            (Some(since), Some(modified)) => modified < since + Duration::from_secs(1),
            _ => false,
        }
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a range is of the file as it is now.
fn applies(request: &HeaderMap, tag: &str, modified: Option<&str>) -> bool {
    text(request, header::IF_RANGE).is_none_or(|known| known == tag || Some(known) == modified)
}

/// Reads the header `Range`. Several ranges, and units other than bytes, are
/// answered with the whole file.
fn wanted(range: &str, length: usize) -> Wanted {
    let Some(range) = range.strip_prefix("bytes=") else {
        return Wanted::All;
    };
    let Some((first, last)) = range.split_once('-') else {
        return Wanted::All;
    };
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let part = match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            Some(last) => length.saturating_sub(last)..length,
            None => return Wanted::All,
        },
        (first, "") => match number(first) {
            Some(first) => first..length,
            None => return Wanted::All,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
            _ => return Wanted::All,
        },
    };
    if part.is_empty() {
        Wanted::Nothing
    } else {
        Wanted::Part(part)
    }
}

#[cfg(test)]
mod tests {
    use super::{Wanted, wanted};

    #[test]
    fn ranges_are_read() {
        for (range, expected) in [
            ("bytes=0-3", Wanted::Part(0..4)),
            ("bytes=4-", Wanted::Part(4..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("bytes=8-99", Wanted::Part(8..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=10-12", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=3-1", Wanted::All),
            ("bytes=0-1,3-4", Wanted::All),
            ("bytes=", Wanted::All),
            ("lines=0-1", Wanted::All),
        ] {
            assert_eq!(wanted(range, 10), expected, "{range}");
        }
    }
}
