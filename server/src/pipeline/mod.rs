//! The one way a message enters, for senders by REST and for plugins alike:
//! bounds, the user's filters, one transaction, then those who are connected,
//! then listeners. Who may send as which application was decided before.
//! Writing and handing out is in `commit`.

mod commit;

use std::sync::Arc;

use mortise_runtime::types::{Content, Draft};
use serde::{Deserialize, Serialize};

use self::commit::Commit;
use crate::{
    api::is_json_object,
    config::Size,
    plugins::{Outcome, Plugins},
    store::{MessageRow, NewMessage, Store, StoreError, contract_priority},
    stream::Hub,
    time::now_ms,
};

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Someone outside, as the draft's application.
    Application,
    /// A plugin's instance: its messages never pass its own filter.
    Plugin {
        /// The instance.
        instance: i64,
    },
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It is in the database.
    Stored(MessageRow),
    /// A filter dropped it; nothing was stored.
    Dropped {
        /// The plugin's name.
        by: String,
        /// In its words.
        reason: String,
    },
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// A part of it breaks a bound or is malformed.
    #[error("{0}")]
    Invalid(String),
    /// It is too long.
    #[error(
        "the message has {bytes} bytes with its title and extras; this server accepts {most}, set \
         by --max-message-size"
    )]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        most: Size,
    },
    /// A filter failed and the user wants messages refused then.
    #[error(
        "the filter of plugin `{by}` failed and messages are refused until it works again: {reason}"
    )]
    Refused {
        /// The plugin's name.
        by: String,
        /// How it failed.
        reason: String,
    },
    /// The application was deleted meanwhile.
    #[error("the application does not exist")]
    NoApplication,
    /// The server ends.
    #[error("the server is stopping; send the message again in a moment")]
    Stopping,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What one filter did to one message, as it is stored with the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TraceEntry {
    /// The plugin's name.
    pub plugin: String,
    /// What it did.
    pub action: TraceAction,
    /// Why it dropped or was skipped, in a sentence; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// How long it took, in microseconds.
    pub micros: u64,
}

/// What a filter did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceAction {
    /// Left it as it was.
    Keep,
    /// Changed what it says.
    Replace,
    /// Dropped it.
    Drop,
    /// Failed or had no time, and was passed over.
    Skipped,
}

/// Takes messages in. One per server.
#[derive(Debug)]
pub struct Pipeline {
    plugins: Arc<Plugins>,
    commit: Commit,
    most: Size,
}

impl Pipeline {
    /// A pipeline between these. Needs the runtime: it starts a task, which
    /// ends with the pipeline. A message has at most the size `most`.
    pub fn new(store: Store, hub: Arc<Hub>, plugins: Arc<Plugins>, most: Size) -> Self {
        Self {
            commit: Commit::start(store, hub, Arc::clone(&plugins)),
            plugins,
            most,
        }
    }

    /// Takes in a message of one of the user's applications. It returns once
    /// the message is durable and handed to those who are connected; `filtered`
    /// false passes no filter at all.
    ///
    /// # Errors
    ///
    /// [`PostError`]; nothing was stored.
    pub async fn post(
        &self,
        user_id: i64,
        draft: Draft,
        sender: Sender,
        filtered: bool,
    ) -> Result<Posted, PostError> {
        let priority = i64::from(draft.content.priority);
        self.post_with_priority(user_id, draft, priority, sender, filtered)
            .await
    }

    /// As [`Pipeline::post`], with a priority beyond those that plugins know. A
    /// filter is given the nearest one of those; the message keeps its own unless
    /// a filter changes it.
    ///
    /// # Errors
    ///
    /// [`PostError`]; nothing was stored.
    pub async fn post_with_priority(
        &self,
        user_id: i64,
        mut draft: Draft,
        priority: i64,
        sender: Sender,
        filtered: bool,
    ) -> Result<Posted, PostError> {
        draft.content.priority = contract_priority(priority);
        let given_priority = draft.content.priority;
        check(&draft.content, self.most)?;
        let (draft, trace) = if filtered {
            let skip = match sender {
                Sender::Application => None,
                Sender::Plugin { instance } => Some(instance),
            };
            let filtered = self.plugins.filter(user_id, draft, skip).await;
            match filtered.outcome {
                Outcome::Pass(draft) => (draft, filtered.trace),
                Outcome::Dropped { by, reason } => {
                    return Ok(Posted::Dropped { by, reason });
                }
                Outcome::Refused { by, reason } => {
                    return Err(PostError::Refused { by, reason });
                }
            }
        } else {
            (draft, Vec::new())
        };
        // What filters put in place is bounded like what came from outside.
        check(&draft.content, self.most)?;
        let Draft {
            application,
            content,
            ..
        } = draft;
        let title = match content.title.trim() {
            "" => application.name,
            _ => content.title,
        };
        let new = NewMessage {
            application_id: i64::try_from(application.id).map_err(|_| PostError::NoApplication)?,
            user_id,
            title,
            body: content.body,
            priority: if content.priority == given_priority {
                priority
            } else {
                content.priority.into()
            },
            extras: content.extras,
            created_ms: now_ms(),
            trace: trace_json(&trace),
        };
        self.commit.message(new).await.map(Posted::Stored)
    }
}

/// The trace as it is stored; none when no filter was asked.
fn trace_json(trace: &[TraceEntry]) -> Option<String> {
    if trace.is_empty() {
        return None;
    }
    // Strings and numbers always serialize.
    serde_json::to_string(trace).ok()
}

/// Checks the bounds of a message.
fn check(content: &Content, most: Size) -> Result<(), PostError> {
    let extras = content.extras.as_ref().map_or(0, String::len);
    let bytes = content.title.len() + content.body.len() + extras;
    if bytes > most.bytes() {
        return Err(PostError::TooLong { bytes, most });
    }
    if content.body.is_empty() {
        return Err(PostError::Invalid("Field 'message' is required".to_owned()));
    }
    if let Some(extras) = &content.extras
        && !is_json_object(extras)
    {
        return Err(PostError::Invalid(
            "the extras must be a JSON object".to_owned(),
        ));
    }
    Ok(())
}
