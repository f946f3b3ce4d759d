//! Error responses to clients, always in Gotify's form. Errors that concern
//! only the server go to the log.

use std::borrow::Cow;

use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use mortise_runtime::LoadError;
use mortise_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use super::plugins::Problem;
use crate::{
    auth::{AuthError, PasswordError},
    configuration,
    pipeline::PostError,
    plugins::EmbedderError,
    rate::TooFast,
};

/// A refusal: a status and a sentence for the client.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    description: Cow<'static, str>,
    report: Option<Box<Problem>>,
    problems: Vec<configuration::Problem>,
    retry_after: Option<u64>,
}

/// The form of an error.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Error)]
pub(super) struct ErrorBody<'a> {
    /// The status in words.
    error: &'a str,
    /// The status.
    error_code: u16,
    /// The error and the next step.
    error_description: &'a str,
    /// Step by step, where it is about a plugin that does not load.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a Problem>,
    /// One by one, where it is about a configuration's text.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    problems: &'a [configuration::Problem],
}

impl ApiError {
    /// With any status.
    pub fn new(status: StatusCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            description: description.into(),
            report: None,
            problems: Vec::new(),
            retry_after: None,
        }
    }

    /// With the seconds after which to try again.
    #[must_use]
    pub fn with_retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    /// With the report of a plugin that does not load.
    #[must_use]
    pub fn with_report(self, report: &LoadError) -> Self {
        Self {
            report: Some(Box::new(report.into())),
            ..self
        }
    }

    /// With the problems of a configuration's text.
    #[must_use]
    pub fn with_problems(self, problems: Vec<configuration::Problem>) -> Self {
        Self { problems, ..self }
    }

    /// 400: the request is malformed or breaks a bound.
    pub fn bad_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, description)
    }

    /// 403: credentials that do not suffice.
    pub fn forbidden(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, description)
    }

    /// 404: the object does not exist, or belongs to another user.
    pub fn not_found(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, description)
    }

    /// 500: the server's own fault. The cause goes to the log, not to the
    /// client.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the server failed; its log says why",
        )
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            error: self.status.canonical_reason().unwrap_or("Error"),
            error_code: self.status.as_u16(),
            error_description: &self.description,
            report: self.report.as_deref(),
            problems: &self.problems,
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(what) => Self::bad_request(format!("{what} exists already")),
            other => Self::internal(other),
        }
    }
}

impl From<EmbedderError> for ApiError {
    fn from(error: EmbedderError) -> Self {
        match error.into_inner().downcast::<StoreError>() {
            Ok(error) => Self::from(*error),
            Err(other) => Self::internal(other),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let status = match error {
            AuthError::Unauthorized | AuthError::GuestCreatesAdministrator => {
                StatusCode::UNAUTHORIZED
            }
            AuthError::NotAdministrator
            | AuthError::NotElevated
            | AuthError::CrossSite
            | AuthError::NoSuchAdministrator => StatusCode::FORBIDDEN,
            AuthError::Password(error) => return error.into(),
            AuthError::Store(error) => return error.into(),
        };
        Self::new(status, error.to_string())
    }
}

impl From<TooFast> for ApiError {
    fn from(error: TooFast) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, error.to_string()).with_retry_after(error.seconds)
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            PasswordError::Hash(_) => Self::internal(error),
        }
    }
}

impl From<PostError> for ApiError {
    fn from(error: PostError) -> Self {
        let description = error.to_string();
        match error {
            PostError::Invalid(_) | PostError::NoApplication | PostError::NotUpstream => {
                Self::bad_request(description)
            }
            PostError::NoMessage => Self::not_found(description),
            PostError::UnknownSender => Self::new(StatusCode::UNAUTHORIZED, description),
            PostError::OfUpstream => Self::new(StatusCode::NOT_IMPLEMENTED, description),
            PostError::Upstream(_) => Self::new(StatusCode::BAD_GATEWAY, description),
            PostError::TooLong { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, description),
            PostError::Refused { .. } | PostError::Stopping => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, description)
            }
            PostError::Store(error) => Self::from(error),
        }
    }
}

/// Refuses a field that is missing or empty, in Gotify's words.
pub(super) fn required(field: &str, value: &str) -> Result<(), ApiError> {
    if value.is_empty() {
        return Err(ApiError::bad_request(format!(
            "Field '{field}' is required"
        )));
    }
    Ok(())
}

/// Refuses a field that is too long.
pub(super) fn bounded(field: &str, value: &str, most: usize) -> Result<(), ApiError> {
    if value.len() > most {
        return Err(ApiError::bad_request(format!(
            "Field '{field}' has {} bytes; at most {most} are taken",
            value.len()
        )));
    }
    Ok(())
}

/// Answers a method that a route does not have. As in Gotify, `OPTIONS` succeeds
/// everywhere: the headers that the settings add may make it a preflight's answer.
pub(super) async fn method_not_allowed(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::OK.into_response();
    }
    let error = ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this address does not take this method",
    );
    error.into_response()
}
