//! Applications: those who send messages.

use axum::{Json, extract::State, http::StatusCode};
use mortise_store::{
    ApplicationChange, ApplicationRow, NewApplication, SORT_KEY_BYTES, StoreError,
};
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
    auth::{Caller, Token, TokenKind},
    config::NAME_BYTES,
    state::AppState,
};

/// The longest description, in bytes.
const DESCRIPTION_BYTES: usize = 1 << 20;
/// The longest time for which messages are kept, in seconds: 100 years.
const KEEP_SECONDS: u32 = 100 * 366 * 24 * 60 * 60;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .client(routes!(list, create))
        .client(routes!(update))
        .client(routes!(retain))
        .elevated(routes!(delete))
        .elevated(routes!(secure))
}

/// An application to create, or its change. A change keeps what it does not name.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ApplicationParams {
    /// At most 16 KiB.
    #[serde(default)]
    #[schema(required)]
    name: String,
    /// At most 1 MiB.
    description: Option<String>,
    /// Priority of messages that bring none.
    default_priority: Option<i64>,
    /// Fractional index that orders applications; at most 255 bytes.
    #[serde(default)]
    sort_key: String,
}

impl ApplicationParams {
    fn check(&self) -> Result<(), ApiError> {
        required("name", &self.name)?;
        bounded("name", &self.name, NAME_BYTES)?;
        if let Some(description) = &self.description {
            bounded("description", description, DESCRIPTION_BYTES)?;
        }
        bounded("sortKey", &self.sort_key, SORT_KEY_BYTES)
    }

    fn sort_key(&self) -> Option<&str> {
        Some(self.sort_key.as_str()).filter(|key| !key.is_empty())
    }
}

/// Lists applications.
#[utoipa::path(get, path = "/application", tag = "application", responses(
    (status = 200, body = Vec<model::Application>),
))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Vec<model::Application>>, ApiError> {
    let rows = state.store.applications(caller.user.id).await?;
    Ok(Json(rows.iter().map(model::Application::from).collect()))
}

/// Creates an application. Its token is in the answer and is never shown again.
#[utoipa::path(post, path = "/application", tag = "application", request_body = ApplicationParams,
    responses((status = 200, body = model::Application), (status = 400)))]
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Fields(params): Fields<ApplicationParams>,
) -> Result<Json<model::Application>, ApiError> {
    params.check()?;
    let token = Token::generate_as(TokenKind::Application, state.settings().token_form)
        .map_err(ApiError::internal)?;
    let new = NewApplication {
        name: &params.name,
        description: params.description.as_deref().unwrap_or_default(),
        default_priority: params.default_priority.unwrap_or_default(),
        sort_key: params.sort_key(),
    };
    let row = state
        .store
        .create_application(caller.user.id, &token.hash(), new)
        .await
        .map_err(sort_key)?;
    Ok(Json(model::Application {
        token: token.reveal().to_owned(),
        ..model::Application::from(&row)
    }))
}

/// Changes an application.
#[utoipa::path(put, path = "/application/{id}", tag = "application",
    params(("id" = i64, Path)), request_body = ApplicationParams,
    responses((status = 200, body = model::Application), (status = 400), (status = 404)))]
async fn update(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Fields(params): Fields<ApplicationParams>,
) -> Result<Json<model::Application>, ApiError> {
    params.check()?;
    let change = ApplicationChange {
        name: &params.name,
        description: params.description.as_deref(),
        default_priority: params.default_priority,
        sort_key: params.sort_key(),
    };
    let row = state
        .store
        .update_application(caller.user.id, id, change)
        .await
        .map_err(sort_key)?
        .ok_or_else(|| no_application(id))?;
    Ok(Json(model::Application::from(&row)))
}

/// The messages of an application that are kept. A part that is left out, or 0, has no bound.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ApplicationRetention {
    /// Seconds for which messages are kept; at most 100 years.
    keep_messages_for_seconds: Option<i64>,
    /// The number of the newest messages that are kept.
    keep_messages: Option<i64>,
}

