//! An instance's current rights, and the things opened with them.
//!
//! Rights may change at any time, and all later requests must comply with the
//! new ones. Each open request, call or stream has a token, which is cancelled
//! when its right is gone.

use std::{
    collections::BTreeMap,
    ops::Deref,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use crate::{CallError, Grants, Limits, grants::Scheme};

/// An instance's grants and limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// The grants.
    pub grants: Grants,
    /// The limits.
    pub limits: Limits,
}

impl Rights {
    /// Returns true if code that started under these rights can continue under
    /// others: it keeps directories and variables until it is dropped.
    pub fn gives_the_same(&self, others: &Self) -> bool {
        self.grants.host.files == others.grants.host.files
            && self.grants.host.environment == others.grants.host.environment
            && self.limits.memory_bytes == others.limits.memory_bytes
            && self.limits.handles == others.limits.handles
    }

    /// Returns true if the system gave it a directory or variable that the
    /// others do not give.
    fn gives_more_than(&self, others: &Self) -> bool {
        let (own, others) = (&self.grants.host, &others.grants.host);
        let has = |path: &str, writable: bool| {
            others
                .files
                .iter()
                .any(|other| other.path == path && (other.writable || !writable))
        };
        !(own.environment.is_subset(&others.environment)
            && own.files.iter().all(|own| has(&own.path, own.writable)))
    }
}

/// Rights while they are in force.
#[derive(Debug)]
pub struct InForce {
    rights: Rights,
    given: CancellationToken,
    webhook: CancellationToken,
}

impl Deref for InForce {
    type Target = Rights;

    fn deref(&self) -> &Rights {
        &self.rights
    }
}

impl InForce {
    pub(super) fn new(rights: Rights) -> Self {
        let given = CancellationToken::new();
        Self {
            rights,
            webhook: given.child_token(),
            given,
        }
    }

    /// Cancelled when something is taken back that the system gave to code
    /// brought up under these: a directory, a variable.
    pub const fn given(&self) -> &CancellationToken {
        &self.given
    }

    /// Cancelled when what a webhook call needs is taken back: its grant, or
    /// [`InForce::given`].
    pub const fn webhook(&self) -> &CancellationToken {
        &self.webhook
    }

    /// Returns the following rights, and the token of everything that was
    /// opened with a lost right.
    pub(super) fn followed_by(&self, rights: Rights) -> (Self, Option<&CancellationToken>) {
        if self.rights.gives_more_than(&rights) {
            return (Self::new(rights), Some(&self.given));
        }
        let had = self.rights.grants.host.webhook;
        let ended = (had && !rights.grants.host.webhook).then_some(&self.webhook);
        let webhook = match ended {
            Some(_) => self.given.child_token(),
            None => self.webhook.clone(),
        };
        let next = Self {
            rights,
            given: self.given.clone(),
            webhook,
        };
        (next, ended)
    }
}

/// Requests that an instance has under way to the outside.
#[derive(Debug, Default)]
pub(super) struct Requests(Mutex<BTreeMap<u64, (Target, CancellationToken)>>);

#[derive(Debug)]
pub(super) struct Target {
    pub(super) scheme: Scheme,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

/// A request to the outside that was allowed. It is under way while this is
/// there.
#[derive(Debug)]
pub struct Allowed {
    requests: Arc<Requests>,
    number: u64,
    token: CancellationToken,
}

impl Allowed {
    /// Opens a request, and returns how many are open with it.
    pub(super) fn new(requests: &Arc<Requests>, target: Target) -> (Self, usize) {
        let token = CancellationToken::new();
        let mut open = requests.0.lock();
        let number = open.last_key_value().map_or(0, |(last, _)| last + 1);
        open.insert(number, (target, token.clone()));
        let this = Self {
            requests: Arc::clone(requests),
            number,
            token,
        };
        (this, open.len())
    }

    /// Waits until it is not allowed any more.
    pub fn taken_back(&self) -> WaitForCancellationFuture<'_> {
        self.token.cancelled()
    }
}

impl Drop for Allowed {
    fn drop(&mut self) {
        let open = &self.requests.0;
        let mut open = open.lock();
        open.remove(&self.number);
    }
}

impl Requests {
    /// Ends those that these grants do not allow. How many there were.
    pub(super) fn hold_to(&self, grants: &Grants) -> usize {
        let open = self.0.lock();
        let denied = open.values().filter(|(target, token)| {
            !token.is_cancelled()
                && !grants
                    .host
                    .allows_http(target.scheme, &target.host, target.port)
        });
        denied.map(|(_, token)| token.cancel()).count()
    }
}

/// The calls into an instance that are open.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: AtomicU32,
    /// True if a task has ever waited for there to be none.
    awaited: AtomicBool,
    none: Notify,
}

impl Calls {
    pub(super) async fn drained(&self) {
        // Set before the count is read, as a call's end changes the count
        // before it reads this: one of the two sees the other.
        self.awaited.store(true, Ordering::SeqCst);
        loop {
            let mut none = pin!(self.none.notified());
            none.as_mut().enable();
            if self.open.load(Ordering::SeqCst) == 0 {
                return;
            }
            none.await;
        }
    }
}

/// A call into an instance, running or waiting for its turn.
#[derive(Debug)]
pub struct OpenCall<'a> {
    calls: &'a Calls,
    in_force: arc_swap::Guard<Arc<InForce>>,
}

impl<'a> OpenCall<'a> {
    pub(super) fn new(
        calls: &'a Calls,
        in_force: arc_swap::Guard<Arc<InForce>>,
        call: &'static str,
        most: u32,
    ) -> Result<Self, CallError> {
        // Counted first, so that no two take the last place.
        let this = Self { calls, in_force };
        if calls.open.fetch_add(1, Ordering::SeqCst) < most {
            Ok(this)
        } else {
            Err(CallError::TooMany { call, most })
        }
    }

    /// Returns the rights in force when it was opened.
    pub fn in_force(&self) -> &Arc<InForce> {
        &self.in_force
    }
}

impl Drop for OpenCall<'_> {
    fn drop(&mut self) {
        if self.calls.open.fetch_sub(1, Ordering::SeqCst) == 1
            && self.calls.awaited.load(Ordering::SeqCst)
        {
            self.calls.none.notify_waiters();
        }
    }
}
