//! The keys whose signatures of plugins count.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    api::{
        ApiError, Routes,
        command::carry_out,
        extract::{Fields, Name},
    },
    auth::Caller,
    plugins::{TrustError, TrustedKey},
    state::AppState,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.admin(routes!(list, add)).admin(routes!(remove))
}

impl From<TrustError> for ApiError {
    fn from(error: TrustError) -> Self {
        let text = error.to_string();
        match error {
            TrustError::NoKey | TrustError::Name => Self::bad_request(text),
            TrustError::NotThere => Self::not_found(text),
            TrustError::There | TrustError::TooMany | TrustError::Broken(..) => {
                Self::new(StatusCode::CONFLICT, text)
            }
            // In full: it is the administrator's file.
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, text),
        }
    }
}

/// The trust file.
#[derive(Serialize, ToSchema)]
struct TrustedKeys {
    /// Its path on the server.
    file: String,
    /// Whether only plugins that one of the keys signed may run.
    required: bool,
    /// The fault for which it cannot be used; absent if it can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    keys: Vec<KeyOf>,
}

/// A trusted key.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeyOf {
    /// As minisign writes it: it begins with `RW`.
    key: String,
    /// For people: one line of at most 128 bytes.
    name: String,
}

async fn shown(state: &AppState) -> Json<TrustedKeys> {
    let trust = state.plugins.trust();
    let (keys, problem) = match state.plugins.trusted().await {
        Ok(keys) => (keys, None),
        Err(problem) => (Vec::new(), Some(problem)),
    };
    let keys = keys
        .into_iter()
        .map(|TrustedKey { key, name }| KeyOf { key, name });
    Json(TrustedKeys {
        file: trust.keys.display().to_string(),
        required: trust.required,
        problem,
        keys: keys.collect(),
    })
}

/// The keys whose signatures count.
#[utoipa::path(get, path = "/admin/trusted-keys", tag = "admin",
    responses((status = 200, body = TrustedKeys)))]
async fn list(State(state): State<AppState>) -> Json<TrustedKeys> {
    shown(&state).await
}

/// Trusts a key: from the next load on, what it signed counts as signed.
#[utoipa::path(post, path = "/admin/trusted-keys", tag = "admin", request_body = KeyOf,
    responses(
        (status = 200, body = TrustedKeys),
        (status = 400, description = "It is no key, or the name does not fit."),
        (status = 409, description = "It is trusted already, or the file cannot be used as it is."),
    ))]
async fn add(
    State(state): State<AppState>,
    caller: Caller,
    Fields(KeyOf { key, name }): Fields<KeyOf>,
) -> Result<Json<TrustedKeys>, ApiError> {
    let by = caller.actor();
    carry_out(&state, |plugins| async move {
        plugins.trust_key(TrustedKey { key, name }, &by).await
    })
    .await?;
    Ok(shown(&state).await)
}

/// Trusts a key no longer, from the next load on.
#[utoipa::path(delete, path = "/admin/trusted-keys/{key}", tag = "admin",
    params(("key" = String, Path, description = "Its slashes are encoded.")),
    responses((status = 200, body = TrustedKeys), (status = 404), (status = 409)))]
async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Name(key): Name,
) -> Result<Json<TrustedKeys>, ApiError> {
    let by = caller.actor();
    carry_out(&state, |plugins| async move {
        plugins.distrust_key(&key, &by).await
    })
    .await?;
    Ok(shown(&state).await)
}
