//! A plugin's configuration: its text as Gotify has it, and for a form.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use mortise_runtime::{CallError, limits::CONFIG_BYTES};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::own;
use crate::{
    api::{ApiError, Routes, extract::Id},
    auth::Caller,
    configuration::{Form, Problem, located},
    plugins::ControlError,
    state::AppState,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .client(routes!(config, set_config))
        .client(routes!(schema))
        .client(routes!(form))
        .client(routes!(validate))
}

/// A plugin's configuration, as the caller saved it.
#[utoipa::path(get, path = "/plugin/{id}/config", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = String, content_type = "application/x-yaml"),
        (status = 400, description = "The plugin has no configuration."),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn config(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let text = state.plugins.config(&slot).await?;
    Ok(([(header::CONTENT_TYPE, "application/x-yaml")], text).into_response())
}

/// Saves a plugin's configuration; it is kept byte for byte.
#[utoipa::path(post, path = "/plugin/{id}/config", tag = "plugin",
    params(("id" = i64, Path)),
    request_body(content = String, content_type = "application/x-yaml"),
    responses(
        (status = 200),
        (status = 400, description = "It has problems, or the plugin refused it; nothing was stored."),
        (status = 404, description = "The caller has no such plugin."),
        (status = 413, description = "It is too long."),
    ))]
async fn set_config(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    body: Body,
) -> Result<(), ApiError> {
    let slot = own(&state, &caller, id).await?;
    let text = text_of(body).await?;
    let by = caller.actor();
    let done = state.plugins.configure(&slot, text.clone(), &by);
    done.await.map_err(|error| {
        let problems = match &error {
            ControlError::Call(CallError::Config(problems)) => located(&text, problems),
            _ => return error.into(),
        };
        ApiError::from(error).with_problems(problems)
    })
}

/// The JSON Schema of a plugin's configuration.
#[utoipa::path(get, path = "/plugin/{id}/schema", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = String, content_type = "application/schema+json"),
        (status = 400, description = "The plugin has no configuration."),
        (status = 404, description = "The caller has no such plugin, or it has no schema."),
    ))]
async fn schema(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let slot = own(&state, &caller, id).await?;
    match state.plugins.config_schema(&slot).await? {
        Some(schema) => {
            Ok(([(header::CONTENT_TYPE, "application/schema+json")], schema).into_response())
        }
        None => Err(ApiError::not_found("the plugin has no schema")),
    }
}

/// A plugin's configuration for a form: its schema, and the saved text as a
/// value without secrets.
#[utoipa::path(get, path = "/plugin/{id}/config/form", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = Form),
        (status = 400, description = "The plugin has no configuration."),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn form(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Form>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    Ok(Json(state.plugins.config_form(&slot).await?))
}

/// The problems of a text.
#[derive(Serialize, ToSchema)]
struct Validation {
    /// Empty if there is nothing to say against the text.
    problems: Vec<Problem>,
}

/// Holds a text against the schema of a plugin's configuration. Nothing is
/// applied or stored.
#[utoipa::path(post, path = "/plugin/{id}/config/validate", tag = "plugin",
    params(("id" = i64, Path)),
    request_body(content = String, content_type = "application/x-yaml"),
    responses(
        (status = 200, body = Validation),
        (status = 400, description = "The plugin has no configuration."),
        (status = 404, description = "The caller has no such plugin."),
        (status = 413, description = "It is too long."),
    ))]
async fn validate(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    body: Body,
) -> Result<Json<Validation>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let text = text_of(body).await?;
    let problems = state.plugins.config_problems(&slot, text).await?;
    Ok(Json(Validation { problems }))
}

async fn text_of(body: Body) -> Result<String, ApiError> {
    let bytes = axum::body::to_bytes(body, CONFIG_BYTES)
        .await
        .map_err(|_| {
            ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("a configuration has at most {CONFIG_BYTES} bytes"),
            )
        })?;
    String::from_utf8(bytes.into())
        .map_err(|_| ApiError::bad_request("a configuration is UTF-8 text"))
}
