//! Plugins' filters and listeners in the pipeline.

use async_trait::async_trait;
use mortise_runtime::types::Draft;
use mortise_store::MessageRow;

use crate::{
    pipeline::Chain,
    plugins::{Filtered, Plugins, embedder::Sender},
};

#[async_trait]
impl Chain for Plugins {
    async fn filter(&self, user_id: i64, draft: Draft, sender: Sender) -> Filtered {
        self.filter_message(user_id, draft, sender).await
    }

    fn message_stored(&self, message: &MessageRow) {
        self.note_message(message.user_id);
    }
}