/// Sets the messages of an application that are kept, within those that the server keeps.
#[utoipa::path(put, path = "/application/{id}/retention", tag = "application",
    params(("id" = i64, Path)), request_body = ApplicationRetention,
    responses((status = 200, body = model::Application), (status = 400), (status = 404)))]
async fn retain(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Fields(retention): Fields<ApplicationRetention>,
) -> Result<Json<model::Application>, ApiError> {
    let seconds = retention.keep_messages_for_seconds;
    let seconds = bound("keepMessagesForSeconds", seconds, KEEP_SECONDS)?;
    let count = bound("keepMessages", retention.keep_messages, u32::MAX)?;
    let time = seconds.map(|seconds| i64::from(seconds) * 1000);
    let row = state
        .store
        .set_application_retention(caller.user.id, id, time, count)
        .await?
        .ok_or_else(|| no_application(id))?;
    Ok(Json(model::Application::from(&row)))
}

/// A bound that is at most `most`; none for 0.
fn bound(name: &str, given: Option<i64>, most: u32) -> Result<Option<u32>, ApiError> {
    let Some(given) = given.filter(|number| *number != 0) else {
        return Ok(None);
    };
    match u32::try_from(given) {
        Ok(number) if number <= most => Ok(Some(number)),
        _ => Err(ApiError::bad_request(format!(
            "`{name}` must be from 0 to {most}"
        ))),
    }
}

/// Deletes an application with its messages.
#[utoipa::path(delete, path = "/application/{id}", tag = "application",
    params(("id" = i64, Path)), responses((status = 200), (status = 400), (status = 404)))]
async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    let row = find(&state, &caller, id).await?;
    // As in Gotify, only while the plugin is there.
    if let Some(instance) = row.plugin_instance_id
        && state.plugins.has_plugin_of(instance).await?
    {
        return Err(ApiError::bad_request("cannot delete internal application"));
    }
    if !state.store.delete_application(caller.user.id, id).await? {
        return Err(no_application(id));
    }
    if let Some(image) = row.image {
        state.images.remove(&image).await;
    }
    Ok(StatusCode::OK)
}

/// A change to an application's security.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SecurityUpdateAction {
    /// Replace the token: the one before is of no use any more.
    #[serde(default)]
    regenerate_token: bool,
}

/// Replaces an application's token.
#[utoipa::path(put, path = "/application/{id}/security", tag = "application",
    params(("id" = i64, Path)), request_body = SecurityUpdateAction,
    responses((status = 200, body = model::SecurityUpdate), (status = 400), (status = 404)))]
async fn secure(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Fields(action): Fields<SecurityUpdateAction>,
) -> Result<Json<model::SecurityUpdate>, ApiError> {
    let row = find(&state, &caller, id).await?;
    if !action.regenerate_token {
        return Ok(Json(model::SecurityUpdate::default()));
    }
    if row.is_internal() {
        return Err(ApiError::bad_request(
            "an internal application has no token",
        ));
    }
    let token = Token::generate_as(TokenKind::Application, state.settings().token_form)
        .map_err(ApiError::internal)?;
    if !state
        .store
        .set_application_token(caller.user.id, id, &token.hash())
        .await?
    {
        return Err(no_application(id));
    }
    Ok(Json(model::SecurityUpdate {
        regenerate_token: Some(model::RegeneratedToken {
            token: token.reveal().to_owned(),
        }),
    }))
}

/// A user's application, or the refusal.
pub(super) async fn find(
    state: &AppState,
    caller: &Caller,
    id: i64,
) -> Result<ApplicationRow, ApiError> {
    state
        .store
        .application(caller.user.id, id)
        .await?
        .ok_or_else(|| no_application(id))
}

pub(super) fn no_application(id: i64) -> ApiError {
    ApiError::not_found(format!("app with id {id} doesn't exists"))
}

fn sort_key(error: StoreError) -> ApiError {
    match error {
        StoreError::Conflict(_) => ApiError::bad_request("sort key is not unique"),
        other => other.into(),
    }
}
