//! Who is asking, and whether they may. Nothing else decides.
//!
//! A route is registered together with its [`Access`] (see `api::Routes`);
//! [`authorize`] runs in front of its handler, and what it found is what the
//! handler's [`Caller`] or [`Sending`] extracts. A route without a requirement
//! cannot be registered, and a handler that extracts a caller on a route that
//! asked for none answers 401.
//!
//! Credentials are looked for in `?token=`, `X-Gotify-Key`,
//! `Authorization: Bearer`, the cookie `gotify-client-token`, and basic
//! authentication. A name and password count before a token, but for sending: as
//! in Gotify, whose page elevates a session with a password beside its cookie.
//! Credentials that a browser sends by itself, cookie and basic, are not accepted
//! in a request that another site made.
//!
//! `X-Mortise-Key` is the key of whoever may read the data directory (see
//! `local`). A request with it is an administrator's, the oldest one's if
//! `X-Mortise-User` names none.

mod cookie;
mod passwords;
mod request;
mod tokens;
mod turns;

use std::net::IpAddr;

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{StatusCode, header, request::Parts},
    middleware::Next,
    response::Response,
};

pub(crate) use cookie::{SESSION_SECONDS, session_cookie};
pub use passwords::{PasswordError, Passwords};
pub use request::{COOKIE, is_cross_site};
pub use tokens::{Token, TokenForm, TokenHash, TokenKind, generate_password};

use self::request::{Basic, Presented, basic, token};
use crate::{
    api::{ApiError, Origin},
    local,
    plugins::Actor,
    state::AppState,
    store::{ApplicationRow, ClientRow, Store, UserRow},
    time::now_ms,
};

/// The time of last use is written at most this often, in milliseconds.
const TOUCH_MS: i64 = 5 * 60 * 1000;

/// A route's requirement on its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// An application's token, or what [`Access::Client`] asks.
    Sender,
    /// A client's token or a user's password.
    Client,
    /// A user's password, or the token of a client that was elevated with it.
    Elevated,
    /// The requirement of [`Access::Elevated`], by an administrator.
    Admin,
    /// What [`Access::Admin`] asks, or nothing where the settings let anybody
    /// register.
    Register,
}

/// The caller of a route.
#[derive(Clone, Debug)]
enum Identity {
    Application(ApplicationRow),
    User(Caller),
    /// Anybody, where the settings let anybody register.
    Guest,
}

/// A user, by password, through a client, or by the data directory's key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user.
    pub user: UserRow,
    /// The client whose token it was; none for a password.
    pub client: Option<ClientRow>,
    /// True if the request used the data directory's key.
    pub by_key: bool,
}

impl Caller {
    /// Returns the caller's actor for the audit log.
    pub fn actor(&self) -> Actor {
        let (id, name) = (self.user.id, self.user.name.clone());
        if self.by_key {
            Actor::CommandLine { id, name }
        } else {
            Actor::User { id, name }
        }
    }

    /// Refuses what asks for more than the caller has now: an elevation ends.
    ///
    /// # Errors
    ///
    /// 403.
    pub fn check(&self, access: Access) -> Result<(), ApiError> {
        if access == Access::Admin && !self.user.admin {
            return Err(ApiError::forbidden(
                "you are not allowed to access this api",
            ));
        }
        if matches!(access, Access::Admin | Access::Elevated) && !self.is_elevated() {
            return Err(not_elevated());
        }
        Ok(())
    }

    /// Returns true if the caller's session is elevated.
    pub fn is_elevated(&self) -> bool {
        self.client.as_ref().is_none_or(ClientRow::is_elevated)
    }
}

/// The sender of a message.
#[derive(Clone, Debug)]
pub enum Sending {
    /// An application, by its token.
    As(ApplicationRow),
    /// A user, who has yet to name one of their applications.
    By(Caller),
}

/// The caller of the route that creates a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registering {
    /// An administrator.
    Administrator,
    /// Anybody, for themselves.
    Guest,
}

