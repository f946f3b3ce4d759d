//! A webhook's response in parts, between the connection and its reader. Each
//! waits for the other: parts that are not read give no credit, and without
//! credit the plugin must not send.

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use mortise_protocol::{
    Violation,
    stream::{Chunk, Head, Incoming},
};

/// One answer. Made before the call, and read while it is open.
#[derive(Debug, Default)]
pub(crate) struct Streamed {
    incoming: Mutex<Incoming>,
    /// There is something to take.
    arrived: Notify,
    /// Something arrived or was taken.
    moved: Notify,
}

impl Streamed {
    pub(super) fn head(&self, head: Head) -> Result<(), Violation> {
        self.incoming.lock().head(head)?;
        self.told();
        Ok(())
    }

    pub(super) fn chunk(&self, chunk: &Chunk) -> Result<(), Violation> {
        self.incoming.lock().chunk(&chunk.body)?;
        self.told();
        Ok(())
    }

    fn told(&self) {
        self.arrived.notify_one();
        self.moved.notify_one();
    }

    /// Waits until something arrived or was taken, and says how many bytes the
    /// plugin is to be credited.
    pub(super) async fn moved(&self) -> usize {
        self.moved.notified().await;
        self.incoming.lock().credit()
    }

    /// Waits until something arrived that may not have been taken.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Returns true if the response has begun to arrive in parts.
    pub(crate) fn has_begun(&self) -> bool {
        self.incoming.lock().has_begun()
    }

    /// The head, once.
    pub(crate) fn take_head(&self) -> Option<Head> {
        self.incoming.lock().take_head()
    }

    /// Takes the part of the body that has arrived.
    pub(crate) fn take(&self) -> Option<Bytes> {
        let taken = self.incoming.lock().take();
        if taken.is_some() {
            self.moved.notify_one();
        }
        taken
    }
}
