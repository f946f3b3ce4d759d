//! Messages that a plugin failed on again and again.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use utoipa_axum::routes;

use super::{model::SetAside, own};
use crate::{
    api::{ApiError, Routes, extract::Id},
    auth::Caller,
    plugins::ControlError,
    state::AppState,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .client(routes!(list))
        .client(routes!(forget))
        .client(routes!(retry))
}

/// The messages that a plugin failed on again and again, newest first.
#[utoipa::path(get, path = "/plugin/{id}/set-aside", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = [SetAside]),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Vec<SetAside>>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let rows = state.store.messages_set_aside(slot.id).await?;
    Ok(Json(rows.into_iter().map(SetAside::from).collect()))
}

/// Gives a message that was set aside to the plugin again, now.
#[utoipa::path(post, path = "/plugin/{id}/set-aside/{message}/retry", tag = "plugin",
    params(("id" = i64, Path), ("message" = i64, Path)),
    responses(
        (status = 200, description = "The plugin took it: it is not set aside any more."),
        (status = 404, description = "The caller has no such plugin, or nothing of that id was set aside that the plugin may read."),
        (status = 422, description = "The plugin failed again, or is disabled; the message stays set aside."),
    ))]
async fn retry(
    State(state): State<AppState>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
) -> Result<(), ApiError> {
    let slot = own(&state, &caller, number(&id)?).await?;
    match state
        .plugins
        .retry_set_aside(&slot, number(&message)?)
        .await
    {
        Ok(true) => Ok(()),
        Ok(false) => Err(not_aside()),
        // In full: it is the user's own plugin.
        Err(ControlError::Call(error)) => Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            error.to_string(),
        )),
        Err(error) => Err(error.into()),
    }
}

/// Forgets that a message was set aside; the message stays.
#[utoipa::path(delete, path = "/plugin/{id}/set-aside/{message}", tag = "plugin",
    params(("id" = i64, Path), ("message" = i64, Path)),
    responses((status = 200), (status = 404)))]
async fn forget(
    State(state): State<AppState>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
) -> Result<(), ApiError> {
    let slot = own(&state, &caller, number(&id)?).await?;
    if state
        .store
        .remove_set_aside(slot.id, number(&message)?)
        .await?
    {
        Ok(())
    } else {
        Err(not_aside())
    }
}

/// A number in a path, without a sign.
fn number(text: &str) -> Result<i64, ApiError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.ok_or_else(|| ApiError::bad_request("invalid id"))
}

fn not_aside() -> ApiError {
    ApiError::not_found("no such message is set aside for this plugin")
}
