//! The embedder's functions for plugins: the contract's imports as methods.
//!
//! One [`Host`] serves one instance, so it knows its user and plugin. Only the
//! [`crate::Guard`] calls it, after it has checked the grant and the bounds of
//! every argument.

use async_trait::async_trait;

use crate::{
    contract::{
        schedule::Timing,
        types::{Content, Error, Message, Outgoing},
    },
    grants::Applications,
};

/// The answer of a host that lacks a function.
fn not_offered<T>(what: &str) -> Result<T, Error> {
    Err(Error::Unavailable(format!(
        "this host does not offer {what}"
    )))
}

/// The origin of a plugin's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A call that is not its filter's. The message passes the user's filters, except the
    /// plugin's own.
    Plugin,
    /// The plugin's filter, while it decides about a message. The message passes no
    /// filter: two filters that send would call each other without end.
    PluginFilter,
}

impl Origin {
    /// Returns true if the message passes filters.
    pub const fn is_filtered(self) -> bool {
        matches!(self, Self::Plugin)
    }
}

/// The imports of one instance. Functions with a default are those that a host may
/// lack.
#[async_trait]
pub trait Host: Send + Sync {
    /// Stores a message for the user, past the filters that its origin allows, and returns
    /// its id.
    async fn send(&self, message: Outgoing, origin: Origin) -> Result<u64, Error>;

    /// One message, if this plugin sent it or it comes from one of `readable`.
    async fn message(&self, id: u64, readable: &Applications) -> Result<Option<Message>, Error>;

    /// Messages this plugin sent, newest first, with an id below `before`;
    /// `limit` is 1 to 200.
    async fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error>;

    /// Messages of `readable` applications, in the same order.
    async fn received(
        &self,
        before: Option<u64>,
        limit: u32,
        readable: &Applications,
    ) -> Result<Vec<Message>, Error>;

    /// Deletes a message this plugin sent; nothing if there is none.
    /// [`Error::Denied`] if another sent it.
    async fn remove_message(&self, id: u64) -> Result<(), Error>;

    /// Replaces the content of a message this plugin sent, past the filters that its
    /// origin allows. [`Error::Invalid`] if there is no such message, [`Error::Denied`] if
    /// another sent it.
    async fn update_message(
        &self,
        _id: u64,
        _content: Content,
        _origin: Origin,
    ) -> Result<(), Error> {
        not_offered("changing a message")
    }

    /// Sets the time at which a message this plugin sent is deleted; none for never.
    /// Errors as [`Host::update_message`].
    async fn expire_message(&self, _id: u64, _at_ms: Option<u64>) -> Result<(), Error> {
        not_offered("setting the end of a message")
    }

    /// The names of all users.
    async fn users(&self) -> Result<Vec<String>, Error> {
        not_offered("sending a message to other users")
    }

    /// Stores a message for the user with this name, past the filters of that user that
    /// its origin allows, and returns its id. [`Error::Invalid`] if there is no such user.
    async fn send_to(
        &self,
        _user: &str,
        _message: Outgoing,
        _origin: Origin,
    ) -> Result<u64, Error> {
        not_offered("sending a message to other users")
    }

    /// Sets the image of one of the plugin's applications, the main one if there is no
    /// name; an empty one removes it.
    async fn set_image(&self, _application: Option<&str>, _image: Vec<u8>) -> Result<(), Error> {
        not_offered("setting an application's image")
    }

    /// The value stored under a key.
    async fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Stores a value durably. [`Error::Exhausted`] if all keys and values
    /// would then take more than `quota` bytes.
    async fn store(&self, key: &str, value: Vec<u8>, quota: u64) -> Result<(), Error>;

    /// Removes a key; nothing if there is none.
    async fn unset(&self, key: &str) -> Result<(), Error>;

    /// Keys that start with `prefix`, sorted.
    async fn keys(&self, prefix: &str) -> Result<Vec<String>, Error>;

    /// Sets or replaces a timer. [`Error::Invalid`] if a cron expression or a time
    /// zone does not parse, [`Error::Exhausted`] if there would be more than `most`.
    async fn set_timer(&self, name: &str, timing: Timing, most: u32) -> Result<(), Error>;

    /// Cancels a timer; nothing if there is none.
    async fn cancel_timer(&self, name: &str) -> Result<(), Error>;

    /// The value of an environment variable that was granted: that of this
    /// process, for a host that has no others.
    fn environment(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    /// Notes an HTTP request that the grants do not allow, for a host that lists the
    /// effects that a plugin would have had. The address has no query and no user.
    fn note_denied_request(&self, _method: &str, _url: &str) {}
}
