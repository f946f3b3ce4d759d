//! Logins at an OpenID provider, with Gotify's paths: for a browser, whose session
//! is a cookie, and for an app, which gets a client's token.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use mortise_store::{ClientRow, StoreError, UserRow};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::{
    ApiError, Routes, clients,
    error::{bounded, required},
    extract::{Fields, Origin, Parameters},
    model,
    session::ELEVATED_MS,
    users,
};
use crate::{
    auth::{
        Caller, SESSION_SECONDS, Token, TokenKind, cookie_in, generate_password, session_cookie,
    },
    config::PathPrefix,
    oidc::{Identity, Oidc, OidcError, Pending, Purpose, challenge_of, shown},
    state::AppState,
};

/// The cookie that ties a login to the browser that began it.
const STATE_COOKIE: &str = "mortise-oidc-state";
/// The lifetime of that cookie, in seconds.
const STATE_SECONDS: i64 = 600;
/// The path to which the provider sends browsers back.
const CALLBACK: &str = "/auth/oidc/callback";
/// The longest code, verifier and address of an app, in bytes.
const TEXT_BYTES: usize = 4 << 10;

/// The page after an elevation. Gotify's page looks again when the tab is closed.
const ELEVATED: &str = "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\">\
    <title>Mortise</title><p>The session is elevated. You can close this tab.</p>\
    <script>close()</script></html>";
/// The policy of that page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
);

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .public(routes!(login))
        .client(routes!(elevate))
        .public(routes!(callback))
        .public(routes!(authorize))
        .public(routes!(token))
}

impl From<OidcError> for ApiError {
    fn from(error: OidcError) -> Self {
        let status = match error {
            OidcError::Provider { .. } => StatusCode::BAD_GATEWAY,
            OidcError::Code(_) | OidcError::Token(_) => StatusCode::UNAUTHORIZED,
            OidcError::Random(error) => return Self::internal(error),
        };
        tracing::warn!(%error, "a login at the OpenID provider failed");
        Self::new(status, error.to_string())
    }
}

fn oidc(state: &AppState) -> Result<&Oidc, ApiError> {
    state.oidc.as_ref().ok_or_else(|| {
        ApiError::not_found("logins at an OpenID provider are off; --oidc-issuer turns them on")
    })
}

/// The session to create.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LoginParams {
    /// Name of the client that is created for it.
    #[serde(default)]
    #[param(required)]
    name: String,
}

/// Begins a browser's login: redirects to the OpenID provider.
#[utoipa::path(get, path = "/auth/oidc/login", tag = "oidc", params(LoginParams),
    responses((status = 302), (status = 400), (status = 404), (status = 502)))]
async fn login(
    State(state): State<AppState>,
    origin: Origin,
    Parameters(LoginParams { name }): Parameters<LoginParams>,
) -> Result<Response, ApiError> {
    let oidc = oidc(&state)?;
    clients::check_name(&name)?;
    begin(&state, oidc, &origin, Purpose::Session { name }).await
}

/// The client to elevate.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct ElevateParams {
    /// A client of the caller.
    #[serde(default)]
    #[param(required)]
    id: i64,
    /// 1 to 86400.
    #[serde(default)]
    #[param(required)]
    duration_seconds: i64,
}

/// Begins the elevation of a client: has its user log in again at the OpenID
/// provider.
#[utoipa::path(get, path = "/auth/oidc/elevate", tag = "oidc", params(ElevateParams),
    responses((status = 302), (status = 400), (status = 404), (status = 502)))]
async fn elevate(
    State(state): State<AppState>,
    caller: Caller,
    origin: Origin,
    Parameters(ElevateParams {
        id,
        duration_seconds,
    }): Parameters<ElevateParams>,
) -> Result<Response, ApiError> {
    let oidc = oidc(&state)?;
    let for_ms = clients::elevation_ms(duration_seconds)?;
    let own = state.store.clients(caller.user.id).await?;
    if !own.iter().any(|client| client.id == id) {
        return Err(ApiError::not_found("client not found"));
    }
    let purpose = Purpose::Elevation {
        user: caller.user.id,
        client: id,
        for_ms,
    };
    begin(&state, oidc, &origin, purpose).await
}

