//! The origin of a request, for handlers.

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::{api::ApiError, origin::Origin, state::AppState};

impl FromRequestParts<AppState> for Origin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        Self::of(parts, &state.settings())
            .ok_or_else(|| ApiError::internal("a connection without an address"))
    }
}
