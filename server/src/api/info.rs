//! Public information: the server's health and version.

use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::routes;

use super::{Routes, model};
use crate::state::AppState;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .public(routes!(health))
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

/// Returns the version.
#[utoipa::path(get, path = "/version", tag = "info", responses((status = 200, body = model::Version)))]
async fn version() -> Json<model::Version> {
    Json(model::Version::THIS)
}

/// Returns the server's features.
#[utoipa::path(get, path = "/gotifyinfo", tag = "info", responses((status = 200, body = model::Info)))]
async fn info(State(state): State<AppState>) -> Json<model::Info> {
    Json(model::Info::new(state.config.registration))
}
