//! Who is asking, and whether they may. Nothing else decides.
//!
//! A route is registered together with its [`Access`] (see `api::Routes`);
//! `api::authorize` runs `identify` in front of its handler, and the handler's
//! [`Caller`] or [`Sending`] is its result. A route without a requirement cannot be
//! registered, and a handler that extracts a caller on a route that asked for none
//! answers 401.
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
mod error;
mod imported;
mod passwords;
mod request;
mod tokens;
mod turns;

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::http::request::Parts;
use mortise_store::{ApplicationRow, ClientRow, Store, StoreError, TokenHash, UserRow};

pub(crate) use cookie::{SESSION_SECONDS, session_cookie};
pub use error::AuthError;
pub use imported::{MOST_COST, bcrypt_cost};
pub use passwords::{PasswordError, Passwords};
pub use request::{COOKIE, is_cross_site};
pub(crate) use request::{cookie_in, presented_token};
pub use tokens::{Token, TokenKind, generate_password};

use self::request::{Basic, Presented, basic, token};
pub use crate::plugins::Actor;
use crate::{Config, local, origin::Origin, time::Clock};

/// The time of last use is written at most this often, in milliseconds.
const TOUCH_MS: i64 = 5 * 60 * 1000;
/// The longest time that a request waits for that to be written.
const TOUCH_PATIENCE: Duration = Duration::from_millis(250);

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
    /// An administrator, by any client, or nothing where the settings let anybody
    /// read metrics.
    Metrics,
}

/// The caller of a route.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// An application, by its token.
    Application(Arc<ApplicationRow>, Token),
    /// A user.
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
    /// The clock by which an elevation ends.
    pub clock: Clock,
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
    /// [`AuthError::NotAdministrator`] or [`AuthError::NotElevated`].
    pub fn check(&self, access: Access) -> Result<(), AuthError> {
        if matches!(access, Access::Admin | Access::Metrics) && !self.user.admin {
            return Err(AuthError::NotAdministrator);
        }
        if matches!(access, Access::Admin | Access::Elevated) && !self.is_elevated() {
            return Err(AuthError::NotElevated);
        }
        Ok(())
    }

    /// Returns true if the caller's session is elevated.
    pub fn is_elevated(&self) -> bool {
        let now_ms = self.clock.now_ms();
        self.client
            .as_ref()
            .is_none_or(|client| client.elevated_until_ms(now_ms).is_some())
    }
}

/// The sender of a message.
#[derive(Clone, Debug)]
pub enum Sending {
    /// An application, by its token.
    As(Arc<ApplicationRow>, Token),
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
    /// [`AuthError::GuestCreatesAdministrator`].
    pub fn allow(self, admin: bool) -> Result<(), AuthError> {
        if admin && self == Self::Guest {
            return Err(AuthError::GuestCreatesAdministrator);
        }
        Ok(())
    }
}

/// The parts of a server that decide who a caller is.
#[derive(Clone, Debug)]
pub(crate) struct Authority<'a> {
    /// The settings as they are now.
    pub(crate) config: Arc<Config>,
    pub(crate) store: &'a Store,
    pub(crate) passwords: &'a Arc<Passwords>,
    /// The hash of the data directory's key.
    pub(crate) local_key: &'a TokenHash,
}

impl Authority<'_> {
    /// Returns true if the time of last use is to be written again.
    fn is_due(&self, last_used_ms: Option<i64>) -> bool {
        let now_ms = self.config.clock.now_ms();
        last_used_ms.is_none_or(|at| now_ms.saturating_sub(at) > TOUCH_MS)
    }
}

/// The caller, and the token of a session whose cookie is to be renewed.
pub(crate) struct Identified {
    /// None for a route that asks for nothing.
    pub(crate) identity: Option<Identity>,
    pub(crate) renew: Option<Token>,
}

impl From<Identity> for Identified {
    fn from(identity: Identity) -> Self {
        Self {
            identity: Some(identity),
            renew: None,
        }
    }
}

/// Identifies the caller of a request to a route with this requirement.
///
/// # Errors
///
/// [`AuthError`] if the request may not be answered.
pub(crate) async fn identify(
    authority: &Authority<'_>,
    access: Access,
    request: &Parts,
) -> Result<Identified, AuthError> {
    match access {
        Access::Public => Ok(Identified {
            identity: None,
            renew: None,
        }),
        Access::Metrics if authority.config.public_metrics => Ok(Identified {
            identity: None,
            renew: None,
        }),
        Access::Register if authority.config.registration => {
            match authenticate(authority, Access::Admin, request).await {
                Err(error) if error.is_denial() => Ok(Identity::Guest.into()),
                other => other,
            }
        }
        Access::Register => authenticate(authority, Access::Admin, request).await,
        access => authenticate(authority, access, request).await,
    }
}

