//! Noticing changes: one task for all subscribers compares the state of plugins
//! with the state that it saw last. So it reports a change whatever its cause,
//! and reports a thousand changes between two looks once. Without subscribers,
//! it does not look at all.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use mortise_runtime::{
    Log, Plugin as _,
    guard::Denial,
    log::{Entry, Source},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Event, Events};
use crate::{
    api::{Denied, DeniedTo, LogEntry, LogLine, Problem, all_problems},
    auth::Access,
    plugins::{Pending, PluginState, Slot, Status, logs::Line},
    state::AppState,
};

/// How often it looks.
const LOOK: Duration = Duration::from_millis(250);
/// Texts of log entries in one event, in bytes.
const LOG_BYTES: usize = 64 << 10;

/// The first event of a subscriber.
#[derive(Debug, Serialize, ToSchema)]
pub struct StateEvent<'a> {
    /// The subscriber's plugins.
    #[schema(value_type = Vec<PluginChange>)]
    plugins: Vec<&'a PluginChange>,
    /// The administrator's part; none for others.
    admin: Option<AdminState<'a>>,
}

/// The administrator's part of the first event.
#[derive(Debug, Serialize, ToSchema)]
struct AdminState<'a> {
    #[schema(value_type = Vec<Status>)]
    plugins: Vec<&'a Status>,
    #[schema(value_type = Vec<Pending>)]
    pending: &'a [Pending],
    #[schema(value_type = Vec<Problem>)]
    problems: &'a [Problem],
}

/// A plugin of a user, as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginChange {
    id: i64,
    module_path: String,
    name: String,
    version: String,
    enabled: bool,
    /// Whether it is enabled and can be called.
    at_work: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// Whether it is down, or the last call of one of its functions failed.
    failing: bool,
}

#[derive(Serialize)]
struct Gone<'a, Id: ?Sized> {
    id: &'a Id,
    gone: bool,
}

#[derive(Serialize)]
struct LogEvent {
    id: i64,
    entries: Vec<LogEntry>,
    missed: u64,
}

#[derive(Serialize)]
struct LinesEvent<'a> {
    id: &'a str,
    lines: Vec<LogLine>,
    missed: u64,
}

#[derive(Serialize)]
struct DenialsEvent<'a, Id: ?Sized, Of> {
    id: &'a Id,
    denials: Vec<Of>,
}

/// Looks until it is dropped.
pub(crate) async fn run(state: AppState) {
    loop {
        state.events.came.notified().await;
        let mut seen = Seen::default();
        let mut ticks = tokio::time::interval(LOOK);
        while let Some(wanted) = Wanted::of(&state.events) {
            let told = seen.look(&state, &wanted);
            told.hand_over(&state.events, &seen);
            tokio::select! {
                _ = ticks.tick() => {}
                // The first tick comes at once, and new subscribers get the state at once.
                () = state.events.came.notified() => {}
            }
        }
    }
}

/// The users who are subscribed.
struct Wanted {
    users: BTreeSet<i64>,
    admin: bool,
}

impl Wanted {
    /// None without subscribers.
    fn of(events: &Events) -> Option<Self> {
        let subscribers = events.lock();
        let users: BTreeSet<i64> = subscribers.iter().map(|one| one.caller.user.id).collect();
        (!users.is_empty()).then(|| Self {
            users,
            admin: subscribers.iter().any(|one| one.may(Access::Admin)),
        })
    }
}

/// The state at the last look.
#[derive(Default)]
struct Seen {
    users: HashMap<i64, OfUser>,
    admin: Option<OfAdmin>,
}

#[derive(Default)]
struct OfUser {
    plugins: BTreeMap<i64, PluginChange>,
    read: HashMap<i64, u64>,
    denials: HashMap<i64, Vec<Denial>>,
}

#[derive(Default)]
struct OfAdmin {
    plugins: BTreeMap<String, Status>,
    pending: Vec<Pending>,
    problems: Vec<Problem>,
    /// By plugin, and by instance; 0 for the plugin's process.
    read: HashMap<(String, i64), u64>,
    denials: HashMap<i64, Vec<Denial>>,
}

/// The changes since the last look.
#[derive(Default)]
struct Told {
    users: HashMap<i64, Vec<Event>>,
    admin: Vec<Event>,
}

impl Seen {
    fn look(&mut self, state: &AppState, wanted: &Wanted) -> Told {
        let mut told = Told::default();
        self.users.retain(|user, _| wanted.users.contains(user));
        for user in &wanted.users {
            let slots = state.plugins.in_memory_of(*user);
            let events = match self.users.get_mut(user) {
                Some(seen) => seen.look(state, &slots),
                None => {
                    let mut seen = OfUser::default();
                    // All of it is in the first `state`.
                    seen.look(state, &slots);
                    self.users.insert(*user, seen);
                    Vec::new()
                }
            };
            told.users.insert(*user, events);
        }
        if !wanted.admin {
            self.admin = None;
        } else if let Some(seen) = &mut self.admin {
            told.admin = seen.look(state);
        } else {
            let mut seen = OfAdmin::default();
            seen.look(state);
            self.admin = Some(seen);
        }
        told
    }

