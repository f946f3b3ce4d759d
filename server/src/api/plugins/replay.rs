//! Replay: the recorded calls of a filter, put to a version of its plugin again.

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use mortise_runtime::Digest;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::own;
use crate::{
    api::{
        ApiError, Routes,
        admin::{named, order, receive},
        extract::{Id, Parameters},
    },
    auth::Caller,
    plugins::{
        Upload,
        replay::{CALLS, Candidate, Period, RecordedCall, Replay, ReplayError},
    },
    state::AppState,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .client(routes!(calls))
        .client(routes!(replay))
        .admin(routes!(replay_candidate))
}

/// The recorded calls that are returned by default.
const SHOWN: u32 = 100;

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        let text = error.to_string();
        match error {
            ReplayError::Order(error) => error.into(),
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

/// The file of a version that is not installed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct File {
    /// `sha256:` and 64 hexadecimal digits.
    #[param(value_type = Option<String>)]
    digest: Option<Digest>,
    /// Its signature: what minisign wrote into `NAME.minisig`.
    signature: Option<String>,
    /// Its file name, by which its process is known.
    name: Option<String>,
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

/// Puts the recorded calls of a filter to the active version again, and compares the
/// answers. It has no effect: the version has a copy of the storage, sends nothing, and
/// has no HTTP.
#[utoipa::path(post, path = "/plugin/{id}/replay", tag = "plugin",
    params(("id" = i64, Path), Calls),
    responses(
        (status = 200, body = Replay),
        (status = 404, description = "The caller has no such plugin."),
        (status = 409, description = "Another replay runs."),
        (status = 422, description = "The plugin is no filter, or does not start."),
    ))]
async fn replay(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Parameters(calls): Parameters<Calls>,
) -> Result<Json<Replay>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let period = calls.period(CALLS);
    let replayed = order(&state, |plugins| async move {
        plugins.replay(&slot, Candidate::Active, period).await
    });
    replayed.await.map(Json)
}

/// As `/plugin/{id}/replay`, with the version in the request's body, or, without a body, with
/// the version that waits for approval.
#[utoipa::path(post, path = "/plugin/{id}/replay/candidate", tag = "plugin",
    params(("id" = i64, Path), Calls, File),
    request_body(content = Option<Vec<u8>>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = Replay),
        (status = 404, description = "The caller has no such plugin."),
        (status = 409, description = "Another replay runs, or no version waits for approval."),
        (status = 413, description = "The file is too large for a plugin."),
        (status = 422, description = "The file does not load or start, is another plugin, no filter, or has another digest."),
    ))]
async fn replay_candidate(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Parameters(calls): Parameters<Calls>,
    Parameters(file): Parameters<File>,
    request: Request,
) -> Result<Json<Replay>, ApiError> {
    let slot = own(&state, &caller, id).await?;
    let period = calls.period(CALLS);
    let path = receive(&state, request, file.digest, |_, _| {}).await?;
    let is_empty = path.metadata().is_ok_and(|metadata| metadata.len() == 0);
    let replayed = order(&state, |plugins| async move {
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
            ReplayError::Order(error) => named(error, &path, "the uploaded file".into()).into(),
            other => other,
        })
    });
    replayed.await.map(Json)
}
