//! Sessions of browsers: a client whose token is in a cookie.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{AppendHeaders, IntoResponse},
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    ApiError, Routes, clients,
    extract::{Fields, Origin},
    model,
};
use crate::{
    auth::{COOKIE, Caller, Token, TokenKind},
    state::AppState,
    time::now_ms,
};

/// How long a session lasts without being used, in seconds: a week.
const SESSION_SECONDS: i64 = 7 * 24 * 60 * 60;
/// How long it is elevated after the login, in milliseconds: an hour.
const ELEVATED_MS: i64 = 60 * 60 * 1000;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.client(routes!(login)).client(routes!(logout))
}

/// The session to create.
#[derive(Deserialize, ToSchema)]
struct LoginParams {
    /// Name of the client that is created for it.
    #[serde(default)]
    #[schema(required)]
    name: String,
}

/// Creates a session; takes basic authentication.
#[utoipa::path(post, path = "/auth/local/login", tag = "session",
    request_body(content = LoginParams, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = model::CurrentUser), (status = 401)))]
async fn login(
    State(state): State<AppState>,
    caller: Caller,
    origin: Origin,
    Fields(LoginParams { name }): Fields<LoginParams>,
) -> Result<impl IntoResponse, ApiError> {
    if caller.client.is_some() {
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "basic auth required",
        ));
    }
    clients::check_name(&name)?;
    let token = Token::generate(TokenKind::Client).map_err(ApiError::internal)?;
    let client = state
        .store
        .create_client(
            caller.user.id,
            &token.hash(),
            &name,
            SESSION_SECONDS,
            Some(now_ms().saturating_add(ELEVATED_MS)),
        )
        .await?;
    Ok((
        cookie(token.reveal(), SESSION_SECONDS, &origin)?,
        Json(model::CurrentUser::new(&caller.user, Some(&client))),
    ))
}

/// Ends a session: deletes its client.
#[utoipa::path(post, path = "/auth/logout", tag = "session",
    responses((status = 200), (status = 403)))]
async fn logout(
    State(state): State<AppState>,
    caller: Caller,
    origin: Origin,
) -> Result<impl IntoResponse, ApiError> {
    let Some(client) = caller.client else {
        return Err(ApiError::forbidden("no client auth provided"));
    };
    state.store.delete_client(caller.user.id, client.id).await?;
    state.close_client(client.id);
    cookie("", 0, &origin)
}

/// A header that sets the session's cookie; an age of 0 removes it.
fn cookie(
    token: &str,
    max_age: i64,
    origin: &Origin,
) -> Result<AppendHeaders<[(header::HeaderName, HeaderValue); 1]>, ApiError> {
    let secure = match origin.scheme {
        "https" => "; Secure",
        _ => "",
    };
    let cookie =
        format!("{COOKIE}={token}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}");
    let cookie = HeaderValue::try_from(cookie).map_err(ApiError::internal)?;
    Ok(AppendHeaders([(header::SET_COOKIE, cookie)]))
}
