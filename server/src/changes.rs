//! Turns for changes of messages: one change of a message at a time.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Changes at a time. Those of messages with the same remainder wait for one another.
const TURNS: i64 = 64;

/// The turns.
#[derive(Debug)]
pub(crate) struct Changes(Vec<Semaphore>);

impl Default for Changes {
    fn default() -> Self {
        Self((0..TURNS).map(|_| Semaphore::new(1)).collect())
    }
}

impl Changes {
    /// Waits for the turn of a message, which ends with the result.
    pub(crate) async fn of(&self, message: i64) -> Option<SemaphorePermit<'_>> {
        let turn = usize::try_from(message.rem_euclid(TURNS)).ok()?;
        self.0.get(turn)?.acquire().await.ok()
    }
}
