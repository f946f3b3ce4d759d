//! The host of one instance: the contract's imports over the embedder. The
//! runtime's guard in front of it has checked grants and bounds. This module checks
//! the owner of a message, and whether the user has enabled the plugin.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use mortise_runtime::{
    Host,
    grants::Applications,
    schedule,
    types::{Application, Draft, Error, Manifest, Message, Outgoing, Schedule},
};
use tokio::sync::Notify;

use super::{
    call_trace::CallTraces,
    embedder::{Catalogue, EmbedderError, NewApplication, Readable, Sender, StoredTimer, Users},
    hops::Hops,
    time::Clock,
};

/// The most applications of one instance.
const APPLICATIONS: usize = 64;

/// The imports of one instance.
pub(super) struct InstanceHost {
    pub(super) catalogue: Arc<dyn Catalogue>,
    pub(super) users: Arc<dyn Users>,
    pub(super) hops: Arc<Hops>,
    pub(super) call_traces: Arc<CallTraces>,
    pub(super) timers: Arc<Notify>,
    pub(super) clock: Clock,
    pub(super) consent: Arc<AtomicBool>,
    pub(super) instance: i64,
    pub(super) user_id: i64,
    pub(super) manifest: Manifest,
}

impl InstanceHost {
    /// The user's consent lasts while the plugin is enabled; outside that time
    /// there is none.
    fn consented(&self, what: &str) -> Result<(), Error> {
        if self.consent.load(Ordering::SeqCst) {
            Ok(())
        } else {
            Err(Error::Denied(format!(
                "{what} needs the plugin to be enabled by its user"
            )))
        }
    }

    fn readable<'a>(&self, applications: &'a Applications) -> Readable<'a> {
        Readable {
            instance: self.instance,
            user_id: self.user_id,
            applications,
        }
    }
}

/// Returns a plugin's application with this key, and creates it if there is none.
/// The empty key is that of messages that name no application.
pub(super) async fn application(
    users: &dyn Users,
    user_id: i64,
    instance: i64,
    manifest: &Manifest,
    key: &str,
) -> Result<Application, EmbedderError> {
    let name = [key, &manifest.name, &manifest.id]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default();
    let description = format!("auto generated application for {}", manifest.id);
    users
        .application(NewApplication {
            user_id,
            instance,
            key,
            name,
            description: &description,
        })
        .await
}

/// A failed query, for the plugin; the cause goes to the server's log.
fn failed(error: impl std::fmt::Display) -> Error {
    tracing::error!(%error, "the database failed a plugin");
    Error::Unavailable("the server's database failed; try again later".to_owned())
}

/// The error for values beyond a plugin's quota.
pub(super) fn storage_full(would_be: impl std::fmt::Display, quota: u64) -> Error {
    Error::Exhausted(format!(
        "storage would take {would_be} bytes, more than the {quota} allowed; remove keys first"
    ))
}

/// An id as the database has it; none has an id beyond.
fn id(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

#[async_trait]
impl Host for InstanceHost {
    async fn send(&self, message: Outgoing, filtered: bool) -> Result<u64, Error> {
        self.consented("sending a message")?;
        let key = message.application.as_deref().unwrap_or_default();
        let own = self
            .users
            .applications(self.instance)
            .await
            .map_err(failed)?;
        let application = match own.iter().find(|own| own.key == key) {
            Some(own) => own.application.clone(),
            None if own.len() >= APPLICATIONS => {
                return Err(Error::Exhausted(format!(
                    "a plugin has at most {APPLICATIONS} applications; send as one of those \
                     it has"
                )));
            }
            None => application(
                &*self.users,
                self.user_id,
                self.instance,
                &self.manifest,
                key,
            )
            .await
            .map_err(failed)?,
        };
        let draft = Draft {
            application,
            content: message.content,
            received_ms: u64::try_from(self.clock.now_ms()).unwrap_or(0),
        };
        let Some(hops) = self.hops.of_answer(self.instance) else {
            tracing::warn!(
                plugin = self.manifest.id,
                "a message was denied: plugins answer each other's messages without end"
            );
            return Err(Error::Exhausted(
                "this message answers one that plugins sent in answer to each other too often; \
                 a plugin must not answer its own kind without end"
                    .to_owned(),
            ));
        };
        let sender = Sender::Plugin {
            instance: self.instance,
            hops,
        };
        let message = self
            .users
            .send(self.user_id, draft, sender, filtered)
            .await?;
        self.call_traces.sent(self.instance, message);
        Ok(message)
    }

    async fn message(
        &self,
        message: u64,
        readable: &Applications,
    ) -> Result<Option<Message>, Error> {
        self.consented("reading messages")?;
        Ok(self
            .users
            .message(self.user_id, id(message))
            .await
            .map_err(failed)?
            .filter(|found| {
                found.instance == Some(self.instance)
                    || readable.contains(&found.message.application.name)
            })
            .map(|found| found.message))
    }

    async fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        self.consented("reading messages")?;
        let before = before.map_or(i64::MAX, id);
        self.users
            .sent(self.user_id, self.instance, before, limit)
            .await
            .map_err(failed)
    }

    async fn received(
        &self,
        before: Option<u64>,
        limit: u32,
        readable: &Applications,
    ) -> Result<Vec<Message>, Error> {
        self.consented("reading messages")?;
        let before = before.map_or(i64::MAX, id);
        self.users
            .received(self.readable(readable), before, limit)
            .await
            .map_err(failed)
    }

    async fn remove_message(&self, message: u64) -> Result<(), Error> {
        self.consented("deleting a message")?;
        let found = self
            .users
            .message(self.user_id, id(message))
            .await
            .map_err(failed)?;
        match found {
            None => Ok(()),
            Some(found) if found.instance == Some(self.instance) => self
                .users
                .remove_message(self.user_id, id(message))
                .await
                .map_err(failed),
            Some(_) => Err(Error::Denied(format!(
                "message {message} was sent by another application; a plugin deletes only its own"
            ))),
        }
    }

    async fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.catalogue
            .value(self.instance, key)
            .await
            .map_err(failed)
    }

    async fn store(&self, key: &str, value: Vec<u8>, quota: u64) -> Result<(), Error> {
        self.catalogue
            .set_value(self.instance, key, &value, id(quota))
            .await
            .map_err(failed)?
            .map_err(|full| storage_full(full.would_be, quota))
    }

    async fn unset(&self, key: &str) -> Result<(), Error> {
        self.catalogue
            .remove_value(self.instance, key)
            .await
            .map_err(failed)
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.catalogue
            .keys(self.instance, prefix)
            .await
            .map_err(failed)
    }

    async fn set_timer(&self, name: &str, when: Schedule, most: u32) -> Result<(), Error> {
        let now = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        let next_ms = schedule::first(&when, now, schedule::Zone::Local).map_err(Error::Invalid)?;
        let timer = StoredTimer {
            id: self.instance,
            name: name.to_owned(),
            schedule: serde_json::to_string(&when).map_err(failed)?,
            next_ms: id(next_ms),
        };
        self.catalogue
            .set_timer(&timer, most)
            .await
            .map_err(failed)?
            .map_err(|_| {
                Error::Exhausted(format!(
                    "a plugin has at most {most} timers; cancel one first"
                ))
            })?;
        self.timers.notify_one();
        Ok(())
    }

    async fn cancel_timer(&self, name: &str) -> Result<(), Error> {
        self.catalogue
            .cancel_timer(self.instance, name)
            .await
            .map_err(failed)
    }
}
