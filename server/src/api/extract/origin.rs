//! The origin of a request, for handlers.

use std::net::IpAddr;

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::{api::ApiError, origin::Origin, state::AppState};

impl FromRequestParts<AppState> for Origin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        Self::of(parts, &state.settings_now()).ok_or_else(no_address)
    }
}

/// The address of a request's client, for handlers that need no more of its origin.
pub(in crate::api) struct Client(pub(in crate::api) IpAddr);

impl FromRequestParts<AppState> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let address = Origin::client_in(parts, &state.settings_now());
        address.map(Self).ok_or_else(no_address)
    }
}

fn no_address() -> ApiError {
    ApiError::internal("a connection without an address")
}
