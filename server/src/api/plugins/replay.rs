//! Replay: the recorded calls of a filter, put to a version of its plugin again.

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use mortise_runtime::{
    limits::CONFIG_BYTES,
    types::{Application, Content, Draft},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::own;
use crate::{
    api::{
        ApiError, Routes,
        command::{Uploaded, carry_out, named, receive},
        error::required,
        extract::{Fields, Id, Object, Parameters},
    },
    auth::Caller,
    pipeline::contract_priority,
    plugins::{
        ControlError, Upload,
        replay::{CALLS, Candidate, Period, RecordedCall, Replay, ReplayError, Tried},
    },
    state::AppState,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .client(routes!(calls))
        .elevated(routes!(storage))
        .client(routes!(replay))
        .client(routes!(try_filter))
        .admin(routes!(replay_candidate))
}

/// The recorded calls that are returned by default.
const SHOWN: u32 = 100;

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        let text = error.to_string();
        match error {
            ReplayError::Command(error) => error.into(),
            ReplayError::Embedder(error) => error.into(),
            ReplayError::Busy => Self::new(StatusCode::CONFLICT, text),
            _ => Self::new(StatusCode::UNPROCESSABLE_ENTITY, text),
        }
    }
}

/// Selects recorded calls: the newest ones.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Calls {
    /// Calls about messages since this time, in milliseconds since the epoch.
    #[serde(default)]
    since: i64,
    /// About at most this many messages; at most 10,000.
    limit: Option<u32>,
}

impl Calls {
    fn period(&self, default: u32) -> Period {
        Period {
            since_ms: self.since,
            limit: self.limit.unwrap_or(default),
        }
    }
}

/// The recorded calls of a plugin's filter, oldest first: the message that it was given, and
/// its answer.
#[utoipa::path(get, path = "/plugin/{id}/calls", tag = "plugin",
    params(("id" = i64, Path), Calls),
    responses(
        (status = 200, body = [RecordedCall]),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn calls(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Parameters(calls): Parameters<Calls>,
) -> Result<Json<Vec<RecordedCall>>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let period = calls.period(SHOWN);
    Ok(Json(state.plugins.recorded_calls(&slot, period).await?))
}

/// A value in a plugin's storage.
#[derive(Serialize, ToSchema)]
struct StoredValue {
    /// Its key.
    key: String,
    /// The value in base64.
    value: String,
}

/// The values in a plugin's storage, sorted by their keys: the state that a case with the
/// recorded calls may begin with.
#[utoipa::path(get, path = "/plugin/{id}/storage", tag = "plugin",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = [StoredValue]),
        (status = 404, description = "The caller has no such plugin."),
    ))]
async fn storage(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Vec<StoredValue>>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let mut values = Vec::new();
    for key in state.store.plugin_keys(slot.id, "").await? {
        // One that was removed meanwhile has none.
        if let Some(value) = state.store.plugin_value(slot.id, &key).await? {
            let value = BASE64_STANDARD.encode(value);
            values.push(StoredValue { key, value });
        }
    }
    Ok(Json(values))
}

/// Puts the recorded calls of a filter to the active version again, and compares the
/// answers. It has no effect: the version has a copy of the storage, sends nothing, and
/// has no HTTP.
#[utoipa::path(post, path = "/plugin/{id}/replay", tag = "plugin",
    params(("id" = i64, Path), Calls),
    responses(
        (status = 200, body = Replay),
        (status = 404, description = "The caller has no such plugin."),
        (status = 409, description = "Another replay of the caller runs."),
        (status = 422, description = "The plugin is not a filter, or does not start."),
    ))]
async fn replay(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Parameters(calls): Parameters<Calls>,
) -> Result<Json<Replay>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let period = calls.period(CALLS);
    let replayed = carry_out(&state, |plugins| async move {
        plugins.replay(&slot, Candidate::Active, period).await
    });
    replayed.await.map(Json)
}

