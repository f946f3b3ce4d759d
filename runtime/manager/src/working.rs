//! The instances at work: for each user, those that are called for messages and
//! timers, and the filters that a user's chain must not do without. Looked at for
//! every message, so a user without plugins costs one look into a map.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Slot;

/// The calls that an instance receives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Active {
    pub(super) filter: bool,
    pub(super) listener: bool,
    pub(super) timer: bool,
}

/// All users with an instance at work.
#[derive(Debug, Default)]
pub(super) struct Working(RwLock<HashMap<i64, OfUser>>);

/// A user's filters, as a message meets them.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    /// Those at work, in the order in which they are asked.
    pub(super) filters: Vec<Arc<Slot>>,
    /// Those without which no message passes and which are not at work.
    pub(super) absent: Vec<Required>,
}

/// A filter whose failure refuses a message.
#[derive(Clone, Debug)]
pub(super) struct Required {
    pub(super) instance: i64,
    /// The plugin's id.
    pub(super) plugin: String,
    /// The ids of the applications whose messages it is asked about; none for all.
    pub(super) applications: Option<Vec<u64>>,
}

impl Required {
    /// Returns true if it is asked about messages of an application.
    pub(super) fn filters(&self, application: u64) -> bool {
        covers(self.applications.as_deref(), application)
    }
}

/// Returns true if a filter with these applications is asked about messages of one; none
/// stands for all.
pub(super) fn covers(applications: Option<&[u64]>, application: u64) -> bool {
    applications.is_none_or(|all| all.contains(&application))
}

/// A user's instances at work.
#[derive(Debug, Default)]
struct OfUser {
    chain: Arc<Chain>,
    /// By instance.
    required: BTreeMap<i64, Required>,
    listeners: Vec<Arc<Slot>>,
    timers: Vec<i64>,
}

impl OfUser {
    fn set_filters(&mut self, mut filters: Vec<Arc<Slot>>) {
        filters.sort_by_key(|slot| (slot.state().filter_order, slot.id));
        Arc::make_mut(&mut self.chain).filters = filters;
        self.note_absent();
    }

    fn note_absent(&mut self) {
        let at_work = |id: i64| self.chain.filters.iter().any(|slot| slot.id == id);
        let absent = self.required.values().filter(|one| !at_work(one.instance));
        let absent = absent.cloned().collect();
        Arc::make_mut(&mut self.chain).absent = absent;
    }

    fn is_empty(&self) -> bool {
        self.chain.filters.is_empty()
            && self.required.is_empty()
            && self.listeners.is_empty()
            && self.timers.is_empty()
    }
}

impl Working {
    /// A user's filters; none if there is none.
    pub(super) fn filters(&self, user_id: i64) -> Option<Arc<Chain>> {
        let users = self.read();
        let chain = &users.get(&user_id)?.chain;
        let any = !chain.filters.is_empty() || !chain.absent.is_empty();
        any.then(|| Arc::clone(chain))
    }

    /// Has no message of a user pass without this filter.
    pub(super) fn require(&self, user_id: i64, filter: Required) {
        let mut users = self.write();
        let user = users.entry(user_id).or_default();
        user.required.insert(filter.instance, filter);
        user.note_absent();
    }

    /// Lets messages of a user pass without this filter.
    pub(super) fn unrequire(&self, user_id: i64, instance: i64) {
        self.unrequire_where(|user, id, _| user == user_id && id == instance);
    }

    /// Lets messages pass without any filter of a plugin, which was uninstalled.
    pub(super) fn unrequire_plugin(&self, plugin: &str) {
        self.unrequire_where(|_, _, of| of == plugin);
    }

    /// Forgets the filters of a user who was deleted.
    pub(super) fn unrequire_user(&self, user_id: i64) {
        self.unrequire_where(|user, _, _| user == user_id);
    }

    fn unrequire_where(&self, which: impl Fn(i64, i64, &str) -> bool) {
        self.write().retain(|user_id, user| {
            user.required
                .retain(|instance, filter| !which(*user_id, *instance, &filter.plugin));
            user.note_absent();
            !user.is_empty()
        });
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
        let others = user
            .chain
            .filters
            .iter()
            .filter(|other| other.id != slot.id);
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
            let others = user
                .chain
                .filters
                .iter()
                .filter(|other| other.id != slot.id);
            let others = others.cloned().collect();
            user.set_filters(others);
            user.listeners.retain(|other| other.id != slot.id);
            user.timers.retain(|id| *id != slot.id);
            if user.is_empty() {
                users.remove(&slot.user_id());
            }
        }
    }

    /// Puts a user's filters in order again.
    pub(super) fn sort_filters(&self, user_id: i64) {
        if let Some(user) = self.write().get_mut(&user_id) {
            user.set_filters(user.chain.filters.clone());
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<i64, OfUser>> {
        self.0.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<i64, OfUser>> {
        self.0.write()
    }
}
