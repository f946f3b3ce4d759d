//! The plugins as the pipeline needs them: filters before a message is stored,
//! listeners afterwards.

use async_trait::async_trait;
use mortise_runtime::types::Draft;

use super::TraceEntry;

/// The filters and listeners of all users.
#[async_trait]
pub trait Chain: Send + Sync + std::fmt::Debug {
    /// Asks a user's filters, in their order, but never those of the instance
    /// `skip`. All share one deadline.
    async fn filter(&self, user_id: i64, draft: Draft, skip: Option<i64>) -> Filtered;

    /// Notes that a message of the user's was stored, for their listeners.
    fn message_stored(&self, user_id: i64);
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
