//! Commits messages in groups: whatever has gathered while the last group was
//! written goes into one transaction, so that a burst waits for the disk once
//! and not once per message. One task does it, so that connected clients are
//! handed messages in the order of their ids.

use std::{slice, sync::Arc};

use mortise_store::{MessageRow, NewMessage, Store, TOGETHER};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task,
};
use tracing::Span;

use super::{Chain, PostError};
use crate::stream::Hub;

/// Messages that wait to be taken into one; who sends more waits as well.
const WAITING: usize = 1024;
/// Kibibytes of messages that wait: as much as four of the longest.
const WAITING_KIB: usize = 256 << 10;

/// The sender for the task that commits. The task ends when this is dropped and
/// all waiting messages were written.
#[derive(Debug)]
pub(super) struct Commit {
    queue: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
}

struct Waiting {
    new: NewMessage,
    done: oneshot::Sender<Result<MessageRow, PostError>>,
    room: OwnedSemaphorePermit,
    /// Learns the message's number.
    span: Span,
}

impl Commit {
    /// Starts the task.
    pub(super) fn start(store: Store, hub: Arc<Hub>, chain: Arc<dyn Chain>) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        tokio::spawn(run(waiting, store, hub, chain));
        let room = Arc::new(Semaphore::new(WAITING_KIB));
        Self { queue, room }
    }

    /// Stores a message, and returns once it is durable and handed to those
    /// who are connected. It is stored even if the caller stops waiting.
    pub(super) async fn message(&self, new: NewMessage) -> Result<MessageRow, PostError> {
        let (done, stored) = oneshot::channel();
        let kib = (new.bytes() >> 10).clamp(1, WAITING_KIB);
        let room = Arc::clone(&self.room)
            .acquire_many_owned(u32::try_from(kib).unwrap_or(u32::MAX))
            .await
            .map_err(|_| PostError::Stopping)?;
        let span = Span::current();
        let waiting = Waiting {
            new,
            done,
            room,
            span,
        };
        self.queue
            .send(waiting)
            .await
            .map_err(|_| PostError::Stopping)?;
        stored.await.map_err(|_| PostError::Stopping)?
    }
}

async fn run(
    mut waiting: mpsc::Receiver<Waiting>,
    store: Store,
    hub: Arc<Hub>,
    chain: Arc<dyn Chain>,
) {
    let mut group = Vec::with_capacity(TOGETHER);
    while waiting.recv_many(&mut group, TOGETHER).await > 0 {
        let last = group.len();
        let mut new = Vec::with_capacity(last);
        let mut senders = Vec::with_capacity(last);
        for waiting in group.drain(..) {
            new.push(waiting.new);
            senders.push((waiting.done, waiting.room, waiting.span));
        }
        let stored = store_all(&store, new).await;
        for (stored, (done, _room, span)) in stored.into_iter().zip(senders) {
            if let Ok(message) = &stored {
                span.record("message.id", message.id);
                hub.publish(message);
                chain.message_stored(message);
            }
            // The sender of the message may be gone.
            let _ = done.send(stored);
        }
        if leaves_time(last, waiting.len()) {
            task::yield_now().await;
        }
    }
}

/// Returns true if the answers to the last group should go out before the next one is
/// taken, so that their senders' next messages come into it: a large group costs the
/// disk no more than a small one. When half as many wait already, the disk has enough
/// to do.
const fn leaves_time(last: usize, waiting: usize) -> bool {
    waiting * 2 < last
}

/// Stores a group; where that fails, each on its own, so that one message
/// cannot take the others with it.
async fn store_all(store: &Store, new: Vec<NewMessage>) -> Vec<Result<MessageRow, PostError>> {
    match store.create_messages(&new).await {
        Ok(ids) => new
            .into_iter()
            .zip(ids)
            .map(|(new, id)| row(new, id))
            .collect(),
        Err(error) if new.len() == 1 => vec![Err(error.into())],
        Err(_) => {
            let mut stored = Vec::with_capacity(new.len());
            for one in new {
                stored.push(store_one(store, one).await);
            }
            stored
        }
    }
}

async fn store_one(store: &Store, new: NewMessage) -> Result<MessageRow, PostError> {
    let ids = store.create_messages(slice::from_ref(&new)).await?;
    row(new, ids.into_iter().flatten().next())
}

fn row(new: NewMessage, id: Option<i64>) -> Result<MessageRow, PostError> {
    id.map(|id| new.into_row(id))
        .ok_or(PostError::NoApplication)
}

#[cfg(test)]
mod tests {
    use super::leaves_time;

    #[test]
    fn a_group_is_taken_at_once_where_half_as_many_wait_as_were_in_the_last() {
        assert!(leaves_time(1, 0));
        assert!(!leaves_time(1, 1));
        assert!(leaves_time(64, 31));
        assert!(!leaves_time(64, 32));
        assert!(!leaves_time(64, 100));
    }
}
