//! The host of a case: messages, storage, timers and the time, in memory.
//!
//! It keeps the effects of the plugin for the case to inspect. As for every
//! host, the runtime's guard stands in front of it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use mortise_runtime::{
    Host,
    grants::Applications,
    schedule::{self, Zone},
    types::{Application, Error, Message, Outgoing, Schedule},
};
use parking_lot::{Mutex, MutexGuard};

use crate::case::plan::{MessageSpec, Plan};

/// A host in memory.
#[derive(Debug)]
pub(crate) struct ScriptedHost {
    environment: BTreeMap<String, String>,
    /// The name of the plugin's main application.
    main: String,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    now_ms: u64,
    /// Messages by id. The flag is set for those that the plugin sent.
    messages: BTreeMap<u64, (Message, bool)>,
    /// Ids of applications. The flag in the key is set for the plugin's own.
    applications: BTreeMap<(bool, String), u64>,
    sent: Vec<(Outgoing, bool)>,
    storage: BTreeMap<String, Vec<u8>>,
    timers: BTreeMap<String, (Schedule, u64)>,
}

impl Kept {
    fn application(&mut self, own: bool, name: &str) -> Application {
        let next = self.applications.len() as u64 + 1;
        let id = self.applications.entry((own, name.to_owned()));
        Application {
            id: *id.or_insert(next),
            name: name.to_owned(),
        }
    }

    fn next_id(&self) -> u64 {
        self.messages.last_key_value().map_or(1, |(id, _)| id + 1)
    }

    fn select(
        &self,
        before: Option<u64>,
        limit: u32,
        wanted: impl Fn(&Message, bool) -> bool,
    ) -> Vec<Message> {
        let below = self.messages.range(..before.unwrap_or(u64::MAX)).rev();
        below
            .filter(|(_, (message, own))| wanted(message, *own))
            .take(limit as usize)
            .map(|(_, (message, _))| message.clone())
            .collect()
    }
}

impl ScriptedHost {
    /// Creates the host at the beginning of a case, for a plugin of this name.
    pub(crate) fn new(plan: &Plan, plugin: &str) -> Self {
        let stored = plan.storage.iter();
        let host = Self {
            environment: plan.environment.clone(),
            main: plugin.to_owned(),
            kept: Mutex::new(Kept {
                now_ms: plan.now,
                storage: stored
                    .map(|(key, value)| (key.clone(), value.0.clone()))
                    .collect(),
                ..Kept::default()
            }),
        };
        host.kept().application(true, plugin);
        for message in &plan.messages {
            host.receive(message);
        }
        host
    }

    /// Stores a message of another application.
    pub(crate) fn receive(&self, message: &MessageSpec) -> Message {
        let mut kept = self.kept();
        let id = message.id.unwrap_or_else(|| kept.next_id());
        let message = Message {
            id,
            application: kept.application(false, &message.application),
            content: message.content(),
            created_ms: message.created_ms.unwrap_or(kept.now_ms),
        };
        kept.messages.insert(id, (message.clone(), false));
        message
    }

    /// Returns another application, by its name.
    pub(crate) fn application(&self, name: &str) -> Application {
        self.kept().application(false, name)
    }

    /// The time.
    pub(crate) fn now_ms(&self) -> u64 {
        self.kept().now_ms
    }

    /// Returns the messages sent from this number on. The flag is set for those
    /// to be filtered.
    pub(crate) fn sent(&self, from: usize) -> Vec<(Outgoing, bool)> {
        self.kept().sent.get(from..).unwrap_or_default().to_vec()
    }

    /// Returns the value stored under a key.
    pub(crate) fn stored(&self, key: &str) -> Option<Vec<u8>> {
        self.kept().storage.get(key).cloned()
    }

    /// Returns the timers that are set.
    pub(crate) fn timers(&self) -> BTreeMap<String, Schedule> {
        let kept = self.kept();
        let timers = kept.timers.iter();
        timers
            .map(|(name, (schedule, _))| (name.clone(), schedule.clone()))
            .collect()
    }

