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
//! authentication. What a browser sends by itself, cookie and basic, is not
//! believed in a request that another site made.
//!
//! `X-Mortise-Key` is the key of whoever may read the data directory (see
//! `local`). A request with it is an administrator's, the oldest one's if
//! `X-Mortise-User` names none.

mod passwords;
mod request;
mod tokens;

use axum::{
    extract::{FromRequestParts, Request, State},
    http::request::Parts,
    middleware::Next,
    response::Response,
};

pub use passwords::{PasswordError, Passwords};
pub use request::{COOKIE, is_cross_site};
pub use tokens::{Token, TokenHash, TokenKind, generate_password};

use self::request::{Basic, basic, token};
use crate::{
    api::ApiError,
    local,
    plugins::Actor,
    state::AppState,
    store::{ApplicationRow, ClientRow, Store, UserRow},
    time::now_ms,
};

/// The time of last use is written at most this often, in milliseconds.
const TOUCH_MS: i64 = 5 * 60 * 1000;

/// What a route asks of its caller.
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
    /// What [`Access::Elevated`] asks, by an administrator.
    Admin,
}

/// Who was found to be asking.
#[derive(Clone, Debug)]
enum Identity {
    Application(ApplicationRow),
    User(Caller),
}

/// A user, by password, through a client, or by the data directory's key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user.
    pub user: UserRow,
    /// The client whose token it was; none for a password.
    pub client: Option<ClientRow>,
    /// Whether it was the data directory's key.
    pub by_key: bool,
}

impl Caller {
    /// Who that is in the audit log.
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

    /// Whether the caller may do what needs an elevated session.
    pub fn is_elevated(&self) -> bool {
        self.client.as_ref().is_none_or(ClientRow::is_elevated)
    }
}

/// Who sends a message.
#[derive(Clone, Debug)]
pub enum Sending {
    /// An application, by its token.
    As(ApplicationRow),
    /// A user, who has yet to name one of their applications.
    By(Caller),
}

/// The middleware in front of each route: refuses who may not, and tells the
/// handler who it is.
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
    if let Some(identity) = identify(&state, access, &parts).await? {
        parts.extensions.insert(identity);
    }
    Ok(next.run(Request::from_parts(parts, body)).await)
}

async fn identify(
    state: &AppState,
    access: Access,
    request: &Parts,
) -> Result<Option<Identity>, ApiError> {
    if access == Access::Public {
        return Ok(None);
    }
    if let Some(key) = request.headers.get(local::KEY_HEADER) {
        let key = key.to_str().map_err(|_| ApiError::unauthorized())?;
        if Token::from_request(key).hash() != state.local_key {
            return Err(ApiError::unauthorized());
        }
        let user = administrator(state, request).await?;
        return Ok(Some(Identity::User(Caller {
            user,
            client: None,
            by_key: true,
        })));
    }
    let caller = 'found: {
        if let Some(token) = token(request)? {
            let hash = token.hash();
            if access == Access::Sender
                && let Some(application) = state.store.application_by_token(&hash).await?
            {
                touch_application(&state.store, &application);
                return Ok(Some(Identity::Application(application)));
            }
            if let Some(client) = state.store.client_by_token(&hash).await?
                && let Some(user) = state.store.user(client.user_id).await?
            {
                touch_client(&state.store, &client);
                break 'found Caller {
                    user,
                    client: Some(client),
                    by_key: false,
                };
            }
        }
        if let Some(Basic { name, password }) = basic(request)? {
            let user = state.store.user_by_name(&name).await?;
            let stored = user.as_ref().map(|user| user.password_hash.as_str());
            if state.passwords.verify(&name, &password, stored).await?
                && let Some(user) = user
            {
                break 'found Caller {
                    user,
                    client: None,
                    by_key: false,
                };
            }
        }
        return Err(ApiError::unauthorized());
    };
    caller.check(access)?;
    Ok(Some(Identity::User(caller)))
}

/// Whom a request with the data directory's key is of.
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
            None => Err(ApiError::unauthorized()),
        }
    }
}
