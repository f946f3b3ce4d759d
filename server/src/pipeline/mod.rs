//! The one way a message enters, for senders by REST and for plugins alike:
//! bounds, the user's filters, one transaction, then those who are connected,
//! then listeners. Who may send as which application was decided before.
//! Writing and handing out is in `commit`, what becomes of a message that a
//! filter dropped in `dropped`.

mod chain;
mod commit;
mod dropped;
mod dropped_message;
mod forward;
pub(crate) mod stored_trace;

use std::sync::Arc;

use mortise_runtime::{
    ContentError,
    trace::TARGET,
    types::{Content, Draft},
};
use mortise_store::{DroppedRow, MessageRow, NewMessage, Store, StoreError};
use tracing::{Instrument as _, field::Empty};

pub(crate) use self::dropped_message::Dropped;
pub use self::{chain::Chain, forward::Forward};
use self::{commit::Commit, dropped::Keep};
use crate::plugins::{Outcome, trace::Asked};
pub use crate::plugins::{
    embedder::Sender,
    trace::{Cause, Change, Field, TraceAction, TraceEntry},
};
use crate::{
    auth::{AuthError, Token},
    config::Size,
    events::Events,
    seen::Seen,
    stream::Hub,
    time::rfc3339,
};

/// The result of sending a message.
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

/// The parts of a new message that filters are not given.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// Its priority, which may be beyond those that plugins know. A filter is given the
    /// nearest one of those; the message keeps its own unless a filter changes it.
    pub priority: i64,
    /// The time at which it is deleted, in milliseconds since the epoch; none for never.
    pub expires_ms: Option<i64>,
    /// The token of its sender, by which a Gotify behind this server accepts it; none for
    /// a message of a user or of a plugin.
    pub token: Option<&'a Token>,
}

/// The parts of a change that filters are not given.
#[derive(Clone, Copy, Debug)]
pub struct ChangedLabel {
    /// The message's new priority, as in [`Label`].
    pub priority: i64,
    /// The new time at which it is deleted, as in [`Label`]; none keeps its time.
    pub expires: Option<Option<i64>>,
}

/// A message past the filters.
enum Passed {
    /// With its content.
    Stays(NewMessage),
    /// A filter dropped it.
    Dropped { by: String, reason: String },
}

