//! The state that all request handlers share.

use std::{ops::Deref, sync::Arc};

use crate::{
    Config,
    auth::{Authority, Passwords, TokenHash},
    events::Events,
    pipeline::Pipeline,
    plugins::Plugins,
    store::Store,
    stream::Hub,
};

/// The parts of a running server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Parts>);

/// The target of dereferencing an [`AppState`].
#[derive(Debug)]
pub struct Parts {
    /// The settings it was started with.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// The hash of the data directory's key.
    pub local_key: TokenHash,
    /// Password hashing and verification.
    pub passwords: Passwords,
    /// Connected WebSocket clients.
    pub hub: Arc<Hub>,
    /// Subscribers to live events.
    pub events: Arc<Events>,
    /// The plugins and their users' instances.
    pub plugins: Arc<Plugins>,
    /// The way messages enter.
    pub pipeline: Arc<Pipeline>,
}

impl Parts {
    /// The parts that decide who a caller is.
    pub(crate) fn authority(&self) -> Authority<'_> {
        Authority {
            config: &self.config,
            store: &self.store,
            passwords: &self.passwords,
            local_key: &self.local_key,
        }
    }

    /// Closes the streams of a client that was deleted.
    pub fn close_client(&self, client_id: i64) {
        self.hub.close_client(client_id);
        self.events.close_client(client_id);
    }

    /// Closes the streams of a user who was deleted.
    pub fn close_user(&self, user_id: i64) {
        self.hub.close_user(user_id);
        self.events.close_user(user_id);
    }
}

impl From<Parts> for AppState {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
