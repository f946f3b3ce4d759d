//! Dead letters: messages on which a listener failed again and again. One is
//! delivered again when its user asks for it.

use mortise_runtime::{CallError, Capability};

use super::{ControlError, Plugins, Slot, embedder::Readable, trace::Subject};

impl Plugins {
    /// Delivers a dead letter to its listener again. False if there is no such
    /// dead letter, or the plugin may not read it any more.
    ///
    /// # Errors
    ///
    /// [`ControlError::Call`] if it failed again: the dead letter stays.
    pub async fn retry_dead_letter(&self, slot: &Slot, message: i64) -> Result<bool, ControlError> {
        if !slot.is_enabled() {
            return Err(CallError::Stopped.into());
        }
        if !self.catalogue.has_dead_letter(slot.id, message).await? {
            return Ok(false);
        }
        let instance = self.instance(slot).await?;
        if !instance.capabilities().contains(Capability::Listener) {
            return Err(CallError::NotExported(Capability::Listener).into());
        }
        let in_force = instance.guard().in_force();
        let readable = Readable {
            instance: slot.id,
            user_id: slot.user_id(),
            applications: &in_force.grants.user.read_messages,
            min_priority: None,
        };
        let before = message.saturating_sub(1);
        let given = self.users.messages_after(readable, before, 1).await?;
        let Some(letter) = given.into_iter().next() else {
            return Ok(false);
        };
        if letter.message.id != message.unsigned_abs() {
            return Ok(false);
        }
        let _heard = slot.hops.give(letter.hops);
        let batch = [letter.message];
        let call = self.with_trace(
            slot,
            Subject::messages(&batch),
            instance.on_messages(&batch),
        );
        match call.await {
            Ok(()) => {
                self.catalogue.remove_dead_letter(slot.id, message).await?;
                Ok(true)
            }
            Err(error) => {
                slot.note(&error);
                self.catalogue
                    .note_dead_letter(slot.id, message, &error.to_string())
                    .await?;
                Err(error.into())
            }
        }
    }
}
