//! The functions that a replayed version can call. It reads messages as the plugin does,
//! has a copy of the plugin's storage, and changes nothing. The effects that it would have
//! had are counted, and the first ones listed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use mortise_runtime::{
    Host, Origin,
    grants::Applications,
    guard::Denial,
    schedule::Timing,
    text::cut,
    types::{Content, Error, Message, Outgoing, Permission},
};
use parking_lot::Mutex;
use serde::Serialize;

use super::{
    super::host::{InstanceHost, storage_full},
    Effects,
};

/// The most messages that are listed, and the most HTTP requests.
const LISTED: usize = 20;
/// The longest listed text, in bytes.
const TEXT_BYTES: usize = 256;
/// The permission for HTTP requests.
const HTTP: Permission = Permission::Http(Vec::new());

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

/// An HTTP request that a replayed version would have sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Requested {
    /// The method.
    pub method: String,
    /// The address without its query and its user, cut if it is long.
    pub url: String,
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
    storage: Storage,
    sends: usize,
    sent: Vec<Sent>,
    requests: usize,
    requested: Vec<Requested>,
    writes: usize,
    /// The calls of other functions with an effect.
    others: BTreeMap<&'static str, usize>,
}

impl Changed {
    fn note_request(&mut self, method: &str, url: &str) {
        self.requests += 1;
        if self.requested.len() < LISTED {
            self.requested.push(Requested {
                method: cut(method, TEXT_BYTES).to_owned(),
                url: cut(url, TEXT_BYTES).to_owned(),
            });
        }
    }
}

/// A copy of a plugin's storage, with the same quota.
#[derive(Default)]
struct Storage {
    values: BTreeMap<String, Vec<u8>>,
    /// Bytes of the keys and values.
    bytes: u64,
}

impl Storage {
    fn set(&mut self, key: &str, value: Vec<u8>, quota: u64) -> Result<(), Error> {
        let new = size(key, &value);
        let old = self.values.get(key).map_or(0, |old| size(key, old));
        let would_be = self.bytes.saturating_sub(old).saturating_add(new);
        // As in the store: a smaller value is welcome, even if a quota was lowered.
        if would_be > quota && new > old {
            return Err(storage_full(would_be, quota));
        }
        self.values.insert(key.to_owned(), value);
        self.bytes = would_be;
        Ok(())
    }

    fn remove(&mut self, key: &str) {
        if let Some(old) = self.values.remove(key) {
            self.bytes = self.bytes.saturating_sub(size(key, &old));
        }
    }
}

fn size(key: &str, value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}

impl ReplayHost {
    /// Copies the storage of a plugin.
    ///
    /// # Errors
    ///
    /// The storage cannot be read.
    pub(super) async fn of(own: InstanceHost) -> Result<Self, Error> {
        let mut storage = Storage::default();
        for key in own.keys("").await? {
            // One that was removed meanwhile has none.
            if let Some(value) = own.load(&key).await? {
                storage.set(&key, value, u64::MAX)?;
            }
        }
        Ok(Self {
            own,
            changed: Mutex::new(Changed {
                storage,
                ..Changed::default()
            }),
        })
    }

    /// Returns the effects that the version would have had. An HTTP request is listed as
    /// such, and is no denied attempt besides.
    pub(super) fn effects(&self, mut denied: Vec<Denial>) -> Effects {
        denied.retain(|denial| denial.permission != HTTP.name());
        let changed = self.changed.lock();
        Effects {
            sends: changed.sends,
            sent: changed.sent.clone(),
            requests: changed.requests,
            requested: changed.requested.clone(),
            writes: changed.writes,
            others: changed.others.clone(),
            denied,
        }
    }

    fn note(&self, function: &'static str) {
        *self.changed.lock().others.entry(function).or_default() += 1;
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
    async fn send(&self, message: Outgoing, _: Origin) -> Result<u64, Error> {
        self.note_sent(message);
        // The id of no message: those of the server begin at 1.
        Ok(0)
    }

    async fn send_to(&self, _: &str, message: Outgoing, _: Origin) -> Result<u64, Error> {
        self.note_sent(message);
        Ok(0)
    }

    async fn users(&self) -> Result<Vec<String>, Error> {
        self.own.users().await
    }

    async fn update_message(&self, _: u64, _: Content, _: Origin) -> Result<(), Error> {
        self.note("update-message");
        Ok(())
    }

    async fn expire_message(&self, _id: u64, _at_ms: Option<u64>) -> Result<(), Error> {
        self.note("expire-message");
        Ok(())
    }

    async fn set_image(&self, _application: Option<&str>, _image: Vec<u8>) -> Result<(), Error> {
        self.note("set-image");
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
        self.note("remove-message");
        Ok(())
    }

    async fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.changed.lock().storage.values.get(key).cloned())
    }

    async fn store(&self, key: &str, value: Vec<u8>, quota: u64) -> Result<(), Error> {
        let mut changed = self.changed.lock();
        changed.storage.set(key, value, quota)?;
        changed.writes += 1;
        Ok(())
    }

    async fn unset(&self, key: &str) -> Result<(), Error> {
        let mut changed = self.changed.lock();
        changed.storage.remove(key);
        changed.writes += 1;
        Ok(())
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let changed = self.changed.lock();
        let keys = changed.storage.values.keys();
        let keys = keys.filter(|key| key.starts_with(prefix));
        Ok(keys.cloned().collect())
    }

    async fn set_timer(&self, _name: &str, _timing: Timing, _most: u32) -> Result<(), Error> {
        self.note("set-timer");
        Ok(())
    }

    async fn cancel_timer(&self, _name: &str) -> Result<(), Error> {
        self.note("cancel-timer");
        Ok(())
    }

    fn environment(&self, _name: &str) -> Option<String> {
        None
    }

    fn note_denied_request(&self, method: &str, url: &str) {
        self.changed.lock().note_request(method, url);
    }
}

#[cfg(test)]
mod tests {
    use super::{Changed, LISTED, Storage, TEXT_BYTES};

    #[test]
    fn a_copy_has_the_same_quota_as_the_storage() {
        let mut storage = Storage::default();
        storage.set("key", vec![0; 60], 100).unwrap();
        // A value in the place of one takes its bytes.
        storage.set("key", vec![1; 70], 100).unwrap();
        assert_eq!(storage.bytes, 73);
        assert!(storage.set("other", vec![0; 30], 100).is_err());
        // A lowered quota does not keep a smaller value out.
        storage.set("key", vec![2; 50], 10).unwrap();
        storage.remove("key");
        storage.remove("key");
        assert_eq!(storage.bytes, 0);
    }

    #[test]
    fn requests_are_counted_and_only_the_first_are_listed() {
        let mut changed = Changed::default();
        let url = format!("http://a.org/{}", "b".repeat(TEXT_BYTES));
        for _ in 0..=LISTED {
            changed.note_request("GET", &url);
        }
        assert_eq!(
            (changed.requests, changed.requested.len()),
            (LISTED + 1, LISTED)
        );
        assert!(url.starts_with(&changed.requested[0].url));
        assert_eq!(changed.requested[0].url.len(), TEXT_BYTES);
    }
}
