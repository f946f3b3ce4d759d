//! Freeing the memory of idle plugins. The next call recreates them: a
//! component within microseconds, a plugin that is not loaded within its
//! loading time.
//!
//! An enabled native plugin is not stopped when it is idle, because it may work
//! between calls in its own threads. Its backend ends the process of one that
//! no user has enabled.

use std::{sync::Arc, time::Duration};

use mortise_runtime::{Plugin as _, plugin::Backend, types::StopReason};
use tokio_util::sync::CancellationToken;

use super::{Plugins, Slot, time::now_ms};

/// The shortest and the longest time between two looks.
const LOOKS: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(60)];

/// Looks for idle instances until asked to stop.
pub(super) async fn run(plugins: Arc<Plugins>, stop: CancellationToken) {
    let idle = plugins.settings.idle;
    let [least, most] = LOOKS;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(idle.clamp(least, most)) => {}
        }
        let since = now_ms().saturating_sub(i64::try_from(idle.as_millis()).unwrap_or(i64::MAX));
        let slots: Vec<_> = plugins
            .slots
            .read()
            .by_id
            .values()
            .filter(|slot| slot.used_ms() < since)
            .cloned()
            .collect();
        for slot in slots {
            if !slot.is_enabled() {
                drop_unused(&slot).await;
            } else if slot.plugin().backend() == Backend::Wasm
                && let Err(error) = plugins.stop_instance(&slot, StopReason::Idle).await
            {
                slot.note(&error);
            }
        }
        for entry in plugins.installed.entries() {
            entry.current.release();
        }
    }
}

/// Lets go of the handle of a disabled plugin that its user looked at.
pub(super) async fn drop_unused(slot: &Slot) {
    let Some(_turn) = slot.turns.try_take() else {
        return;
    };
    slot.made.lock().await.take_if(|made| made.is_unused());
}
