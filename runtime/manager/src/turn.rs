//! Turns: proof that no other task changes the same thing meanwhile. A method that
//! must not run beside another takes the turn of its caller.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};

/// Hands out turns to change which plugins there are.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<()>);

/// The turn to change which plugins there are.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _held: MutexGuard<'a, ()>,
}

impl Turns {
    /// Waits for a turn.
    pub(super) async fn take(&self) -> Turn<'_> {
        Turn {
            _held: self.0.lock().await,
        }
    }
}

/// Hands out turns to enable, disable, configure or move one user's plugin.
#[derive(Debug, Default)]
pub(super) struct SlotTurns(Arc<Mutex<()>>);

/// The turn to change one user's plugin.
#[derive(Debug)]
pub(super) struct SlotTurn {
    _held: OwnedMutexGuard<()>,
}

impl SlotTurns {
    /// Waits for a turn.
    pub(super) async fn take(&self) -> SlotTurn {
        SlotTurn {
            _held: Arc::clone(&self.0).lock_owned().await,
        }
    }

    /// Takes a turn unless it is taken.
    pub(super) fn try_take(&self) -> Option<SlotTurn> {
        let held = Arc::clone(&self.0).try_lock_owned().ok()?;
        Some(SlotTurn { _held: held })
    }
}
