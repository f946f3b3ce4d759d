//! Users: oneself, and for administrators everybody.

use axum::{Json, extract::State, http::StatusCode};
use mortise_runtime::schedule::Zone;
use mortise_store::{StoreError, UserRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    ApiError, Routes,
    error::{bounded, required},
    extract::{Fields, Id},
    model,
};
use crate::{
    auth::{Caller, Registering},
    config::{NAME_BYTES, PASSWORD_BYTES},
    state::AppState,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .client(routes!(current))
        .client(routes!(time_zone, set_time_zone))
        .elevated(routes!(change_password))
        .admin(routes!(list))
        .register(routes!(create))
        .admin(routes!(get, update, delete))
}

/// Shows who is asking.
#[utoipa::path(get, path = "/current/user", tag = "user", responses(
    (status = 200, body = model::CurrentUser),
))]
async fn current(caller: Caller) -> Json<model::CurrentUser> {
    Json(model::CurrentUser::new(
        &caller.user,
        caller.client.as_ref(),
        caller.clock.now_ms(),
    ))
}

/// The time zone of a user's timers.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TimeZone {
    /// A name of the IANA database, such as `Europe/Berlin`; empty for the server's.
    #[schema(value_type = String)]
    time_zone: Option<String>,
}

/// Shows the time zone of one's timers.
#[utoipa::path(get, path = "/current/user/timezone", tag = "user",
    responses((status = 200, body = TimeZone)))]
async fn time_zone(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<TimeZone>, ApiError> {
    let zone = state.store.time_zone(caller.user.id).await?;
    Ok(Json(TimeZone {
        time_zone: Some(zone.unwrap_or_default()),
    }))
}

/// Sets the time zone by which plugins' timers with a cron expression fire.
#[utoipa::path(put, path = "/current/user/timezone", tag = "user", request_body = TimeZone,
    responses((status = 200, body = TimeZone), (status = 400)))]
async fn set_time_zone(
    State(state): State<AppState>,
    caller: Caller,
    Fields(chosen): Fields<TimeZone>,
) -> Result<Json<TimeZone>, ApiError> {
    let Some(zone) = &chosen.time_zone else {
        return Err(ApiError::bad_request("Field 'timeZone' is required"));
    };
    let zone = Some(&**zone).filter(|zone| !zone.is_empty());
    if let Some(zone) = zone {
        zone.parse::<Zone>().map_err(ApiError::bad_request)?;
    }
    state.store.set_time_zone(caller.user.id, zone).await?;
    let adjusted = state.plugins.time_zone_changed(caller.user.id).await;
    adjusted.map_err(ApiError::internal)?;
    Ok(Json(chosen))
}

/// A new password.
#[derive(Deserialize, ToSchema)]
struct UserPass {
    /// At most 1 KiB.
    #[serde(default)]
    #[schema(required)]
    pass: String,
}

/// Changes one's own password.
#[utoipa::path(post, path = "/current/user/password", tag = "user", request_body = UserPass,
    responses((status = 200), (status = 400)))]
async fn change_password(
    State(state): State<AppState>,
    caller: Caller,
    Fields(UserPass { pass }): Fields<UserPass>,
) -> Result<StatusCode, ApiError> {
    check_password(&pass)?;
    let hash = state.passwords.hash(&pass).await?;
    state.store.set_password(caller.user.id, &hash).await?;
    Ok(StatusCode::OK)
}

/// Lists users.
#[utoipa::path(get, path = "/user", tag = "user", responses((status = 200, body = Vec<model::User>)))]
async fn list(State(state): State<AppState>) -> Result<Json<Vec<model::User>>, ApiError> {
    let rows = state.store.users().await?;
    Ok(Json(rows.iter().map(model::User::from).collect()))
}

/// A user to create.
#[derive(Deserialize, ToSchema)]
struct CreateUser {
    /// For login; at most 16 KiB and no colon.
    #[serde(default)]
    #[schema(required)]
    name: String,
    /// True if the user administers the server.
    #[serde(default)]
    admin: bool,
    /// At most 1 KiB.
    #[serde(default)]
    #[schema(required)]
    pass: String,
}

/// Creates a user; where the settings allow registration, anybody may create one
/// that is no administrator.
#[utoipa::path(post, path = "/user", tag = "user", request_body = CreateUser,
    responses((status = 200, body = model::User), (status = 400)))]
