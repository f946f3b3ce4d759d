//! The state that all request handlers share.

use std::{ops::Deref, sync::Arc};

use arc_swap::{ArcSwap, Guard};
use mortise_store::{Store, TokenHash};

use crate::{
    Config,
    auth::{Authority, Passwords},
    changes::Changes,
    events::Events,
    images::Images,
    oidc::Oidc,
    pipeline::Pipeline,
    plugins::Plugins,
    rate::Rates,
    seen::Seen,
    stream::Hub,
    tls::Tls,
};

/// The parts of a running server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Parts>);

/// The target of dereferencing an [`AppState`].
#[derive(Debug)]
pub struct Parts {
    /// The settings it was started with. Those that may change are in
    /// [`Parts::settings`].
    pub config: Config,
    /// The settings as they are now.
    pub live: Live,
    /// The database.
    pub store: Store,
    /// The hash of the data directory's key.
    pub local_key: TokenHash,
    /// Password hashing and verification.
    pub passwords: Arc<Passwords>,
    /// Logins at an OpenID provider; none if there is none.
    pub(crate) oidc: Option<Oidc>,
    /// The counts since the start.
    pub seen: Arc<Seen>,
    /// How many messages senders may send now.
    pub(crate) rates: Rates,
    /// Connected WebSocket clients.
    pub hub: Arc<Hub>,
    /// Subscribers to live events.
    pub events: Arc<Events>,
    /// The plugins and their users' instances.
    pub plugins: Arc<Plugins>,
    /// The way messages enter.
    pub pipeline: Arc<Pipeline>,
    /// The turns of messages that are changed.
    pub(crate) changes: Changes,
    /// The images of applications.
    pub(crate) images: Images,
    /// The certificate for HTTPS; none if the server does not serve it.
    pub(crate) tls: Option<Arc<Tls>>,
}

/// Settings that may be replaced while the server runs.
#[derive(Debug)]
pub struct Live(ArcSwap<Config>);

impl Live {
    /// These settings, for now.
    pub fn new(config: Config) -> Self {
        Self(ArcSwap::from_pointee(config))
    }

    fn replace(&self, config: Config) {
        self.0.store(Arc::new(config));
    }
}

impl Parts {
    /// The settings as they are now.
    pub fn settings(&self) -> Arc<Config> {
        self.live.0.load_full()
    }

    /// The same, for a moment without waiting: it shares no counter with other requests.
    pub(crate) fn settings_now(&self) -> Guard<Arc<Config>> {
        self.live.0.load()
    }

    /// Returns the time now by the server's clock, in milliseconds since the epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.config.clock.now_ms()
    }

    /// Replaces the settings that may change while the server runs.
    pub(crate) fn set_settings(&self, config: Config) {
        self.hub.set_most(config.limits.max_streams);
        self.events.set_most(config.limits.max_event_streams);
        self.live.replace(config);
    }

    /// The parts that decide who a caller is.
    pub(crate) fn authority(&self) -> Authority<'_> {
        Authority {
            config: self.settings(),
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
