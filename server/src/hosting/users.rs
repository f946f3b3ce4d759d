//! The server's users and their messages, for plugins.

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use mortise_runtime::{
    grants::Applications,
    types::{Application, Content, Draft, Error, Message, User},
};
use mortise_store::{SourcedMessage, Store, TracedKey, TracedRow, UserRow};

use crate::{
    config::PathPrefix,
    images::{ImageError, Images},
    pipeline::{ChangedLabel, Pipeline, PostError, Posted, contract_priority, stored_trace},
    plugins::{
        EmbedderError, Users,
        embedder::{
            NewApplication, PluginApplication, Readable, Sender, TracedId, TracedMessage,
            UserMessage,
        },
    },
};

/// Priority of a plugin's messages that bring none; Gotify's too.
const DEFAULT_PRIORITY: i64 = 0;

/// The server's users.
#[derive(Debug)]
pub(crate) struct ServerUsers {
    store: Store,
    images: Images,
    /// The prefix of webhooks' paths.
    prefix: PathPrefix,
    /// Weak, because the pipeline holds the plugins.
    pipeline: OnceLock<Weak<Pipeline>>,
}

impl ServerUsers {
    /// The users of a database. They send once there is a pipeline.
    pub(crate) fn new(store: Store, images: Images, prefix: PathPrefix) -> Self {
        Self {
            store,
            images,
            prefix,
            pipeline: OnceLock::new(),
        }
    }

    fn pipeline(&self) -> Result<Arc<Pipeline>, Error> {
        let pipeline = self.pipeline.get().and_then(Weak::upgrade);
        pipeline.ok_or_else(|| Error::Unavailable("the server is stopping".to_owned()))
    }

    async fn traced_message(&self, mut row: TracedRow) -> Result<TracedMessage, EmbedderError> {
        // A plugin's message without a title has this one once it is stored. Other senders'
        // messages have it before the filters are asked.
        if row.plugin_instance_id.is_some() && row.title == row.application_name {
            row.title.clear();
        }
        Ok(TracedMessage {
            id: traced_id(row.key),
            trace: stored_trace::read(&self.store, &row.trace)
                .await
                .map_err(EmbedderError::new)?,
            draft: Draft {
                application: Application {
                    id: row.application_id.unsigned_abs(),
                    name: row.application_name,
                },
                content: Content {
                    title: row.title,
                    body: row.body,
                    priority: contract_priority(row.priority),
                    extras: row.extras,
                },
                received_ms: row.created_ms.unsigned_abs(),
            },
        })
    }

    /// Has plugins' messages enter by this pipeline.
    pub(crate) fn send_by(&self, pipeline: &Arc<Pipeline>) {
        // There is one pipeline per server.
        let _: Result<(), _> = self.pipeline.set(Arc::downgrade(pipeline));
    }
}

#[async_trait]
impl Users for ServerUsers {
    async fn list(&self) -> Result<Vec<i64>, EmbedderError> {
        let rows = self.store.users().await.map_err(EmbedderError::new)?;
        Ok(rows.iter().map(|user| user.id).collect())
    }

    async fn get(&self, id: i64) -> Result<Option<User>, EmbedderError> {
        let row = self.store.user(id).await.map_err(EmbedderError::new)?;
        Ok(row.map(user))
    }

    async fn send(&self, user_id: i64, draft: Draft, sender: Sender) -> Result<u64, Error> {
        let pipeline = self.pipeline()?;
        stored(pipeline.post(user_id, draft, sender).await)
    }

    async fn update_message(
        &self,
        user_id: i64,
        message: i64,
        draft: Draft,
        sender: Sender,
    ) -> Result<(), Error> {
        let pipeline = self.pipeline()?;
        let change = ChangedLabel {
            priority: draft.content.priority.into(),
            expires: None,
        };
        let updated = pipeline
            .update(user_id, message, draft, change, sender)
            .await
            .transpose()
            .unwrap_or(Err(PostError::NoMessage));
        stored(updated).map(drop)
    }

