//! The position of a listener among its user's messages.

use std::sync::Arc;

use mortise_runtime::{CallError, Capability};

use super::{ControlError, Plugins, Slot, control::stop_feeding};

/// The messages that a listener receives next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Those that are stored from now on.
    Newest,
    /// Those after this one; after 0, all messages that are stored.
    After(i64),
}

impl Plugins {
    /// Returns the message after which an enabled listener goes on. The stored position
    /// may be a few messages behind.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn listener_position(&self, slot: &Slot) -> Result<i64, ControlError> {
        self.listening(slot).await?;
        let row = self.catalogue.user_plugin(slot.id).await?;
        Ok(row.map_or(0, |row| row.cursor))
    }

    /// Has an enabled listener go on elsewhere, and returns the message after which it
    /// does. Runs to its end, whatever becomes of the caller.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn move_listener(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        to: Position,
    ) -> Result<i64, ControlError> {
        let (plugins, slot) = (Arc::clone(self), Arc::clone(slot));
        self.to_its_end(async move {
            let turn = slot.turns.take().await;
            plugins.listening(&slot).await?;
            let newest = plugins.users.newest_message(slot.user_id()).await?;
            let after = match to {
                Position::Newest => newest,
                Position::After(message) => message.clamp(0, newest),
            };
            // It stores its own position when it ends.
            stop_feeding(&slot).await;
            let moved = plugins.catalogue.set_cursor(slot.id, after).await;
            plugins.work_as_granted(&turn, &slot).await;
            moved?;
            Ok(after)
        })
        .await
    }

    async fn listening(&self, slot: &Slot) -> Result<(), ControlError> {
        if !slot.is_enabled() {
            return Err(CallError::Stopped.into());
        }
        self.supporting(slot, Capability::Listener).await?;
        Ok(())
    }
}
