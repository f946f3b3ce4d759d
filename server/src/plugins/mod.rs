//! The runtime's plugins as this server's users have them: which are
//! installed, who has enabled what, and what goes to them and comes from them.

use std::{path::PathBuf, sync::Arc};

use mortise_runtime::types::Draft;

use crate::{
    pipeline::{Pipeline, TraceEntry},
    store::{Store, StoreError, UserRow},
};

/// All plugins and their users' instances.
#[derive(Debug)]
pub struct Plugins {
    store: Store,
    folder: PathBuf,
}

/// What a user's filters made of a message.
#[derive(Debug)]
pub struct Filtered {
    /// What is to happen with it.
    pub outcome: Outcome,
    /// What each filter did, in their order.
    pub trace: Vec<TraceEntry>,
}

/// How a message leaves the filters.
#[derive(Debug)]
pub enum Outcome {
    /// To be stored, as it is now.
    Pass(Draft),
    /// A filter dropped it.
    Dropped {
        /// The plugin's name.
        by: String,
        /// In its words.
        reason: String,
    },
    /// A filter failed, and the user wants messages refused then.
    Refused {
        /// The plugin's name.
        by: String,
        /// How it failed.
        reason: String,
    },
}

impl Plugins {
    /// Plugins of a folder, none of them loaded yet.
    pub fn new(store: Store, folder: PathBuf) -> Arc<Self> {
        Arc::new(Self { store, folder })
    }

    /// Loads the folder and brings up what users have enabled. Called once,
    /// before the server listens. The pipeline holds these plugins: keep it
    /// weakly, or let go of it in [`Plugins::stop`].
    ///
    /// # Errors
    ///
    /// A folder that cannot be read, or the database. A plugin that does not
    /// load is no error.
    pub async fn start(self: &Arc<Self>, _pipeline: &Arc<Pipeline>) -> Result<(), StoreError> {
        tracing::debug!(folder = %self.folder.display(), "no plugins");
        self.store.ping().await
    }

    /// Stops all instances. Called once, after the last request was answered.
    pub async fn stop(&self) {}

    /// Asks a user's filters, in their order, but never those of the instance
    /// `skip`. All share one deadline.
    pub async fn filter(&self, _user_id: i64, draft: Draft, _skip: Option<i64>) -> Filtered {
        Filtered {
            outcome: Outcome::Pass(draft),
            trace: Vec::new(),
        }
    }

    /// A message of this user was committed: wakes the user's listeners, which
    /// read on from their cursors. Must not wait.
    pub fn message_stored(&self, _user_id: i64) {}

    /// A user was created and gets instances of all plugins.
    pub async fn user_created(&self, _user: &UserRow) {}

    /// A user was deleted; the user's rows are gone.
    pub async fn user_deleted(&self, _user_id: i64) {}
}
