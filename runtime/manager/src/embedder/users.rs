//! The users, and their messages.

use async_trait::async_trait;
use mortise_runtime::{
    Origin,
    grants::Applications,
    types::{Application, Draft, Error, Message, User},
};
use serde::{Deserialize, Serialize};

use super::EmbedderError;
use crate::trace::TraceEntry;

/// The sender of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Someone outside, as the draft's application.
    Application,
    /// A plugin's instance: its messages never pass its own filter.
    Plugin {
        /// The instance.
        instance: i64,
        /// The number of plugins that the message has passed through.
        hops: u8,
        /// The call in which it was sent.
        origin: Origin,
    },
}

impl Sender {
    /// Returns the number of plugins that the message has passed through.
    pub const fn hops(self) -> u8 {
        match self {
            Self::Application => 0,
            Self::Plugin { hops, .. } => hops,
        }
    }

    /// Returns true if the message passes filters.
    pub const fn is_filtered(self) -> bool {
        match self {
            Self::Application => true,
            Self::Plugin { origin, .. } => origin.is_filtered(),
        }
    }

    /// Returns the instance whose filter is left out.
    pub const fn instance(self) -> Option<i64> {
        match self {
            Self::Application => None,
            Self::Plugin { instance, .. } => Some(instance),
        }
    }
}

/// The messages that an instance may receive: those of other senders, from the
/// applications in its grant.
#[derive(Clone, Copy, Debug)]
pub struct Readable<'a> {
    /// The instance; its own messages are excluded.
    pub instance: i64,
    /// Its user.
    pub user_id: i64,
    /// The applications.
    pub applications: &'a Applications,
    /// The lowest priority; none for every priority.
    pub min_priority: Option<i32>,
}

/// An application of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginApplication {
    /// The plugin's name for it; empty for its main one.
    pub key: String,
    /// The application as the user sees it.
    pub application: Application,
}

/// An application that a plugin is to have.
#[derive(Clone, Copy, Debug)]
pub struct NewApplication<'a> {
    /// The plugin's user.
    pub user_id: i64,
    /// The instance.
    pub instance: i64,
    /// The plugin's name for it; empty for its main one.
    pub key: &'a str,
    /// The name for the user.
    pub name: &'a str,
    /// The description for the user.
    pub description: &'a str,
}

/// A message and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserMessage {
    /// The message.
    pub message: Message,
    /// The instance that sent it; none if no plugin did.
    pub instance: Option<i64>,
    /// The number of plugins that it has passed through: its [`Sender::hops`].
    pub hops: u8,
}

/// A message that passed filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TracedId {
    /// Its number, among the stored messages or among the dropped ones.
    pub id: i64,
    /// True for a dropped message.
    pub dropped: bool,
}

/// A message that passed filters, and their trace.
#[derive(Clone, Debug)]
pub struct TracedMessage {
    /// Its number.
    pub id: TracedId,
    /// The message as it was stored, or as its last filter was given it.
    pub draft: Draft,
    /// An entry for each filter, in their order.
    pub trace: Vec<TraceEntry>,
}

fn not_offered<T>(what: &str) -> Result<T, Error> {
    Err(Error::Unavailable(format!(
        "this program does not offer {what}"
    )))
}

/// The users, and their messages.
///
/// A program whose plugins do not read messages implements [`Users::list`],
/// [`Users::get`] and [`Users::send`]; by the other methods there are no messages.
/// Lists of messages should be bounded by their size too: a plugin receives a list
/// in one call.
#[async_trait]
pub trait Users: Send + Sync + std::fmt::Debug {
    /// Returns the ids of all users.
    async fn list(&self) -> Result<Vec<i64>, EmbedderError>;

    /// Returns a user.
    async fn get(&self, id: i64) -> Result<Option<User>, EmbedderError>;

    /// Takes in a message of a plugin and returns its id. If it
    /// [is filtered](Sender::is_filtered), it passes the user's filters first
    /// ([`Plugins::filter_message`](crate::Plugins::filter_message)). The
    /// message is stored with its [`Sender::hops`], and announced to the listeners
    /// ([`Plugins::note_message`](crate::Plugins::note_message)). An implementation
    /// that calls these holds the manager by a `Weak`, because the manager holds the
    /// users.
    ///
    /// # Errors
    ///
    /// An error for the plugin.
    async fn send(&self, user_id: i64, draft: Draft, sender: Sender) -> Result<u64, Error>;

