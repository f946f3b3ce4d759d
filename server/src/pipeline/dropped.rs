//! Keeping what a filter dropped. One task writes, several messages to a
//! transaction: a flood that a filter drops waits for the disk once and not
//! once per message.

use std::{slice, sync::Arc};

use mortise_store::{DroppedRow, Store, StoreError};
use tokio::sync::{mpsc, oneshot};

use super::Dropped;
use crate::events::{Event, Events};

/// Messages in one transaction.
const GROUP: usize = 128;
/// Messages that wait to be taken into one; the sender of another waits as well.
const WAITING: usize = 1024;

/// The way to the task that writes. The task ends when this is dropped and what
/// is waiting was written.
#[derive(Debug)]
pub(super) struct Keep {
    queue: mpsc::Sender<Waiting>,
}

struct Waiting {
    new: DroppedRow,
    done: oneshot::Sender<()>,
}

impl Keep {
    /// Starts the task.
    pub(super) fn start(store: Store, events: Arc<Events>) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        tokio::spawn(run(waiting, store, events));
        Self { queue }
    }

    /// Keeps a message. A failure to do so is logged and changes nothing for
    /// the message's sender.
    pub(super) async fn message(&self, new: DroppedRow) {
        let (done, kept) = oneshot::channel();
        if self.queue.send(Waiting { new, done }).await.is_ok() {
            // The task has logged the reason where it did not come to it.
            let _ = kept.await;
        }
    }
}

async fn run(mut waiting: mpsc::Receiver<Waiting>, store: Store, events: Arc<Events>) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.recv_many(&mut group, GROUP).await > 0 {
        let (new, done): (Vec<_>, Vec<_>) = group
            .drain(..)
            .map(|waiting| (waiting.new, waiting.done))
            .unzip();
        for row in keep_all(&store, &new).await {
            let mut message = Dropped::from(&row);
            message.trace.clear();
            events.to_user(row.user_id, &Event::own("dropped", &message));
        }
        for done in done {
            // The sender may have gone.
            let _ = done.send(());
        }
    }
}

/// Keeps a group; where that fails, each on its own.
async fn keep_all(store: &Store, new: &[DroppedRow]) -> Vec<DroppedRow> {
    match store.keep_dropped(new).await {
        Ok(rows) => rows.into_iter().flatten().collect(),
        Err(error) if new.len() == 1 => {
            not_kept(&error);
            Vec::new()
        }
        Err(_) => {
            let mut kept = Vec::with_capacity(new.len());
            for one in new {
                match store.keep_dropped(slice::from_ref(one)).await {
                    Ok(rows) => kept.extend(rows.into_iter().flatten()),
                    Err(error) => not_kept(&error),
                }
            }
            kept
        }
    }
}

fn not_kept(error: &StoreError) {
    tracing::error!(%error, "a message that a filter dropped was not kept");
}
