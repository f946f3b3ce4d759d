//! The cookie of a browser's session.

use axum::http::{HeaderValue, header::InvalidHeaderValue};

use super::COOKIE;
use crate::config::PathPrefix;

/// The lifetime of an unused session in seconds: a week.
pub(crate) const SESSION_SECONDS: i64 = 7 * 24 * 60 * 60;

/// The header that sets the session's cookie; an age of 0 removes it. A `secure`
/// cookie comes back over HTTPS only. The browser sends it below the server's prefix
/// only, so that two servers on one host keep their sessions apart.
///
/// # Errors
///
/// The token cannot stand in a header.
pub(crate) fn session_cookie(
    token: &str,
    max_age: i64,
    secure: bool,
    prefix: &PathPrefix,
) -> Result<HeaderValue, InvalidHeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let path = prefix.cookie_path();
    let cookie = format!(
        "{COOKIE}={token}; Path={path}; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}"
    );
    HeaderValue::try_from(cookie)
}
