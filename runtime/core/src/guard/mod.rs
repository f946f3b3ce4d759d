//! The one place that checks grants and bounds, for every backend.
//!
//! A backend holds one [`Guard`] for each instance. It asks the guard before it
//! calls the plugin ([`Guard::open_call`]), and passes all of the plugin's
//! requests through it. The guard checks the grant, then the bounds, and only
//! then calls [`Host`]. It counts a denial, writes it to the instance's log
//! with the missing grant, and returns it to the plugin.
//!
//! Rights may change while the instance runs ([`Guard::change`]).
//!
//! - `calls`: the checks of calls into the plugin, and of their answers.
//! - `requests`: the checks of the plugin's requests.
//! - `in_force`: the current rights, and the things opened with them.
//! - `denials`: the denials.
//! - `bucket`: a rate per minute.

mod addresses;
mod bucket;
mod calls;
mod denials;
mod in_force;
mod requests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use self::{
    bucket::Bucket,
    in_force::{Calls, Requests},
};
pub use self::{
    denials::{Denial, Denials, Reached},
    in_force::{Allowed, InForce, OpenCall, Rights},
};
use crate::{
    Host, Log,
    contract::types::{Error, Level, Permission},
    limits::Limit,
    log::Source,
};

/// Stands between one instance and its [`Host`].
pub struct Guard {
    host: Arc<dyn Host>,
    /// Looked at in each call, and hardly ever changed.
    in_force: ArcSwap<InForce>,
    log: Arc<Log>,
    denials: Arc<Denials>,
    sending: Mutex<Bucket>,
    writing: Mutex<Bucket>,
    requests: Arc<Requests>,
    calls: Calls,
    memory: AtomicU64,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Guard")
            .field("in_force", &self.in_force())
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard in front of `host`.
    pub fn new(host: Arc<dyn Host>, rights: Rights, log: Arc<Log>, denials: Arc<Denials>) -> Self {
        let sending = Mutex::new(Bucket::full(rights.limits.messages_per_minute));
        let writing = Mutex::new(Bucket::full(rights.limits.writes_per_minute));
        log.set_bound(rights.limits.log_bytes);
        denials.hold_to(&rights);
        Self {
            host,
            in_force: ArcSwap::from_pointee(InForce::new(rights)),
            log,
            denials,
            sending,
            writing,
            requests: Arc::default(),
            calls: Calls::default(),
            memory: AtomicU64::new(0),
        }
    }

    /// Returns the memory of the component behind it, in bytes; 0 for a process.
    pub fn memory_bytes(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    /// Notes that the component behind it has more memory.
    pub fn memory_grew(&self, bytes: u64) {
        self.memory.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes that the component behind it has less memory.
    pub fn memory_shrank(&self, bytes: u64) {
        self.memory.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the current rights and limits.
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Returns the longest time of a call.
    pub fn call_deadline(&self) -> Duration {
        self.in_force.load().limits.call_deadline()
    }

    /// Replaces the rights. All later requests must comply with the new ones.
    /// Closes everything that was opened with a lost right, or notifies its
    /// holder ([`InForce`]).
    pub fn change(&self, rights: Rights) {
        // Held to the end: one change follows another.
        let mut sending = self.sending.lock();
        sending.resize(rights.limits.messages_per_minute);
        self.writing.lock().resize(rights.limits.writes_per_minute);
        self.log.set_bound(rights.limits.log_bytes);
        self.denials.hold_to(&rights);
        let before = self.in_force.load_full();
        let (now, ended) = before.followed_by(rights);
        let now = Arc::new(now);
        self.in_force.store(Arc::clone(&now));
        if let Some(ended) = ended {
            ended.cancel();
        }
        drop(sending);
        let ended = self.requests.hold_to(&now.grants);
        if ended > 0 {
            let text = format!("{ended} requests to the outside were ended: the grant is gone");
            self.log.write(Level::Warn, Source::Host, &text);
        }
    }

    /// The instance's log.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Returns all denials so far.
    pub fn denials(&self) -> Vec<Denial> {
        self.denials.list()
    }

    /// Counts and logs that a permission is missing, and returns the text for
    /// the plugin.
    fn deny(&self, missing: &Permission, what: &str) -> String {
        let text = format!(
            "{what} needs the permission `{}`, which this plugin was not granted; \
             the manifest has to ask for it and a person to grant it",
            missing.name()
        );
        if self.denials.add(missing.name(), what, Some(missing)) {
            self.log
                .write(Level::Warn, Source::Host, &format!("denied: {text}"));
        }
        text
    }

    /// Counts and logs that a component asked for a socket or a look-up of a
    /// name, which no grant gives it.
    pub fn deny_socket(&self, what: &str) {
        if self.denials.add(SOCKETS, what, None) {
            let text = format!(
                "denied: {what}: components have no sockets; use the HTTP client of Mortise's SDK, \
                 which needs the permission `http`"
            );
            self.log.write(Level::Warn, Source::Host, &text);
        }
    }

    /// Counts that a limit was reached.
    pub fn reach(&self, limit: Limit) {
        self.denials.reach(limit);
    }

    /// Counts that a limit was reached, logs it the first time, and returns the
    /// text for the plugin. `what` is what the plugin has too many of.
    pub fn exhaust(&self, limit: Limit, what: &str) -> String {
        let text = format!(
            "{what}: its limit `{}` is {}",
            limit.name(),
            limit.of(&self.in_force.load().limits)
        );
        if self.denials.reach(limit) {
            let text = format!("limit reached: {text}");
            self.log.write(Level::Warn, Source::Host, &text);
        }
        text
    }

    /// Counts a reached limit, if the answer reports one.
    fn bounded<T>(&self, limit: Limit, answer: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Exhausted(_)) = &answer {
            self.reach(limit);
        }
        answer
    }

    /// Counts a rejection by the host.
    fn counted<T>(
        &self,
        permission: &Permission,
        what: &str,
        answer: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Err(Error::Denied(text)) = &answer
            && self.denials.add(permission.name(), what, None)
        {
            self.log
                .write(Level::Warn, Source::Host, &format!("denied: {text}"));
        }
        answer
    }

    fn require(&self, granted: bool, permission: &Permission, what: &str) -> Result<(), Error> {
        if granted {
            Ok(())
        } else {
            Err(Error::Denied(self.deny(permission, what)))
        }
    }
}

/// The name by which refused sockets are listed, in the place of a permission:
/// there is none for them.
pub const SOCKETS: &str = "sockets";

#[cfg(test)]
mod tests;
