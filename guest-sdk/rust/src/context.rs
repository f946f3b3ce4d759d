//! [`Context`]: the functions of the host. It only prepares arguments and
//! passes them to the backend. The host checks grants and bounds.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    backend::Handle,
    http::{self, HttpRequest, HttpResponse},
    types::{Content, Delivery, Error, Level, Message, Outgoing, Schedule, TimerOptions},
};

/// The connection of one instance to the host. Cheap to clone; usable from any
/// thread.
#[derive(Clone, Debug)]
pub struct Context {
    handle: Handle,
}

impl Context {
    pub(crate) const fn new(handle: Handle) -> Self {
        Self { handle }
    }

    /// Sends a message to the user and returns its id after it was stored.
    /// Takes a [`Content`] or an [`Outgoing`]. Needs `send-messages`.
    ///
    /// # Errors
    ///
    /// Denied without the grant, exhausted if the instance sends too many
    /// messages in a minute.
    pub fn send(&self, message: impl Into<Outgoing>) -> Result<u64, Error> {
        self.handle.send(&message.into())
    }

    /// Sends a message to each of these users: their names, or `*` for all that are
    /// granted. Takes a [`Content`] or an [`Outgoing`]. Returns one delivery for each
    /// user, in order. Needs `send-to-users`.
    ///
    /// # Errors
    ///
    /// Denied if a user is not granted, invalid for more than 1000 users. An error of
    /// one user is in that user's delivery.
    pub fn send_to<U: Into<String>>(
        &self,
        users: impl IntoIterator<Item = U>,
        message: impl Into<Outgoing>,
    ) -> Result<Vec<Delivery>, Error> {
        let users: Vec<String> = users.into_iter().map(Into::into).collect();
        self.handle.send_to(&users, &message.into())
    }

    /// Returns one message; none if the plugin may not read such a message.
    ///
    /// # Errors
    ///
    /// As the host answers.
    pub fn message(&self, id: u64) -> Result<Option<Message>, Error> {
        self.handle.message(id)
    }

    /// Returns messages that this plugin sent, newest first. With `before`,
    /// returns only those with a smaller id. `limit` is 1 to 200.
    ///
    /// # Errors
    ///
    /// As the host answers.
    pub fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        self.handle.sent(before, limit)
    }

    /// Returns messages of the applications that the plugin may read, in the
    /// same order. Needs `read-messages`.
    ///
    /// # Errors
    ///
    /// Denied without the grant.
    pub fn received(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        self.handle.received(before, limit)
    }

    /// Deletes a message that this plugin sent. Does nothing if it does not
    /// exist.
    ///
    /// # Errors
    ///
    /// Denied if another application sent it.
    pub fn remove(&self, id: u64) -> Result<(), Error> {
        self.handle.remove(id)
    }

    /// Replaces the content of a message that this plugin sent. Connected clients
    /// receive it again with the same id, listeners do not. Needs `send-messages`.
    ///
    /// # Errors
    ///
    /// Denied without the grant, or if another application sent it; invalid if there
    /// is no such message.
    pub fn update(&self, id: u64, content: Content) -> Result<(), Error> {
        self.handle.update(id, &content)
    }

    /// Has the server delete a message that this plugin sent at this time, in
    /// milliseconds since the epoch, or within a minute after it; at once if it has
    /// passed. None: never. Needs `send-messages`.
    ///
    /// # Errors
    ///
    /// Those of [`Context::update`].
    pub fn expire(&self, id: u64, at_ms: Option<u64>) -> Result<(), Error> {
        self.handle.expire(id, at_ms)
    }

    /// Sets the image of one of the plugin's applications; of the one named after the
    /// plugin, if there is no name. PNG, JPEG, GIF or WebP, at most 1 MiB; empty bytes
    /// remove it. Needs `send-messages`.
    ///
    /// # Errors
    ///
    /// Denied without the grant, invalid for bytes that are no such image.
    pub fn set_image(&self, application: Option<&str>, image: &[u8]) -> Result<(), Error> {
        self.handle.set_image(application, image)
    }

    /// Returns the storage, which outlives the instance.
    pub const fn storage(&self) -> Storage<'_> {
        Storage(&self.handle)
    }

    /// Returns the timers.
    pub const fn timers(&self) -> Timers<'_> {
        Timers(&self.handle)
    }

    /// Sends an HTTP request. Follows redirects; the host checks each of them
    /// as a separate request. Needs `http` for all hosts. A response of any
    /// status is a success; see [`HttpResponse::ok`].
    ///
    /// # Errors
    ///
    /// Denied for a host without a grant, invalid for a malformed request or a
    /// response beyond [`HttpRequest::max_body`] or
    /// [`HttpRequest::max_redirects`], unavailable if no response came.
    pub fn http(&self, request: HttpRequest) -> Result<HttpResponse, Error> {
        http::follow(request, |hop| self.handle.http(hop))
    }

    /// Sends a request of the crate `http`, and returns the whole response in its types:
    /// [`Context::http`] with the defaults of [`HttpRequest`]. To change them, convert the
    /// request with [`HttpRequest::from`].
    ///
    /// # Errors
    ///
    /// Those of [`Context::http`].
    #[cfg(feature = "http")]
    pub fn request<B: Into<Vec<u8>>>(
        &self,
        request: ::http::Request<B>,
    ) -> Result<::http::Response<Vec<u8>>, Error> {
        self.http(request.into())?.try_into()
    }

    /// Writes to the instance's log. Cuts entries at 8 KiB.
    pub fn log(&self, level: Level, text: impl AsRef<str>) {
        self.handle.log(level, text.as_ref());
    }

    /// Logs single steps.
    pub fn trace(&self, text: impl AsRef<str>) {
        self.log(Level::Trace, text);
    }

    /// Logs details for finding errors.
    pub fn debug(&self, text: impl AsRef<str>) {
        self.log(Level::Debug, text);
    }

    /// Logs normal events.
    pub fn info(&self, text: impl AsRef<str>) {
        self.log(Level::Info, text);
    }

    /// Logs warnings for the user.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.log(Level::Warn, text);
    }

    /// Logs errors.
    pub fn error(&self, text: impl AsRef<str>) {
        self.log(Level::Error, text);
    }
}

