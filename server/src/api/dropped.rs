//! Messages that filters dropped, while they are kept: looking at them, and
//! restoring them.

use axum::{
    Json,
    extract::{OriginalUri, State},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    ApiError, Routes,
    extract::{Id, Parameters},
    messages::{Paging, paging},
    model,
};
use crate::{auth::Caller, pipeline::Dropped, state::AppState};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .client(routes!(list, forget_all))
        .client(routes!(forget))
        .client(routes!(restore))
}

/// Dropped messages, newest first.
#[derive(Serialize, ToSchema)]
struct PagedDropped {
    paging: model::Paging,
    messages: Vec<Dropped>,
}

/// Lists the messages that the caller's filters dropped, newest first.
#[utoipa::path(get, path = "/message/dropped", tag = "message", params(Paging), responses(
    (status = 200, body = PagedDropped),
))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Parameters(asked): Parameters<Paging>,
) -> Result<Json<PagedDropped>, ApiError> {
    let mut rows = state
        .store
        .dropped_messages(caller.user.id, asked.page()?)
        .await?;
    // The database was asked for one row more, which tells of another page.
    let limit = asked.limit()?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let end = (rows.len(), rows.last().map(|row| row.id));
    let paging = paging(uri.path(), limit, end, more);
    Ok(Json(PagedDropped {
        paging,
        messages: rows.iter().map(Dropped::from).collect(),
    }))
}

/// Forgets all dropped messages of the caller.
#[utoipa::path(delete, path = "/message/dropped", tag = "message", responses((status = 200)))]
async fn forget_all(State(state): State<AppState>, caller: Caller) -> Result<StatusCode, ApiError> {
    state.store.forget_dropped(caller.user.id, None).await?;
    Ok(StatusCode::OK)
}

/// Forgets a dropped message.
#[utoipa::path(delete, path = "/message/dropped/{id}", tag = "message",
    params(("id" = i64, Path)), responses((status = 200), (status = 404)))]
async fn forget(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    if state.store.forget_dropped(caller.user.id, Some(id)).await? {
        Ok(StatusCode::OK)
    } else {
        Err(no_dropped())
    }
}

/// Stores a dropped message after all. No filter is asked about it; its trace
/// is kept. It is deleted at the time that its sender gave, unless this has passed.
#[utoipa::path(post, path = "/message/dropped/{id}/restore", tag = "message",
    params(("id" = i64, Path)),
    responses((status = 200, body = model::Message), (status = 404)))]
async fn restore(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<model::Message>, ApiError> {
    let message = state.pipeline.restore(caller.user.id, id).await?;
    let message = message.ok_or_else(no_dropped)?;
    Ok(Json(model::Message::from(message)))
}

fn no_dropped() -> ApiError {
    ApiError::not_found(
        "there is no such dropped message; it was restored or deleted, or its time is over",
    )
}