async fn authenticate(
    authority: &Authority<'_>,
    access: Access,
    request: &Parts,
) -> Result<Identified, AuthError> {
    if let Some(key) = request.headers.get(local::KEY_HEADER) {
        let key = key.to_str().map_err(|_| AuthError::Unauthorized)?;
        if Token::from_request(key).hash() != *authority.local_key {
            return Err(AuthError::Unauthorized);
        }
        let user = administrator(authority, request).await?;
        return Ok(Identity::User(Caller {
            user,
            client: None,
            by_key: true,
            clock: authority.config.clock.clone(),
        })
        .into());
    }
    // Credentials in a request of another site are denied, unless the request
    // has others of its own.
    let (basic, denied_basic) = apart(basic(request, &authority.config));
    let (token, denied_token) = apart(token(request));
    let address = match &basic {
        Some(_) => Origin::client_in(request, &authority.config),
        None => None,
    };
    let found = if access == Access::Sender {
        match by_token(authority, access, token).await? {
            None => by_password(authority, address, basic).await?,
            found => found,
        }
    } else {
        match by_password(authority, address, basic).await? {
            None => by_token(authority, access, token).await?,
            found => found,
        }
    };
    let identified = found.ok_or_else(|| {
        denied_basic
            .or(denied_token)
            .unwrap_or(AuthError::Unauthorized)
    })?;
    if let Some(Identity::User(caller)) = &identified.identity {
        caller.check(access)?;
    }
    Ok(identified)
}

fn apart<T>(found: Result<Option<T>, AuthError>) -> (Option<T>, Option<AuthError>) {
    match found {
        Ok(found) => (found, None),
        Err(denied) => (None, Some(denied)),
    }
}

async fn by_token(
    authority: &Authority<'_>,
    access: Access,
    presented: Option<Presented>,
) -> Result<Option<Identified>, AuthError> {
    let Some(Presented { token, in_cookie }) = presented else {
        return Ok(None);
    };
    let hash = token.hash();
    if access == Access::Sender
        && let Some(application) = authority.store.application_by_token(&hash).await?
    {
        if authority.is_due(application.last_used_ms) {
            let (store, id) = (authority.store.clone(), application.id);
            touch("application", id, async move {
                store.touch_application(id).await
            })
            .await;
        }
        return Ok(Some(Identity::Application(application, token).into()));
    }
    let Some(client) = authority.store.client_by_token(&hash).await? else {
        return Ok(None);
    };
    let Some(user) = authority.store.user(client.user_id).await? else {
        return Ok(None);
    };
    let is_due = authority.is_due(client.last_used_ms);
    let renew = (in_cookie && is_due).then_some(token);
    if is_due {
        let (store, id) = (authority.store.clone(), client.id);
        touch("client", id, async move { store.touch_client(id).await }).await;
    }
    let caller = Caller {
        user,
        client: Some(client),
        by_key: false,
        clock: authority.config.clock.clone(),
    };
    Ok(Some(Identified {
        identity: Some(Identity::User(caller)),
        renew,
    }))
}

async fn by_password(
    authority: &Authority<'_>,
    address: Option<IpAddr>,
    presented: Option<Basic>,
) -> Result<Option<Identified>, AuthError> {
    let Some(Basic { name, password }) = presented else {
        return Ok(None);
    };
    let user = authority.store.user_by_name(&name).await?;
    let stored = user.as_ref().map(|user| user.password_hash.as_str());
    let verified = authority
        .passwords
        .verify(address, &name, &password, stored)
        .await?;
    if !verified {
        report_failed_login(address, &name);
        return Ok(None);
    }
    if let Some(user) = &user {
        replace_imported_hash(authority, user, password);
    }
    Ok(user.map(|user| {
        Identity::User(Caller {
            user,
            client: None,
            by_key: false,
            clock: authority.config.clock.clone(),
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

/// Stores a password that came from Gotify in this server's form, now that it is
/// known.
fn replace_imported_hash(authority: &Authority<'_>, user: &UserRow, password: String) {
    if bcrypt_cost(&user.password_hash).is_none() {
        return;
    }
    let (store, passwords) = (authority.store.clone(), Arc::clone(authority.passwords));
    let (id, old) = (user.id, user.password_hash.clone());
    tokio::spawn(async move {
        // One that is not replaced is good for the next login as well.
        match passwords.hash(&password).await {
            Ok(new) => {
                if let Err(error) = store.replace_password(id, &old, &new).await {
                    tracing::warn!(%error, user = id, "an imported password was not replaced");
                }
            }
            Err(error) => tracing::debug!(%error, user = id, "an imported password stays for now"),
        }
    });
}

/// Returns the administrator for a request with the data directory's key.
async fn administrator(authority: &Authority<'_>, request: &Parts) -> Result<UserRow, AuthError> {
    let named = match request.headers.get(local::USER_HEADER) {
        Some(name) => Some(name.to_str().map_err(|_| AuthError::Unauthorized)?),
        None => None,
    };
    let users = authority.store.users().await?;
    let mut administrators = users.into_iter().filter(|user| user.admin);
    administrators
        .find(|user| named.is_none_or(|name| user.name == name))
        .ok_or(AuthError::NoSuchAdministrator)
}

/// Writes the time of last use. Waits for it so long that a caller who reads it back
/// finds it, and not so long that a busy database delays a message: it goes on
/// without its caller.
async fn touch(
    kind: &'static str,
    id: i64,
    write: impl Future<Output = Result<(), StoreError>> + Send + 'static,
) {
    let written = tokio::spawn(async move {
        if let Err(error) = write.await {
            tracing::warn!(%error, kind, id, "the time of last use was not written");
        }
    });
    let _in_time: Result<_, _> = tokio::time::timeout(TOUCH_PATIENCE, written).await;
}