/// A small key-value store for each user and plugin. Keys have 1 to 256 bytes.
/// A quota bounds the sum of keys and values.
#[derive(Clone, Copy, Debug)]
pub struct Storage<'a>(&'a Handle);

impl Storage<'_> {
    /// Returns the stored bytes, if any.
    ///
    /// # Errors
    ///
    /// As the host answers.
    pub fn get_bytes(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.load(key)
    }

    /// Stores bytes durably.
    ///
    /// # Errors
    ///
    /// Exhausted beyond the quota.
    pub fn set_bytes(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.0.store(key, value)
    }

    /// Returns the [stored](Storage::set) value, if any.
    ///
    /// # Errors
    ///
    /// Invalid if the stored value has another type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.0
            .load(key)?
            .map(|bytes| {
                serde_json::from_slice(&bytes).map_err(|error| {
                    Error::Invalid(format!(
                        "the value stored under `{key}` has another form: {error}"
                    ))
                })
            })
            .transpose()
    }

    /// Stores a value durably, as JSON.
    ///
    /// # Errors
    ///
    /// Invalid if JSON cannot express it, exhausted beyond the quota.
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| Error::Invalid(format!("the value for `{key}`: {error}")))?;
        self.0.store(key, &bytes)
    }

    /// Removes a key. Does nothing if it does not exist.
    ///
    /// # Errors
    ///
    /// As the host answers.
    pub fn remove(&self, key: &str) -> Result<(), Error> {
        self.0.unset(key)
    }

    /// Returns all keys that start with `prefix`, sorted.
    ///
    /// # Errors
    ///
    /// As the host answers.
    pub fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.0.keys(prefix)
    }
}

/// Timers for each user and plugin. They outlive instances and restarts.
#[derive(Clone, Copy, Debug)]
pub struct Timers<'a>(&'a Handle);

impl Timers<'_> {
    /// Sets or replaces the timer with this name (1 to 64 characters).
    ///
    /// # Errors
    ///
    /// Denied without the grant, invalid for a malformed schedule, exhausted
    /// beyond 32 timers.
    pub fn set(&self, name: &str, when: Schedule) -> Result<(), Error> {
        self.0.set_timer(name, &when)
    }

    /// Sets or replaces a timer with a time zone, jitter, or another treatment of
    /// missed runs. [`Timers::set`] has the user's time zone, no jitter, and fires once
    /// for missed runs.
    ///
    /// # Errors
    ///
    /// Those of [`Timers::set`], and invalid for an unknown time zone or a jitter that
    /// is too long.
    pub fn set_with(&self, name: &str, when: Schedule, options: TimerOptions) -> Result<(), Error> {
        self.0.set_timer_with(name, &when, &options)
    }

    /// Cancels a timer. Does nothing if it does not exist.
    ///
    /// # Errors
    ///
    /// As the host answers.
    pub fn cancel(&self, name: &str) -> Result<(), Error> {
        self.0.cancel_timer(name)
    }
}
