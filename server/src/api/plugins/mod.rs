//! Plugins as their users see them: list, enable, disable, configure, display.
//! Paths, statuses and texts are Gotify's where Gotify has them.

mod call_trace;
mod config;
mod dead_letters;
mod filters;
mod listener;
mod model;
mod replay;

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use mortise_runtime::{CallError, Capabilities, Capability, Plugin as _};
use utoipa_axum::routes;

pub(crate) use self::model::{Denied, LogEntry, Problem};
use self::model::{FilterPlace, PluginConf, PluginTimer};
pub(super) use self::{call_trace::PluginCall, model::Asked};
use super::{
    ApiError, Origin, Routes,
    extract::{Fields, Id},
};
use crate::{
    auth::Caller,
    plugins::{ControlError, Slot, gotify_name, grant_command},
    state::AppState,
    time::rfc3339,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .client(routes!(list))
        .client(routes!(enable))
        .client(routes!(disable))
        .client(routes!(consent))
        .client(routes!(display))
        .client(routes!(place_filter))
        .client(routes!(show_log))
        .client(routes!(denials))
        .client(routes!(timers))
        .admin(routes!(problems))
        .merge(call_trace::routes)
        .merge(config::routes)
        .merge(filters::routes)
        .merge(listener::routes)
        .merge(dead_letters::routes)
        .merge(replay::routes)
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        let text = error.to_string();
        match error {
            ControlError::AlreadySo
            | ControlError::NotSupported(_)
            | ControlError::Call(CallError::Config(_)) => Self::bad_request(text),
            ControlError::Invalid(problems) => Self::bad_request(text).with_problems(problems),
            ControlError::ConfigTooLong(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, text),
            ControlError::Embedder(error) => Self::from(error),
            // In full: it is the user's own plugin.
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, text),
        }
    }
}

/// One of the caller's plugins.
async fn own(state: &AppState, caller: &Caller, id: i64) -> Result<Arc<Slot>, ApiError> {
    let slot = state.plugins.slot(caller.user.id, id).await?;
    slot.ok_or_else(|| ApiError::not_found("unknown plugin"))
}

/// All plugins of the caller.
#[utoipa::path(get, path = "/plugin", tag = "plugin", responses(
    (status = 200, body = [PluginConf]),
))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Vec<PluginConf>>, ApiError> {
    let mut plugins = Vec::new();
    for slot in state.plugins.of_user(caller.user.id).await? {
        plugins.push(shown(&state, &slot).await);
    }
    Ok(Json(plugins))
}

async fn shown(state: &AppState, slot: &Slot) -> PluginConf {
    let capabilities = capabilities(state, slot).await;
    // A native plugin may use the storage without having said so.
    let stores = capabilities.stores() || state.store.has_values(slot.id).await.unwrap_or(false);
    let row = slot.state();
    let plugin = slot.plugin();
    let manifest = plugin.manifest();
    let file = state.plugins.grants();
    let consent = slot.consented();
    let grants = file.of(&manifest.id).with_consent(manifest, &consent);
    PluginConf {
        id: slot.id,
        name: manifest.name.clone(),
        token: slot.token.clone(),
        module_path: plugin.module_path().unwrap_or(&manifest.id).to_owned(),
        plugin_id: manifest.id.clone(),
        author: manifest.author.clone(),
        license: manifest.license.clone(),
        website: manifest.website.clone(),
        enabled: row.enabled,
        capabilities: names(capabilities, grants.user.send_messages, stores),
        exports: capabilities.iter().map(Capability::name).collect(),
        created_at: rfc3339(slot.created_ms),
        version: manifest.version.clone(),
        description: manifest.description.clone(),
        backend: plugin.backend().to_string(),
        contract: plugin.contract().map(str::to_owned),
        digest: plugin.digest().to_string(),
        last_error: row.last_error,
        failing: slot.is_failing(),
        webhook_path: capabilities.contains(Capability::Webhook).then(|| {
            let prefix = &state.config.path_prefix;
            let path = slot.base_path();
            prefix.strip(path).unwrap_or(path).to_owned()
        }),
        permissions: manifest
            .wants
            .iter()
            .map(|request| Asked::new(request, grants.allows(&request.permission)))
            .collect(),
        grant_command: grant_command(manifest, &file),
        filter: capabilities
            .contains(Capability::Filter)
            .then_some(FilterPlace {
                order: row.filter_order,
                fail_closed: row.fail_closed,
                applications: row.filter_applications,
            }),
    }
}

/// Returns a plugin's capabilities, if they are available.
async fn capabilities(state: &AppState, slot: &Slot) -> Capabilities {
    let known = state.plugins.capabilities(slot).await;
    known.unwrap_or_else(|error| {
        slot.note(&error);
        Capabilities::default()
    })
}