/// Redirects a browser to the provider, and marks it.
async fn begin(
    state: &AppState,
    oidc: &Oidc,
    origin: &Origin,
    purpose: Purpose,
) -> Result<Response, ApiError> {
    let redirect = match (&state.config.oidc.redirect_url, origin.base_url()) {
        (Some(url), _) => url.to_string(),
        (None, Some(base)) => format!("{base}{}{CALLBACK}", state.config.path_prefix.as_str()),
        (None, None) => return Err(ApiError::bad_request("the request names no host")),
    };
    let begun = oidc.begin(purpose, redirect, state.now_ms()).await?;
    let cookie = state_cookie(
        &begun.state,
        STATE_SECONDS,
        origin,
        &state.config.path_prefix,
    )?;
    let at = HeaderValue::try_from(String::from(begun.at)).map_err(ApiError::internal)?;
    let headers = [
        (header::LOCATION, at),
        (header::SET_COOKIE, cookie),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::FOUND, headers).into_response())
}

/// The cookie comes with the provider's redirect, which is another site's: `Lax`.
fn state_cookie(
    value: &str,
    max_age: i64,
    origin: &Origin,
    prefix: &PathPrefix,
) -> Result<HeaderValue, ApiError> {
    let secure = if origin.is_secure() { "; Secure" } else { "" };
    let path = prefix.cookie_path();
    let cookie = format!(
        "{STATE_COOKIE}={value}; Path={path}; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}"
    );
    HeaderValue::try_from(cookie).map_err(ApiError::internal)
}

/// The provider's answer to a login.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CallbackParams {
    /// The code for tokens.
    #[serde(default)]
    #[param(required)]
    code: String,
    /// The state of the login.
    #[serde(default)]
    #[param(required)]
    state: String,
    /// The reason for which there is no code.
    #[serde(default)]
    error: String,
    /// The same for people.
    #[serde(default)]
    error_description: String,
    /// The provider, if it names itself.
    #[serde(default)]
    iss: String,
}

/// Ends a browser's login, which the OpenID provider sends back here.
#[utoipa::path(get, path = "/auth/oidc/callback", tag = "oidc", params(CallbackParams),
    responses(
        (status = 200, description = "The client is elevated."),
        (status = 307, description = "The session is there; on to the page."),
        (status = 400), (status = 401), (status = 403), (status = 404), (status = 502),
    ))]
async fn callback(
    State(state): State<AppState>,
    origin: Origin,
    headers: HeaderMap,
    Parameters(answer): Parameters<CallbackParams>,
) -> Result<Response, ApiError> {
    let oidc = oidc(&state)?;
    required("state", &answer.state)?;
    // A login that somebody else began would make this browser theirs.
    let here = cookie_in(&headers, STATE_COOKIE).is_some_and(|cookie| cookie == answer.state);
    let login = here
        .then(|| oidc.take(&answer.state, state.now_ms()))
        .flatten();
    let login = login.ok_or_else(unknown_state)?;
    if !answer.iss.is_empty() && !oidc.is_issuer(&answer.iss) {
        return Err(ApiError::forbidden(
            "the login comes from another OpenID provider than the one that was asked",
        ));
    }
    if !answer.error.is_empty() {
        let words = format!("{} {}", answer.error, answer.error_description);
        return Err(ApiError::forbidden(format!(
            "the OpenID provider refused the login: {}",
            shown(&words)
        )));
    }
    let (Some(verifier), purpose) = (&login.verifier, &login.purpose) else {
        return Err(unknown_state());
    };
    let user = user(&state, oidc, &login, &answer.code, verifier).await?;
    let prefix = &state.config.path_prefix;
    match purpose {
        Purpose::Elevation {
            user: asked,
            client,
            for_ms,
        } => {
            let until_ms = state.now_ms().saturating_add(*for_ms);
            let same = user.id == *asked;
            if !same
                || !state
                    .store
                    .elevate_client(user.id, *client, until_ms)
                    .await?
            {
                return Err(ApiError::forbidden(
                    "another user logged in than the one whose client is to be elevated",
                ));
            }
            // It comes back with its new rights.
            state.events.close_client(*client);
            let headers = [
                (
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("text/html; charset=utf-8"),
                ),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::SET_COOKIE, state_cookie("", 0, &origin, prefix)?),
            ];
            Ok((headers, ELEVATED).into_response())
        }
        Purpose::Session { name } => {
            let (token, _) = client(&state, &user, name).await?;
            let secure = origin.is_secure();
            let session = session_cookie(token.reveal(), SESSION_SECONDS, secure, prefix)
                .map_err(ApiError::internal)?;
            let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
            let headers = response.headers_mut();
            // Relative: a proxy may have taken a prefix away.
            headers.insert(header::LOCATION, HeaderValue::from_static("../../"));
            headers.append(header::SET_COOKIE, session);
            headers.append(header::SET_COOKIE, state_cookie("", 0, &origin, prefix)?);
            Ok(response)
        }
        // An app's login comes back to the app.
        Purpose::App { .. } => Err(unknown_state()),
    }
}

