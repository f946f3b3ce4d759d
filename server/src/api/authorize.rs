//! Who is asking, in front of each handler: [`crate::auth`] decides, this passes the
//! result on.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{header, request::Parts},
    middleware::Next,
    response::Response,
};

use super::{ApiError, Origin};
use crate::{
    auth::{
        self, Access, AuthError, Caller, Identity, Registering, SESSION_SECONDS, Sending,
        session_cookie,
    },
    state::AppState,
};

/// The middleware in front of each route: refuses who may not, and tells the
/// handler who it is. A session's cookie is renewed while it is in use.
///
/// # Errors
///
/// 401 without valid credentials, 403 where they do not suffice.
pub(super) async fn authorize(
    State((state, access)): State<(AppState, Access)>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let identified = auth::identify(&state.authority(), access, &parts).await?;
    if let Some(identity) = identified.identity {
        parts.extensions.insert(identity);
    }
    let renew = match identified.renew {
        Some(token) => {
            let origin = Origin::from_request_parts(&mut parts, &state).await;
            Some((token, origin))
        }
        None => None,
    };
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some((token, origin)) = renew
        && !response.headers().contains_key(header::SET_COOKIE)
    {
        let (secure, prefix) = (origin?.is_secure(), &state.config.path_prefix);
        let cookie = session_cookie(token.reveal(), SESSION_SECONDS, secure, prefix)
            .map_err(ApiError::internal)?;
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get() {
            Some(Identity::User(caller)) => Ok(caller.clone()),
            _ => Err(AuthError::Unauthorized.into()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Sending {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get() {
            Some(Identity::Application(application, token)) => {
                Ok(Self::As(Arc::clone(application), token.clone()))
            }
            Some(Identity::User(caller)) => Ok(Self::By(caller.clone())),
            Some(Identity::Guest) | None => Err(AuthError::Unauthorized.into()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Registering {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get() {
            Some(Identity::User(caller)) if caller.user.admin => Ok(Self::Administrator),
            Some(Identity::Guest) => Ok(Self::Guest),
            _ => Err(AuthError::Unauthorized.into()),
        }
    }
}
