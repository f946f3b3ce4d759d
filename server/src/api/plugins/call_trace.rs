//! The traces of calls of a plugin: deliveries to its listener, timers and webhooks.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use mortise_store::{CallTraceRow, Page};

use super::own;
use crate::{
    api::{
        ApiError, Routes,
        extract::{Id, Parameters},
    },
    auth::Caller,
    plugins::trace::{CallTrace, Cause, Subject},
    state::AppState,
    time::rfc3339,
};

/// The calls that are returned by default, and at most.
const SHOWN: u32 = 100;
const MOST: u32 = 1000;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.client(routes!(list))
}

/// A call of a plugin.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct PluginCall {
    /// Later calls have larger ids.
    id: i64,
    /// The plugin, as in `/plugin/{id}`.
    plugin: i64,
    /// The manifest's id.
    module_path: String,
    /// The version that was called.
    version: String,
    #[serde(flatten)]
    subject: Subject,
    /// The time of its start.
    date: String,
    /// Its duration in microseconds; that of a webhook until the answer's head.
    micros: u64,
    /// The kind of its failure; absent if it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    /// Its failure as a sentence; else empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// The messages that the plugin sent while the call was open. If several calls were
    /// open at the time, each of them has the message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sent: Vec<u64>,
}

impl PluginCall {
    /// The calls of these rows. Leaves out a row that cannot be read.
    pub(in crate::api) fn of(rows: Vec<CallTraceRow>) -> Vec<Self> {
        let calls = rows.into_iter().filter_map(|row| {
            let trace: CallTrace = serde_json::from_str(&row.trace).ok()?;
            Some(Self {
                id: row.id,
                plugin: row.instance_id,
                module_path: row.plugin,
                version: trace.version,
                subject: trace.subject,
                date: rfc3339(trace.started_ms),
                micros: trace.micros,
                cause: trace.cause,
                detail: trace.detail,
                sent: trace.sent,
            })
        });
        calls.collect()
    }
}

/// Selects calls of a plugin.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Selected {
    /// Calls with a smaller id.
    before: Option<i64>,
    /// At most this many: 100 by default, and at most 1,000.
    limit: Option<u32>,
    /// With true, only those that failed.
    #[serde(default)]
    failed: bool,
}

/// Lists the last calls of a plugin, newest first: deliveries to its listener, timers and
/// webhooks. Kept are 1,000, for a week.
#[utoipa::path(get, path = "/plugin/{id}/trace", tag = "plugin",
    params(("id" = i64, Path), Selected),
    responses(
        (status = 200, body = [PluginCall]),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Parameters(selected): Parameters<Selected>,
) -> Result<Json<Vec<PluginCall>>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    state.plugins.store_call_traces().await?;
    let page = Page {
        before: selected.before,
        limit: selected.limit.unwrap_or(SHOWN).clamp(1, MOST).into(),
    };
    let rows = state.store.call_traces(slot.id, selected.failed, page);
    Ok(Json(PluginCall::of(rows.await?)))
}