/// Capabilities as Gotify's clients know them. Those that Gotify lacks are left out.
fn names(capabilities: Capabilities, sends: bool, stores: bool) -> Vec<&'static str> {
    let known = [
        Capability::Configurer,
        Capability::Displayer,
        Capability::Webhook,
    ];
    let known = capabilities.iter().filter(|one| known.contains(one));
    let mut names: Vec<_> = known.map(gotify_name).collect();
    if sends {
        names.push("messenger");
    }
    if stores {
        names.push("storager");
    }
    names
}

/// Enables a plugin. This is the caller's consent to its requests.
#[utoipa::path(post, path = "/plugin/{id}/enable", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200),
        (status = 400, description = "It is enabled."),
        (status = 404, description = "The caller has no such plugin."),
        (status = 500, description = "The plugin did not start; it stays disabled."),
    ))]
async fn enable(State(state): State<AppState>, caller: Caller, Id(id): Id) -> Result<(), ApiError> {
    let slot = own(&state, &caller, id).await?;
    match state.plugins.enable(&slot, &caller.actor()).await {
        // Gotify's, and no fault of this request.
        Err(error @ ControlError::Call(CallError::Config(_))) => Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            error.to_string(),
        )),
        other => Ok(other?),
    }
}

/// Disables a plugin.
#[utoipa::path(post, path = "/plugin/{id}/disable", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200),
        (status = 400, description = "It is disabled."),
        (status = 404, description = "The caller has no such plugin."),
        (status = 500, description = "The plugin refused; it stays enabled."),
    ))]
async fn disable(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<(), ApiError> {
    let slot = own(&state, &caller, id).await?;
    Ok(state.plugins.disable(&slot, &caller.actor()).await?)
}

/// Consents to the new permissions that a newer version of an enabled plugin asks of
/// the caller.
#[utoipa::path(post, path = "/plugin/{id}/consent", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn consent(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<(), ApiError> {
    let slot = own(&state, &caller, id).await?;
    Ok(state.plugins.consent(&slot).await?)
}

/// Returns the content of a plugin's page, as Markdown.
#[utoipa::path(get, path = "/plugin/{id}/display", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = String),
        (status = 400, description = "The plugin shows nothing."),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn display(
    State(state): State<AppState>,
    caller: Caller,
    origin: Origin,
    Id(id): Id,
) -> Result<Json<String>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let text = state
        .plugins
        .display(&slot, origin.base_url().as_deref())
        .await?;
    Ok(Json(text))
}

/// Places a plugin among the caller's filters.
#[utoipa::path(put, path = "/plugin/{id}/filter", tag = "plugin",
    params(("id" = i64, Path)),
    request_body = FilterPlace,
    responses(
        (status = 200),
        (status = 400, description = "The plugin is not a filter."),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn place_filter(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Fields(place): Fields<FilterPlace>,
) -> Result<(), ApiError> {
    let slot = own(&state, &caller, id).await?;
    let placed = state
        .plugins
        .place_filter(&slot, place.order, place.fail_closed);
    Ok(placed.await?)
}

/// A plugin's log, oldest first. It is bounded and does not outlive the server.
#[utoipa::path(get, path = "/plugin/{id}/log", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = [LogEntry]),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn show_log(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Vec<LogEntry>>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let entries = slot.log.since(0).into_iter().map(LogEntry::from);
    Ok(Json(entries.collect()))
}

/// Lists a plugin's denials for missing grants, since the server's start.
#[utoipa::path(get, path = "/plugin/{id}/denials", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = [Denied]),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn denials(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Vec<Denied>>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let denials = slot.denials().into_iter().map(Denied::from);
    Ok(Json(denials.collect()))
}

/// Lists the timers of a plugin, the one that is due first at the front. They fire while the
/// plugin is enabled.
#[utoipa::path(get, path = "/plugin/{id}/timers", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = [PluginTimer]),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn timers(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Vec<PluginTimer>>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let timers = state.plugins.timers(&slot).await?.into_iter();
    Ok(Json(timers.map(PluginTimer::from).collect()))
}

/// Lists files in the plugins folder that do not load, and errors of the grants
/// file.
#[utoipa::path(get, path = "/plugin/problems", tag = "plugin", responses(
    (status = 200, body = [Problem]),
    (status = 403, description = "The caller is not an administrator."),
))]
async fn problems(State(state): State<AppState>) -> Json<Vec<Problem>> {
    Json(all_problems(&state))
}

pub(crate) fn all_problems(state: &AppState) -> Vec<Problem> {
    let grants = state.plugins.grants_problem().map(|text| Problem {
        file: state.plugins.grants_path().display().to_string(),
        step: "read".to_owned(),
        expected: "a table of grants for each plugin".to_owned(),
        found: text,
        fix: "correct the file; until then the previous grants stay in force".to_owned(),
    });
    let failures = state.plugins.failures();
    let failures = failures.iter().map(Problem::from);
    grants.into_iter().chain(failures).collect()
}