    fn state_event(&self, user: i64, admin: bool) -> Option<Event> {
        let own = self.users.get(&user)?;
        let admin = match (&self.admin, admin) {
            (Some(admin), true) => Some(AdminState {
                plugins: admin.plugins.values().collect(),
                pending: &admin.pending,
                problems: &admin.problems,
            }),
            (None, true) => return None,
            (_, false) => None,
        };
        let event = StateEvent {
            plugins: own.plugins.values().collect(),
            admin,
        };
        Some(Event::own("state", &event))
    }
}

impl Told {
    fn hand_over(&self, events: &Events, seen: &Seen) {
        events.lock().retain_mut(|subscriber| {
            let user = subscriber.caller.user.id;
            let admin = subscriber.may(Access::Admin);
            if !subscriber.informed {
                // Whoever came after this look is in the next one.
                let Some(state) = seen.state_event(user, admin) else {
                    return true;
                };
                subscriber.informed = true;
                return subscriber.give(&state);
            }
            if subscriber.admin && !admin {
                subscriber.admin = false;
                if !subscriber.give(&Event::own("not-elevated", &())) {
                    return false;
                }
            }
            let own = self.users.get(&user).into_iter().flatten();
            own.chain(&self.admin).all(|event| subscriber.give(event))
        });
    }
}

impl OfUser {
    fn look(&mut self, state: &AppState, slots: &[std::sync::Arc<Slot>]) -> Vec<Event> {
        let mut events = Vec::new();
        let now: BTreeMap<_, _> = slots
            .iter()
            .map(|slot| (slot.id, shown(state, slot)))
            .collect();
        for (id, plugin) in &now {
            if self.plugins.get(id) != Some(plugin) {
                events.push(Event::own("plugin", plugin));
            }
        }
        for id in self.plugins.keys().filter(|id| !now.contains_key(id)) {
            events.push(Event::own("plugin", &Gone { id, gone: true }));
        }
        self.read.retain(|id, _| now.contains_key(id));
        self.denials.retain(|id, _| now.contains_key(id));
        self.plugins = now;
        for slot in slots {
            if let Some((entries, missed)) = read_on(&slot.log, &mut self.read, slot.id, |_| true) {
                let entries = entries.into_iter().map(LogEntry::from).collect();
                let id = slot.id;
                events.push(Event::own(
                    "log",
                    &LogEvent {
                        id,
                        entries,
                        missed,
                    },
                ));
            }
            let denials = grown(&mut self.denials, slot);
            if !denials.is_empty() {
                let denials = denials.into_iter().map(Denied::from).collect();
                let event = DenialsEvent {
                    id: &slot.id,
                    denials,
                };
                events.push(Event::own("denials", &event));
            }
        }
        events
    }
}

impl OfAdmin {
    fn look(&mut self, state: &AppState) -> Vec<Event> {
        let mut events = Vec::new();
        let list = state.plugins.list().into_iter();
        let now: BTreeMap<_, _> = list.map(|status| (status.id.clone(), status)).collect();
        for (id, status) in &now {
            if self.plugins.get(id) != Some(status) {
                events.push(Event::admin("admin-plugin", status));
            }
        }
        for id in self.plugins.keys().filter(|id| !now.contains_key(*id)) {
            events.push(Event::admin("admin-plugin", &Gone { id, gone: true }));
        }
        self.read.retain(|(id, _), _| now.contains_key(id));
        self.plugins = now;
        let pending = state.plugins.pending();
        if pending != self.pending {
            events.push(Event::admin("pending", &pending));
            self.pending = pending;
        }
        let problems = all_problems(state);
        if problems != self.problems {
            events.push(Event::admin("problems", &problems));
            self.problems = problems;
        }
        let mut there = BTreeSet::new();
        for id in self.plugins.keys() {
            events.extend(lines(state, id, &mut self.read));
            let mut denials = Vec::new();
            for slot in state.plugins.slots_of(id) {
                there.insert(slot.id);
                let of_slot = grown(&mut self.denials, &slot).into_iter();
                denials.extend(of_slot.map(|one| DeniedTo::new(slot.user.name.clone(), one)));
            }
            if !denials.is_empty() {
                let id = id.as_str();
                events.push(Event::admin("admin-denials", &DenialsEvent { id, denials }));
            }
        }
        self.denials.retain(|id, _| there.contains(id));
        events
    }
}