    /// Advances the time to the next timer that is due by then and returns its
    /// name. If there is none, advances to that time.
    pub(crate) fn next_due(&self, until_ms: u64) -> Option<String> {
        let mut kept = self.kept();
        let due = kept.timers.iter().map(|(name, (_, due))| (*due, name));
        let Some((due, name)) = due.min().filter(|(due, _)| *due <= until_ms) else {
            kept.now_ms = kept.now_ms.max(until_ms);
            return None;
        };
        let name = name.clone();
        kept.now_ms = kept.now_ms.max(due);
        let now_ms = kept.now_ms;
        if let Some((schedule, due)) = kept.timers.get_mut(&name) {
            match schedule::following(schedule, *due, now_ms, Zone::Utc) {
                Some(next) => *due = next,
                None => _ = kept.timers.remove(&name),
            }
        }
        Some(name)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock()
    }
}

#[async_trait]
impl Host for ScriptedHost {
    async fn send(&self, message: Outgoing, filtered: bool) -> Result<u64, Error> {
        let mut kept = self.kept();
        let id = kept.next_id();
        let name = message.application.as_deref().unwrap_or(&self.main);
        let stored = Message {
            id,
            application: kept.application(true, name),
            content: message.content.clone(),
            created_ms: kept.now_ms,
        };
        kept.messages.insert(id, (stored, true));
        kept.sent.push((message, filtered));
        Ok(id)
    }

    async fn message(&self, id: u64, readable: &Applications) -> Result<Option<Message>, Error> {
        let kept = self.kept();
        let found = kept.messages.get(&id);
        Ok(found
            .filter(|(message, own)| *own || readable.contains(&message.application.name))
            .map(|(message, _)| message.clone()))
    }

    async fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        Ok(self.kept().select(before, limit, |_, own| own))
    }

    async fn received(
        &self,
        before: Option<u64>,
        limit: u32,
        readable: &Applications,
    ) -> Result<Vec<Message>, Error> {
        Ok(self.kept().select(before, limit, |message, own| {
            !own && readable.contains(&message.application.name)
        }))
    }

    async fn remove_message(&self, id: u64) -> Result<(), Error> {
        let mut kept = self.kept();
        match kept.messages.get(&id) {
            Some((_, false)) => Err(Error::Denied(
                "another application sent this message; a plugin removes only its own".to_owned(),
            )),
            _ => {
                kept.messages.remove(&id);
                Ok(())
            }
        }
    }

    async fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.stored(key))
    }

    async fn store(&self, key: &str, value: Vec<u8>, quota: u64) -> Result<(), Error> {
        let mut kept = self.kept();
        let others = kept.storage.iter().filter(|(other, _)| *other != key);
        let taken: usize = others.map(|(other, value)| other.len() + value.len()).sum();
        if (taken + key.len() + value.len()) as u64 > quota {
            return Err(Error::Exhausted(format!(
                "storage is limited to {quota} bytes; remove something first"
            )));
        }
        kept.storage.insert(key.to_owned(), value);
        Ok(())
    }

    async fn unset(&self, key: &str) -> Result<(), Error> {
        self.kept().storage.remove(key);
        Ok(())
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let kept = self.kept();
        let keys = kept.storage.keys();
        Ok(keys
            .filter(|key| key.starts_with(prefix))
            .cloned()
            .collect())
    }

    async fn set_timer(&self, name: &str, when: Schedule, most: u32) -> Result<(), Error> {
        let mut kept = self.kept();
        let due = schedule::first(&when, kept.now_ms, Zone::Utc).map_err(Error::Invalid)?;
        if !kept.timers.contains_key(name) && kept.timers.len() >= most as usize {
            return Err(Error::Exhausted(format!(
                "a plugin has at most {most} timers; cancel one first"
            )));
        }
        match kept.timers.get(name) {
            // It keeps its time, as on a server.
            Some((before, _)) if *before == when => {}
            _ => drop(kept.timers.insert(name.to_owned(), (when, due))),
        }
        Ok(())
    }

    async fn cancel_timer(&self, name: &str) -> Result<(), Error> {
        self.kept().timers.remove(name);
        Ok(())
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }
}
