//! The runtime's handle of an instance, and those who are using it.
//!
//! A swap takes a handle out of its slot, so that no caller gets it any more, and stops
//! its instance after the last call of those who have it.

use std::{ops::Deref, sync::Arc};

use mortise_runtime::Instance;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

/// A handle in its slot.
#[derive(Clone, Debug)]
pub(super) struct InstanceHandle {
    instance: Arc<dyn Instance>,
    leases: TaskTracker,
}

/// A handle in use: the instance is not stopped by a swap before this is dropped.
#[derive(Debug)]
pub struct Lease {
    instance: Arc<dyn Instance>,
    _leased: TaskTrackerToken,
}

impl Deref for Lease {
    type Target = dyn Instance;

    fn deref(&self) -> &Self::Target {
        &*self.instance
    }
}

impl InstanceHandle {
    pub(super) fn new(instance: Arc<dyn Instance>) -> Self {
        Self {
            instance,
            leases: TaskTracker::new(),
        }
    }

    /// Leases the handle to a caller.
    pub(super) fn lease(&self) -> Lease {
        Lease {
            instance: Arc::clone(&self.instance),
            _leased: self.leases.token(),
        }
    }

    /// The instance, for whoever looks after it without being in its way.
    pub(super) fn instance(&self) -> &Arc<dyn Instance> {
        &self.instance
    }

    /// Returns true if it has no lease.
    pub(super) fn is_unused(&self) -> bool {
        self.leases.is_empty()
    }

    /// Waits for the end of the last lease and of the last call. The handle is no
    /// longer in its slot: no caller takes another.
    pub(super) async fn drained(&self) {
        self.leases.close();
        self.leases.wait().await;
        self.instance.guard().drained().await;
    }
}
