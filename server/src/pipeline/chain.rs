//! The plugins as the pipeline needs them: filters before a message is stored,
//! listeners afterwards.

use async_trait::async_trait;
use mortise_runtime::types::Draft;
use mortise_store::MessageRow;

use crate::plugins::{Filtered, embedder::Sender};

/// The filters and listeners of all users.
#[async_trait]
pub trait Chain: Send + Sync + std::fmt::Debug {
    /// Asks a user's filters, in their order, but never that of the sender itself. All
    /// share one deadline.
    async fn filter(&self, user_id: i64, draft: Draft, sender: Sender) -> Filtered;

    /// Notes that a message was stored, for its user's listeners.
    fn message_stored(&self, message: &MessageRow);
}
