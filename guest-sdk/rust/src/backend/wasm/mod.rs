//! The backend for WebAssembly components. Imports are calls to the host. A
//! store has one instance, so the handle is empty. An import that a plugin does
//! not use is not in its component.

pub mod exports;
mod http;

use crate::{
    http::{Hop, HttpResponse},
    types::{Content, Delivery, Error, Level, Message, Outgoing, Schedule, TimerOptions},
};

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::restriction,
    reason = "generated from the WIT files, which hold the documentation"
)]
#[rustfmt::skip]
#[path = "generated/imports.rs"]
mod bindings;

use bindings::mortise::plugin::{log, messages, storage, timers};

/// Writes to the log of this component's one instance.
#[cfg(feature = "tracing")]
pub(crate) fn log_here(level: Level, text: &str) {
    Handle.log(level, text);
}

/// The connection to the host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle;

impl Handle {
    pub(crate) fn send(&self, message: &Outgoing) -> Result<u64, Error> {
        messages::send(message)
    }

    pub(crate) fn send_to(
        &self,
        users: &[String],
        message: &Outgoing,
    ) -> Result<Vec<Delivery>, Error> {
        messages::send_to(users, message)
    }

    pub(crate) fn message(&self, id: u64) -> Result<Option<Message>, Error> {
        messages::get(id)
    }

    pub(crate) fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        messages::sent(before, limit)
    }

    pub(crate) fn received(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        messages::received(before, limit)
    }

    pub(crate) fn remove(&self, id: u64) -> Result<(), Error> {
        messages::remove(id)
    }

    pub(crate) fn update(&self, id: u64, content: &Content) -> Result<(), Error> {
        messages::update(id, content)
    }

    pub(crate) fn expire(&self, id: u64, at_ms: Option<u64>) -> Result<(), Error> {
        messages::expire(id, at_ms)
    }

    pub(crate) fn set_image(&self, application: Option<&str>, image: &[u8]) -> Result<(), Error> {
        messages::set_image(application, image)
    }

    pub(crate) fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        storage::get(key)
    }

    pub(crate) fn store(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        storage::set(key, value)
    }

    pub(crate) fn unset(&self, key: &str) -> Result<(), Error> {
        storage::remove(key)
    }

    pub(crate) fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        storage::keys(prefix)
    }

    pub(crate) fn set_timer(&self, name: &str, when: &Schedule) -> Result<(), Error> {
        timers::set(name, when)
    }

    pub(crate) fn set_timer_with(
        &self,
        name: &str,
        when: &Schedule,
        options: &TimerOptions,
    ) -> Result<(), Error> {
        timers::set_with(name, when, options)
    }

    pub(crate) fn cancel_timer(&self, name: &str) -> Result<(), Error> {
        timers::cancel(name)
    }

    pub(crate) fn log(&self, level: Level, text: &str) {
        log::write(level, text);
    }

    pub(crate) fn http(&self, hop: &Hop) -> Result<HttpResponse, Error> {
        http::send(hop)
    }
}
