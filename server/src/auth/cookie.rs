//! The cookie of a browser's session.

use axum::http::HeaderValue;

use super::COOKIE;
use crate::api::{ApiError, Origin};

/// The lifetime of an unused session in seconds: a week.
pub(crate) const SESSION_SECONDS: i64 = 7 * 24 * 60 * 60;

/// The header that sets the session's cookie; an age of 0 removes it.
///
/// # Errors
///
/// 500 if the token cannot stand in a header.
pub(crate) fn session_cookie(
    token: &str,
    max_age: i64,
    origin: &Origin,
) -> Result<HeaderValue, ApiError> {
    let secure = match origin.scheme {
        "https" => "; Secure",
        _ => "",
    };
    let cookie =
        format!("{COOKIE}={token}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(cookie).map_err(ApiError::internal)
}
