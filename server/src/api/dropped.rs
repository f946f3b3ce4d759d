//! Messages that filters dropped, while they are kept: looking at them, and
//! restoring them.

use axum::{
    Json,
    extract::{OriginalUri, State},
    http::StatusCode,
};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    ApiError, Routes,
    extract::{Id, Parameters},
    messages::{Paging, paging},
    model,
};
use crate::{
    auth::Caller,
    pipeline::TraceEntry,
    state::AppState,
    store::{DROPPED_KEPT_MS, DroppedRow},
    time::rfc3339,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .client(routes!(list, forget_all))
        .client(routes!(forget))
        .client(routes!(restore))
}

/// A message that a filter dropped, as that filter was given it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DroppedMessage)]
pub(crate) struct Dropped {
    /// Unique among dropped messages; no message's id.
    id: i64,
    /// The application it came from.
    appid: i64,
    title: String,
    message: String,
    priority: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    extras: Option<Box<RawValue>>,
    /// When it came, RFC 3339.
    date: String,
    kind: DroppedKind,
    by: DroppedBy,
    /// The filter's reason, or how it failed.
    reason: String,
    /// The record of the filters that were asked.
    pub(crate) trace: Vec<TraceEntry>,
    /// When it is forgotten, RFC 3339; sooner if many others come.
    kept_until: String,
}

/// The way in which a message was lost.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DroppedKind {
    /// A filter dropped it.
    Dropped,
    /// A filter that fails closed failed. The sender was told, and may have
    /// sent it again.
    Refused,
}

/// The plugin whose filter it was.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct DroppedBy {
    /// The manifest's id.
    id: String,
    name: String,
    /// Its number among its user's plugins, as in `/plugin/{id}`.
    instance: i64,
}

impl From<&DroppedRow> for Dropped {
    fn from(row: &DroppedRow) -> Self {
        let trace = row.trace.as_deref();
        Self {
            id: row.id,
            appid: row.application_id,
            title: row.title.clone(),
            message: row.body.clone(),
            priority: row.priority,
            // Only objects were stored.
            extras: row
                .extras
                .clone()
                .and_then(|extras| RawValue::from_string(extras).ok()),
            date: rfc3339(row.created_ms),
            kind: if row.refused {
                DroppedKind::Refused
            } else {
                DroppedKind::Dropped
            },
            by: DroppedBy {
                id: row.plugin.clone(),
                name: row.plugin_name.clone(),
                instance: row.instance_id,
            },
            reason: row.reason.clone(),
            // Only traces were stored.
            trace: trace
                .and_then(|trace| serde_json::from_str(trace).ok())
                .unwrap_or_default(),
            kept_until: rfc3339(row.created_ms.saturating_add(DROPPED_KEPT_MS)),
        }
    }
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
    let paging = paging(uri.path(), asked.limit()?, &mut rows, |row| row.id);
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
/// is kept.
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
    Ok(Json(model::Message::from(&message)))
}

fn no_dropped() -> ApiError {
    ApiError::not_found(
        "there is no such dropped message; it was restored or deleted, or its time is over",
    )
}
