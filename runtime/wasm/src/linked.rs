//! A component ready to be instantiated.

use std::sync::Arc;

use mortise_runtime::Capabilities;
use wasmtime::component::InstancePre;

use super::{engine::Shared, exports::Indices, store::State};

/// A component ready to be instantiated.
pub(super) struct Linked {
    pub(super) shared: Arc<Shared>,
    pub(super) pre: InstancePre<State>,
    pub(super) indices: Indices,
    pub(super) capabilities: Capabilities,
}

impl std::fmt::Debug for Linked {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Linked")
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}
