//! The one reader of requests: fields from a query, a form or JSON, ids in
//! paths, and the origin of a request. A request is read as leniently as Gotify
//! reads it, since senders rely on that:
//!
//! * JSON and multipart bodies are read alone. Beside any other body the query
//!   is read too, and a field of a form counts before one of the query. A body of
//!   another type counts after the query, and only if its fields can be read.
//! * In JSON, keys match in any case, `null` is an absent field, the last of
//!   several equal keys counts, bytes after the first value are ignored, and bad
//!   Unicode is replaced (see `json`).
//! * In forms and queries the first of several equal fields counts, and numbers
//!   and booleans are read as shells write them (see `value`). Multipart forms may
//!   be written by hand (see `parts`).

mod expiry;
mod form;
mod json;
mod origin;
mod parts;
mod value;

use axum::{
    extract::{
        FromRequest, FromRequestParts, Path, Request,
        multipart::MultipartError,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;

pub(super) use self::{
    expiry::{Expiry, SentExpiry},
    origin::Client,
    value::Object,
};
use self::{
    form::Pairs,
    value::{Entries, FieldError, Repeated},
};
use super::ApiError;
pub use crate::origin::Origin;
use crate::state::AppState;

/// The fields of a request's body and query.
pub(super) struct Fields<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Fields<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        match content_type(request.headers()).as_str() {
            "application/json" => from_json(body(request, state).await?),
            "multipart/form-data" => {
                let boundary = parts::boundary(request.headers())
                    .ok_or_else(|| ApiError::bad_request("the multipart form names no boundary"))?;
                let body = body(request, state).await?;
                let pairs = parts::read(&body, &boundary)
                    .ok_or_else(|| ApiError::bad_request("the multipart form is cut off"))?;
                from_pairs(pairs, Repeated::FirstCounts)
            }
            kind => {
                let query = form::pairs(request.uri().query().unwrap_or_default().as_bytes());
                let body = body(request, state).await;
                if kind == "application/x-www-form-urlencoded" {
                    let mut pairs = form::pairs(&body?);
                    pairs.extend(query);
                    from_pairs(pairs, Repeated::FirstCounts)
                } else {
                    beside_no_form(query, body)
                }
            }
        }
        .map(Self)
    }
}

fn from_json<T: DeserializeOwned>(body: Bytes) -> Result<T, ApiError> {
    let text = json::text(body.into());
    let members = json::members(&text)
        .map_err(|error| ApiError::bad_request(format!("invalid JSON: {error}")))?;
    T::deserialize(Entries::of_json(members)).map_err(bad_field)
}

/// The fields of a query beside a body that declares no form. To Gotify it is none, so
/// that nothing in it makes the request fail; but senders forget to declare one.
fn beside_no_form<T: DeserializeOwned>(
    query: Pairs,
    body: Result<Bytes, ApiError>,
) -> Result<T, ApiError> {
    let both = body.and_then(|body| {
        let pairs = query.iter().cloned().chain(form::pairs(&body));
        from_pairs(pairs.collect(), Repeated::FirstCounts)
    });
    match both {
        Err(error) if !query.is_empty() => {
            from_pairs(query, Repeated::FirstCounts).map_err(|_| error)
        }
        both => both,
    }
}

fn from_pairs<T: DeserializeOwned>(pairs: Pairs, repeated: Repeated) -> Result<T, ApiError> {
    T::deserialize(Entries::of_form(pairs, repeated)).map_err(bad_field)
}

fn bad_field(error: FieldError) -> ApiError {
    ApiError::bad_request(error.to_string())
}

async fn body(request: Request, state: &AppState) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state)
        .await
        .map_err(|error| unreadable(&error))
}

/// The error for a multipart form that cannot be read.
pub(super) fn multipart(error: MultipartError) -> ApiError {
    ApiError::new(error.status(), error.body_text())
}

fn unreadable(error: &BytesRejection) -> ApiError {
    match error {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the request's body is too long",
            )
        }
        _ => ApiError::bad_request("the request's body did not arrive"),
    }
}

/// The type of a body without its parameters, in lower case.
pub(super) fn content_type(headers: &HeaderMap) -> String {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split([';', ' ']).find(|part| !part.is_empty()))
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// The number in a path such as `/message/{id}`.
pub(super) struct Id(pub(super) i64);

impl FromRequestParts<AppState> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let invalid = || ApiError::bad_request("invalid id");
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| invalid())?;
        // No sign, unlike the type's own parser.
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        text.parse().map(Self).map_err(|_| invalid())
    }
}

/// The name in a path such as `/admin/plugins/{id}`; its slashes are encoded.
pub(super) struct Name(pub(super) String);

impl FromRequestParts<AppState> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        Path::<String>::from_request_parts(parts, state)
            .await
            .map(|Path(name)| Self(name))
            .map_err(|_| ApiError::bad_request("invalid name"))
    }
}

/// The fields of the query. An empty one is absent.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        let mut pairs = form::pairs(parts.uri.query().unwrap_or_default().as_bytes());
        let mut seen = std::collections::HashSet::new();
        pairs.retain(|(name, value)| seen.insert(name.clone()) && !value.trim().is_empty());
        from_pairs(pairs, Repeated::FirstCounts).map(Self)
    }
}
