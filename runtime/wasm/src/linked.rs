//! A component ready to be instantiated.

use std::sync::Arc;

use mortise_runtime::{Capabilities, yaml};
use wasmtime::component::InstancePre;

use super::{
    active_config::ActiveConfig,
    embedded::{Configuration, Embedded},
    engine::Shared,
    exports::Indices,
    store::State,
};

/// A component ready to be instantiated.
pub(super) struct Linked {
    pub(super) shared: Arc<Shared>,
    pub(super) pre: InstancePre<State>,
    pub(super) indices: Indices,
    pub(super) capabilities: Capabilities,
    /// The manifest in the file, for a component that exports none.
    pub(super) embedded: Option<Embedded>,
}

impl Linked {
    /// The configuration that the host keeps for a component without the export
    /// `configurer`.
    pub(super) fn configuration(&self) -> Option<&Configuration> {
        self.embedded.as_ref()?.configuration.as_ref()
    }

    /// A user's configuration, as the component finds it. In one that the host
    /// keeps, comments alone stand for the defaults.
    pub(super) fn config_in_force(&self, text: &str) -> ActiveConfig {
        match self.configuration() {
            Some(configuration) if yaml::is_blank(text) => {
                ActiveConfig::new(&configuration.defaults)
            }
            _ => ActiveConfig::new(text),
        }
    }
}

impl std::fmt::Debug for Linked {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Linked")
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}
