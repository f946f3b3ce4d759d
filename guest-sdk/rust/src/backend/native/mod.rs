//! The backend for programs of the machine itself. Imports go to a [`Host`]: in
//! unit tests [`crate::testing`], and in a process that a server started the
//! server, over the native plugin protocol.
//!
//! - `exports`: passes the protocol's calls to the plugin's traits.
//! - `serve`: the process: handshake, instances, their calls.
//! - `wire`: frames over the socket, and calls to the host.
//! - `web`: HTTP requests, which a process sends itself.

pub mod exports;
#[cfg(unix)]
mod serve;
#[cfg(unix)]
mod web;
#[cfg(unix)]
mod wire;

use std::{fmt, sync::Arc};

use crate::{
    http::{Hop, HttpResponse},
    types::{Content, Delivery, Error, Level, Message, Outgoing, Schedule, TimerOptions},
};

/// The contract's imports, and one HTTP request. Calls block.
pub(crate) trait Host: Send + Sync {
    fn send(&self, message: &Outgoing) -> Result<u64, Error>;
    fn send_to(&self, users: &[String], message: &Outgoing) -> Result<Vec<Delivery>, Error>;
    fn message(&self, id: u64) -> Result<Option<Message>, Error>;
    fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error>;
    fn received(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error>;
    fn remove(&self, id: u64) -> Result<(), Error>;
    fn update(&self, id: u64, content: &Content) -> Result<(), Error>;
    fn expire(&self, id: u64, at_ms: Option<u64>) -> Result<(), Error>;
    fn set_image(&self, application: Option<&str>, image: &[u8]) -> Result<(), Error>;
    fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error>;
    fn store(&self, key: &str, value: &[u8]) -> Result<(), Error>;
    fn unset(&self, key: &str) -> Result<(), Error>;
    fn keys(&self, prefix: &str) -> Result<Vec<String>, Error>;
    fn set_timer(&self, name: &str, when: &Schedule) -> Result<(), Error>;
    fn set_timer_with(
        &self,
        name: &str,
        when: &Schedule,
        options: &TimerOptions,
    ) -> Result<(), Error>;
    fn cancel_timer(&self, name: &str) -> Result<(), Error>;
    fn log(&self, level: Level, text: &str);
    fn http(&self, hop: &Hop) -> Result<HttpResponse, Error>;
}

/// The connection to the host.
#[derive(Clone)]
pub(crate) struct Handle(Arc<dyn Host>);

impl Handle {
    pub(crate) fn new(host: Arc<dyn Host>) -> Self {
        Self(host)
    }
}

impl std::ops::Deref for Handle {
    type Target = dyn Host;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

#[cfg(feature = "tracing")]
thread_local! {
    /// The host of the instance whose thread this is.
    static HERE: std::cell::RefCell<Option<Handle>> = const { std::cell::RefCell::new(None) };
}

/// Makes this thread an instance's.
#[cfg(all(feature = "tracing", any(test, unix)))]
pub(crate) fn enter(handle: Handle) {
    HERE.set(Some(handle));
}

/// Writes to the log of the instance whose thread this is. The plugin's other threads write
/// to standard error, which the host logs.
#[cfg(feature = "tracing")]
pub(crate) fn log_here(level: Level, text: &str) {
    use std::io::Write as _;

    HERE.with_borrow(|here| match here {
        Some(handle) => handle.log(level, text),
        None => {
            // There is no other place to report that this one is closed.
            let _ = writeln!(std::io::stderr(), "{level:?}: {text}");
        }
    });
}

impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Handle")
    }
}
