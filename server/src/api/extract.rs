//! Reading requests: bodies as JSON or as a form, ids in paths, and where a
//! request came from. What does not parse is told in the API's form.

use std::net::{IpAddr, SocketAddr};

use axum::{
    body::Body,
    extract::{
        ConnectInfo, Form, FromRequest, FromRequestParts, Multipart, Path, Query, Request,
        multipart::MultipartError,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::ApiError;
use crate::state::AppState;

/// A request's fields: from JSON, or from a form, whether encoded as an address
/// or in parts. What says nothing of its type is taken for a form.
pub(super) struct Fields<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Fields<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        match content_type(request.headers()).as_str() {
            "application/json" => {
                let body = Bytes::from_request(request, state)
                    .await
                    .map_err(|error| unreadable(&error))?;
                serde_json::from_slice(&body)
                    .map(Self)
                    .map_err(|error| ApiError::bad_request(format!("invalid JSON: {error}")))
            }
            "multipart/form-data" => {
                let parts = Multipart::from_request(request, state)
                    .await
                    .map_err(|error| ApiError::bad_request(error.body_text()))?;
                Self::from_form(from_parts(parts).await?).await
            }
            _ => {
                let body = Bytes::from_request(request, state)
                    .await
                    .map_err(|error| unreadable(&error))?;
                Self::from_form(body.into()).await
            }
        }
    }
}

impl<T: DeserializeOwned> Fields<T> {
    /// From fields that are encoded as an address.
    async fn from_form(encoded: Body) -> Result<Self, ApiError> {
        let mut request = Request::new(encoded);
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        Form::<T>::from_request(request, &())
            .await
            .map(|Form(fields)| Self(fields))
            .map_err(|error| ApiError::bad_request(error.body_text()))
    }
}

/// The text parts of a form, encoded as an address.
async fn from_parts(mut parts: Multipart) -> Result<Body, ApiError> {
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(multipart)? {
        let Some(name) = part.name().map(str::to_owned) else {
            continue;
        };
        fields.push((name, part.text().await.map_err(multipart)?));
    }
    let mut encoded = url::form_urlencoded::Serializer::new(String::new());
    Ok(encoded.extend_pairs(fields).finish().into())
}

/// What is told of a form in parts that cannot be read.
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
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim()
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
        // No sign, unlike what the type would parse.
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

/// The fields behind the `?` of an address.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(fields)| Self(fields))
            .map_err(|error| ApiError::bad_request(error.body_text()))
    }
}

/// Where a request came from, as its sender sees it: the peer's word, or that
/// of a proxy the settings trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The client's address.
    pub client: IpAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host and port; empty if the request names none.
    pub host: String,
}

impl Origin {
    /// Such as `https://push.example.org`; none if the request names no host.
    pub fn base_url(&self) -> Option<String> {
        (!self.host.is_empty()).then(|| format!("{}://{}", self.scheme, self.host))
    }
}

impl FromRequestParts<AppState> for Origin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
            return Err(ApiError::internal("a connection without an address"));
        };
        Ok(origin(&parts.headers, peer.ip(), |address| {
            state.config.trusts(address)
        }))
    }
}

fn origin(headers: &HeaderMap, peer: IpAddr, trusts: impl Fn(IpAddr) -> bool) -> Origin {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let mut origin = Origin {
        client: peer.to_canonical(),
        scheme: "http",
        host: text("host").to_owned(),
    };
    if !trusts(peer) {
        return origin;
    }
    // Each proxy appends whom it heard from: the last that is no proxy of ours
    // is the client, and what stands before it is hearsay.
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .collect();
    for hop in hops.into_iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        origin.client = address.to_canonical();
        if !trusts(address) {
            break;
        }
    }
    if text("x-forwarded-proto").eq_ignore_ascii_case("https") {
        origin.scheme = "https";
    }
    let host = text("x-forwarded-host");
    if !host.is_empty() {
        origin.host = host.to_owned();
    }
    origin
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::{Origin, origin};

    fn of(peer: &str, headers: &[(&'static str, &'static str)]) -> Origin {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        origin(&map, peer.parse().unwrap(), |address| address == proxy)
    }

    #[test]
    fn only_a_trusted_proxy_speaks_for_others() {
        let headers = [
            ("host", "inner"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "push.example"),
        ];
        let trusted = of("10.0.0.1", &headers);
        assert_eq!(trusted.client.to_string(), "192.0.2.1");
        assert_eq!(trusted.base_url().unwrap(), "https://push.example");
        let other = of("10.0.0.2", &headers);
        assert_eq!(other.client.to_string(), "10.0.0.2");
        assert_eq!(other.base_url().unwrap(), "http://inner");
    }

    #[test]
    fn a_client_cannot_make_up_who_it_is() {
        let made_up = ("x-forwarded-for", "127.0.0.1, 198.51.100.7, 10.0.0.1");
        assert_eq!(
            of("10.0.0.1", &[made_up]).client.to_string(),
            "198.51.100.7"
        );
        let split = [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        assert_eq!(of("10.0.0.1", &split).client.to_string(), "198.51.100.7");
        let nonsense = ("x-forwarded-for", "nobody, 198.51.100.7");
        assert_eq!(
            of("10.0.0.1", &[nonsense]).client.to_string(),
            "198.51.100.7"
        );
        assert_eq!(of("10.0.0.1", &[]).client.to_string(), "10.0.0.1");
        assert_eq!(of("10.0.0.1", &[]).base_url(), None);
    }
}
