//! Public information: the server's health and version.

use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::routes;

use super::{Routes, model};
use crate::state::AppState;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .public(routes!(health))
        .public(routes!(ready))
        .public(routes!(version))
        .public(routes!(info))
}

/// Reports the health of the server and its database.
#[utoipa::path(get, path = "/health", tag = "info", responses(
    (status = 200, body = model::Health),
    (status = 500, body = model::Health, description = "The database does not answer."),
))]
async fn health(State(state): State<AppState>) -> (StatusCode, Json<model::Health>) {
    match state.store.ping().await {
        Ok(()) => (StatusCode::OK, Json(model::Health::GREEN)),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                Json(model::Health::NO_DATABASE),
            )
        }
    }
}

/// Reports whether the server can serve its users: its database answers, and the
/// enabled plugins were brought up. `/health` is about the server alone.
#[utoipa::path(get, path = "/ready", tag = "info", responses(
    (status = 200, body = model::Ready),
    (status = 503, body = model::Ready, description = "Not yet, or no longer."),
))]
async fn ready(State(state): State<AppState>) -> (StatusCode, Json<model::Ready>) {
    let ready = model::Ready {
        database: state.store.ping().await.is_ok(),
        plugins: !state.plugins.is_starting(),
        certificate: state.tls.as_ref().map(|tls| tls.is_valid(state.now_ms())),
    };
    let status = if ready.database && ready.plugins {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(ready))
}

/// Returns the version.
#[utoipa::path(get, path = "/version", tag = "info", responses((status = 200, body = model::Version)))]
async fn version() -> Json<model::Version> {
    Json(model::Version::THIS)
}

/// Returns the server's features.
#[utoipa::path(get, path = "/gotifyinfo", tag = "info", responses((status = 200, body = model::Info)))]
async fn info(State(state): State<AppState>) -> Json<model::Info> {
    Json(model::Info::new(
        state.settings().registration,
        state.oidc.is_some(),
    ))
}
