//! A webhook's answer that comes in pieces, between the connection on which it
//! arrives and whoever passes it on. One waits for the other: what is not taken
//! is not credited, and what is not credited the plugin must not send.

use std::sync::Mutex;

use bytes::Bytes;
use tokio::sync::Notify;

use super::lock;
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
        lock(&self.incoming).head(head)?;
        self.told();
        Ok(())
    }

    pub(super) fn chunk(&self, chunk: &Chunk) -> Result<(), Violation> {
        lock(&self.incoming).chunk(&chunk.body)?;
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
        lock(&self.incoming).credit()
    }

    /// Waits until something arrived that may not have been taken.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Whether the answer comes in pieces.
    pub(crate) fn has_begun(&self) -> bool {
        lock(&self.incoming).has_begun()
    }

    /// The head, once.
    pub(crate) fn take_head(&self) -> Option<Head> {
        lock(&self.incoming).take_head()
    }

    /// What has arrived of the body and was not taken yet.
    pub(crate) fn take(&self) -> Option<Bytes> {
        let taken = lock(&self.incoming).take();
        if taken.is_some() {
            self.moved.notify_one();
        }
        taken
    }
}
