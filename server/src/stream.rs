//! The connections to `/stream`, and passing new messages to them. Knows
//! nothing of sockets: a connection holds a [`Subscription`] and does the rest
//! (see `api::stream`).
//!
//! No connection waits for another: a full queue closes its connection, and the
//! client reads the missed messages when it reconnects.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use mortise_store::MessageRow;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::api::model;

/// Messages that wait for one connection.
const QUEUE: usize = 256;
/// Bytes that wait for one connection, beside its next message.
const QUEUE_BYTES: usize = 64 << 20;
/// Connections of one user at a time, unless the settings have another number.
const PER_USER: usize = 128;

/// All connections.
#[derive(Debug)]
pub struct Hub {
    most: AtomicUsize,
    users: Mutex<HashMap<i64, Vec<Subscriber>>>,
    next: AtomicU64,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            most: AtomicUsize::new(PER_USER),
            users: Mutex::default(),
            next: AtomicU64::new(0),
        }
    }
}

#[derive(Debug)]
struct Subscriber {
    key: u64,
    client_id: Option<i64>,
    queue: mpsc::Sender<Utf8Bytes>,
    queued_bytes: Arc<AtomicUsize>,
    closed: CancellationToken,
}

impl Subscriber {
    /// Queues a message; false if the connection does not keep up.
    fn offer(&self, text: Utf8Bytes) -> bool {
        let length = text.len();
        let before = self.queued_bytes.fetch_add(length, Ordering::AcqRel);
        (before == 0 || before + length <= QUEUE_BYTES) && self.queue.try_send(text).is_ok()
    }
}

/// A connection's end of its queue; ends when it is dropped.
#[derive(Debug)]
pub struct Subscription {
    hub: Arc<Hub>,
    user_id: i64,
    key: u64,
    queue: mpsc::Receiver<Utf8Bytes>,
    queued_bytes: Arc<AtomicUsize>,
    closed: CancellationToken,
}

impl Hub {
    /// Sets the number of connections that a user may have; 0 for any number.
    pub fn set_most(&self, most: u32) {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let most = if most == 0 { usize::MAX } else { most };
        self.most.store(most, Ordering::Relaxed);
    }

    /// The number of connections.
    pub fn connections(&self) -> usize {
        self.lock().values().map(Vec::len).sum()
    }

    /// Connects a user, by a client's token or a password. None if the user
    /// has too many connections.
    pub fn subscribe(
        self: &Arc<Self>,
        user_id: i64,
        client_id: Option<i64>,
    ) -> Option<Subscription> {
        let (sender, queue) = mpsc::channel(QUEUE);
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        let closed = CancellationToken::new();
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let mut users = self.lock();
        let subscribers = users.entry(user_id).or_default();
        if subscribers.len() >= self.most.load(Ordering::Relaxed) {
            return None;
        }
        subscribers.push(Subscriber {
            key,
            client_id,
            queue: sender,
            queued_bytes: Arc::clone(&queued_bytes),
            closed: closed.clone(),
        });
        drop(users);
        Some(Subscription {
            hub: Arc::clone(self),
            user_id,
            key,
            queue,
            queued_bytes,
            closed,
        })
    }

    /// Hands a stored message to its user's connections.
    pub fn publish(&self, message: &MessageRow) {
        let mut users = self.lock();
        let Some(subscribers) = users.get_mut(&message.user_id) else {
            return;
        };
        // Written once for all of them.
        let Ok(text) = serde_json::to_string(&model::Message::from(message)) else {
            return;
        };
        let text = Utf8Bytes::from(text);
        subscribers.retain(|subscriber| {
            let taken = subscriber.offer(text.clone());
            if !taken {
                tracing::info!(
                    user = message.user_id,
                    client = subscriber.client_id,
                    "closing a stream that does not keep up"
                );
                subscriber.closed.cancel();
            }
            taken
        });
    }

    /// Closes the connections of a client that was deleted.
    pub fn close_client(&self, client_id: i64) {
        for subscribers in self.lock().values_mut() {
            close(subscribers, |subscriber| {
                subscriber.client_id == Some(client_id)
            });
        }
    }

    /// Closes the connections of a user who was deleted.
    pub fn close_user(&self, user_id: i64) {
        if let Some(subscribers) = self.lock().get_mut(&user_id) {
            close(subscribers, |_| true);
        }
    }

    /// Closes all connections.
    pub fn close_all(&self) {
        for subscribers in self.lock().values_mut() {
            close(subscribers, |_| true);
        }
    }

