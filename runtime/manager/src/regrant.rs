//! An instance's current rights: the administrator's grants and the user's
//! consent. When one of them changes, existing instances get the new rights at
//! once and without waiting for a turn: a revocation must not wait.

use std::{
    path::Path,
    sync::{Arc, Weak},
};

use futures_util::future::join_all;
use mortise_runtime::{Instance, Plugin as _, Rights, grants::UserGrants, types::Manifest};

use super::{ControlError, Plugins, Slot, grants::PluginGrants, turn::SlotTurn};

impl Plugins {
    /// Returns the rights and limits of an instance of this version for a
    /// slot's user.
    pub(super) fn rights(&self, slot: &Slot, manifest: &Manifest) -> Rights {
        let granted = self.grants_in_force(&manifest.id);
        Rights {
            grants: granted.with_consent(manifest, &slot.consented()),
            limits: granted.limits,
        }
    }

    /// The administrator's grants without the directories that overlap the
    /// server's own: they may have been granted before, or in the file.
    pub(super) fn grants_in_force(&self, id: &str) -> PluginGrants {
        let mut granted = self.grants().of(id);
        let protected = &self.settings.protected;
        granted
            .grants
            .files
            .retain(|directory| protected.check(Path::new(&directory.path)).is_ok());
        granted
    }

    /// Puts the current grants into force for all instances of a plugin.
    pub(super) async fn regrant(self: &Arc<Self>, id: &str) {
        let slots = self.slots_of(id);
        join_all(slots.iter().map(async |slot| {
            self.hold_to_rights(slot).await;
            let retiring: Vec<_> = slot
                .retiring
                .lock()
                .iter()
                .filter_map(Weak::upgrade)
                .collect();
            for instance in retiring {
                self.hold(slot, &*instance).await;
            }
        }))
        .await;
        for slot in slots {
            let turn = slot.turns.take().await;
            self.work_as_granted(&turn, &slot).await;
        }
    }

    /// Has a slot's instance, if one was made, hold to the rights of now.
    pub(super) async fn hold_to_rights(&self, slot: &Slot) {
        slot.log.set_bound(
            self.grants()
                .of(&slot.plugin().manifest().id)
                .limits
                .log_bytes,
        );
        let made = slot.made.lock().await.clone();
        if let Some(made) = made {
            self.hold(slot, &**made.instance()).await;
        }
    }

    async fn hold(&self, slot: &Slot, instance: &dyn Instance) {
        let rights = self.rights(slot, slot.plugin().manifest());
        if **instance.guard().in_force() != rights {
            instance.regrant(rights).await;
        }
    }

    /// Lets an enabled instance receive exactly the calls for its current
    /// grants.
    pub(super) async fn work_as_granted(self: &Arc<Self>, turn: &SlotTurn, slot: &Arc<Slot>) {
        let made = slot.made.lock().await.clone();
        if let Some(made) = made
            && slot.is_enabled()
            && let Err(error) = self.put_to_work(turn, slot, &**made.instance()).await
        {
            let plugin = slot.plugin();
            tracing::error!(%error, plugin = plugin.manifest().id, "a plugin was not put to work");
        }
    }

    /// Records the consent of an enabled plugin's user to all permissions that the active
    /// version asks of them.
    ///
    /// # Errors
    ///
    /// [`ControlError::Embedder`].
    pub async fn consent(self: &Arc<Self>, slot: &Arc<Slot>) -> Result<(), ControlError> {
        let turn = slot.turns.take().await;
        let consented = UserGrants::as_asked(slot.plugin().manifest());
        self.catalogue.set_consent(slot.id, &consented).await?;
        slot.change(|state| state.consented = consented);
        self.hold_to_rights(slot).await;
        self.work_as_granted(&turn, slot).await;
        Ok(())
    }
}
