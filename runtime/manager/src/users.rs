//! Users who come, change and go, and the rows by which they have plugins.

use std::sync::Arc;

use mortise_runtime::types::StopReason;

use super::{
    Plugins,
    embedder::{EmbedderError, Selection},
};

impl Plugins {
    /// Returns true while enabled plugins are brought up after the server's start.
    pub fn is_starting(&self) -> bool {
        !self.starting.borrow().is_empty()
    }

    /// Returns false if the plugin of an instance is not installed, as after an
    /// import.
    ///
    /// # Errors
    ///
    /// [`EmbedderError`].
    pub async fn has_plugin_of(&self, instance: i64) -> Result<bool, EmbedderError> {
        let row = self.catalogue.user_plugin(instance).await?;
        Ok(row.is_none_or(|row| self.installed.has(&row.plugin)))
    }

    /// A user was created and gets instances of all plugins.
    pub async fn user_created(&self, user_id: i64) {
        if let Err(error) = self.add_instances(&[user_id]).await {
            // They are made when the user lists them.
            tracing::error!(%error, "a new user's plugins were not made");
        }
    }

    /// Stops a user's instances before the user is deleted, while their stored
    /// data still exists. If the user stays after all,
    /// [`Plugins::user_changed`] restores them.
    pub async fn user_leaving(&self, user_id: i64) {
        self.let_go(|slot| slot.user_id() == user_id, StopReason::Disabled)
            .await;
    }

    /// Passes a user's changed name or role to the instances.
    pub async fn user_changed(self: &Arc<Self>, user_id: i64) {
        self.let_go(|slot| slot.user_id() == user_id, StopReason::Reloading)
            .await;
        let resumed = async {
            let rows = self
                .catalogue
                .user_plugins(Selection::OfUser(user_id))
                .await?;
            self.resume_all(rows).await
        };
        if let Err(error) = resumed.await {
            tracing::error!(%error, "a user's plugins were not restarted");
        }
    }

    /// A user was deleted; the user's rows are gone.
    pub async fn user_deleted(&self, user_id: i64) {
        self.let_go(|slot| slot.user_id() == user_id, StopReason::Disabled)
            .await;
        self.working.unrequire_user(user_id);
    }

    /// Creates the plugins that these users lack.
    pub(super) async fn add_instances(&self, users: &[i64]) -> Result<(), EmbedderError> {
        let installed = self.installed.ids();
        let plugins: Vec<&str> = installed.iter().map(String::as_str).collect();
        self.catalogue.add_user_plugins(users, &plugins).await
    }
}