    /// Returns the path of a plugin's webhook; none if the program serves no
    /// webhooks.
    fn webhook_path(&self, _instance: i64, _token: &str) -> Option<String> {
        None
    }

    /// Returns the applications of a plugin.
    async fn applications(&self, _instance: i64) -> Result<Vec<PluginApplication>, EmbedderError> {
        Ok(Vec::new())
    }

    /// Returns an application of a plugin, and creates it if there is none with
    /// this key.
    async fn application(&self, new: NewApplication<'_>) -> Result<Application, EmbedderError> {
        Ok(Application {
            id: new.instance.unsigned_abs(),
            name: new.name.to_owned(),
        })
    }

    /// Returns one message of a user.
    async fn message(
        &self,
        _user_id: i64,
        _message: i64,
    ) -> Result<Option<UserMessage>, EmbedderError> {
        Ok(None)
    }

    /// Returns messages that an instance sent, newest first, with an id below
    /// `before`.
    async fn sent(
        &self,
        _user_id: i64,
        _instance: i64,
        _before: i64,
        _limit: u32,
    ) -> Result<Vec<Message>, EmbedderError> {
        Ok(Vec::new())
    }

    /// Returns messages that an instance may receive, newest first, with an id below
    /// `before`.
    async fn received(
        &self,
        _readable: Readable<'_>,
        _before: i64,
        _limit: u32,
    ) -> Result<Vec<Message>, EmbedderError> {
        Ok(Vec::new())
    }

    /// Returns messages that an instance may receive and that were stored after the
    /// message `after`, oldest first.
    async fn messages_after(
        &self,
        _readable: Readable<'_>,
        _after: i64,
        _limit: u32,
    ) -> Result<Vec<UserMessage>, EmbedderError> {
        Ok(Vec::new())
    }

    /// Returns the id of a user's newest message; 0 if there is none.
    async fn newest_message(&self, _user_id: i64) -> Result<i64, EmbedderError> {
        Ok(0)
    }

    /// Returns a user's messages that passed filters since a time, oldest first: at
    /// most the `limit` newest ones.
    async fn traced(
        &self,
        _user_id: i64,
        _since_ms: i64,
        _limit: u32,
    ) -> Result<Vec<TracedId>, EmbedderError> {
        Ok(Vec::new())
    }

    /// Returns these messages, in this order. Leaves out those that are gone, and may
    /// end early, but not before the first, if they are long.
    async fn traced_messages(
        &self,
        _user_id: i64,
        _ids: &[TracedId],
    ) -> Result<Vec<TracedMessage>, EmbedderError> {
        Ok(Vec::new())
    }

    /// Replaces the content of a message by that of a draft, which passes the user's
    /// filters first as with [`Users::send`]. The message keeps its id and its time, and
    /// listeners do not receive it again.
    ///
    /// # Errors
    ///
    /// An error for the plugin.
    async fn update_message(
        &self,
        _user_id: i64,
        _message: i64,
        _draft: Draft,
        _sender: Sender,
    ) -> Result<(), Error> {
        not_offered("changing a message")
    }

    /// Has a message deleted at a time, in milliseconds since the epoch; none for never.
    ///
    /// # Errors
    ///
    /// An error for the plugin.
    async fn expire_message(
        &self,
        _user_id: i64,
        _message: i64,
        _at_ms: Option<i64>,
    ) -> Result<(), Error> {
        not_offered("setting the end of a message")
    }

    /// Sets the image of an application; an empty one removes it.
    ///
    /// # Errors
    ///
    /// An error for the plugin.
    async fn set_image(
        &self,
        _user_id: i64,
        _application: i64,
        _image: Vec<u8>,
    ) -> Result<(), Error> {
        not_offered("setting an application's image")
    }

    /// Returns the user with a name.
    async fn by_name(&self, name: &str) -> Result<Option<User>, EmbedderError> {
        for id in self.list().await? {
            if let Some(user) = self.get(id).await?.filter(|user| user.name == name) {
                return Ok(Some(user));
            }
        }
        Ok(None)
    }

    /// Returns the time zone that a user has chosen, by its name; none for the program's.
    async fn time_zone(&self, _user_id: i64) -> Result<Option<String>, EmbedderError> {
        Ok(None)
    }

    /// Deletes a message of a user.
    async fn remove_message(&self, _user_id: i64, _message: i64) -> Result<(), EmbedderError> {
        Ok(())
    }
}
