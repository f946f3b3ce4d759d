//! The position of a plugin's listener among the messages.

use axum::{Json, extract::State, http::StatusCode};
use mortise_runtime::CallError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::own;
use crate::{
    api::{
        ApiError, Routes,
        extract::{Fields, Id},
    },
    auth::Caller,
    plugins::{ControlError, Position},
    state::AppState,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.client(routes!(show, set))
}

/// The position of a listener.
#[derive(Serialize, ToSchema)]
struct ListenerPosition {
    /// It receives the messages after this one.
    after: i64,
    /// The stored messages after it, those that the plugin may not read included. The server
    /// stops counting at 10,000.
    waiting: u64,
}

/// The messages that a listener receives next.
#[derive(Deserialize, ToSchema)]
struct MoveListener {
    /// Those after this one; after 0, all that are stored; null for those to come.
    after: Option<i64>,
}

/// Shows the message after which a listener goes on. It may be a few messages behind.
#[utoipa::path(get, path = "/plugin/{id}/listener", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = ListenerPosition),
        (status = 400, description = "The plugin is not a listener."),
        (status = 404, description = "The caller has no such plugin."),
        (status = 422, description = "The plugin is disabled."),
    ))]
async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<ListenerPosition>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let after = state.plugins.listener_position(&slot).await;
    position(&state, slot.id, after).await
}

/// Has a listener go on elsewhere: it receives messages again, or leaves some out.
#[utoipa::path(put, path = "/plugin/{id}/listener", tag = "plugin",
    params(("id" = i64, Path)), request_body = MoveListener,
    responses(
        (status = 200, body = ListenerPosition),
        (status = 400, description = "The plugin is not a listener."),
        (status = 404, description = "The caller has no such plugin."),
        (status = 422, description = "The plugin is disabled."),
    ))]
async fn set(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Fields(chosen): Fields<MoveListener>,
) -> Result<Json<ListenerPosition>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let to = chosen.after.map_or(Position::Newest, Position::After);
    let after = state.plugins.move_listener(&slot, to).await;
    position(&state, slot.id, after).await
}

async fn position(
    state: &AppState,
    instance: i64,
    after: Result<i64, ControlError>,
) -> Result<Json<ListenerPosition>, ApiError> {
    let after = after.map_err(|error| match error {
        ControlError::Call(CallError::Stopped) => ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "the plugin is disabled: it receives the messages that are stored after you enable it",
        ),
        other => other.into(),
    })?;
    Ok(Json(ListenerPosition {
        after,
        waiting: state.store.plugin_queue(instance).await?,
    }))
}
