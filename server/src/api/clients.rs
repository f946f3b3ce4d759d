//! Clients: devices and programs that act for a user.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    ApiError, Routes,
    error::{bounded, required},
    extract::{Fields, Id},
    model,
};
use crate::{
    auth::{AuthError, Caller, Token, TokenKind},
    config::NAME_BYTES,
    state::AppState,
};

/// The longest time of inactivity that can be set, in seconds: ten years.
const EXPIRES_SECONDS: i64 = 10 * 366 * 24 * 60 * 60;
/// The longest elevation, in seconds: a day.
const ELEVATION_SECONDS: i64 = 24 * 60 * 60;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .client(routes!(list, create))
        .client(routes!(update, delete))
        .elevated(routes!(elevate))
}

/// A client to create, or its change. A change keeps what it does not name.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClientParams {
    /// At most 16 KiB.
    #[serde(default)]
    #[schema(required)]
    name: String,
    /// It is removed when it was not used for this long; 0 for never.
    expires_after_inactivity_seconds: Option<i64>,
}

impl ClientParams {
    fn check(&self) -> Result<(), ApiError> {
        check_name(&self.name)?;
        let expires = self.expires_after_inactivity_seconds.unwrap_or_default();
        if !(0..=EXPIRES_SECONDS).contains(&expires) {
            return Err(ApiError::bad_request(format!(
                "Field 'expiresAfterInactivitySeconds' must be 0 to {EXPIRES_SECONDS}"
            )));
        }
        Ok(())
    }
}

/// Refuses a name that is empty or too long.
pub(super) fn check_name(name: &str) -> Result<(), ApiError> {
    required("name", name)?;
    bounded("name", name, NAME_BYTES)
}

/// Lists clients.
#[utoipa::path(get, path = "/client", tag = "client", responses(
    (status = 200, body = Vec<model::Client>),
))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Vec<model::Client>>, ApiError> {
    let rows = state.store.clients(caller.user.id).await?;
    let now_ms = state.now_ms();
    let shown = rows.iter().map(|row| model::Client::new(row, now_ms));
    Ok(Json(shown.collect()))
}

/// Creates a client. Its token is in the answer and is never shown again.
#[utoipa::path(post, path = "/client", tag = "client", request_body = ClientParams,
    responses((status = 200, body = model::Client), (status = 400)))]
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Fields(params): Fields<ClientParams>,
) -> Result<Json<model::Client>, ApiError> {
    params.check()?;
    let token = Token::generate_as(TokenKind::Client, state.settings().token_form)
        .map_err(ApiError::internal)?;
    let row = state
        .store
        .create_client(
            caller.user.id,
            &token.hash(),
            &params.name,
            params.expires_after_inactivity_seconds.unwrap_or_default(),
            None,
        )
        .await?;
    Ok(Json(model::Client {
        token: token.reveal().to_owned(),
        ..model::Client::new(&row, state.now_ms())
    }))
}

/// Changes a client.
#[utoipa::path(put, path = "/client/{id}", tag = "client",
    params(("id" = i64, Path)), request_body = ClientParams,
    responses((status = 200, body = model::Client), (status = 400), (status = 404)))]
async fn update(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Fields(params): Fields<ClientParams>,
) -> Result<Json<model::Client>, ApiError> {
    params.check()?;
    let row = state
        .store
        .update_client(
            caller.user.id,
            id,
            &params.name,
            params.expires_after_inactivity_seconds,
        )
        .await?
        .ok_or_else(|| no_client(id))?;
    Ok(Json(model::Client::new(&row, state.now_ms())))
}

/// Deletes a client and closes its streams. A client may delete itself; another
/// one takes an elevated session.
#[utoipa::path(delete, path = "/client/{id}", tag = "client",
    params(("id" = i64, Path)), responses((status = 200), (status = 403), (status = 404)))]
async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    let itself = caller.client.as_ref().is_some_and(|client| client.id == id);
    if !itself && !caller.is_elevated() {
        return Err(AuthError::NotElevated.into());
    }
    if !state.store.delete_client(caller.user.id, id).await? {
        return Err(no_client(id));
    }
    state.close_client(id);
    Ok(StatusCode::OK)
}

/// The time for which a client is elevated.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ElevateRequest {
    /// 1 to 86400.
    #[serde(default)]
    #[schema(required)]
    duration_seconds: i64,
}

/// Lets a client do what needs an elevated session, for a while.
#[utoipa::path(post, path = "/client/{id}/elevate", tag = "client",
    params(("id" = i64, Path)), request_body = ElevateRequest,
    responses((status = 204), (status = 400), (status = 404)))]
async fn elevate(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Fields(request): Fields<ElevateRequest>,
) -> Result<StatusCode, ApiError> {
    let for_ms = elevation_ms(request.duration_seconds)?;
    let until_ms = state.now_ms().saturating_add(for_ms);
    if !state
        .store
        .elevate_client(caller.user.id, id, until_ms)
        .await?
    {
        return Err(ApiError::not_found("client not found"));
    }
    // It comes back with its new rights.
    state.events.close_client(id);
    Ok(StatusCode::NO_CONTENT)
}

/// The duration of an elevation in milliseconds, if it may last that long.
pub(super) fn elevation_ms(seconds: i64) -> Result<i64, ApiError> {
    if (1..=ELEVATION_SECONDS).contains(&seconds) {
        return Ok(seconds * 1000);
    }
    Err(ApiError::bad_request(format!(
        "Field 'durationSeconds' must be 1 to {ELEVATION_SECONDS}"
    )))
}

fn no_client(id: i64) -> ApiError {
    ApiError::not_found(format!("client with id {id} doesn't exists"))
}