/// An app's login.
#[derive(Deserialize, ToSchema)]
struct ExternalAuthorizeRequest {
    /// The hash of the app's verifier, as PKCE writes it (S256).
    #[serde(default)]
    #[schema(required)]
    code_challenge: String,
    /// The app's address, which the provider knows.
    #[serde(default)]
    #[schema(required)]
    redirect_uri: String,
    /// Name of the client that is created for the app.
    #[serde(default)]
    #[schema(required)]
    name: String,
}

/// The start of an app's login.
#[derive(Serialize, ToSchema)]
struct ExternalAuthorizeResponse {
    /// The address for the app to open in a browser.
    authorize_url: String,
    /// To be sent with the code.
    state: String,
}

/// Begins an app's login.
#[utoipa::path(post, path = "/auth/oidc/external/authorize", tag = "oidc",
    request_body = ExternalAuthorizeRequest,
    responses((status = 200, body = ExternalAuthorizeResponse),
        (status = 400), (status = 404), (status = 502)))]
async fn authorize(
    State(state): State<AppState>,
    Fields(request): Fields<ExternalAuthorizeRequest>,
) -> Result<Json<ExternalAuthorizeResponse>, ApiError> {
    let oidc = oidc(&state)?;
    let ExternalAuthorizeRequest {
        code_challenge,
        redirect_uri,
        name,
    } = request;
    clients::check_name(&name)?;
    required("code_challenge", &code_challenge)?;
    let of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if code_challenge.len() != 43 || !code_challenge.bytes().all(of_base64) {
        return Err(ApiError::bad_request(
            "Field 'code_challenge' is no SHA-256 hash in base64url without padding",
        ));
    }
    required("redirect_uri", &redirect_uri)?;
    bounded("redirect_uri", &redirect_uri, TEXT_BYTES)?;
    let is_address = |url: &Url| url.fragment().is_none() && !url.cannot_be_a_base();
    if !redirect_uri.parse().is_ok_and(|url| is_address(&url)) {
        return Err(ApiError::bad_request(
            "Field 'redirect_uri' is no address such as gotify://oidc/callback",
        ));
    }
    let purpose = Purpose::App {
        name,
        challenge: code_challenge,
    };
    let begun = oidc.begin(purpose, redirect_uri, state.now_ms()).await?;
    Ok(Json(ExternalAuthorizeResponse {
        authorize_url: begun.at.into(),
        state: begun.state,
    }))
}

/// The end of an app's login.
#[derive(Deserialize, ToSchema)]
struct ExternalTokenRequest {
    /// The code that the app got.
    #[serde(default)]
    #[schema(required)]
    code: String,
    /// The state of the login.
    #[serde(default)]
    #[schema(required)]
    state: String,
    /// The app's verifier.
    #[serde(default)]
    #[schema(required)]
    code_verifier: String,
}

/// A client for an app.
#[derive(Serialize, ToSchema)]
struct ExternalTokenResponse {
    /// The client's token.
    token: String,
    user: model::User,
}

/// Ends an app's login: exchanges the code for a client's token.
#[utoipa::path(post, path = "/auth/oidc/external/token", tag = "oidc",
    request_body = ExternalTokenRequest,
    responses((status = 200, body = ExternalTokenResponse),
        (status = 400), (status = 401), (status = 403), (status = 404), (status = 502)))]