/// The reason for which a message was not accepted.
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
    /// A filter failed and the user wants messages rejected then.
    #[error(
        "the filter of plugin `{by}` failed and messages are rejected until it works again: {reason}"
    )]
    Refused {
        /// The plugin's name.
        by: String,
        /// The failure.
        reason: String,
    },
    /// The application was deleted meanwhile.
    #[error("the application does not exist")]
    NoApplication,
    /// The message was deleted meanwhile.
    #[error("the message does not exist")]
    NoMessage,
    /// A Gotify behind this server stores the messages.
    #[error("Gotify stores the messages here, and cannot do this")]
    OfUpstream,
    /// The server ends.
    #[error("the server is stopping; send the message again in a moment")]
    Stopping,
    /// The user has no account at the Gotify behind this server.
    #[error(
        "this user has no client token in --upstream-token, so Gotify cannot store the message"
    )]
    NotUpstream,
    /// The Gotify behind this server does not accept the sender's token, or no longer.
    #[error("{}", AuthError::Unauthorized)]
    UnknownSender,
    /// The Gotify behind this server does not take it.
    #[error("{0}")]
    Upstream(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes messages in. One per server.
#[derive(Debug)]
pub struct Pipeline {
    store: Store,
    hub: Arc<Hub>,
    chain: Arc<dyn Chain>,
    commit: Commit,
    most: Size,
    keep: Keep,
    seen: Arc<Seen>,
    /// To the Gotify behind this server, in place of the database.
    forward: Option<Arc<dyn Forward>>,
    /// Whether the effect of each filter is stored with a message.
    traces: bool,
}

impl Pipeline {
    /// A pipeline between these. Needs the runtime: it starts a task, which
    /// ends with the pipeline. A message has at most the size `most`.
    pub fn new(
        store: Store,
        hub: Arc<Hub>,
        events: Arc<Events>,
        chain: Arc<dyn Chain>,
        seen: Arc<Seen>,
        most: Size,
        forward: Option<Arc<dyn Forward>>,
    ) -> Self {
        Self {
            commit: Commit::start(store.clone(), Arc::clone(&hub), Arc::clone(&chain)),
            hub,
            keep: Keep::start(store.clone(), events),
            store,
            chain,
            most,
            seen,
            forward,
            traces: true,
        }
    }

    /// Stores the effect of each filter with a message, or does not.
    #[must_use]
    pub const fn with_traces(mut self, kept: bool) -> Self {
        self.traces = kept;
        self
    }

    /// Takes in a message of one of the user's applications, past the filters that its
    /// sender allows. It returns once the message is durable and handed to those who are
    /// connected.
    ///
    /// # Errors
    ///
    /// [`PostError`]; nothing was stored.
    pub async fn post(
        &self,
        user_id: i64,
        draft: Draft,
        sender: Sender,
    ) -> Result<Posted, PostError> {
        let label = Label {
            priority: draft.content.priority.into(),
            expires_ms: None,
            token: None,
        };
        self.post_with(user_id, draft, label, sender).await
    }

    /// As [`Pipeline::post`], with a label.
    ///
    /// # Errors
    ///
    /// [`PostError`]; nothing was stored.
    pub async fn post_with(
        &self,
        user_id: i64,
        draft: Draft,
        label: Label<'_>,
        sender: Sender,
    ) -> Result<Posted, PostError> {
        if label.expires_ms.is_some() {
            self.keeps_messages()?;
        }
        let new = match self.passed(user_id, draft, label, sender, None).await? {
            Passed::Stays(new) => NewMessage {
                expires_ms: label.expires_ms,
                ..new
            },
            Passed::Dropped { by, reason } => return Ok(Posted::Dropped { by, reason }),
        };
        let span = tracing::info_span!(
            target: TARGET,
            "store",
            application.id = new.application_id,
            message.id = Empty,
        );
        let stored = self.store(new, label.token).instrument(span).await;
        stored.map(Posted::Stored)
    }

    /// Replaces the content of a message of one of the user's applications, past the
    /// filters, and hands it to those who are connected. Listeners have had it. None
    /// if there is no such message.
    ///
    /// # Errors
    ///
    /// [`PostError`]; it stays as it was.
    pub async fn update(
        &self,
        user_id: i64,
        id: i64,
        draft: Draft,
        change: ChangedLabel,
        sender: Sender,
    ) -> Result<Option<Posted>, PostError> {
        self.keeps_messages()?;
        let label = Label {
            priority: change.priority,
            expires_ms: change.expires.flatten(),
            token: None,
        };
        let updates = Some((id, change));
        match self.passed(user_id, draft, label, sender, updates).await? {
            Passed::Dropped { by, reason } => Ok(Some(Posted::Dropped { by, reason })),
            Passed::Stays(new) => {
                let updated = self.store.update_message(id, &new, change.expires).await?;
                if let Some(message) = &updated {
                    self.hub.publish(message);
                }
                Ok(updated.map(Posted::Stored))
            }
        }
    }

    /// Checks that messages are stored here, where they can be changed.
    ///
    /// # Errors
    ///
    /// [`PostError::OfUpstream`].
    pub fn keeps_messages(&self) -> Result<(), PostError> {
        match self.forward {
            None => Ok(()),
            Some(_) => Err(PostError::OfUpstream),
        }
    }

    /// Checks a message, and has the filters decide about it; `updates` is the stored one
    /// that it changes, with the change.
    async fn passed(
        &self,
        user_id: i64,
        mut draft: Draft,
        label: Label<'_>,
        sender: Sender,
        updates: Option<(i64, ChangedLabel)>,
    ) -> Result<Passed, PostError> {
        let priority = label.priority;
        draft.content.priority = contract_priority(priority);
        let given_priority = draft.content.priority;
        check(&draft.content, self.most)?;
        let (draft, trace) = if sender.is_filtered() {
            let span = tracing::info_span!(target: TARGET, "filters", user.id = user_id);
            let filtered = self.chain.filter(user_id, draft, sender);
            let filtered = filtered.instrument(span).await;
            self.seen.filters(&filtered.trace);
            match filtered.outcome {
                Outcome::Pass(draft) => (draft, filtered.trace),
                Outcome::Dropped { draft, by, reason } => {
                    self.check_sender(user_id, &draft, label).await?;
                    let kept = dropped(user_id, draft, &filtered.trace, false)?;
                    self.keep.message(labelled(kept, label, updates)).await;
                    return Ok(Passed::Dropped { by, reason });
                }
                Outcome::Refused { draft, by, reason } => {
                    self.check_sender(user_id, &draft, label).await?;
                    let kept = dropped(user_id, draft, &filtered.trace, true)?;
                    self.keep.message(labelled(kept, label, updates)).await;
                    return Err(PostError::Refused { by, reason });
                }
            }
        } else {
            (draft, Vec::new())
        };
        let mut changes = trace.iter();
        let is_changed = changes.any(|asked| asked.entry.action == TraceAction::Replace);
        if is_changed {
            // Content from filters is bounded like content from outside.
            check(&draft.content, self.most)?;
        }
        let Draft {
            application,
            content,
            received_ms,
        } = draft;
        let title = match content.title.trim() {
            "" => application.name,
            _ => content.title,
        };
        let trace = if self.traces {
            stored_trace::write(&self.store, trace).await?
        } else {
            is_changed.then(|| stored_trace::UNKNOWN.to_owned())
        };
        Ok(Passed::Stays(NewMessage {
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
            // The time that its filters were given, which a replay gives them again.
            created_ms: received_ms.cast_signed(),
            expires_ms: None,
            trace,
            restores: None,
            hops: sender.hops(),
        }))
    }

    /// Checks the sender of a message that the Gotify behind this server will not see,
    /// before the message is kept here.
    async fn check_sender(
        &self,
        user_id: i64,
        draft: &Draft,
        label: Label<'_>,
    ) -> Result<(), PostError> {
        let (Some(forward), Some(token)) = (&self.forward, label.token) else {
            return Ok(());
        };
        let application = draft.application.id.cast_signed();
        forward.check(user_id, application, token).await
    }

    /// Stores a message, here or in the Gotify behind this server.
    async fn store(&self, new: NewMessage, token: Option<&Token>) -> Result<MessageRow, PostError> {
        let Some(forward) = &self.forward else {
            return self.commit.message(new).await;
        };
        let stored = forward.message(&new, token).await?;
        let stored = stored.ok_or(PostError::NotUpstream)?;
        if let Some(dropped) = new.restores {
            self.store
                .forget_dropped(new.user_id, Some(dropped))
                .await?;
        }
        Ok(stored)
    }

    /// Stores a message that a filter had dropped, as that filter was given it; a dropped
    /// change changes its message, if that is still there. No filter is asked about it;
    /// listeners receive a new message, and those who are connected both. It has the time at
    /// which it is deleted, unless this has passed. None if the user has no such message.
    ///
    /// # Errors
    ///
    /// [`PostError`]; it is still among the dropped ones.
    pub async fn restore(&self, user_id: i64, id: i64) -> Result<Option<MessageRow>, PostError> {
        let Some(dropped) = self.store.dropped_message(user_id, id).await? else {
            return Ok(None);
        };
        let now_ms = self.store.now_ms();
        // A time that has passed would delete at once the message that the user wants back.
        let expires = dropped.sets_expiry.then_some(dropped.expires_ms);
        let expires = expires.filter(|at| at.is_none_or(|at| at > now_ms));
        let new = NewMessage {
            application_id: dropped.application_id,
            user_id,
            title: dropped.title,
            body: dropped.body,
            priority: dropped.priority.into(),
            extras: dropped.extras,
            created_ms: now_ms,
            expires_ms: expires.flatten(),
            trace: restored(dropped.trace.as_deref(), now_ms),
            restores: Some(id),
            hops: 0,
        };
        if let Some(updates) = dropped.updates
            && self.forward.is_none()
            && let Some(message) = self.store.update_message(updates, &new, expires).await?
        {
            self.hub.publish(&message);
            self.store.forget_dropped(user_id, Some(id)).await?;
            return Ok(Some(message));
        }
        match self.store(new, None).await {
            Ok(message) => Ok(Some(message)),
            // Somebody else restored or deleted it a moment ago.
            Err(PostError::NoApplication) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A message as it is kept after its last filter dropped or refused it.
fn dropped(
    user_id: i64,
    draft: Draft,
    asked: &[Asked],
    refused: bool,
) -> Result<DroppedRow, PostError> {
    let trace: Vec<TraceEntry> = asked.iter().map(Asked::named).collect();
    let (plugin, plugin_name, instance_id, reason) = match trace.last() {
        Some(last) => (&*last.id, &*last.plugin, last.instance, &*last.detail),
        None => ("", "", 0, ""),
    };
    Ok(DroppedRow {
        id: 0,
        application_id: i64::try_from(draft.application.id)
            .map_err(|_| PostError::NoApplication)?,
        user_id,
        title: draft.content.title,
        body: draft.content.body,
        priority: draft.content.priority,
        extras: draft.content.extras,
        // As that of a stored message.
        created_ms: draft.received_ms.cast_signed(),
        refused,
        plugin: plugin.to_owned(),
        plugin_name: plugin_name.to_owned(),
        instance_id,
        reason: reason.to_owned(),
        // Strings and numbers always serialize.
        trace: serde_json::to_string(&trace).ok(),
        updates: None,
        expires_ms: None,
        sets_expiry: false,
    })
}

/// A dropped message with the parts that filters are not given.
fn labelled(
    kept: DroppedRow,
    label: Label<'_>,
    updates: Option<(i64, ChangedLabel)>,
) -> DroppedRow {
    DroppedRow {
        updates: updates.map(|(id, _)| id),
        expires_ms: label.expires_ms,
        sets_expiry: match updates {
            Some((_, change)) => change.expires.is_some(),
            None => label.expires_ms.is_some(),
        },
        ..kept
    }
}

/// The trace of a dropped message that is restored now; none if it had none.
fn restored(trace: Option<&str>, now_ms: i64) -> Option<String> {
    let mut trace: Vec<TraceEntry> = serde_json::from_str(trace?).ok()?;
    trace.push(TraceEntry::restored(rfc3339(now_ms)));
    serde_json::to_string(&trace).ok()
}

/// A priority as the plugin contract has it: a larger one becomes the largest.
pub(crate) fn contract_priority(priority: i64) -> i32 {
    let bounded = priority.clamp(i32::MIN.into(), i32::MAX.into());
    i32::try_from(bounded).unwrap_or_default()
}

/// Checks the bounds of a message.
fn check(content: &Content, most: Size) -> Result<(), PostError> {
    content.check(most.bytes()).map_err(|error| match error {
        ContentError::TooLong { bytes, .. } => PostError::TooLong { bytes, most },
        // In Gotify's words.
        ContentError::EmptyBody => PostError::Invalid("Field 'message' is required".to_owned()),
        other => PostError::Invalid(other.to_string()),
    })
}
