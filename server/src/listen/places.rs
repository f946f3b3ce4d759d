//! Places for connections. There are only so many; when all are taken, a new
//! connection takes the place of one without a request. It goes to the address
//! with the most of them: there to one that never had a request, else to the one
//! that is idle for longest. So idle connections keep no client out.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    state: Mutex<State>,
    /// Told when a connection ended or became idle.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    taken: HashMap<u64, Taken>,
    next: u64,
}

#[derive(Debug)]
struct Taken {
    address: IpAddr,
    requests: usize,
    /// Whether a request was answered on it.
    served: bool,
    /// Grows with the time at which the last request ended.
    idle_since: u64,
    cut: CancellationToken,
}

impl Taken {
    fn is_idle(&self) -> bool {
        self.requests == 0 && !self.cut.is_cancelled()
    }
}

/// One connection's place, until it ends.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    cut: CancellationToken,
}

/// A request on a connection, until its answer is there.
#[derive(Debug)]
pub(super) struct Busy {
    place: Arc<Place>,
}

impl Places {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            state: Mutex::default(),
            changed: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Takes a place for a connection from an address. Waits only while every
    /// connection has a request.
    pub(super) async fn take(self: &Arc<Self>, address: IpAddr) -> Place {
        loop {
            let changed = self.changed.notified();
            if let Some(place) = self.try_take(address) {
                return place;
            }
            changed.await;
        }
    }

    fn try_take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut state = self.state();
        if state.taken.len() >= self.most {
            // It leaves its place when it has ended, a moment later.
            state.longest_idle()?.cut.cancel();
        }
        // Beside those that are ending, so that a slow end delays no other.
        let ending = state.taken.values().filter(|one| one.cut.is_cancelled());
        if state.taken.len() - ending.count() >= self.most {
            return None;
        }
        let cut = CancellationToken::new();
        let number = state.next;
        state.next += 1;
        let taken = Taken {
            address: address.to_canonical(),
            requests: 0,
            served: false,
            idle_since: number,
            cut: cut.clone(),
        };
        state.taken.insert(number, taken);
        Some(Place {
            places: Arc::clone(self),
            number,
            cut,
        })
    }
}

impl State {
    /// Returns the connection that makes room: of the address with the most idle
    /// ones, one that never had a request, else the one that is idle for longest.
    fn longest_idle(&self) -> Option<&Taken> {
        let mut of_address: HashMap<IpAddr, usize> = HashMap::new();
        let idle = || self.taken.values().filter(|one| one.is_idle());
        for one in idle() {
            *of_address.entry(one.address).or_default() += 1;
        }
        let most = of_address.values().max().copied()?;
        idle()
            .filter(|one| of_address.get(&one.address) == Some(&most))
            .min_by_key(|one| (one.served, one.idle_since))
    }
}

impl Place {
    /// Ends the connection when it is cancelled.
    pub(super) fn cut(&self) -> CancellationToken {
        self.cut.clone()
    }

    /// Returns a number that changes with each request; none while there is one.
    pub(super) fn idle_since(&self) -> Option<u64> {
        let state = self.places.state();
        let taken = state.taken.get(&self.number)?;
        taken.is_idle().then_some(taken.idle_since)
    }

    /// Keeps the connection from making room for others, until its request ends.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        if let Some(taken) = self.places.state().taken.get_mut(&self.number) {
            taken.requests += 1;
        }
        Busy {
            place: Arc::clone(self),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let places = &self.place.places;
        let mut state = places.state();
        let now = state.next;
        state.next += 1;
        if let Some(taken) = state.taken.get_mut(&self.place.number) {
            taken.requests -= 1;
            taken.served = true;
            taken.idle_since = now;
        }
        drop(state);
        places.changed.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.state().taken.remove(&self.number);
        self.places.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, sync::Arc};

    use super::Places;

    const STRANGER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const HONEST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[tokio::test]
    async fn idle_connections_make_room_those_of_the_greediest_first() {
        let places = Places::new(4);
        let honest = places.take(HONEST).await;
        let first = places.take(STRANGER).await;
        let second = Arc::new(places.take(STRANGER).await);
        let busy = second.busy();
        let third = places.take(STRANGER).await;
        let new = places.take(HONEST).await;
        assert!(first.cut().is_cancelled());
        assert!(!honest.cut().is_cancelled() && !second.cut().is_cancelled());
        drop(first);
        // Two idle ones of the honest address, one of the stranger's.
        let another = places.take(STRANGER).await;
        assert!(honest.cut().is_cancelled());
        assert!(!third.cut().is_cancelled() && !new.cut().is_cancelled());
        drop((busy, another));
    }

    #[tokio::test]
    async fn a_connection_that_was_used_outlasts_those_that_never_were() {
        let places = Places::new(2);
        let used = Arc::new(places.take(HONEST).await);
        drop(used.busy());
        let never = places.take(HONEST).await;
        let new = places.take(HONEST).await;
        assert!(never.cut().is_cancelled());
        assert!(!used.cut().is_cancelled() && !new.cut().is_cancelled());
    }

    #[tokio::test]
    async fn where_all_have_requests_a_new_one_waits() {
        let places = Places::new(1);
        let place = Arc::new(places.take(STRANGER).await);
        let busy = place.busy();
        let mut waiting = Box::pin(places.take(HONEST));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(busy);
        let new = waiting.await;
        assert!(place.cut().is_cancelled() && !new.cut().is_cancelled());
    }
}
