//! Turns at computing password hashes, in fair shares: addresses have turns one
//! after the other, and within an address the names that are tried. So guesses
//! from elsewhere, or at another name, delay a login by a few hashes and do not
//! displace it.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::Arc,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use crate::origin::network;

/// Logins of one address that wait at a time; more are turned away.
const WAITING_OF_ONE: usize = 256;
/// Logins that wait at a time.
const WAITING: usize = 4096;

/// The address and the name of a login. Local work has no address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub(super) address: Option<IpAddr>,
    pub(super) name: String,
}

/// Turns, of which some can be taken at a time.
#[derive(Debug)]
pub(super) struct Turns {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    waiting: usize,
    addresses: Ring<Option<IpAddr>, Address>,
}

#[derive(Debug, Default)]
struct Address {
    waiting: usize,
    names: Ring<String, VecDeque<oneshot::Sender<Turn>>>,
}

/// A turn at computing. It ends with the value.
#[derive(Debug)]
pub(super) struct Turn {
    /// None once it was given to another.
    turns: Option<Arc<Turns>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.turns.take() {
            turns.pass_on();
        }
    }
}

impl Turns {
    pub(super) fn new(at_a_time: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                free: at_a_time,
                waiting: 0,
                addresses: Ring::default(),
            }),
        })
    }

    /// Waits for a turn. None if too many wait already.
    pub(super) async fn take(self: &Arc<Self>, origin: &Origin) -> Option<Turn> {
        let waiter = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Some(Turn {
                    turns: Some(Arc::clone(self)),
                });
            }
            if state.waiting >= WAITING {
                return None;
            }
            let address = state.addresses.entry(origin.address.map(network));
            if address.waiting >= WAITING_OF_ONE {
                return None;
            }
            let (sender, waiter) = oneshot::channel();
            address.waiting += 1;
            address.names.entry(origin.name.clone()).push_back(sender);
            state.waiting += 1;
            waiter
        };
        waiter.await.ok()
    }

    /// Gives an ended turn to the next who still waits.
    fn pass_on(self: &Arc<Self>) {
        while let Some(next) = self.next() {
            let turn = Turn {
                turns: Some(Arc::clone(self)),
            };
            match next.send(turn) {
                Ok(()) => return,
                // That one has gone: the turn is another's.
                Err(mut turn) => turn.turns = None,
            }
        }
    }

    /// Takes the next who waits out of the queue, or frees the turn.
    fn next(&self) -> Option<oneshot::Sender<Turn>> {
        let mut state = self.state();
        let next = state.addresses.turn(|address| {
            let next = address
                .names
                .turn(|waiting| (waiting.pop_front(), waiting.is_empty()));
            address.waiting -= usize::from(next.is_some());
            (next, address.waiting == 0)
        });
        match next {
            Some(_) => state.waiting -= 1,
            None => state.free += 1,
        }
        next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// Values that have turns one after the other.
#[derive(Debug)]
struct Ring<K, V> {
    values: BTreeMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Ring<K, V> {
    fn default() -> Self {
        Self {
            values: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K: Clone + Ord, V: Default> Ring<K, V> {
    fn entry(&mut self, key: K) -> &mut V {
        if !self.values.contains_key(&key) {
            self.order.push_back(key.clone());
        }
        self.values.entry(key).or_default()
    }

    /// Gives the value whose turn it is to `work`, which says too whether it is
    /// used up.
    fn turn<T>(&mut self, work: impl FnOnce(&mut V) -> (Option<T>, bool)) -> Option<T> {
        let key = self.order.pop_front()?;
        let value = self.values.get_mut(&key)?;
        let (result, used_up) = work(value);
        if used_up {
            self.values.remove(&key);
        } else {
            self.order.push_back(key);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, sync::Arc};

    use parking_lot::Mutex;

    use super::{Origin, Turns, WAITING_OF_ONE};

    fn origin(address: &str, name: &str) -> Origin {
        Origin {
            address: Some(address.parse::<IpAddr>().unwrap()),
            name: name.to_owned(),
        }
    }

    /// Takes turns for these while the only one is taken, and returns the order in
    /// which they have them.
    async fn order(waiting: &[(&str, &str)]) -> Vec<String> {
        let turns = Turns::new(1);
        let first = turns.take(&origin("192.0.2.1", "first")).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (address, name) in waiting {
            let (turns, order) = (Arc::clone(&turns), Arc::clone(&order));
            let origin = origin(address, name);
            let mut taking = Box::pin(async move {
                let _turn = turns.take(&origin).await.unwrap();
                order.lock().push(origin.name);
            });
            // Enqueued in this order.
            assert!(futures_util::poll!(&mut taking).is_pending());
            tasks.push(taking);
        }
        drop(first);
        futures_util::future::join_all(tasks).await;
        let order = order.lock();
        order.clone()
    }

    #[tokio::test]
    async fn addresses_and_names_have_turns_one_after_the_other() {
        let waiting = [
            ("192.0.2.1", "admin"),
            ("192.0.2.1", "admin"),
            ("192.0.2.1", "admin"),
            ("192.0.2.1", "alice"),
            ("198.51.100.7", "bob"),
        ];
        let order = order(&waiting).await;
        assert_eq!(order, ["admin", "bob", "alice", "admin", "admin"]);
    }

    #[tokio::test]
    async fn one_address_does_not_fill_the_queue() {
        let turns = Turns::new(1);
        let taken = turns.take(&origin("2001:db8::1", "first")).await.unwrap();
        let mut waiting = Vec::new();
        for number in 0..WAITING_OF_ONE {
            let origin = origin(&format!("2001:db8::{number:x}"), &number.to_string());
            let turns = Arc::clone(&turns);
            let mut taking = Box::pin(async move { turns.take(&origin).await.is_some() });
            assert!(futures_util::poll!(&mut taking).is_pending());
            waiting.push(taking);
        }
        assert!(turns.take(&origin("2001:db8::1:0", "x")).await.is_none());
        let other = origin("2001:db8:1::1", "bob");
        let mut other = Box::pin(turns.take(&other));
        assert!(futures_util::poll!(&mut other).is_pending());
        // Those who leave lose their turns to the others.
        drop(waiting);
        drop(taken);
        assert!(other.await.is_some());
        assert!(turns.take(&origin("192.0.2.1", "x")).await.is_some());
    }
}