async fn create(
    State(state): State<AppState>,
    registering: Registering,
    Fields(new): Fields<CreateUser>,
) -> Result<Json<model::User>, ApiError> {
    check_name(&new.name)?;
    check_password(&new.pass)?;
    registering.allow(new.admin)?;
    let hash = state.passwords.hash(&new.pass).await?;
    let row = state
        .store
        .create_user(&new.name, &hash, new.admin)
        .await
        .map_err(taken)?;
    state.plugins.user_created(row.id).await;
    Ok(Json(model::User::from(&row)))
}

/// Shows a user.
#[utoipa::path(get, path = "/user/{id}", tag = "user",
    params(("id" = i64, Path)), responses((status = 200, body = model::User), (status = 404)))]
async fn get(State(state): State<AppState>, Id(id): Id) -> Result<Json<model::User>, ApiError> {
    Ok(Json(model::User::from(&find(&state, id).await?)))
}

/// A change of a user. It keeps what it does not name.
#[derive(Deserialize, ToSchema)]
struct UpdateUser {
    /// For login; at most 16 KiB and no colon.
    #[serde(default)]
    #[schema(required)]
    name: String,
    /// True if the user administers the server.
    admin: Option<bool>,
    /// At most 1 KiB; empty keeps the one before.
    #[serde(default)]
    pass: String,
}

/// Changes a user.
#[utoipa::path(post, path = "/user/{id}", tag = "user",
    params(("id" = i64, Path)), request_body = UpdateUser,
    responses((status = 200, body = model::User), (status = 400), (status = 404)))]
async fn update(
    State(state): State<AppState>,
    Id(id): Id,
    Fields(change): Fields<UpdateUser>,
) -> Result<Json<model::User>, ApiError> {
    check_name(&change.name)?;
    let before = find(&state, id).await?;
    let admin = change.admin.unwrap_or(before.admin);
    let hash = match change.pass.as_str() {
        "" => None,
        pass => {
            check_password(pass)?;
            Some(state.passwords.hash(pass).await?)
        }
    };
    let row = state
        .store
        .update_user(id, &change.name, hash.as_deref(), admin)
        .await
        .map_err(taken)?
        .ok_or_else(last_admin)?;
    if (&row.name, row.admin) != (&before.name, before.admin) {
        state.plugins.user_changed(id).await;
        state.events.close_user(id);
    }
    Ok(Json(model::User::from(&row)))
}

/// Deletes a user and all that is theirs.
#[utoipa::path(delete, path = "/user/{id}", tag = "user",
    params(("id" = i64, Path)), responses((status = 200), (status = 400), (status = 404)))]
async fn delete(State(state): State<AppState>, Id(id): Id) -> Result<StatusCode, ApiError> {
    find(&state, id).await?;
    let applications = state.store.applications(id).await?;
    state.plugins.user_leaving(id).await;
    if !state.store.delete_user(id).await? {
        state.plugins.user_changed(id).await;
        return Err(last_admin());
    }
    state.close_user(id);
    state.plugins.user_deleted(id).await;
    for image in applications.into_iter().filter_map(|row| row.image) {
        state.images.remove(&image).await;
    }
    Ok(StatusCode::OK)
}

async fn find(state: &AppState, id: i64) -> Result<UserRow, ApiError> {
    state
        .store
        .user(id)
        .await?
        .ok_or_else(|| ApiError::not_found("user does not exist"))
}

/// Refuses a name that nobody could log in with.
pub(super) fn check_name(name: &str) -> Result<(), ApiError> {
    required("name", name)?;
    bounded("name", name, NAME_BYTES)?;
    if name.contains(':') {
        // Basic authentication could not tell where it ends.
        return Err(ApiError::bad_request("a user name has no colon"));
    }
    Ok(())
}

fn check_password(pass: &str) -> Result<(), ApiError> {
    required("pass", pass)?;
    bounded("pass", pass, PASSWORD_BYTES)
}

fn last_admin() -> ApiError {
    ApiError::bad_request("cannot delete last admin")
}

fn taken(error: StoreError) -> ApiError {
    match error {
        StoreError::Conflict(_) => ApiError::bad_request("username already exists"),
        other => other.into(),
    }
}