    async fn expire_message(
        &self,
        user_id: i64,
        message: i64,
        at_ms: Option<i64>,
    ) -> Result<(), Error> {
        self.pipeline()?.keeps_messages().map_err(failed)?;
        let set = self.store.set_message_expiry(user_id, message, at_ms);
        match set.await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(failed(PostError::NoMessage)),
            Err(error) => Err(failed(PostError::Store(error))),
        }
    }

    async fn set_image(&self, user_id: i64, application: i64, image: Vec<u8>) -> Result<(), Error> {
        self.pipeline()?.keeps_messages().map_err(failed)?;
        let image = Some(&*image).filter(|image| !image.is_empty());
        match self.images.set(user_id, application, image).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(failed(PostError::NoApplication)),
            Err(error @ (ImageError::TooLong { .. } | ImageError::NoImage)) => {
                Err(Error::Invalid(error.to_string()))
            }
            Err(ImageError::Store(error)) => Err(failed(PostError::Store(error))),
            Err(error @ ImageError::Io(_)) => {
                tracing::error!(%error, "an image of a plugin was not written");
                Err(Error::Unavailable(
                    "the server cannot write the image".to_owned(),
                ))
            }
        }
    }

    async fn by_name(&self, name: &str) -> Result<Option<User>, EmbedderError> {
        let row = self.store.user_by_name(name).await;
        Ok(row.map_err(EmbedderError::new)?.map(user))
    }

    async fn time_zone(&self, user_id: i64) -> Result<Option<String>, EmbedderError> {
        self.store
            .time_zone(user_id)
            .await
            .map_err(EmbedderError::new)
    }

    fn webhook_path(&self, instance: i64, token: &str) -> Option<String> {
        let prefix = self.prefix.as_str();
        Some(format!("{prefix}/plugin/{instance}/custom/{token}/"))
    }

    async fn applications(&self, instance: i64) -> Result<Vec<PluginApplication>, EmbedderError> {
        let rows = self
            .store
            .plugin_applications(instance)
            .await
            .map_err(EmbedderError::new)?;
        let applications = rows.into_iter().map(|row| PluginApplication {
            key: row.key,
            application: Application {
                id: row.id.unsigned_abs(),
                name: row.name,
            },
        });
        Ok(applications.collect())
    }

    async fn application(&self, new: NewApplication<'_>) -> Result<Application, EmbedderError> {
        let row = self
            .store
            .plugin_application(
                new.user_id,
                new.instance,
                new.key,
                mortise_store::NewApplication {
                    name: new.name,
                    description: new.description,
                    default_priority: DEFAULT_PRIORITY,
                    sort_key: None,
                },
            )
            .await
            .map_err(EmbedderError::new)?;
        Ok(Application {
            id: row.id.unsigned_abs(),
            name: row.name,
        })
    }

    async fn message(
        &self,
        user_id: i64,
        message: i64,
    ) -> Result<Option<UserMessage>, EmbedderError> {
        let row = self
            .store
            .sourced_message(user_id, message)
            .await
            .map_err(EmbedderError::new)?;
        Ok(row.map(user_message))
    }

    async fn sent(
        &self,
        user_id: i64,
        instance: i64,
        before: i64,
        limit: u32,
    ) -> Result<Vec<Message>, EmbedderError> {
        let rows = self
            .store
            .messages_sent(user_id, instance, before, limit)
            .await
            .map_err(EmbedderError::new)?;
        Ok(messages(rows))
    }

    async fn received(
        &self,
        readable: Readable<'_>,
        before: i64,
        limit: u32,
    ) -> Result<Vec<Message>, EmbedderError> {
        let names = names(readable.applications);
        let rows = self
            .store
            .messages_received(of_store(readable, names.as_deref()), before, limit)
            .await
            .map_err(EmbedderError::new)?;
        Ok(messages(rows))
    }

    async fn messages_after(
        &self,
        readable: Readable<'_>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<UserMessage>, EmbedderError> {
        let names = names(readable.applications);
        let rows = self
            .store
            .messages_after(of_store(readable, names.as_deref()), after, limit)
            .await
            .map_err(EmbedderError::new)?;
        Ok(rows.into_iter().map(user_message).collect())
    }

    async fn newest_message(&self, user_id: i64) -> Result<i64, EmbedderError> {
        self.store
            .newest_message(user_id)
            .await
            .map_err(EmbedderError::new)
    }

    async fn traced(
        &self,
        user_id: i64,
        since_ms: i64,
        limit: u32,
    ) -> Result<Vec<TracedId>, EmbedderError> {
        let keys = self.store.traced(user_id, since_ms, limit).await;
        let keys = keys.map_err(EmbedderError::new)?.into_iter();
        Ok(keys.map(traced_id).collect())
    }

    async fn traced_messages(
        &self,
        user_id: i64,
        ids: &[TracedId],
    ) -> Result<Vec<TracedMessage>, EmbedderError> {
        let keys = ids.iter().map(|TracedId { id, dropped }| TracedKey {
            id: *id,
            dropped: *dropped,
        });
        let keys: Vec<_> = keys.collect();
        let rows = self.store.traced_messages(user_id, &keys).await;
        let rows = rows.map_err(EmbedderError::new)?.into_iter();
        let mut messages = Vec::with_capacity(rows.len());
        for row in rows {
            messages.push(self.traced_message(row).await?);
        }
        Ok(messages)
    }

    async fn remove_message(&self, user_id: i64, message: i64) -> Result<(), EmbedderError> {
        self.store
            .delete_message(user_id, message)
            .await
            .map_err(EmbedderError::new)?;
        Ok(())
    }
}

