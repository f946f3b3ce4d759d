//! A host that keeps everything in memory and tells what happened.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use mortise_runtime::{
    Grants, Host, InstanceSetup, Limits, Log,
    grants::Applications,
    types::{Application, Error, Message, Outgoing, Schedule, User},
};

/// Everything a plugin did, in memory.
#[derive(Debug, Default)]
pub struct MemoryHost {
    kept: Mutex<Kept>,
}

/// The data of a [`MemoryHost`].
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Messages, of the plugin and of others, by id.
    pub messages: BTreeMap<u64, Message>,
    /// The sent messages. The flag is set for those to be filtered.
    pub sent: Vec<(Outgoing, bool)>,
    /// Its storage.
    pub storage: BTreeMap<String, Vec<u8>>,
    /// Its timers.
    pub timers: BTreeMap<String, Schedule>,
}

/// The id of the application that a [`MemoryHost`] gives its plugin.
pub const OWN_APPLICATION: u64 = 1;

impl MemoryHost {
    /// Returns the current data.
    pub fn kept(&self) -> Kept {
        self.lock().clone()
    }

    /// Puts a message of another application there.
    pub fn put(&self, message: Message) {
        self.lock().messages.insert(message.id, message);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn select(
        &self,
        before: Option<u64>,
        limit: u32,
        wanted: impl Fn(&Message) -> bool,
    ) -> Vec<Message> {
        let kept = self.lock();
        let messages = kept.messages.range(..before.unwrap_or(u64::MAX)).rev();
        messages
            .map(|(_, message)| message)
            .filter(|m| wanted(m))
            .take(limit as usize)
            .cloned()
            .collect()
    }
}

/// A set-up for an instance of user 7 with this host.
pub fn setup(host: &Arc<MemoryHost>, grants: Grants, limits: Limits) -> InstanceSetup {
    InstanceSetup {
        user: User {
            id: 7,
            name: "ada".to_owned(),
            admin: false,
        },
        host: host.clone(),
        log: Arc::new(Log::new(limits.log_bytes)),
        denials: Arc::default(),
        grants,
        limits,
        config: None,
        base_path: None,
    }
}

#[async_trait]
impl Host for MemoryHost {
    async fn send(&self, message: Outgoing, filtered: bool) -> Result<u64, Error> {
        let mut kept = self.lock();
        let id = kept.messages.last_key_value().map_or(1, |(id, _)| id + 1);
        let name = message
            .application
            .clone()
            .unwrap_or_else(|| "plugin".to_owned());
        let application = Application {
            id: OWN_APPLICATION,
            name,
        };
        let content = message.content.clone();
        kept.messages.insert(
            id,
            Message {
                id,
                application,
                content,
                created_ms: id * 1000,
            },
        );
        kept.sent.push((message, filtered));
        Ok(id)
    }

    async fn message(&self, id: u64, readable: &Applications) -> Result<Option<Message>, Error> {
        Ok(self.lock().messages.get(&id).cloned().filter(|message| {
            message.application.id == OWN_APPLICATION
                || readable.contains(&message.application.name)
        }))
    }

    async fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        Ok(self.select(before, limit, |message| {
            message.application.id == OWN_APPLICATION
        }))
    }

    async fn received(
        &self,
        before: Option<u64>,
        limit: u32,
        readable: &Applications,
    ) -> Result<Vec<Message>, Error> {
        Ok(self.select(before, limit, |message| {
            message.application.id != OWN_APPLICATION
                && readable.contains(&message.application.name)
        }))
    }

    async fn remove_message(&self, id: u64) -> Result<(), Error> {
        let mut kept = self.lock();
        match kept.messages.get(&id) {
            Some(message) if message.application.id != OWN_APPLICATION => Err(Error::Denied(
                "another application sent this message".to_owned(),
            )),
            _ => {
                kept.messages.remove(&id);
                Ok(())
            }
        }
    }

    async fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.lock().storage.get(key).cloned())
    }

    async fn store(&self, key: &str, value: Vec<u8>, quota: u64) -> Result<(), Error> {
        let mut kept = self.lock();
        let others: usize = kept
            .storage
            .iter()
            .filter(|(other, _)| *other != key)
            .map(|(other, value)| other.len() + value.len())
            .sum();
        if (others + key.len() + value.len()) as u64 > quota {
            return Err(Error::Exhausted(format!(
                "storage is limited to {quota} bytes"
            )));
        }
        kept.storage.insert(key.to_owned(), value);
        Ok(())
    }

    async fn unset(&self, key: &str) -> Result<(), Error> {
        self.lock().storage.remove(key);
        Ok(())
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let kept = self.lock();
        Ok(kept
            .storage
            .keys()
            .filter(|key| key.starts_with(prefix))
            .cloned()
            .collect())
    }

    async fn set_timer(&self, name: &str, when: Schedule, most: u32) -> Result<(), Error> {
        let mut kept = self.lock();
        if !kept.timers.contains_key(name) && kept.timers.len() >= most as usize {
            return Err(Error::Exhausted(format!("{most} timers are allowed")));
        }
        kept.timers.insert(name.to_owned(), when);
        Ok(())
    }

    async fn cancel_timer(&self, name: &str) -> Result<(), Error> {
        self.lock().timers.remove(name);
        Ok(())
    }
}
