//! The plugins as the pipeline needs them: filters before a message is stored,
//! listeners afterwards.

use async_trait::async_trait;
use mortise_runtime::types::Draft;

use super::{Sender, TraceEntry};
use crate::store::MessageRow;

/// The filters and listeners of all users.
#[async_trait]
pub trait Chain: Send + Sync + std::fmt::Debug {
    /// Asks a user's filters, in their order, but never that of the sender itself. All
    /// share one deadline.
    async fn filter(&self, user_id: i64, draft: Draft, sender: Sender) -> Filtered;

    /// Notes that a message was stored, for its user's listeners. It has passed
    /// through this number of plugins.
    fn message_stored(&self, message: &MessageRow, hops: u8);
}

/// The result of a user's filters for a message.
#[derive(Debug)]
pub struct Filtered {
    /// The decision about the message.
    pub outcome: Outcome,
    /// The effect of each filter, in order.
    pub trace: Vec<TraceEntry>,
}

/// The filters' decision about a message.
#[derive(Debug)]
pub enum Outcome {
    /// To be stored, as it is now.
    Pass(Draft),
    /// A filter dropped it.
    Dropped {
        /// The message as the filter was given it.
        draft: Draft,
        /// The plugin's name.
        by: String,
        /// In its words.
        reason: String,
    },
    /// A filter failed, and the user wants messages refused then.
    Refused {
        /// The message as the filter was given it.
        draft: Draft,
        /// The plugin's name.
        by: String,
        /// The failure.
        reason: String,
    },
}
