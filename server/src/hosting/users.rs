//! The server's users and their messages, for plugins.

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use mortise_runtime::{
    grants::Applications,
    types::{Application, Content, Draft, Error, Message, User},
};
use mortise_store::{SourcedMessage, Store, TracedKey, TracedRow};

use crate::{
    config::PathPrefix,
    pipeline::{Pipeline, PostError, Posted, contract_priority},
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
    /// The prefix of webhooks' paths.
    prefix: PathPrefix,
    /// Weak, because the pipeline holds the plugins.
    pipeline: OnceLock<Weak<Pipeline>>,
}

impl ServerUsers {
    /// The users of a database. They send once there is a pipeline.
    pub(crate) fn new(store: Store, prefix: PathPrefix) -> Self {
        Self {
            store,
            prefix,
            pipeline: OnceLock::new(),
        }
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
        Ok(row.map(|row| User {
            id: row.id.unsigned_abs(),
            name: row.name,
            admin: row.admin,
        }))
    }

    async fn send(
        &self,
        user_id: i64,
        draft: Draft,
        sender: Sender,
        filtered: bool,
    ) -> Result<u64, Error> {
        let pipeline = self
            .pipeline
            .get()
            .and_then(Weak::upgrade)
            .ok_or_else(|| Error::Unavailable("the server is stopping".to_owned()))?;
        match pipeline.post(user_id, draft, sender, filtered).await {
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
            Err(PostError::Store(error)) => {
                tracing::error!(%error, "the database failed a plugin");
                Err(Error::Unavailable(
                    "the server's database failed; try again later".to_owned(),
                ))
            }
        }
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
            .messages_received(stored(readable, names.as_deref()), before, limit)
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
            .messages_after(stored(readable, names.as_deref()), after, limit)
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
        rows.map(traced_message).collect()
    }

    async fn remove_message(&self, user_id: i64, message: i64) -> Result<(), EmbedderError> {
        self.store
            .delete_message(user_id, message)
            .await
            .map_err(EmbedderError::new)?;
        Ok(())
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

fn traced_message(mut row: TracedRow) -> Result<TracedMessage, EmbedderError> {
    // A plugin's message without a title has this one once it is stored. Other senders'
    // messages have it before the filters are asked.
    if row.plugin_instance_id.is_some() && row.title == row.application_name {
        row.title.clear();
    }
    Ok(TracedMessage {
        id: traced_id(row.key),
        trace: serde_json::from_str(&row.trace).map_err(EmbedderError::new)?,
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

/// The names of the applications; none for all applications.
fn names(applications: &Applications) -> Option<Vec<&str>> {
    match applications {
        Applications::All => None,
        Applications::Own => Some(Vec::new()),
        Applications::Named(names) => Some(names.iter().map(String::as_str).collect()),
    }
}

fn stored<'a>(
    readable: Readable<'a>,
    applications: Option<&'a [&'a str]>,
) -> mortise_store::Readable<'a> {
    mortise_store::Readable {
        instance: readable.instance,
        user_id: readable.user_id,
        applications,
    }
}
