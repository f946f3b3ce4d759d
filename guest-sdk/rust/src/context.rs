//! [`Context`]: what a plugin asks of its host. It only shapes arguments and
//! passes them to the backend; grants and bounds are the host's to check.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    backend::Handle,
    http::{self, HttpRequest, HttpResponse},
    types::{Error, Level, Message, Outgoing, Schedule},
};

/// The way to the host, for one instance. Cheap to clone; usable from any
/// thread.
#[derive(Clone, Debug)]
pub struct Context {
    handle: Handle,
}

impl Context {
    pub(crate) const fn new(handle: Handle) -> Self {
        Self { handle }
    }

    /// Sends a message to the user and returns its id once it is stored. Takes
    /// a [`crate::types::Content`] or an [`Outgoing`]. Needs `send-messages`.
    ///
    /// # Errors
    ///
    /// Denied without the grant, exhausted when too many are sent in a minute.
    pub fn send(&self, message: impl Into<Outgoing>) -> Result<u64, Error> {
        self.handle.send(&message.into())
    }

    /// One message; none if there is none that this plugin may read.
    ///
    /// # Errors
    ///
    /// As the host answers.
    pub fn message(&self, id: u64) -> Result<Option<Message>, Error> {
        self.handle.message(id)
    }

    /// Messages this plugin sent, newest first, older than the id `before`
    /// where given; at most `limit`, which is 1 to 200.
    ///
    /// # Errors
    ///
    /// As the host answers.
    pub fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        self.handle.sent(before, limit)
    }

    /// Messages of the applications it was granted to read, in the same order.
    /// Needs `read-messages`.
    ///
    /// # Errors
    ///
    /// Denied without the grant.
    pub fn received(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        self.handle.received(before, limit)
    }

    /// Deletes a message this plugin sent; nothing if it is gone already.
    ///
    /// # Errors
    ///
    /// Denied if another sent it.
    pub fn remove(&self, id: u64) -> Result<(), Error> {
        self.handle.remove(id)
    }

    /// What outlives the instance.
    pub const fn storage(&self) -> Storage<'_> {
        Storage(&self.handle)
    }

    /// Being woken.
    pub const fn timers(&self) -> Timers<'_> {
        Timers(&self.handle)
    }

    /// Calls out by HTTP. Follows redirects, each of which the host checks as
    /// a request of its own. Needs `http` for the hosts called. A response of
    /// any status is a response: see [`HttpResponse::ok`].
    ///
    /// # Errors
    ///
    /// Denied for a host that was not granted, invalid for a malformed request
    /// or a response beyond [`HttpRequest::max_body`] or
    /// [`HttpRequest::max_redirects`], unavailable when no response came.
    pub fn http(&self, request: HttpRequest) -> Result<HttpResponse, Error> {
        http::follow(request, |hop| self.handle.http(hop))
    }

    /// Writes to the instance's log; what exceeds 8 KiB is cut.
    pub fn log(&self, level: Level, text: impl AsRef<str>) {
        self.handle.log(level, text.as_ref());
    }

    /// Logs what helps when following the plugin's every step.
    pub fn trace(&self, text: impl AsRef<str>) {
        self.log(Level::Trace, text);
    }

    /// Logs what helps when looking for an error.
    pub fn debug(&self, text: impl AsRef<str>) {
        self.log(Level::Debug, text);
    }

    /// Logs what happened as it should.
    pub fn info(&self, text: impl AsRef<str>) {
        self.log(Level::Info, text);
    }

    /// Logs what the user should look at.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.log(Level::Warn, text);
    }

    /// Logs what went wrong.
    pub fn error(&self, text: impl AsRef<str>) {
        self.log(Level::Error, text);
    }
}

/// A small key-value store per user and plugin. Keys are 1 to 256 bytes; the
/// sum of keys and values is bounded by a quota.
#[derive(Clone, Copy, Debug)]
pub struct Storage<'a>(&'a Handle);

impl Storage<'_> {
    /// The bytes last set, if any.
    ///
    /// # Errors
    ///
    /// As the host answers.
    pub fn get_bytes(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.load(key)
    }

    /// Stores bytes durably before it returns.
    ///
    /// # Errors
    ///
    /// Exhausted beyond the quota.
    pub fn set_bytes(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.0.store(key, value)
    }

    /// The value last [set](Storage::set), if any.
    ///
    /// # Errors
    ///
    /// Invalid if what is stored is not such a value.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.0
            .load(key)?
            .map(|bytes| {
                serde_json::from_slice(&bytes).map_err(|error| {
                    Error::Invalid(format!(
                        "what is stored under `{key}` has another form: {error}"
                    ))
                })
            })
            .transpose()
    }

    /// Stores a value, as JSON, durably before it returns.
    ///
    /// # Errors
    ///
    /// Invalid if JSON cannot express it, exhausted beyond the quota.
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| Error::Invalid(format!("the value for `{key}`: {error}")))?;
        self.0.store(key, &bytes)
    }

    /// Removes a key; nothing if it is not there.
    ///
    /// # Errors
    ///
    /// As the host answers.
    pub fn remove(&self, key: &str) -> Result<(), Error> {
        self.0.unset(key)
    }

    /// All keys that start with `prefix`, sorted.
    ///
    /// # Errors
    ///
    /// As the host answers.
    pub fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.0.keys(prefix)
    }
}

/// Timers per user and plugin, which outlive instances and restarts.
#[derive(Clone, Copy, Debug)]
pub struct Timers<'a>(&'a Handle);

impl Timers<'_> {
    /// Sets or replaces the timer of this name (1 to 64 characters).
    ///
    /// # Errors
    ///
    /// Denied without the grant, invalid for a schedule that is malformed,
    /// exhausted beyond 32 timers.
    pub fn set(&self, name: &str, when: Schedule) -> Result<(), Error> {
        self.0.set_timer(name, &when)
    }

    /// Cancels a timer; nothing if there is none.
    ///
    /// # Errors
    ///
    /// As the host answers.
    pub fn cancel(&self, name: &str) -> Result<(), Error> {
        self.0.cancel_timer(name)
    }
}
