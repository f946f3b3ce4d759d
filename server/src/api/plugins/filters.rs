//! The caller's filter chain as a whole.

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use bytes::Bytes;
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
    plugins::Place,
    state::AppState,
};

/// The most filters in one request.
const MOST: usize = 1000;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .client(routes!(show, set))
        .client(routes!(set_applications))
}

/// A filter of the caller.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FilterInChain {
    /// The plugin, as in `/plugin/{id}`.
    id: i64,
    /// The manifest's id.
    module_path: String,
    name: String,
    enabled: bool,
    /// Whether messages pass it now: it is enabled, and granted.
    at_work: bool,
    /// Whether a message is refused when it fails.
    fail_closed: bool,
    /// The applications whose messages it is asked about; null for all.
    applications: Option<Vec<u64>>,
}

/// A filter's place: its position in the list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FilterChoice {
    /// The plugin, as in `/plugin/{id}`.
    id: i64,
    /// Whether a message is refused when it fails.
    fail_closed: bool,
}

async fn chain(state: &AppState, user: i64) -> Result<Json<Vec<FilterInChain>>, ApiError> {
    let slots = state.plugins.filter_chain(user).await?;
    let at_work = state.plugins.filters_at_work(user);
    let shown = slots.iter().map(|slot| {
        let plugin = slot.plugin();
        let manifest = mortise_runtime::Plugin::manifest(&*plugin);
        let row = slot.state();
        FilterInChain {
            id: slot.id,
            module_path: manifest.id.clone(),
            name: manifest.name.clone(),
            enabled: row.enabled,
            at_work: at_work.contains(&slot.id),
            fail_closed: row.fail_closed,
            applications: row.filter_applications,
        }
    });
    Ok(Json(shown.collect()))
}

/// The caller's filters, in the order in which they are asked.
#[utoipa::path(get, path = "/plugin/filters", tag = "plugin", responses(
    (status = 200, body = [FilterInChain]),
))]
async fn show(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Vec<FilterInChain>>, ApiError> {
    chain(&state, caller.user.id).await
}

/// Puts the caller's filters into an order. Those that are left out come after
/// it, in the order they had.
#[utoipa::path(put, path = "/plugin/filters", tag = "plugin",
    request_body = Vec<FilterChoice>,
    responses(
        (status = 200, body = [FilterInChain]),
        (status = 400, description = "One is not a filter of the caller, or is named twice. Nothing changed."),
    ))]
async fn set(
    State(state): State<AppState>,
    caller: Caller,
    body: Bytes,
) -> Result<Json<Vec<FilterInChain>>, ApiError> {
    // A list, where Gotify's requests are objects.
    let choices: Vec<FilterChoice> = serde_json::from_slice(&body)
        .map_err(|error| ApiError::bad_request(format!("invalid JSON: {error}")))?;
    if choices.len() > MOST {
        return Err(ApiError::bad_request(format!(
            "at most {MOST} filters can be put into an order"
        )));
    }
    let user = caller.user.id;
    let known = state.plugins.filter_chain(user).await?;
    let mut named = std::collections::HashSet::new();
    for FilterChoice { id, .. } in &choices {
        if !named.insert(*id) {
            return Err(ApiError::bad_request(format!("plugin {id} is named twice")));
        }
        if !known.iter().any(|slot| slot.id == *id) {
            return Err(ApiError::bad_request(format!(
                "plugin {id} is no filter of yours; GET /plugin/filters lists those"
            )));
        }
    }
    let places: Vec<_> = choices
        .into_iter()
        .map(|choice| Place {
            instance: choice.id,
            fail_closed: choice.fail_closed,
        })
        .collect();
    state.plugins.set_filter_chain(user, &places).await?;
    chain(&state, user).await
}

/// The applications whose messages a filter is asked about.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FilterApplications {
    /// Their ids; null for all.
    applications: Option<Vec<i64>>,
}

/// Has a filter of the caller asked about messages of these applications alone.
#[utoipa::path(put, path = "/plugin/{id}/filter/applications", tag = "plugin",
    params(("id" = i64, Path)),
    request_body = FilterApplications,
    responses(
        (status = 200),
        (status = 400, description = "The plugin is not a filter, or an application is not the caller's. Nothing changed."),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn set_applications(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Fields(chosen): Fields<FilterApplications>,
) -> Result<(), ApiError> {
    let slot = own(&state, &caller, id).await?;
    let applications = match chosen.applications {
        None => None,
        Some(chosen) => {
            let own = state.store.applications(caller.user.id).await?;
            let known = |id: i64| own.iter().any(|application| application.id == id);
            if let Some(unknown) = chosen.iter().find(|id| !known(**id)) {
                return Err(ApiError::bad_request(format!(
                    "application {unknown} is none of yours; GET /application lists those"
                )));
            }
            let chosen: BTreeSet<u64> = chosen.into_iter().map(i64::unsigned_abs).collect();
            Some(chosen.into_iter().collect())
        }
    };
    let set = state.plugins.set_filter_applications(&slot, applications);
    Ok(set.await?)
}
