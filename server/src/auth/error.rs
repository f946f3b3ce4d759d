//! Reasons to refuse a caller.

use mortise_store::StoreError;

use super::PasswordError;

/// The reason for which a request is refused. The text is for the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The request has no valid credentials.
    #[error("you need to provide a valid access token or user credentials to access this api")]
    Unauthorized,
    /// The user is no administrator.
    #[error("you are not allowed to access this api")]
    NotAdministrator,
    /// The client's session is not elevated.
    #[error("session not elevated, use basic auth or call /client/{{id}}/elevate")]
    NotElevated,
    /// Another site made the request, with credentials that a browser sends by itself.
    #[error("cross-origin request refused: use a token instead of a cookie or password")]
    CrossSite,
    /// The data directory's key came with a name that no administrator has.
    #[error(
        "there is no administrator of that name; other users act for themselves, with their \
         passwords or tokens"
    )]
    NoSuchAdministrator,
    /// A guest may create an ordinary user only.
    #[error("you are not allowed to create an admin user")]
    GuestCreatesAdministrator,
    /// The password could not be checked.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthError {
    /// Returns true if the caller was refused, and false for a fault of the server.
    pub const fn is_denial(&self) -> bool {
        !matches!(self, Self::Password(_) | Self::Store(_))
    }
}
