//! What an instance may do at the moment, and what was opened by it.
//!
//! Rights may be replaced at any time. Whatever is asked from then on is held
//! to the new ones. What is open already is found by its token, which is
//! cancelled when the right that it was opened by is gone.

use std::{
    collections::BTreeMap,
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use crate::{CallError, Grants, Limits, grants::Scheme};

/// What an instance may do, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// What it may do.
    pub grants: Grants,
    /// How much of it.
    pub limits: Limits,
}

impl Rights {
    /// Whether code that was brought up under these can go on under others:
    /// what it was given by the system then it has until it is dropped.
    pub fn gives_the_same(&self, others: &Self) -> bool {
        self.grants.files == others.grants.files
            && self.grants.environment == others.grants.environment
            && self.limits.memory_bytes == others.limits.memory_bytes
    }

    /// Whether it was given something by the system that others do not give.
    fn gives_more_than(&self, others: &Self) -> bool {
        let files = &others.grants.files;
        let has = |path: &str, writable: bool| {
            files
                .iter()
                .any(|other| other.path == path && (other.writable || !writable))
        };
        !(self
            .grants
            .environment
            .is_subset(&others.grants.environment)
            && self
                .grants
                .files
                .iter()
                .all(|own| has(&own.path, own.writable)))
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

    /// What takes its place, and what is to be cancelled once it has: by whom
    /// something was opened with a right that is gone.
    pub(super) fn followed_by(&self, rights: Rights) -> (Self, Option<&CancellationToken>) {
        if self.rights.gives_more_than(&rights) {
            return (Self::new(rights), Some(&self.given));
        }
        let ended = (self.rights.grants.webhook && !rights.grants.webhook).then_some(&self.webhook);
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
    pub(super) fn new(requests: &Arc<Requests>, target: Target) -> Self {
        let token = CancellationToken::new();
        let mut open = requests.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = open.last_key_value().map_or(0, |(last, _)| last + 1);
        open.insert(number, (target, token.clone()));
        Self {
            requests: Arc::clone(requests),
            number,
            token,
        }
    }

    /// Waits until it is not allowed any more.
    pub fn taken_back(&self) -> WaitForCancellationFuture<'_> {
        self.token.cancelled()
    }
}

impl Drop for Allowed {
    fn drop(&mut self) {
        let open = &self.requests.0;
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(&self.number);
    }
}

impl Requests {
    /// Ends those that these grants do not allow. How many there were.
    pub(super) fn hold_to(&self, grants: &Grants) -> usize {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let denied = open.values().filter(|(target, token)| {
            !token.is_cancelled() && !grants.allows_http(target.scheme, &target.host, target.port)
        });
        denied.map(|(_, token)| token.cancel()).count()
    }
}

/// A call into an instance, running or waiting for its turn.
#[derive(Debug)]
pub struct OpenCall<'a> {
    open: &'a AtomicU32,
    in_force: arc_swap::Guard<Arc<InForce>>,
}

impl<'a> OpenCall<'a> {
    pub(super) fn new(
        open: &'a AtomicU32,
        in_force: arc_swap::Guard<Arc<InForce>>,
        call: &'static str,
    ) -> Result<Self, CallError> {
        let most = in_force.limits.concurrent_calls;
        // Counted first, so that no two take the last place.
        let this = Self { open, in_force };
        if open.fetch_add(1, Ordering::Relaxed) < most {
            Ok(this)
        } else {
            Err(CallError::TooMany { call, most })
        }
    }

    /// What was in force when it was opened.
    pub fn in_force(&self) -> &Arc<InForce> {
        &self.in_force
    }
}

impl Drop for OpenCall<'_> {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}
