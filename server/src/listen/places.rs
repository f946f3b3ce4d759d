//! Places for connections. There are only so many; when all are taken, a new
//! connection takes the place of one without a request. It goes to the address
//! with the most of them: there to one that never had a request, else to the one
//! that is idle for longest. So idle connections keep no client out.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    taken: Mutex<HashMap<u64, Arc<Taken>>>,
    /// Grows with each connection and with the end of each request.
    next: AtomicU64,
    /// Told when a connection ended or became idle.
    changed: Notify,
}

/// A connection. Its requests are counted without a lock, which all connections would
/// share. A request that begins while its connection is chosen to make room is lost
/// like one that comes a moment later.
#[derive(Debug)]
struct Taken {
    address: IpAddr,
    requests: AtomicUsize,
    /// Whether a request was answered on it.
    served: AtomicBool,
    /// Grows with the time at which the last request ended.
    idle_since: AtomicU64,
    cut: CancellationToken,
}

impl Taken {
    fn is_idle(&self) -> bool {
        self.requests.load(Ordering::Acquire) == 0 && !self.cut.is_cancelled()
    }

    /// Returns the order in which idle connections make room: first those that never
    /// had a request.
    fn rank(&self) -> (bool, u64) {
        let served = self.served.load(Ordering::Relaxed);
        (served, self.idle_since.load(Ordering::Relaxed))
    }
}

/// One connection's place, until it ends.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    taken: Arc<Taken>,
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
            taken: Mutex::default(),
            next: AtomicU64::new(0),
            changed: Notify::new(),
        })
    }

    fn moment(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
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
        let mut all = self.taken.lock();
        if all.len() >= self.most {
            // It leaves its place when it has ended, a moment later.
            longest_idle(&all)?.cut.cancel();
        }
        // Beside those that are ending, so that a slow end delays no other.
        let ending = all.values().filter(|one| one.cut.is_cancelled());
        if all.len() - ending.count() >= self.most {
            return None;
        }
        let number = self.moment();
        let taken = Arc::new(Taken {
            address: address.to_canonical(),
            requests: AtomicUsize::new(0),
            served: AtomicBool::new(false),
            idle_since: AtomicU64::new(number),
            cut: CancellationToken::new(),
        });
        all.insert(number, Arc::clone(&taken));
        Some(Place {
            places: Arc::clone(self),
            number,
            taken,
        })
    }
}

/// Returns the connection that makes room: of the address with the most idle
/// ones, one that never had a request, else the one that is idle for longest.
fn longest_idle(all: &HashMap<u64, Arc<Taken>>) -> Option<&Arc<Taken>> {
    let mut of_address: HashMap<IpAddr, usize> = HashMap::new();
    let idle: Vec<_> = all.values().filter(|one| one.is_idle()).collect();
    for one in &idle {
        *of_address.entry(one.address).or_default() += 1;
    }
    let most = of_address.values().max().copied()?;
    idle.into_iter()
        .filter(|one| of_address.get(&one.address) == Some(&most))
        .min_by_key(|one| one.rank())
}

impl Place {
    /// Ends the connection when it is cancelled.
    pub(super) fn cut(&self) -> CancellationToken {
        self.taken.cut.clone()
    }

    /// Returns a number that changes with each request; none while there is one.
    pub(super) fn idle_since(&self) -> Option<u64> {
        let idle = self.taken.is_idle();
        idle.then(|| self.taken.idle_since.load(Ordering::Relaxed))
    }

    /// Keeps the connection from making room for others, until its request ends.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.taken.requests.fetch_add(1, Ordering::AcqRel);
        Busy {
            place: Arc::clone(self),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Place { places, taken, .. } = &*self.place;
        taken.served.store(true, Ordering::Relaxed);
        taken
            .idle_since
            .fetch_max(places.moment(), Ordering::Relaxed);
        // Last, so that one that finds the connection idle finds the rest as well.
        taken.requests.fetch_sub(1, Ordering::AcqRel);
        places.changed.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.lock().remove(&self.number);
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
    async fn a_connection_is_idle_after_the_last_of_its_requests() {
        let places = Places::new(1);
        let place = Arc::new(places.take(HONEST).await);
        let before = place.idle_since();
        let (one, other) = (place.busy(), place.busy());
        assert_eq!(place.idle_since(), None);
        drop(one);
        assert_eq!(place.idle_since(), None);
        drop(other);
        let after = place.idle_since();
        assert!(after.is_some() && after != before);
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