impl Registering {
    /// Allows an administrator to be created by administrators only.
    ///
    /// # Errors
    ///
    /// 401 for a guest.
    pub fn allow(self, admin: bool) -> Result<(), ApiError> {
        if admin && self == Self::Guest {
            return Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "you are not allowed to create an admin user",
            ));
        }
        Ok(())
    }
}

/// The middleware in front of each route: refuses who may not, and tells the
/// handler who it is. A session's cookie is renewed while it is in use.
///
/// # Errors
///
/// 401 without valid credentials, 403 where they do not suffice.
pub async fn authorize(
    State((state, access)): State<(AppState, Access)>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let identified = identify(&state, access, &parts).await?;
    if let Some(identity) = identified.identity {
        parts.extensions.insert(identity);
    }
    let origin = Origin::from_request_parts(&mut parts, &state).await;
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(token) = identified.renew
        && !response.headers().contains_key(header::SET_COOKIE)
    {
        let cookie = session_cookie(token.reveal(), SESSION_SECONDS, &origin?)?;
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The caller, and the token of a session whose cookie is to be renewed.
struct Identified {
    identity: Option<Identity>,
    renew: Option<Token>,
}

impl From<Identity> for Identified {
    fn from(identity: Identity) -> Self {
        Self {
            identity: Some(identity),
            renew: None,
        }
    }
}

async fn identify(
    state: &AppState,
    access: Access,
    request: &Parts,
) -> Result<Identified, ApiError> {
    match access {
        Access::Public => Ok(Identified {
            identity: None,
            renew: None,
        }),
        Access::Register if state.config.registration => {
            match authenticate(state, Access::Admin, request).await {
                Err(error) if error.is_denial() => Ok(Identity::Guest.into()),
                other => other,
            }
        }
        Access::Register => authenticate(state, Access::Admin, request).await,
        access => authenticate(state, access, request).await,
    }
}

async fn authenticate(
    state: &AppState,
    access: Access,
    request: &Parts,
) -> Result<Identified, ApiError> {
    if let Some(key) = request.headers.get(local::KEY_HEADER) {
        let key = key.to_str().map_err(|_| ApiError::unauthorized())?;
        if Token::from_request(key).hash() != state.local_key {
            return Err(ApiError::unauthorized());
        }
        let user = administrator(state, request).await?;
        return Ok(Identity::User(Caller {
            user,
            client: None,
            by_key: true,
        })
        .into());
    }
    // Credentials in a request of another site are denied, unless the request
    // has others of its own.
    let (basic, denied_basic) = apart(basic(request, &state.config));
    let (token, denied_token) = apart(token(request));
    let address = Origin::client_of(request, &state.config);
    let found = if access == Access::Sender {
        match by_token(state, access, token).await? {
            None => by_password(state, address, basic).await?,
            found => found,
        }
    } else {
        match by_password(state, address, basic).await? {
            None => by_token(state, access, token).await?,
            found => found,
        }
    };
    let identified = found.ok_or_else(|| {
        denied_basic
            .or(denied_token)
            .unwrap_or_else(ApiError::unauthorized)
    })?;
    if let Some(Identity::User(caller)) = &identified.identity {
        caller.check(access)?;
    }
    Ok(identified)
}

fn apart<T>(found: Result<Option<T>, ApiError>) -> (Option<T>, Option<ApiError>) {
    match found {
        Ok(found) => (found, None),
        Err(denied) => (None, Some(denied)),
    }
}

async fn by_token(
    state: &AppState,
    access: Access,
    presented: Option<Presented>,
) -> Result<Option<Identified>, ApiError> {
    let Some(Presented { token, in_cookie }) = presented else {
        return Ok(None);
    };
    let hash = token.hash();
    if access == Access::Sender
        && let Some(application) = state.store.application_by_token(&hash).await?
    {
        touch_application(&state.store, &application);
        return Ok(Some(Identity::Application(application).into()));
    }
    let Some(client) = state.store.client_by_token(&hash).await? else {
        return Ok(None);
    };
    let Some(user) = state.store.user(client.user_id).await? else {
        return Ok(None);
    };
    let renew = (in_cookie && is_due(client.last_used_ms)).then_some(token);
    touch_client(&state.store, &client);
    let caller = Caller {
        user,
        client: Some(client),
        by_key: false,
    };
    Ok(Some(Identified {
        identity: Some(Identity::User(caller)),
        renew,
    }))
}

async fn by_password(
    state: &AppState,
    address: Option<IpAddr>,
    presented: Option<Basic>,
) -> Result<Option<Identified>, ApiError> {
    let Some(Basic { name, password }) = presented else {
        return Ok(None);
    };
    let user = state.store.user_by_name(&name).await?;
    let stored = user.as_ref().map(|user| user.password_hash.as_str());
    let verified = state
        .passwords
        .verify(address, &name, &password, stored)
        .await?;
    if !verified {
        report_failed_login(address, &name);
        return Ok(None);
    }
    Ok(user.map(|user| {
        Identity::User(Caller {
            user,
            client: None,
            by_key: false,
        })
        .into()
    }))
}

/// Logs a wrong name or password in one line, from which programs that block
/// addresses take the address. The name is what a stranger wrote: it is quoted.
fn report_failed_login(address: Option<IpAddr>, name: &str) {
    let name: String = name.chars().take(64).collect();
    match address {
        Some(address) => tracing::warn!(?name, "failed login from {address}"),
        None => tracing::warn!(?name, "failed login"),
    }
}

/// Returns the administrator for a request with the data directory's key.
async fn administrator(state: &AppState, request: &Parts) -> Result<UserRow, ApiError> {
    let named = match request.headers.get(local::USER_HEADER) {
        Some(name) => Some(name.to_str().map_err(|_| ApiError::unauthorized())?),
        None => None,
    };
    let users = state.store.users().await?;
    let mut administrators = users.into_iter().filter(|user| user.admin);
    administrators
        .find(|user| named.is_none_or(|name| user.name == name))
        .ok_or_else(|| {
            ApiError::forbidden(
                "there is no administrator of that name; other users act for themselves, with \
                 their passwords or tokens",
            )
        })
}

/// The refusal of a client that is not elevated.
pub fn not_elevated() -> ApiError {
    ApiError::forbidden("session not elevated, use basic auth or call /client/{id}/elevate")
}

fn touch_client(store: &Store, client: &ClientRow) {
    if is_due(client.last_used_ms) {
        let (store, id) = (store.clone(), client.id);
        tokio::spawn(async move {
            if let Err(error) = store.touch_client(id).await {
                tracing::warn!(%error, client = id, "the time of last use was not written");
            }
        });
    }
}

fn touch_application(store: &Store, application: &ApplicationRow) {
    if is_due(application.last_used_ms) {
        let (store, id) = (store.clone(), application.id);
        tokio::spawn(async move {
            if let Err(error) = store.touch_application(id).await {
                tracing::warn!(%error, application = id, "the time of last use was not written");
            }
        });
    }
}

fn is_due(last_used_ms: Option<i64>) -> bool {
    last_used_ms.is_none_or(|at| now_ms().saturating_sub(at) > TOUCH_MS)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get() {
            Some(Identity::User(caller)) => Ok(caller.clone()),
            _ => Err(ApiError::unauthorized()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Sending {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get() {
            Some(Identity::Application(application)) => Ok(Self::As(application.clone())),
            Some(Identity::User(caller)) => Ok(Self::By(caller.clone())),
            Some(Identity::Guest) | None => Err(ApiError::unauthorized()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Registering {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get() {
            Some(Identity::User(caller)) if caller.user.admin => Ok(Self::Administrator),
            Some(Identity::Guest) => Ok(Self::Guest),
            _ => Err(ApiError::unauthorized()),
        }
    }
}
