//! The host of one instance: the contract's imports over the embedder. The
//! runtime's guard in front of it has checked grants and bounds. This module checks
//! the owner of a message, and whether the user has enabled the plugin.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use mortise_runtime::{
    Host, Origin,
    grants::Applications,
    schedule::Timing,
    text::cut,
    types::{Application, Content, Draft, Error, Manifest, Message, Outgoing},
};
use tokio::sync::Notify;

use super::{
    call_trace::OpenCalls,
    embedder::{
        Catalogue, EmbedderError, NewApplication, Readable, Selection, Sender, StoredTimer, Users,
    },
    hops::Hops,
    time::Clock,
    timers::{offset, zone},
};

/// The longest name of a user in an error, in bytes.
const NAME_BYTES: usize = 64;
/// The most applications of one instance.
const APPLICATIONS: usize = 64;

/// The imports of one instance.
pub(super) struct InstanceHost {
    pub(super) catalogue: Arc<dyn Catalogue>,
    pub(super) users: Arc<dyn Users>,
    pub(super) hops: Arc<Hops>,
    pub(super) open_calls: Arc<OpenCalls>,
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

    const fn own(&self) -> Account {
        Account {
            user_id: self.user_id,
            instance: self.instance,
        }
    }

    /// Returns the plugin's application with this name in an account, the main one if there
    /// is no name, and creates it if there is none and not too many.
    async fn application(&self, of: Account, name: Option<&str>) -> Result<Application, Error> {
        let key = name.unwrap_or_default();
        let own = self.users.applications(of.instance).await.map_err(failed)?;
        if let Some(own) = own.iter().find(|own| own.key == key) {
            return Ok(own.application.clone());
        }
        if own.len() >= APPLICATIONS {
            return Err(Error::Exhausted(format!(
                "a plugin has at most {APPLICATIONS} applications; send as one of those it has"
            )));
        }
        application(&*self.users, of.user_id, of.instance, &self.manifest, key)
            .await
            .map_err(failed)
    }

    /// The sender of a message of an instance of this plugin, in answer to the messages
    /// that this instance is given.
    fn sender(&self, instance: i64, origin: Origin) -> Result<Sender, Error> {
        let Some(hops) = self.hops.of_answer() else {
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
        Ok(Sender::Plugin {
            instance,
            hops,
            origin,
        })
    }

    async fn send_as(&self, to: Account, message: Outgoing, origin: Origin) -> Result<u64, Error> {
        let application = self.application(to, message.application.as_deref());
        let draft = self.draft(application.await?, message.content);
        let sender = self.sender(to.instance, origin)?;
        let message = self.users.send(to.user_id, draft, sender).await?;
        self.open_calls.sent(message);
        Ok(message)
    }

    fn draft(&self, application: Application, content: Content) -> Draft {
        Draft {
            application,
            content,
            received_ms: u64::try_from(self.clock.now_ms()).unwrap_or(0),
        }
    }

    /// Returns this plugin of another user.
    async fn account(&self, user: &str) -> Result<Account, Error> {
        let found = self.users.by_name(user).await.map_err(failed)?;
        let no_user = || Error::Invalid(format!("there is no user `{}`", cut(user, NAME_BYTES)));
        let user_id = id(found.ok_or_else(no_user)?.id);
        let theirs = self
            .catalogue
            .user_plugins(Selection::OfUser(user_id))
            .await
            .map_err(failed)?;
        let same = theirs
            .into_iter()
            .find(|theirs| theirs.plugin == self.manifest.id);
        let instance = same.ok_or_else(no_user)?.id;
        Ok(Account { user_id, instance })
    }

    /// Returns a message that the plugin sent; none if there is no message of this id.
    async fn own_message(&self, message: u64) -> Result<Option<Message>, Error> {
        let found = self
            .users
            .message(self.user_id, id(message))
            .await
            .map_err(failed)?;
        found
            .map(|found| match found.instance == Some(self.instance) {
                true => Ok(found.message),
                false => Err(Error::Denied(format!(
                    "message {message} was sent by another application; \
                     a plugin changes and deletes only its own"
                ))),
            })
            .transpose()
    }

    /// As [`Self::own_message`], for a change.
    async fn changed_message(&self, message: u64) -> Result<Message, Error> {
        let own = self.own_message(message).await?;
        own.ok_or_else(|| Error::Invalid(format!("message {message} does not exist")))
    }

    fn readable<'a>(&self, applications: &'a Applications) -> Readable<'a> {
        Readable {
            instance: self.instance,
            user_id: self.user_id,
            applications,
            min_priority: None,
        }
    }
}

/// A user's plugin to send as.
#[derive(Clone, Copy)]
struct Account {
    user_id: i64,
    instance: i64,
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
    async fn send(&self, message: Outgoing, origin: Origin) -> Result<u64, Error> {
        self.consented("sending a message")?;
        self.send_as(self.own(), message, origin).await
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
        match self.own_message(message).await? {
            None => Ok(()),
            Some(_) => self
                .users
                .remove_message(self.user_id, id(message))
                .await
                .map_err(failed),
        }
    }

    async fn update_message(
        &self,
        message: u64,
        content: Content,
        origin: Origin,
    ) -> Result<(), Error> {
        self.consented("changing a message")?;
        let before = self.changed_message(message).await?;
        let draft = self.draft(before.application, content);
        let sender = self.sender(self.instance, origin)?;
        self.users
            .update_message(self.user_id, id(message), draft, sender)
            .await
    }

    async fn expire_message(&self, message: u64, at_ms: Option<u64>) -> Result<(), Error> {
        self.consented("setting the end of a message")?;
        self.changed_message(message).await?;
        self.users
            .expire_message(self.user_id, id(message), at_ms.map(id))
            .await
    }

    async fn users(&self) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for user in self.users.list().await.map_err(failed)? {
            let user = self.users.get(user).await.map_err(failed)?;
            names.extend(user.map(|user| user.name));
        }
        Ok(names)
    }

    async fn send_to(&self, user: &str, message: Outgoing, origin: Origin) -> Result<u64, Error> {
        self.consented("sending a message")?;
        let to = self.account(user).await?;
        self.send_as(to, message, origin).await
    }

    async fn set_image(&self, application: Option<&str>, image: Vec<u8>) -> Result<(), Error> {
        self.consented("setting an application's image")?;
        let application = self.application(self.own(), application).await?;
        self.users
            .set_image(self.user_id, id(application.id), image)
            .await
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

    async fn set_timer(&self, name: &str, timing: Timing, most: u32) -> Result<(), Error> {
        let now = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        let zone = zone(&*self.users, self.user_id, &timing)
            .await
            .map_err(failed)?;
        let offset = offset(self.instance, name, timing.options.jitter_ms);
        let next_ms = timing.first(now, zone, offset).map_err(Error::Invalid)?;
        let timer = StoredTimer {
            id: self.instance,
            name: name.to_owned(),
            schedule: serde_json::to_string(&timing).map_err(failed)?,
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
