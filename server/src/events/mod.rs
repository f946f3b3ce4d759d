//! Live events: changes that a page shows without asking again. Knows nothing
//! of HTTP: a connection holds a [`Subscription`] and does the rest (see
//! `api::events`).
//!
//! - this file: the subscribers, and handing them events.
//! - `watch`: the task that notices changes, while there are subscribers.
//!
//! Each subscriber first gets a `state`, and then the changes to it, so nothing
//! has to be replayed after a reconnection. Subscribers do not wait for each
//! other: one whose queue is full is closed.

mod watch;

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

pub(crate) use self::watch::run;
pub use self::watch::{PluginChange, StateEvent};
use crate::auth::{Access, Caller};

/// Events that wait for one subscriber.
const QUEUE: usize = 256;
/// Subscribers of one user at a time.
const PER_USER: usize = 16;
/// Subscribers at a time.
const SUBSCRIBERS: usize = 1024;

/// Something that a page shows has changed.
#[derive(Clone, Debug)]
pub struct Event {
    /// The kind of change.
    pub name: &'static str,
    /// JSON, on one line.
    pub data: Arc<str>,
    /// The access that a subscriber needs for it.
    access: Access,
}

impl Event {
    /// An event for the user whom it concerns.
    pub(crate) fn own(name: &'static str, data: &impl Serialize) -> Self {
        Self::new(name, data, Access::Client)
    }

    /// An event for administrators.
    pub(crate) fn admin(name: &'static str, data: &impl Serialize) -> Self {
        Self::new(name, data, Access::Admin)
    }

    fn new(name: &'static str, data: &impl Serialize, access: Access) -> Self {
        // Plain data always serializes.
        let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
        Self {
            name,
            data: data.into(),
            access,
        }
    }
}

/// All subscribers.
#[derive(Debug)]
pub struct Events {
    most: AtomicUsize,
    subscribers: Mutex<Vec<Subscriber>>,
    next: AtomicU64,
    /// Notified of each new subscriber.
    came: Notify,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            most: AtomicUsize::new(PER_USER),
            subscribers: Mutex::default(),
            next: AtomicU64::new(0),
            came: Notify::new(),
        }
    }
}

#[derive(Debug)]
struct Subscriber {
    key: u64,
    caller: Caller,
    queue: mpsc::Sender<Event>,
    closed: CancellationToken,
    /// Whether the first `state` was sent.
    informed: bool,
    /// Whether it was an administrator's when it was looked at last.
    admin: bool,
}

impl Subscriber {
    fn may(&self, access: Access) -> bool {
        self.caller.check(access).is_ok()
    }

    /// Hands over an event that the subscriber may have. False if there is no
    /// room for it: the subscriber is closed then.
    fn give(&self, event: &Event) -> bool {
        if !self.may(event.access) {
            return true;
        }
        let taken = self.queue.try_send(event.clone()).is_ok();
        if !taken {
            tracing::info!(
                user = self.caller.user.id,
                "closing a stream of events that does not keep up"
            );
            self.closed.cancel();
        }
        taken
    }

    fn is_client(&self, id: i64) -> bool {
        self.caller.client.as_ref().is_some_and(|own| own.id == id)
    }
}

/// A connection's end of its queue; ends when it is dropped.
#[derive(Debug)]
pub struct Subscription {
    events: Arc<Events>,
    key: u64,
    queue: mpsc::Receiver<Event>,
    closed: CancellationToken,
    ended: CancellationToken,
}

impl Events {
    /// Sets the number of streams that a user may have; 0 for any number.
    pub fn set_most(&self, most: u32) {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let most = if most == 0 { usize::MAX } else { most };
        self.most.store(most, Ordering::Relaxed);
    }

    /// The number of streams.
    pub fn connections(&self) -> usize {
        self.lock().len()
    }

    /// Subscribes a caller. None if there are too many subscribers, of this
    /// user or of all.
    pub fn subscribe(self: &Arc<Self>, caller: Caller) -> Option<Subscription> {
        let (sender, queue) = mpsc::channel(QUEUE);
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        let closed = CancellationToken::new();
        let mut subscribers = self.lock();
        let of_user = |other: &&Subscriber| other.caller.user.id == caller.user.id;
        if subscribers.len() >= SUBSCRIBERS
            || subscribers.iter().filter(of_user).count() >= self.most.load(Ordering::Relaxed)
        {
            return None;
        }
        subscribers.push(Subscriber {
            key,
            admin: caller.check(Access::Admin).is_ok(),
            caller,
            queue: sender,
            closed: closed.clone(),
            informed: false,
        });
        drop(subscribers);
        self.came.notify_one();
        Some(Subscription {
            events: Arc::clone(self),
            key,
            queue,
            closed,
            ended: CancellationToken::new(),
        })
    }