    /// The clients that are connected; they count as used.
    pub fn connected_clients(&self) -> Vec<i64> {
        let users = self.lock();
        let mut clients: Vec<i64> = users
            .values()
            .flatten()
            .filter_map(|subscriber| subscriber.client_id)
            .collect();
        clients.sort_unstable();
        clients.dedup();
        clients
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Vec<Subscriber>>> {
        // A panic leaves a list of subscribers, which is all that the lock
        // protects.
        self.users.lock()
    }
}

fn close(subscribers: &mut Vec<Subscriber>, which: impl Fn(&Subscriber) -> bool) {
    subscribers.retain(|subscriber| {
        let close = which(subscriber);
        if close {
            subscriber.closed.cancel();
        }
        !close
    });
}

impl Subscription {
    /// The next message as JSON; none once the connection is to be closed.
    pub async fn next(&mut self) -> Option<Utf8Bytes> {
        tokio::select! {
            biased;
            () = self.closed.cancelled() => None,
            text = self.queue.recv() => {
                let length = text.as_ref().map_or(0, |text| text.len());
                self.queued_bytes.fetch_sub(length, Ordering::AcqRel);
                text
            }
        }
    }

    /// Resolves when the connection is to be closed, whatever it is doing.
    pub fn closed(&self) -> CancellationToken {
        self.closed.clone()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut users = self.hub.lock();
        if let Some(subscribers) = users.get_mut(&self.user_id) {
            subscribers.retain(|subscriber| subscriber.key != self.key);
            if subscribers.is_empty() {
                users.remove(&self.user_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mortise_store::MessageRow;

    use super::{Hub, QUEUE};

    fn message(id: i64, user_id: i64) -> MessageRow {
        MessageRow {
            id,
            application_id: 1,
            user_id,
            title: String::new(),
            body: "text".to_owned(),
            priority: 0,
            extras: None,
            created_ms: 0,
            expires_ms: None,
        }
    }

    #[tokio::test]
    async fn a_user_gets_their_own_messages_in_order() {
        let hub = Arc::new(Hub::default());
        let mut ann = hub.subscribe(1, None).unwrap();
        let mut bob = hub.subscribe(2, None).unwrap();
        for (id, user) in [(1, 1), (2, 2), (3, 1)] {
            hub.publish(&message(id, user));
        }
        for id in [1, 3] {
            let text = ann.next().await.unwrap();
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["id"], id);
        }
        assert!(bob.next().await.unwrap().contains("\"id\":2"));
    }

    #[tokio::test]
    async fn who_does_not_keep_up_is_closed_and_others_are_not() {
        let hub = Arc::new(Hub::default());
        let mut slow = hub.subscribe(1, Some(7)).unwrap();
        let mut quick = hub.subscribe(1, Some(8)).unwrap();
        for id in 0..=i64::try_from(QUEUE).unwrap() {
            hub.publish(&message(id, 1));
            assert!(quick.next().await.is_some());
        }
        assert!(slow.next().await.is_none());
        assert_eq!(hub.connected_clients(), [8]);
    }

    #[tokio::test]
    async fn long_messages_do_not_fill_the_memory() {
        let hub = Arc::new(Hub::default());
        let mut slow = hub.subscribe(1, Some(7)).unwrap();
        let long = MessageRow {
            body: "x".repeat(super::QUEUE_BYTES / 2),
            ..message(1, 1)
        };
        // A message that is longer than the queue still arrives alone.
        let longest = MessageRow {
            body: "x".repeat(super::QUEUE_BYTES + 1),
            ..message(2, 1)
        };
        for row in [&long, &longest] {
            hub.publish(row);
            assert!(slow.next().await.is_some());
        }
        hub.publish(&long);
        hub.publish(&long);
        assert!(slow.next().await.is_none());
        assert!(hub.connected_clients().is_empty());
    }

    #[tokio::test]
    async fn closing_reaches_whom_it_concerns() {
        let hub = Arc::new(Hub::default());
        let mut seven = hub.subscribe(1, Some(7)).unwrap();
        let eight = hub.subscribe(1, Some(8)).unwrap();
        hub.close_client(7);
        assert!(seven.next().await.is_none());
        assert_eq!(hub.connected_clients(), [8]);
        hub.close_user(1);
        assert!(eight.closed().is_cancelled());
        drop((seven, eight));
        assert!(hub.lock().is_empty());
    }
}
