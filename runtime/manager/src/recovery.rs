//! Bringing up instances that are enabled and down.
//!
//! A person decides that a plugin is enabled; the case now may be that it is down,
//! because a directory is not mounted yet, a service is not up, every place is
//! taken, or its process crashes. That is retried with growing pauses, shown, and
//! never written over the decision.

use std::{sync::Arc, time::Duration};

use mortise_runtime::{CallError, Plugin as _};

use super::{Plugins, Slot, turn::SlotTurn};

/// The pause before the first retry; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause between two retries.
const LONGEST: Duration = Duration::from_secs(60);

/// Returns true if the plugin itself rejected its start, which is final; every other
/// failure may pass.
pub(super) const fn is_rejection(error: &CallError) -> bool {
    matches!(error, CallError::Refused(_) | CallError::Config(_))
}

impl Plugins {
    /// Notes that an enabled instance is down, and retries until it is up,
    /// disabled or gone.
    pub(super) fn retry(self: &Arc<Self>, _turn: &SlotTurn, slot: &Arc<Slot>, error: &CallError) {
        slot.note(error);
        if slot.set_down(true) {
            // Another task retries already.
            return;
        }
        let (plugins, slot) = (Arc::clone(self), Arc::clone(slot));
        self.tasks
            .spawn(async move { plugins.recover(&slot).await });
    }

    async fn recover(self: &Arc<Self>, slot: &Arc<Slot>) {
        let mut pause = FIRST;
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            let turn = slot.turns.take().await;
            if !slot.is_down() {
                return;
            }
            if !slot.is_enabled() || slot.is_gone() {
                slot.set_down(false);
                return;
            }
            if self.bring_up(&turn, slot).await {
                tracing::info!(
                    plugin = slot.plugin().manifest().id,
                    user = slot.user.name,
                    "a plugin that was down is up"
                );
                return;
            }
            pause = pause.saturating_mul(2).min(LONGEST);
        }
    }
}
