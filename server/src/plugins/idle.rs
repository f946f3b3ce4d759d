//! Giving back the memory of components that nobody calls. The next call
//! brings one back within microseconds. A native plugin's process is left to
//! its own backend: what it does between calls is its business.

use std::{sync::Arc, time::Duration};

use mortise_runtime::{plugin::Backend, types::StopReason};
use tokio_util::sync::CancellationToken;

use super::{Plugins, read};
use crate::time::now_ms;

/// The longest time between two looks.
const LOOK: Duration = Duration::from_secs(60);

/// Looks for idle instances until it is told to stop.
pub(super) async fn run(plugins: Arc<Plugins>, stop: CancellationToken) {
    let idle = plugins.settings.idle;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(idle.min(LOOK)) => {}
        }
        let since = now_ms().saturating_sub(i64::try_from(idle.as_millis()).unwrap_or(i64::MAX));
        let slots: Vec<_> = read(&plugins.slots)
            .by_id
            .values()
            .filter(|slot| slot.plugin.backend() == Backend::Wasm && slot.used_ms() < since)
            .cloned()
            .collect();
        for slot in slots {
            if let Err(error) = plugins.stop_instance(&slot, StopReason::Idle).await {
                slot.note(&error);
            }
        }
    }
}