/// As `/plugin/{id}/replay`, with the version in the request's body, or, without a body, with
/// the version that waits for approval.
#[utoipa::path(post, path = "/plugin/{id}/replay/candidate", tag = "plugin",
    params(("id" = i64, Path), Calls, Uploaded),
    request_body(content = Option<Vec<u8>>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = Replay),
        (status = 404, description = "The caller has no such plugin."),
        (status = 409, description = "Another replay of the caller runs, or no version waits for approval."),
        (status = 413, description = "The file is too large for a plugin."),
        (status = 422, description = "The file does not load or start, is another plugin, no filter, or has another digest."),
    ))]
async fn replay_candidate(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Parameters(calls): Parameters<Calls>,
    Parameters(file): Parameters<Uploaded>,
    request: Request,
) -> Result<Json<Replay>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let period = calls.period(CALLS);
    let path = receive(&state, request, file.digest, |_, _| {}).await?;
    let is_empty = path.metadata().is_ok_and(|metadata| metadata.len() == 0);
    let replayed = carry_out(&state, |plugins| async move {
        if is_empty {
            return plugins.replay(&slot, Candidate::Pending, period).await;
        }
        let upload = Upload {
            name: file.name.as_deref(),
            signature: file.signature,
            ..Upload::of(&path)
        };
        let candidate = Candidate::File(Box::new(upload));
        let replayed = plugins.replay(&slot, candidate, period).await;
        replayed.map_err(|error| match error {
            ReplayError::Command(error) => named(error, &path, "the uploaded file".into()).into(),
            other => other,
        })
    });
    replayed.await.map(Json)
}

/// A message to try, and the configuration to try it with.
#[derive(Deserialize, ToSchema)]
struct Sample {
    /// The application it comes from; none for one that does not exist.
    appid: Option<i64>,
    /// Its title.
    #[serde(default)]
    title: String,
    /// Its text.
    #[schema(required)]
    #[serde(default)]
    message: String,
    /// 0 (silent) to 10 (urgent) by convention.
    #[serde(default)]
    priority: i64,
    /// Additional data, an object.
    #[serde(default)]
    #[schema(value_type = Option<HashMap<String, serde_json::Value>>)]
    extras: Object,
    /// The configuration; the caller's if there is none.
    config: Option<String>,
}

/// The name of an application that does not exist.
const SAMPLE: &str = "sample";

/// Asks a filter about a message that is not sent. As a replay, it has no effect.
#[utoipa::path(post, path = "/plugin/{id}/try", tag = "plugin",
    params(("id" = i64, Path)), request_body = Sample,
    responses(
        (status = 200, body = Tried),
        (status = 400, description = "The message has no text, or its application is not the caller's."),
        (status = 404, description = "The caller has no such plugin."),
        (status = 409, description = "A replay of the caller runs."),
        (status = 413, description = "The configuration is too long."),
        (status = 422, description = "The plugin is not a filter, or does not start with this configuration."),
    ))]
async fn try_filter(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Fields(sample): Fields<Sample>,
) -> Result<Json<Tried>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    required("message", &sample.message)?;
    if let Some(config) = &sample.config
        && config.len() > CONFIG_BYTES
    {
        return Err(ControlError::ConfigTooLong(config.len()).into());
    }
    let application = match sample.appid {
        None => Application {
            id: 0,
            name: SAMPLE.to_owned(),
        },
        Some(id) => {
            let found = state.store.application(caller.user.id, id).await?;
            let found = found.ok_or_else(|| ApiError::bad_request("appid not found"))?;
            Application {
                id: found.id.unsigned_abs(),
                name: found.name,
            }
        }
    };
    let draft = Draft {
        content: Content {
            title: match sample.title.trim() {
                "" => application.name.clone(),
                _ => sample.title,
            },
            body: sample.message,
            priority: contract_priority(sample.priority),
            extras: sample.extras.0,
        },
        application,
        received_ms: state.now_ms().unsigned_abs(),
    };
    if let Err(error) = draft.content.check(state.config.max_message_size.bytes()) {
        return Err(ApiError::bad_request(error.to_string()));
    }
    let tried = carry_out(&state, |plugins| async move {
        plugins.try_filter(&slot, &draft, sample.config).await
    });
    tried.await.map(Json)
}
