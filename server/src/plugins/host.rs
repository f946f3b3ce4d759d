//! The server's side of one instance: the contract's imports over the store and
//! the pipeline. The runtime's guard in front of it has checked grants and
//! bounds. This module checks facts that only the server knows: the owner of a
//! message, and whether the user has enabled the plugin.

use std::sync::{
    Arc, OnceLock, Weak,
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

use super::hops::Hops;
use crate::{
    pipeline::{Pipeline, PostError, Posted, Sender},
    store::{NewApplication, Readable, Store, StoreError, TimerRow},
};

/// The most applications of one instance.
const APPLICATIONS: usize = 64;
/// Priority of a plugin's messages that bring none; Gotify's too.
const DEFAULT_PRIORITY: i64 = 0;

/// The imports of one instance.
pub(super) struct InstanceHost {
    pub(super) store: Store,
    pub(super) hops: Arc<Hops>,
    pub(super) pipeline: Arc<OnceLock<Weak<Pipeline>>>,
    pub(super) timers: Arc<Notify>,
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

/// The application of a plugin's messages that name none; made if it is not
/// there.
pub(super) async fn main_application(
    store: &Store,
    user_id: i64,
    instance: i64,
    manifest: &Manifest,
) -> Result<Application, StoreError> {
    application(store, user_id, instance, manifest, "").await
}

async fn application(
    store: &Store,
    user_id: i64,
    instance: i64,
    manifest: &Manifest,
    key: &str,
) -> Result<Application, StoreError> {
    let name = [key, &manifest.name, &manifest.id]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default();
    let description = format!("auto generated application for {}", manifest.id);
    let row = store
        .plugin_application(
            user_id,
            instance,
            key,
            NewApplication {
                name,
                description: &description,
                default_priority: DEFAULT_PRIORITY,
                sort_key: None,
            },
        )
        .await?;
    Ok(Application {
        id: row.id.unsigned_abs(),
        name: row.name,
    })
}

/// A failed query, for the plugin; the cause goes to the server's log.
fn failed(error: impl std::fmt::Display) -> Error {
    tracing::error!(%error, "the database failed a plugin");
    Error::Unavailable("the server's database failed; try again later".to_owned())
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
            .store
            .plugin_applications(self.instance)
            .await
            .map_err(failed)?;
        let application = match own.iter().find(|own| own.key == key) {
            Some(own) => Application {
                id: own.id.unsigned_abs(),
                name: own.name.clone(),
            },
            None if own.len() >= APPLICATIONS => {
                return Err(Error::Exhausted(format!(
                    "a plugin has at most {APPLICATIONS} applications; send as one of those \
                     it has"
                )));
            }
            None => application(
                &self.store,
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
            received_ms: u64::try_from(self.store.now_ms()).unwrap_or(0),
        };
        let pipeline = self
            .pipeline
            .get()
            .and_then(Weak::upgrade)
            .ok_or_else(|| Error::Unavailable("the server is stopping".to_owned()))?;
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
        let posted = pipeline.post(self.user_id, draft, sender, filtered).await;
        match posted {
            Ok(Posted::Stored(message)) => Ok(message.id.unsigned_abs()),
            Ok(Posted::Dropped { by, reason }) => Err(Error::Unavailable(format!(
                "the user's filter `{by}` dropped the message: {reason}"
            ))),
            Err(error @ (PostError::Invalid(_) | PostError::TooLong { .. })) => {
                Err(Error::Invalid(error.to_string()))
            }
            Err(
                error @ (PostError::Refused { .. }
                | PostError::NoApplication
                | PostError::NotUpstream
                | PostError::Upstream(_)
                | PostError::Stopping),
            ) => Err(Error::Unavailable(error.to_string())),
            Err(PostError::Store(error)) => Err(failed(error)),
        }
    }

    async fn message(
        &self,
        message: u64,
        readable: &Applications,
    ) -> Result<Option<Message>, Error> {
        self.consented("reading messages")?;
        Ok(self
            .store
            .sourced_message(self.user_id, id(message))
            .await
            .map_err(failed)?
            .filter(|message| {
                message.plugin_instance_id == Some(self.instance)
                    || readable.contains(message.application_name())
            })
            .map(Message::from))
    }

    async fn sent(&self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        self.consented("reading messages")?;
        let before = before.map_or(i64::MAX, id);
        let rows = self
            .store
            .messages_sent(self.user_id, self.instance, before, limit)
            .await
            .map_err(failed)?;
        Ok(rows.into_iter().map(Message::from).collect())
    }

    async fn received(
        &self,
        before: Option<u64>,
        limit: u32,
        readable: &Applications,
    ) -> Result<Vec<Message>, Error> {
        self.consented("reading messages")?;
        let before = before.map_or(i64::MAX, id);
        let rows = self
            .store
            .messages_received(self.readable(readable), before, limit)
            .await
            .map_err(failed)?;
        Ok(rows.into_iter().map(Message::from).collect())
    }

    async fn remove_message(&self, message: u64) -> Result<(), Error> {
        self.consented("deleting a message")?;
        let found = self
            .store
            .sourced_message(self.user_id, id(message))
            .await
            .map_err(failed)?;
        match found {
            None => Ok(()),
            Some(found) if found.plugin_instance_id == Some(self.instance) => self
                .store
                .delete_message(self.user_id, id(message))
                .await
                .map(drop)
                .map_err(failed),
            Some(_) => Err(Error::Denied(format!(
                "message {message} was sent by another application; a plugin deletes only its own"
            ))),
        }
    }

    async fn load(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.store
            .plugin_value(self.instance, key)
            .await
            .map_err(failed)
    }

    async fn store(&self, key: &str, value: Vec<u8>, quota: u64) -> Result<(), Error> {
        self.store
            .set_plugin_value(self.instance, key, &value, id(quota))
            .await
            .map_err(failed)?
            .map_err(|full| {
                Error::Exhausted(format!(
                    "storage would take {} bytes, more than the {quota} allowed; remove keys \
                     first",
                    full.would_be
                ))
            })
    }

    async fn unset(&self, key: &str) -> Result<(), Error> {
        self.store
            .remove_plugin_value(self.instance, key)
            .await
            .map_err(failed)
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.store
            .plugin_keys(self.instance, prefix)
            .await
            .map_err(failed)
    }

    async fn set_timer(&self, name: &str, when: Schedule, most: u32) -> Result<(), Error> {
        let now = u64::try_from(self.store.now_ms()).unwrap_or(0);
        let next_ms = schedule::first(&when, now, schedule::Zone::Local).map_err(Error::Invalid)?;
        let timer = TimerRow {
            instance_id: self.instance,
            name: name.to_owned(),
            schedule: serde_json::to_string(&when).map_err(failed)?,
            next_ms: id(next_ms),
        };
        self.store
            .set_plugin_timer(&timer, most)
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
        self.store
            .cancel_plugin_timer(self.instance, name)
            .await
            .map_err(failed)
    }
}
