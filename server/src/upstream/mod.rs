//! In front of a Gotify that stays as it is: everything passes through to it.
//!
//! - `proxy`: requests and WebSockets pass; messages of known senders pass the
//!   filters first.
//! - `gotify`: the requests that this server makes there itself.
//! - `forward`: messages go there in place of this server's database.
//! - `follow`: messages come from there, for listeners.
//!
//! Gotify's users are here under their names, without a password: each has a client
//! token in the settings. Their applications are mirrored here, and a sender is
//! known by its token's hash once one message of it was accepted there.

mod follow;
mod forward;
mod gotify;
mod proxy;

use std::{collections::HashMap, sync::Arc};

use mortise_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::gotify::Gotify;
pub(crate) use self::{forward::Forwarding, proxy::front};
use crate::{
    auth::{PasswordError, Passwords, Token, generate_password},
    state::AppState,
};

/// The reason for which a request to the Gotify behind this server fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// No answer.
    #[error("Gotify at {at} does not answer: {cause}")]
    Unreachable {
        /// Its address.
        at: String,
        /// The cause.
        cause: String,
    },
    /// A refusal.
    #[error("Gotify at {at} answered {status}: {cause}")]
    Refused {
        /// Its address.
        at: String,
        /// The status.
        status: u16,
        /// Its reason.
        cause: String,
    },
    /// An answer in another form.
    #[error("the answer of {at} is not Gotify's: {cause}")]
    NotGotify {
        /// Its address.
        at: String,
        /// The cause.
        cause: String,
    },
    /// The database here.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A password for a user here.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// The Gotify behind this server, and its users here.
#[derive(Debug)]
pub struct Upstream {
    url: Url,
    /// By the user here.
    users: HashMap<i64, Arc<Gotify>>,
    store: Store,
}

impl Upstream {
    /// Asks a Gotify who its tokens are of, and mirrors their applications.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`].
    pub(crate) async fn open(
        url: &Url,
        tokens: &[String],
        store: &Store,
        passwords: &Passwords,
    ) -> Result<Arc<Self>, UpstreamError> {
        let mut users = HashMap::new();
        for token in tokens {
            let gotify = Gotify::new(url.clone(), token);
            let name = gotify.user_name().await?;
            let user = match store.user_by_name(&name).await? {
                Some(user) => user.id,
                None => {
                    let unknown = generate_password()
                        .map_err(|error| PasswordError::Hash(error.to_string()))?;
                    let hash = passwords.hash(&unknown).await?;
                    store.create_user(&name, &hash, true).await?.id
                }
            };
            users.insert(user, Arc::new(gotify));
        }
        let upstream = Arc::new(Self {
            url: url.clone(),
            users,
            store: store.clone(),
        });
        for user in upstream.users.keys() {
            upstream.mirror(*user).await?;
        }
        Ok(upstream)
    }

    /// Mirrors a user's applications.
    async fn mirror(&self, user: i64) -> Result<(), UpstreamError> {
        let Some(gotify) = self.users.get(&user) else {
            return Ok(());
        };
        let mut present = Vec::new();
        let mut shown = HashMap::new();
        for application in gotify.applications().await? {
            present.push(application.id);
            let id = self
                .store
                .mirror_application(
                    user,
                    application.id,
                    &application.name,
                    application.default_priority,
                )
                .await?;
            // Gotify 2 shows them.
            if !application.token.is_empty() {
                let hash = Token::from_request(&application.token).hash();
                self.store.learn_token(id, &hash).await?;
                shown.insert(application.id, application.token);
            }
        }
        gotify.note_tokens(shown);
        self.store.forget_tokens_except(user, &present).await?;
        Ok(())
    }

    /// Follows the messages of all users until the end.
    pub(crate) async fn follow(self: Arc<Self>, state: AppState, stopping: CancellationToken) {
        let users = self.users.iter();
        let all = users.map(|(user, gotify)| follow::follow(&self, *user, gotify, &state));
        stopping
            .run_until_cancelled(futures_util::future::join_all(all))
            .await;
    }
}