fn user(row: UserRow) -> User {
    User {
        id: row.id.unsigned_abs(),
        name: row.name,
        admin: row.admin,
    }
}

/// The answer to a plugin that sends or changes a message.
fn stored(posted: Result<Posted, PostError>) -> Result<u64, Error> {
    match posted {
        Ok(Posted::Stored(message)) => Ok(message.id.unsigned_abs()),
        Ok(Posted::Dropped { by, reason }) => Err(Error::Unavailable(format!(
            "the user's filter `{by}` dropped the message: {reason}"
        ))),
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: PostError) -> Error {
    match error {
        PostError::Invalid(_) | PostError::TooLong { .. } | PostError::NoMessage => {
            Error::Invalid(error.to_string())
        }
        PostError::Refused { .. }
        | PostError::NoApplication
        | PostError::NotUpstream
        | PostError::OfUpstream
        | PostError::UnknownSender
        | PostError::Upstream(_)
        | PostError::Stopping => Error::Unavailable(error.to_string()),
        PostError::Store(error) => {
            tracing::error!(%error, "the database failed a plugin");
            Error::Unavailable("the server's database failed; try again later".to_owned())
        }
    }
}

fn messages(rows: Vec<SourcedMessage>) -> Vec<Message> {
    rows.into_iter().map(read_message).collect()
}

fn user_message(row: SourcedMessage) -> UserMessage {
    UserMessage {
        instance: row.plugin_instance_id,
        hops: row.hops,
        message: read_message(row),
    }
}

fn read_message(row: SourcedMessage) -> Message {
    Message {
        id: row.id.unsigned_abs(),
        application: Application {
            id: row.application_id.unsigned_abs(),
            name: row.application_name,
        },
        content: Content {
            title: row.title,
            body: row.body,
            priority: contract_priority(row.priority),
            extras: row.extras,
        },
        created_ms: u64::try_from(row.created_ms).unwrap_or(0),
    }
}

const fn traced_id(TracedKey { id, dropped }: TracedKey) -> TracedId {
    TracedId { id, dropped }
}

/// The names of the applications; none for all applications.
fn names(applications: &Applications) -> Option<Vec<&str>> {
    match applications {
        Applications::All => None,
        Applications::Own => Some(Vec::new()),
        Applications::Named(names) => Some(names.iter().map(String::as_str).collect()),
    }
}

fn of_store<'a>(
    readable: Readable<'a>,
    applications: Option<&'a [&'a str]>,
) -> mortise_store::Readable<'a> {
    mortise_store::Readable {
        instance: readable.instance,
        user_id: readable.user_id,
        applications,
        min_priority: readable.min_priority,
    }
}
