//! Another server in place of this one's database.

use async_trait::async_trait;
use mortise_store::{MessageRow, NewMessage};

use super::PostError;

/// Sends messages to another server in place of storing them.
#[async_trait]
pub trait Forward: Send + Sync + std::fmt::Debug {
    /// Sends a message, and returns it with its number there; none if its user is no
    /// user there.
    ///
    /// # Errors
    ///
    /// [`PostError::Upstream`] or [`PostError::Store`].
    async fn message(&self, new: &NewMessage) -> Result<Option<MessageRow>, PostError>;
}
