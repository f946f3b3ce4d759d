//! The host of a case: messages, storage, timers and the time, in memory.
//!
//! It keeps the effects of the plugin for the case to inspect. As for every
//! host, the runtime's guard stands in front of it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use mortise_runtime::{
    Host, Origin,
    grants::Applications,
    image::ImageFormat,
    schedule::{Timing, Zone},
    types::{Application, Content, Error, Message, Outgoing},
};
use parking_lot::{Mutex, MutexGuard};

use crate::case::plan::{MessageSpec, Plan};

/// The offset of all timers: jitter would have a case differ from run to run.
const NO_OFFSET: u64 = 0;

/// A host in memory.
#[derive(Debug)]
pub(crate) struct ScriptedHost {
    environment: BTreeMap<String, String>,
    /// The name of the plugin's user.
    user: String,
    /// The names of all users.
    users: Vec<String>,
    /// The name of the plugin's main application.
    main: String,
    kept: Mutex<HostState>,
}

#[derive(Debug, Default)]
struct HostState {
    now_ms: u64,
    /// The largest id of a message.
    last_id: u64,
    /// The user's messages by id.
    messages: BTreeMap<u64, Stored>,
    /// Ids of applications. The flag in the key is set for the plugin's own.
    applications: BTreeMap<(bool, String), u64>,
    sent: Vec<Sent>,
    /// Images of the plugin's applications by name.
    images: BTreeMap<String, Vec<u8>>,
    storage: BTreeMap<String, Vec<u8>>,
    timers: BTreeMap<String, (Timing, u64)>,
}

/// A message of the user.
#[derive(Debug)]
struct Stored {
    message: Message,
    /// True if the plugin sent it.
    own: bool,
    /// The time at which it is deleted.
    expires_ms: Option<u64>,
}

/// A message that the plugin sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// The user, if the plugin named one.
    pub(crate) user: Option<String>,
    pub(crate) message: Outgoing,
    /// True if it passes the user's filters.
    pub(crate) filtered: bool,
}

impl HostState {
    /// Advances the time, and deletes the messages whose time has come.
    fn pass(&mut self, until_ms: u64) {
        let now_ms = self.now_ms.max(until_ms);
        self.now_ms = now_ms;
        self.messages
            .retain(|_, stored| stored.expires_ms.is_none_or(|at| at > now_ms));
    }

    /// Returns a message that the plugin sent, which it wants to change.
    fn own(&mut self, id: u64) -> Result<&mut Stored, Error> {
        match self.messages.get_mut(&id) {
            Some(stored) if stored.own => Ok(stored),
            Some(_) => Err(Error::Denied(
                "another application sent this message; a plugin changes only its own".to_owned(),
            )),
            None => Err(Error::Invalid(format!(
                "there is no message {id}; name the id of one that the plugin sent"
            ))),
        }
    }

    /// Moves a timer that is due on to its next time. Returns true if it fires.
    fn fire(&mut self, name: &str) -> bool {
        let Some((timing, due)) = self.timers.get_mut(name) else {
            return false;
        };
        let fires = !timing.is_missed(*due, self.now_ms);
        match timing.following(*due, self.now_ms, Zone::UTC, NO_OFFSET) {
            Some(next) => *due = next,
            None => _ = self.timers.remove(name),
        }
        fires
    }

