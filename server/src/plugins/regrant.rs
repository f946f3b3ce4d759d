//! What an instance may do now: the administrator's answer and its user's. When
//! one of them changes, instances that are there get the new rights.

use std::sync::Arc;

use mortise_runtime::{Grants, Limits, Plugin as _, types::Manifest};

use super::{ControlError, Plugins, Slot, consent::Consent};

impl Plugins {
    /// What an instance of this version may do for a slot's user, and how much
    /// of it.
    pub(super) fn rights(&self, slot: &Slot, manifest: &Manifest) -> (Grants, Limits) {
        let answer = self.grants().answer(&manifest.id);
        let grants = answer.with_users_part(manifest, &slot.agreed());
        (grants, answer.limits)
    }

    /// Puts the answers of now into force for all instances of a plugin.
    pub(super) async fn regrant(self: &Arc<Self>, id: &str) {
        let slots = self.slots_of(id);
        futures_util::future::join_all(slots.iter().map(async |slot| {
            let _turn = slot.control.lock().await;
            self.regrant_slot(slot).await;
        }))
        .await;
    }

    /// The same for one instance. Holds its turn.
    pub(super) async fn regrant_slot(self: &Arc<Self>, slot: &Arc<Slot>) {
        let plugin = slot.plugin();
        let (grants, limits) = self.rights(slot, plugin.manifest());
        let is_same = match &*slot.made.lock().await {
            Some(made) => made.grants == grants && made.limits == limits,
            None => return,
        };
        if is_same {
            return;
        }
        match self.made_anew(slot, &plugin).await {
            Ok(made) => self.move_over(slot, &plugin, made).await,
            Err(error) => {
                slot.note(&error);
                self.move_over(slot, &plugin, None).await;
            }
        }
    }

    /// The user of an enabled plugin agrees to all that the version asks which
    /// they have now.
    ///
    /// # Errors
    ///
    /// [`ControlError::Store`].
    pub async fn agree(self: &Arc<Self>, slot: &Arc<Slot>) -> Result<(), ControlError> {
        let _turn = slot.control.lock().await;
        let agreed = Consent::to(slot.plugin().manifest());
        self.store
            .set_plugin_consent(slot.id, &agreed.to_json())
            .await?;
        slot.change(|state| state.agreed = agreed);
        self.regrant_slot(slot).await;
        Ok(())
    }
}
