//! Dead letters: messages on which a plugin failed again and again.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use utoipa_axum::routes;

use super::{model::DeadLetter, own};
use crate::{
    api::{ApiError, Routes, extract::Id},
    auth::Caller,
    plugins::ControlError,
    state::AppState,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .client(routes!(list))
        .client(routes!(remove))
        .client(routes!(retry))
}

/// A plugin's dead letters: the messages on which it failed again and again, newest first.
#[utoipa::path(get, path = "/plugin/{id}/dead-letters", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = [DeadLetter]),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Vec<DeadLetter>>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let rows = state.store.dead_letters(slot.id).await?;
    Ok(Json(rows.into_iter().map(DeadLetter::from).collect()))
}

/// Delivers a dead letter again, now.
#[utoipa::path(post, path = "/plugin/{id}/dead-letters/{message}/retry", tag = "plugin",
    params(("id" = i64, Path), ("message" = i64, Path)),
    responses(
        (status = 200, description = "The plugin took it: it is no dead letter any more."),
        (status = 404, description = "The caller has no such plugin, or the plugin no such dead letter that it may read."),
        (status = 422, description = "The plugin failed again, or is disabled; the dead letter stays."),
    ))]
async fn retry(
    State(state): State<AppState>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
) -> Result<(), ApiError> {
    let slot = own(&state, &caller, number(&id)?).await?;
    match state
        .plugins
        .retry_dead_letter(&slot, number(&message)?)
        .await
    {
        Ok(true) => Ok(()),
        Ok(false) => Err(no_letter()),
        // In full: it is the user's own plugin.
        Err(ControlError::Call(error)) => Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            error.to_string(),
        )),
        Err(error) => Err(error.into()),
    }
}

/// Removes a dead letter; its message stays.
#[utoipa::path(delete, path = "/plugin/{id}/dead-letters/{message}", tag = "plugin",
    params(("id" = i64, Path), ("message" = i64, Path)),
    responses((status = 200), (status = 404)))]
async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
) -> Result<(), ApiError> {
    let slot = own(&state, &caller, number(&id)?).await?;
    if state
        .store
        .remove_dead_letter(slot.id, number(&message)?)
        .await?
    {
        Ok(())
    } else {
        Err(no_letter())
    }
}

/// A number in a path, without a sign.
fn number(text: &str) -> Result<i64, ApiError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.ok_or_else(|| ApiError::bad_request("invalid id"))
}

fn no_letter() -> ApiError {
    ApiError::not_found("this plugin has no such dead letter")
}