    fn application(&mut self, own: bool, name: &str) -> Application {
        let next = self.applications.len() as u64 + 1;
        let id = self.applications.entry((own, name.to_owned()));
        Application {
            id: *id.or_insert(next),
            name: name.to_owned(),
        }
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn select(
        &self,
        before: Option<u64>,
        limit: u32,
        wanted: impl Fn(&Message, bool) -> bool,
    ) -> Vec<Message> {
        let below = self.messages.range(..before.unwrap_or(u64::MAX)).rev();
        below
            .filter(|(_, stored)| wanted(&stored.message, stored.own))
            .take(limit as usize)
            .map(|(_, stored)| stored.message.clone())
            .collect()
    }
}

impl ScriptedHost {
    /// Creates the host at the beginning of a case, for a plugin of this name.
    pub(crate) fn new(plan: &Plan, plugin: &str) -> Self {
        let stored = plan.storage.iter();
        let host = Self {
            environment: plan.environment.clone(),
            user: plan.user().name,
            users: plan.users(),
            main: plugin.to_owned(),
            kept: Mutex::new(HostState {
                now_ms: plan.now,
                storage: stored
                    .map(|(key, value)| (key.clone(), value.0.clone()))
                    .collect(),
                ..HostState::default()
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
        kept.last_id = kept.last_id.max(id);
        let message = Message {
            id,
            application: kept.application(false, &message.application),
            content: message.content(),
            created_ms: message.created_ms.unwrap_or(kept.now_ms),
        };
        let stored = Stored {
            message: message.clone(),
            own: false,
            expires_ms: None,
        };
        kept.messages.insert(id, stored);
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

    /// Advances the time to this one. No timer fires.
    pub(crate) fn pass(&self, until_ms: u64) {
        self.kept().pass(until_ms);
    }

    /// Returns the messages sent from this number on.
    pub(crate) fn sent(&self, from: usize) -> Vec<Sent> {
        self.kept().sent.get(from..).unwrap_or_default().to_vec()
    }

    /// Returns the content of one of the user's messages.
    pub(crate) fn content(&self, id: u64) -> Option<Content> {
        let kept = self.kept();
        let stored = kept.messages.get(&id);
        stored.map(|stored| stored.message.content.clone())
    }

    /// Returns the image of the plugin's application with this name.
    pub(crate) fn image(&self, application: &str) -> Option<Vec<u8>> {
        self.kept().images.get(application).cloned()
    }

    /// Returns the value stored under a key.
    pub(crate) fn stored(&self, key: &str) -> Option<Vec<u8>> {
        self.kept().storage.get(key).cloned()
    }

    /// Returns the timers that are set.
    pub(crate) fn timers(&self) -> BTreeMap<String, Timing> {
        let kept = self.kept();
        let timers = kept.timers.iter();
        timers
            .map(|(name, (timing, _))| (name.clone(), timing.clone()))
            .collect()
    }

    /// Advances the time to the next timer that is due by then and returns its
    /// name. If there is none, advances to that time.
    pub(crate) fn next_due(&self, until_ms: u64) -> Option<String> {
        let mut kept = self.kept();
        loop {
            let due = kept.timers.iter().map(|(name, (_, due))| (*due, name));
            let Some((due, name)) = due.min().filter(|(due, _)| *due <= until_ms) else {
                kept.pass(until_ms);
                return None;
            };
            let name = name.clone();
            kept.pass(due);
            if kept.fire(&name) {
                return Some(name);
            }
        }
    }

    /// Stores a message of the plugin, for the named user or for its own, and returns
    /// its id.
    fn deliver(&self, sent: Sent) -> u64 {
        let mut kept = self.kept();
        let id = kept.next_id();
        let name = sent.message.application.as_deref().unwrap_or(&self.main);
        let message = Message {
            id,
            application: kept.application(true, name),
            content: sent.message.content.clone(),
            created_ms: kept.now_ms,
        };
        // Those of other users cannot be read.
        if sent.user.as_ref().is_none_or(|user| *user == self.user) {
            let stored = Stored {
                message,
                own: true,
                expires_ms: None,
            };
            kept.messages.insert(id, stored);
        }
        kept.sent.push(sent);
        id
    }

    fn kept(&self) -> MutexGuard<'_, HostState> {
        self.kept.lock()
    }
}

#[async_trait]
impl Host for ScriptedHost {
    async fn send(&self, message: Outgoing, origin: Origin) -> Result<u64, Error> {
        Ok(self.deliver(Sent {
            user: None,
            message,
            filtered: origin.is_filtered(),
        }))
    }

    async fn message(&self, id: u64, readable: &Applications) -> Result<Option<Message>, Error> {
        let kept = self.kept();
        let found = kept.messages.get(&id);
        Ok(found
            .filter(|stored| stored.own || readable.contains(&stored.message.application.name))
            .map(|stored| stored.message.clone()))
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
            Some(stored) if !stored.own => Err(Error::Denied(
                "another application sent this message; a plugin removes only its own".to_owned(),
            )),
            _ => {
                kept.messages.remove(&id);
                Ok(())
            }
        }
    }

    async fn update_message(
        &self,
        id: u64,
        content: Content,
        _origin: Origin,
    ) -> Result<(), Error> {
        self.kept().own(id)?.message.content = content;
        Ok(())
    }

    async fn expire_message(&self, id: u64, at_ms: Option<u64>) -> Result<(), Error> {
        let mut kept = self.kept();
        kept.own(id)?.expires_ms = at_ms;
        let now_ms = kept.now_ms;
        kept.pass(now_ms);
        Ok(())
    }

    async fn users(&self) -> Result<Vec<String>, Error> {
        Ok(self.users.clone())
    }

    async fn send_to(&self, user: &str, message: Outgoing, origin: Origin) -> Result<u64, Error> {
        if !self.users.iter().any(|other| other == user) {
            return Err(Error::Invalid(format!(
                "there is no user `{user}`; name one of {}",
                self.users.join(", ")
            )));
        }
        Ok(self.deliver(Sent {
            user: Some(user.to_owned()),
            message,
            filtered: origin.is_filtered(),
        }))
    }

    async fn set_image(&self, application: Option<&str>, image: Vec<u8>) -> Result<(), Error> {
        let name = application.unwrap_or(&self.main).to_owned();
        let mut kept = self.kept();
        if image.is_empty() {
            kept.images.remove(&name);
            return Ok(());
        }
        if ImageFormat::of(&image).is_none() {
            return Err(Error::Invalid(
                "these bytes are no image; give a PNG, JPEG, GIF or WebP".to_owned(),
            ));
        }
        kept.images.insert(name, image);
        Ok(())
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

    async fn set_timer(&self, name: &str, timing: Timing, most: u32) -> Result<(), Error> {
        let mut kept = self.kept();
        let due = timing.first(kept.now_ms, Zone::UTC, NO_OFFSET);
        let due = due.map_err(Error::Invalid)?;
        if !kept.timers.contains_key(name) && kept.timers.len() >= most as usize {
            return Err(Error::Exhausted(format!(
                "a plugin has at most {most} timers; cancel one first"
            )));
        }
        match kept.timers.get(name) {
            // It keeps its time, as on a server.
            Some((before, _)) if *before == timing => {}
            _ => drop(kept.timers.insert(name.to_owned(), (timing, due))),
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