    /// Hands an event to a user's subscribers, as far as they may have it.
    pub(crate) fn to_user(&self, user_id: i64, event: &Event) {
        self.lock().retain(|subscriber| {
            subscriber.caller.user.id != user_id || !subscriber.informed || subscriber.give(event)
        });
    }

    /// A number that no other command has, to tell its events apart.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Closes the subscribers of a client that was deleted, or may do more now.
    pub fn close_client(&self, client_id: i64) {
        self.close(|subscriber| subscriber.is_client(client_id));
    }

    /// Closes the subscribers of a user who was deleted, or may do more or less
    /// now.
    pub fn close_user(&self, user_id: i64) {
        self.close(|subscriber| subscriber.caller.user.id == user_id);
    }

    /// Closes all subscribers.
    pub fn close_all(&self) {
        self.close(|_| true);
    }

    fn close(&self, which: impl Fn(&Subscriber) -> bool) {
        self.lock().retain(|subscriber| {
            let close = which(subscriber);
            if close {
                subscriber.closed.cancel();
            }
            !close
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Subscriber>> {
        self.subscribers.lock()
    }
}

impl Subscription {
    /// The next event; none once the connection is to be closed.
    pub async fn next(&mut self) -> Option<Event> {
        tokio::select! {
            biased;
            () = self.closed.cancelled() => None,
            event = self.queue.recv() => event,
        }
    }

    /// Resolves when the connection is to be closed, whatever it is doing.
    pub fn closed(&self) -> CancellationToken {
        self.closed.clone()
    }

    /// Resolves when the subscription was dropped.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.ended.cancel();
        self.events.lock().retain(|other| other.key != self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mortise_store::{ClientRow, UserRow};

    use super::{Event, Events, PER_USER, QUEUE};
    use crate::{auth::Caller, time::Clock};

    fn caller(user: i64, admin: bool, client: Option<(i64, i64)>) -> Caller {
        Caller {
            user: UserRow {
                id: user,
                name: "ann".to_owned(),
                admin,
                password_hash: String::new(),
                created_ms: 0,
            },
            client: client.map(|(id, elevated_until_ms)| ClientRow {
                id,
                user_id: user,
                name: String::new(),
                created_ms: 0,
                last_used_ms: None,
                expires_after_seconds: 0,
                elevated_until_ms: Some(elevated_until_ms),
            }),
            by_key: false,
            clock: Clock::default(),
        }
    }

    fn informed(events: &Events) {
        for subscriber in events.lock().iter_mut() {
            subscriber.informed = true;
        }
    }

    #[tokio::test]
    async fn an_administrators_event_needs_an_administrator_who_is_elevated_now() {
        let events = Arc::new(Events::default());
        let future = Clock::default().now_ms() + 60_000;
        let mut elevated = events
            .subscribe(caller(1, true, Some((7, future))))
            .unwrap();
        let mut over = events.subscribe(caller(1, true, Some((8, 1)))).unwrap();
        let mut user = events
            .subscribe(caller(1, false, Some((9, future))))
            .unwrap();
        informed(&events);
        events.to_user(1, &Event::admin("secret", &1));
        events.to_user(1, &Event::own("own", &2));
        events.to_user(2, &Event::own("other", &3));
        events.close_all();
        let names = async |subscription: &mut super::Subscription| {
            let mut names = Vec::new();
            while let Ok(event) = subscription.queue.try_recv() {
                names.push(event.name);
            }
            names
        };
        assert_eq!(names(&mut elevated).await, ["secret", "own"]);
        assert_eq!(names(&mut over).await, ["own"]);
        assert_eq!(names(&mut user).await, ["own"]);
    }

    #[tokio::test]
    async fn a_subscriber_that_does_not_read_is_closed_and_others_are_not() {
        let events = Arc::new(Events::default());
        let mut slow = events.subscribe(caller(1, false, None)).unwrap();
        let mut quick = events.subscribe(caller(1, false, None)).unwrap();
        informed(&events);
        for number in 0..=QUEUE {
            events.to_user(1, &Event::own("own", &number));
            assert!(quick.next().await.is_some());
        }
        assert!(slow.closed().is_cancelled());
        assert!(slow.next().await.is_none());
        assert!(!quick.closed().is_cancelled());
    }

    #[tokio::test]
    async fn subscribers_are_bounded_and_closed_by_client_and_user() {
        let events = Arc::new(Events::default());
        let mine: Vec<_> = (0..PER_USER)
            .map(|_| events.subscribe(caller(1, false, Some((7, 0)))).unwrap())
            .collect();
        assert!(events.subscribe(caller(1, false, None)).is_none());
        let other = events.subscribe(caller(2, false, None)).unwrap();
        events.close_client(7);
        assert!(mine.iter().all(|one| one.closed().is_cancelled()));
        assert!(!other.closed().is_cancelled());
        events.close_user(2);
        assert!(other.closed().is_cancelled());
        drop((mine, other));
        assert!(events.lock().is_empty());
    }
}
