//! Who is at work: for each user, the instances that are called for messages
//! and timers. Looked at for every message, so a user without plugins costs
//! one look into a map.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::Slot;

/// What an instance is called for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Active {
    pub(super) filter: bool,
    pub(super) listener: bool,
    pub(super) timer: bool,
}

/// All users with an instance at work.
#[derive(Debug, Default)]
pub(super) struct Working(RwLock<HashMap<i64, OfUser>>);

/// A user's instances at work.
#[derive(Debug, Default)]
struct OfUser {
    /// In the order in which they are asked.
    filters: Arc<[Arc<Slot>]>,
    listeners: Vec<Arc<Slot>>,
    timers: Vec<i64>,
}

impl OfUser {
    fn set_filters(&mut self, mut filters: Vec<Arc<Slot>>) {
        filters.sort_by_key(|slot| (slot.state().filter_order, slot.id));
        self.filters = filters.into();
    }
}

impl Working {
    /// A user's filters in their order; none if there is none.
    pub(super) fn filters(&self, user_id: i64) -> Option<Arc<[Arc<Slot>]>> {
        let users = self.read();
        let filters = &users.get(&user_id)?.filters;
        (!filters.is_empty()).then(|| Arc::clone(filters))
    }

    /// Wakes a user's listeners.
    pub(super) fn wake_listeners(&self, user_id: i64) {
        if let Some(user) = self.read().get(&user_id) {
            for slot in &user.listeners {
                slot.wake.notify_one();
            }
        }
    }

    /// Instances whose timers fire.
    pub(super) fn with_timers(&self) -> Vec<i64> {
        let users = self.read();
        users
            .values()
            .flat_map(|user| user.timers.iter().copied())
            .collect()
    }

    /// Puts an instance to its work, in place of the work it had.
    pub(super) fn put(&self, slot: &Arc<Slot>, active: Active) {
        let mut users = self.write();
        let user = users.entry(slot.user_id()).or_default();
        let others = user.filters.iter().filter(|other| other.id != slot.id);
        let own = active.filter.then_some(slot);
        user.set_filters(others.chain(own).cloned().collect());
        user.listeners.retain(|other| other.id != slot.id);
        user.timers.retain(|id| *id != slot.id);
        if active.listener {
            user.listeners.push(Arc::clone(slot));
        }
        if active.timer {
            user.timers.push(slot.id);
        }
    }

    pub(super) fn take(&self, slot: &Slot) {
        let mut users = self.write();
        if let Some(user) = users.get_mut(&slot.user_id()) {
            let others = user.filters.iter().filter(|other| other.id != slot.id);
            user.filters = others.cloned().collect();
            user.listeners.retain(|other| other.id != slot.id);
            user.timers.retain(|id| *id != slot.id);
            if user.filters.is_empty() && user.listeners.is_empty() && user.timers.is_empty() {
                users.remove(&slot.user_id());
            }
        }
    }

    /// Puts a user's filters in order again.
    pub(super) fn sort_filters(&self, user_id: i64) {
        if let Some(user) = self.write().get_mut(&user_id) {
            user.set_filters(user.filters.to_vec());
        }
    }

    // The map is whole at every point where a panic could poison the lock.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<i64, OfUser>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<i64, OfUser>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
