//! The bounds of what the host holds for guests beside their memory.
//!
//! A store's resource table has as many entries as its limit `handles`, and
//! every entry is bounded in bytes: so is their product. What takes a descriptor
//! of the process is counted too, per store by the limits `open-files` and
//! `open-requests`, and for all stores together by [`Descriptors`].

use std::{any::Any, sync::Weak};

use parking_lot::Mutex;

/// The most bytes of one set of header fields, as kept in memory.
pub(super) const FIELD_BYTES: usize = 32 << 10;
/// The most bytes of an outgoing body that wait to be sent.
pub(super) const BODY_BYTES: usize = 64 << 10;

/// Things that have an end of their own: counted while they are there.
#[derive(Debug, Default)]
pub(super) struct OpenResources(Vec<Weak<dyn Any + Send + Sync>>);

impl OpenResources {
    /// Whether there is room for one more, of so many.
    pub(super) fn has_room(&mut self, most: usize) -> bool {
        if self.0.len() >= most {
            self.0.retain(|thing| thing.strong_count() > 0);
        }
        self.0.len() < most
    }

    pub(super) fn add(&mut self, thing: Weak<dyn Any + Send + Sync>) {
        self.0.push(thing);
    }
}

/// The descriptors of the process that guests of all plugins hold together.
#[derive(Debug)]
pub(super) struct Descriptors {
    most: usize,
    held: Mutex<OpenResources>,
}

impl Descriptors {
    /// Leaves as many to the rest of the process as it lets guests have.
    pub(super) fn new() -> Self {
        Self {
            most: usize::try_from(process_limit() / 2).unwrap_or(usize::MAX),
            held: Mutex::default(),
        }
    }

    /// Whether guests may hold one more.
    pub(super) fn has_room(&self) -> bool {
        let mut held = self.held.lock();
        held.has_room(self.most)
    }

    /// Counts one while it is there.
    pub(super) fn add(&self, thing: Weak<dyn Any + Send + Sync>) {
        let mut held = self.held.lock();
        held.add(thing);
    }
}

/// The number of descriptors that this process may have.
#[cfg(unix)]
fn process_limit() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.unwrap_or(1 << 20)
}

#[cfg(not(unix))]
fn process_limit() -> u64 {
    8192
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Weak};

    use super::OpenResources;

    #[test]
    fn counts_what_is_still_there() {
        let mut held = OpenResources::default();
        let things: Vec<Arc<u8>> = vec![Arc::new(0), Arc::new(1)];
        for thing in &things {
            assert!(held.has_room(2));
            let thing: Weak<u8> = Arc::downgrade(thing);
            held.add(thing);
        }
        assert!(!held.has_room(2));
        drop(things);
        assert!(held.has_room(2));
    }
}