async fn token(
    State(state): State<AppState>,
    Fields(request): Fields<ExternalTokenRequest>,
) -> Result<Json<ExternalTokenResponse>, ApiError> {
    let oidc = oidc(&state)?;
    let verifier = &request.code_verifier;
    required("code", &request.code)?;
    required("code_verifier", verifier)?;
    bounded("code_verifier", verifier, TEXT_BYTES)?;
    let login = oidc.take(&request.state, state.now_ms());
    let login = login.ok_or_else(unknown_state)?;
    let Purpose::App { name, challenge } = &login.purpose else {
        return Err(unknown_state());
    };
    // Not every provider looks.
    if challenge_of(verifier) != *challenge {
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "the verifier is not the one with which the login began",
        ));
    }
    let user = user(&state, oidc, &login, &request.code, verifier).await?;
    let (token, _) = client(&state, &user, name).await?;
    Ok(Json(ExternalTokenResponse {
        token: token.reveal().to_owned(),
        user: model::User::from(&user),
    }))
}

fn unknown_state() -> ApiError {
    ApiError::bad_request("unknown or expired state: begin the login again, in this browser")
}

/// The user who logged in at the provider.
async fn user(
    state: &AppState,
    oidc: &Oidc,
    login: &Pending,
    code: &str,
    verifier: &str,
) -> Result<UserRow, ApiError> {
    required("code", code)?;
    bounded("code", code, TEXT_BYTES)?;
    let identity = oidc.finish(login, code, verifier).await?;
    let Identity { id, name } = identity;
    if let Some(user) = state.store.user_by_identity(&id).await? {
        return Ok(user);
    }
    let name = name.map_err(ApiError::forbidden)?;
    users::check_name(&name)?;
    if let Some(user) = state.store.user_by_name(&name).await? {
        return link(state, user, &id).await;
    }
    if !state.config.oidc.auto_register {
        return Err(ApiError::forbidden(format!(
            "there is no user `{}` here, and registration at the first login is off",
            shown(&name)
        )));
    }
    let unknown = generate_password().map_err(ApiError::internal)?;
    let hash = state.passwords.hash(&unknown).await?;
    match state.store.create_user_of_identity(&name, &hash, &id).await {
        Ok(user) => {
            tracing::info!(name, identity = id, "created a user of the OpenID provider");
            state.plugins.user_created(user.id).await;
            Ok(user)
        }
        // Another request was faster.
        Err(StoreError::Conflict(_)) => match state.store.user_by_identity(&id).await? {
            Some(user) => Ok(user),
            None => Err(ApiError::forbidden("the user name was taken meanwhile")),
        },
        Err(error) => Err(error.into()),
    }
}

/// Gives a user of the same name the identity, where the settings allow it.
async fn link(state: &AppState, user: UserRow, identity: &str) -> Result<UserRow, ApiError> {
    let name = shown(&user.name);
    if !state.config.oidc.link_by_username {
        tracing::warn!(name, identity, "a login at the OpenID provider was refused");
        return Err(ApiError::forbidden(format!(
            "a user `{name}` is here already; --oidc-link-by-username makes both one"
        )));
    }
    if !state.store.link_identity(user.id, identity).await? {
        return Err(ApiError::forbidden(format!(
            "the user `{name}` belongs to another identity at the OpenID provider"
        )));
    }
    tracing::info!(name, identity, "linked a user with the OpenID provider");
    Ok(user)
}

/// Creates the client of a login, elevated for a while.
async fn client(
    state: &AppState,
    user: &UserRow,
    name: &str,
) -> Result<(Token, ClientRow), ApiError> {
    let token = Token::generate_as(TokenKind::Client, state.settings().token_form)
        .map_err(ApiError::internal)?;
    let elevated_until_ms = state.now_ms().saturating_add(ELEVATED_MS);
    let row = state
        .store
        .create_client(
            user.id,
            &token.hash(),
            name,
            SESSION_SECONDS,
            Some(elevated_until_ms),
        )
        .await?;
    Ok((token, row))
}
