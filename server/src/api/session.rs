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
    auth::{Caller, SESSION_SECONDS, Token, TokenKind, session_cookie},
    state::AppState,
};

/// The time of elevation after a login, in milliseconds: an hour.
pub(super) const ELEVATED_MS: i64 = 60 * 60 * 1000;

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
    let token = Token::generate_as(TokenKind::Client, state.settings().token_form)
        .map_err(ApiError::internal)?;
    let client = state
        .store
        .create_client(
            caller.user.id,
            &token.hash(),
            &name,
            SESSION_SECONDS,
            Some(state.now_ms().saturating_add(ELEVATED_MS)),
        )
        .await?;
    let (secure, prefix) = (origin.is_secure(), &state.config.path_prefix);
    Ok((
        set(
            session_cookie(token.reveal(), SESSION_SECONDS, secure, prefix)
                .map_err(ApiError::internal)?,
        ),
        Json(model::CurrentUser::new(
            &caller.user,
            Some(&client),
            state.now_ms(),
        )),
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
    let (secure, prefix) = (origin.is_secure(), &state.config.path_prefix);
    Ok(set(
        session_cookie("", 0, secure, prefix).map_err(ApiError::internal)?
    ))
}

fn set(cookie: HeaderValue) -> AppendHeaders<[(header::HeaderName, HeaderValue); 1]> {
    AppendHeaders([(header::SET_COOKIE, cookie)])
}
