//! The functions that a replayed version can call: it reads as the plugin does, and
//! changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use mortise_runtime::{
    Host,
    grants::Applications,
    schedule::Timing,
    text::cut,
    types::{Content, Error, Message, Outgoing},
};
use parking_lot::Mutex;
use serde::Serialize;

use super::super::host::{InstanceHost, storage_full};

/// The most messages that are listed.
const LISTED: usize = 20;
/// The longest listed text, in bytes.
const TEXT_BYTES: usize = 256;

/// A message that a replayed version would have sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sent {
    /// The title, cut if it is long.
    pub title: String,
    /// The text, cut if it is long.
    pub message: String,
    /// The priority.
    pub priority: i32,
}

/// The host of a replayed version.
pub(super) struct ReplayHost {
    /// The plugin's own, for reading.
    own: InstanceHost,
    changed: Mutex<Changed>,
}

/// The effects of a replay, in memory.
#[derive(Default)]
struct Changed {
    /// Values that were stored, or none where a key was removed.
    values: BTreeMap<String, Option<Vec<u8>>>,
    /// Bytes of these keys and values.
    bytes: u64,
    sends: usize,
    sent: Vec<Sent>,
}

impl Changed {
    fn set(&mut self, key: &str, value: Option<Vec<u8>>) {
        let new = size(key, value.as_deref());
        let old = self.values.insert(key.to_owned(), value);
        let old = old.map_or(0, |old| size(key, old.as_deref()));
        self.bytes = self.bytes.saturating_sub(old).saturating_add(new);
    }

    /// Forgets a key that was removed and is not in the plugin's own storage.
    fn forget(&mut self, key: &str) {
        if self.values.remove(key).is_some() {
            self.bytes = self.bytes.saturating_sub(size(key, None));
        }
    }
}

fn size(key: &str, value: Option<&[u8]>) -> u64 {
    (key.len() + value.map_or(0, <[u8]>::len)) as u64
}

impl ReplayHost {
    pub(super) fn new(own: InstanceHost) -> Self {
        Self {
            own,
            changed: Mutex::default(),
        }
    }

    /// The number of messages that it would have sent, and the first ones.
    pub(super) fn sent(&self) -> (usize, Vec<Sent>) {
        let changed = self.changed.lock();
        (changed.sends, changed.sent.clone())
    }

    fn note_sent(&self, message: Outgoing) {
        let mut changed = self.changed.lock();
        changed.sends += 1;
        if changed.sent.len() < LISTED {
            let content = message.content;
            changed.sent.push(Sent {
                title: cut(&content.title, TEXT_BYTES).to_owned(),
                message: cut(&content.body, TEXT_BYTES).to_owned(),
                priority: content.priority,
            });
        }
    }
}

#[async_trait]
impl Host for ReplayHost {
    async fn send(&self, message: Outgoing, _filtered: bool) -> Result<u64, Error> {
        self.note_sent(message);
        // The id of no message: those of the server begin at 1.
        Ok(0)
    }

    async fn send_to(&self, _: &str, message: Outgoing, _: bool) -> Result<u64, Error> {
        self.note_sent(message);
        Ok(0)
    }

    async fn users(&self) -> Result<Vec<String>, Error> {
        self.own.users().await
    }

    async fn update_message(&self, _: u64, _: Content, _: bool) -> Result<(), Error> {
        Ok(())
    }

    async fn expire_message(&self, _id: u64, _at_ms: Option<u64>) -> Result<(), Error> {
        Ok(())
    }

    async fn set_image(&self, _application: Option<&str>, _image: Vec<u8>) -> Result<(), Error> {
        Ok(())
    }

    async fn message(&self, id: u64, readable: &Applications) -> Result<Option<Message>, Error> {
        self.own.message(id, readable).await
    }

    async fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        Host::sent(&self.own, before, limit).await
    }

    async fn received(
        &self,
        before: Option<u64>,
        limit: u32,
        readable: &Applications,
    ) -> Result<Vec<Message>, Error> {
        self.own.received(before, limit, readable).await
    }

    async fn remove_message(&self, _id: u64) -> Result<(), Error> {
        Ok(())
    }

    async fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let changed = self.changed.lock().values.get(key).cloned();
        match changed {
            Some(value) => Ok(value),
            None => self.own.load(key).await,
        }
    }

    async fn store(&self, key: &str, value: Vec<u8>, quota: u64) -> Result<(), Error> {
        let mut changed = self.changed.lock();
        let would_be = changed.bytes.saturating_add(size(key, Some(&value)));
        if would_be > quota {
            return Err(storage_full(would_be, quota));
        }
        changed.set(key, Some(value));
        Ok(())
    }

    async fn unset(&self, key: &str) -> Result<(), Error> {
        let is_stored = self.own.load(key).await?.is_some();
        let mut changed = self.changed.lock();
        changed.set(key, None);
        if !is_stored {
            changed.forget(key);
        }
        Ok(())
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let mut keys: BTreeSet<String> = self.own.keys(prefix).await?.into_iter().collect();
        for (key, value) in &self.changed.lock().values {
            if !key.starts_with(prefix) {
                continue;
            }
            match value {
                Some(_) => keys.insert(key.clone()),
                None => keys.remove(key),
            };
        }
        Ok(keys.into_iter().collect())
    }

    async fn set_timer(&self, _name: &str, _timing: Timing, _most: u32) -> Result<(), Error> {
        Ok(())
    }

    async fn cancel_timer(&self, _name: &str) -> Result<(), Error> {
        Ok(())
    }

    fn environment(&self, _name: &str) -> Option<String> {
        None
    }
}
