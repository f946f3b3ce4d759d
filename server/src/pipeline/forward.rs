//! Another server in place of this one's database.

use async_trait::async_trait;
use mortise_store::{MessageRow, NewMessage};

use super::PostError;
use crate::auth::Token;

/// Sends messages to another server in place of storing them.
#[async_trait]
pub trait Forward: Send + Sync + std::fmt::Debug {
    /// Sends a message with its sender's token, if a sender sent it, and returns it with
    /// its number there; none if its user is no user there.
    ///
    /// # Errors
    ///
    /// [`PostError::UnknownSender`], [`PostError::Upstream`] or [`PostError::Store`].
    async fn message(
        &self,
        new: &NewMessage,
        token: Option<&Token>,
    ) -> Result<Option<MessageRow>, PostError>;

    /// Checks that the other server accepts the token of an application's sender.
    ///
    /// # Errors
    ///
    /// As [`Forward::message`].
    async fn check(&self, user: i64, application: i64, token: &Token) -> Result<(), PostError>;
}