/// New lines of a plugin's process, and of the server about its instances.
fn lines(state: &AppState, id: &str, read: &mut HashMap<(String, i64), u64>) -> Option<Event> {
    let mut lines = Vec::new();
    let mut missed = 0;
    let mut add = |user: Option<String>, (entries, gone): (Vec<Entry>, u64)| {
        missed += gone;
        lines.extend(entries.into_iter().map(|entry| {
            LogLine::from(Line {
                user: user.clone(),
                entry,
            })
        }));
    };
    if let Some(log) = state.plugins.process_log(id)
        && let Some(new) = read_on(&log, read, (id.to_owned(), 0), |_| true)
    {
        add(None, new);
    }
    for slot in state.plugins.slots_of(id) {
        // A shared one is in the log of the process, too.
        let of_host = |entry: &Entry| entry.source == Source::Host && entry.shared.is_none();
        if let Some(new) = read_on(&slot.log, read, (id.to_owned(), slot.id), of_host) {
            add(Some(slot.user.name.clone()), new);
        }
    }
    (!lines.is_empty()).then(|| Event::admin("admin-log", &LinesEvent { id, lines, missed }))
}

fn shown(state: &AppState, slot: &Slot) -> PluginChange {
    let row = slot.state();
    let plugin = slot.plugin();
    let manifest = plugin.manifest();
    let callable = row.enabled
        && state.plugins.status(&manifest.id).is_some_and(|status| {
            matches!(
                status.state,
                PluginState::OnDemand | PluginState::Loading | PluginState::Loaded { .. }
            )
        });
    PluginChange {
        id: slot.id,
        module_path: manifest.id.clone(),
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        enabled: row.enabled,
        at_work: callable,
        last_error: row.last_error,
        failing: slot.is_failing(),
    }
}

/// New entries of a log, the newest as far as they have room in an event, and
/// the number of those that have not; none if there is nothing new. A log that
/// was not read before is read from here on.
fn read_on<Key: std::hash::Hash + Eq>(
    log: &Log,
    read: &mut HashMap<Key, u64>,
    key: Key,
    wanted: impl Fn(&Entry) -> bool,
) -> Option<(Vec<Entry>, u64)> {
    let written = log.written();
    let from = read.insert(key, written)?;
    // A shorter log is another one, of the process of a new version.
    let from = if from > written { 0 } else { from };
    if from == written {
        return None;
    }
    let mut entries = log.since(from);
    // Entries that came after `written` was read are sent the next time.
    entries.retain(|entry| entry.number < written);
    let gone = entries.first().map_or(written, |entry| entry.number) - from;
    entries.retain(wanted);
    let mut room = LOG_BYTES;
    let fits = entries
        .iter()
        .rev()
        .take_while(|entry| {
            let fits = entry.text.len() <= room;
            room = room.saturating_sub(entry.text.len());
            fits
        })
        .count();
    let left_out = entries.len() - fits;
    entries.drain(..left_out);
    let missed = gone + left_out as u64;
    (!entries.is_empty() || missed > 0).then_some((entries, missed))
}

/// Refusals of an instance that were not seen so often yet.
fn grown(seen: &mut HashMap<i64, Vec<Denial>>, slot: &Slot) -> Vec<Denial> {
    let now = slot.denials();
    let before = seen.entry(slot.id).or_default();
    if *before == now {
        return Vec::new();
    }
    let new = now.iter().filter(|one| !before.contains(one)).cloned();
    let new = new.collect();
    *before = now;
    new
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use mortise_runtime::{Log, log::Source, types::Level};

    use super::{LOG_BYTES, read_on};

    #[test]
    fn a_log_is_read_on_from_where_it_was_seen_first_within_bounds() {
        let log = Log::new(1 << 20);
        let mut read = HashMap::new();
        let mut next = || {
            read_on(&log, &mut read, 1, |_| true).map(|(entries, missed)| (entries.len(), missed))
        };
        log.write(Level::Info, Source::Plugin, "before");
        assert_eq!(next(), None);
        log.write(Level::Info, Source::Plugin, "one");
        log.write(Level::Info, Source::Plugin, "two");
        assert_eq!(next(), Some((2, 0)));
        assert_eq!(next(), None);
        for _ in 0..100 {
            log.write(Level::Info, Source::Plugin, &"x".repeat(LOG_BYTES / 16));
        }
        assert_eq!(next(), Some((16, 84)));
    }

    #[test]
    fn entries_that_a_small_log_lost_are_counted() {
        let log = Log::new(500);
        let mut read = HashMap::new();
        assert!(read_on(&log, &mut read, 1, |_| true).is_none());
        for _ in 0..50 {
            log.write(Level::Info, Source::Plugin, "a line of the log");
        }
        let (entries, missed) = read_on(&log, &mut read, 1, |_| true).unwrap();
        assert_eq!(entries.len() as u64 + missed, 50);
        assert_eq!(entries.last().unwrap().number, 49);
    }
}
