//! The contract's functions in a component: found once when it is loaded, and
//! made callable for each store on first use.

use wasmtime::component::InstancePre;
use wasmtime_wasi_http::p2::bindings::exports::wasi::http::incoming_handler;

use super::store::State;
use crate::bindings::exports::mortise::plugin::{
    configurer, displayer, filter, lifecycle, listener, manifest, timer, webhook,
};
use mortise_runtime::{Capabilities, Capability};

/// The indices of the exported interfaces; none for an interface that is not
/// exported.
pub(super) struct Indices {
    pub(super) manifest: Option<manifest::GuestIndices>,
    pub(super) lifecycle: Option<lifecycle::GuestIndices>,
    pub(super) configurer: Option<configurer::GuestIndices>,
    pub(super) displayer: Option<displayer::GuestIndices>,
    pub(super) webhook: Option<webhook::GuestIndices>,
    pub(super) filter: Option<filter::GuestIndices>,
    pub(super) listener: Option<listener::GuestIndices>,
    pub(super) timer: Option<timer::GuestIndices>,
    /// The standard's way to be a webhook.
    pub(super) incoming: Option<incoming_handler::GuestIndices>,
}

impl Indices {
    /// # Errors
    ///
    /// An interface that lacks a function of the contract's.
    pub(super) fn new(pre: &InstancePre<State>) -> wasmtime::Result<Self> {
        // Looked at first: the failure to find an interface is an error with a
        // stack trace, and most components leave most interfaces out.
        let exports = |name: &str| {
            let component = pre.component();
            // Also finds a version that is compatible.
            component.get_export_index(None, name).is_some()
        };
        macro_rules! indices {
            ($interface:ident) => {
                exports(concat!("mortise:plugin/", stringify!($interface), "@0.1.0"))
                    .then(|| $interface::GuestIndices::new(pre))
                    .transpose()
                    .map_err(|error| lacking(stringify!($interface), &error))?
            };
        }
        Ok(Self {
            manifest: indices!(manifest),
            lifecycle: indices!(lifecycle),
            configurer: indices!(configurer),
            displayer: indices!(displayer),
            webhook: indices!(webhook),
            filter: indices!(filter),
            listener: indices!(listener),
            timer: indices!(timer),
            incoming: exports("wasi:http/incoming-handler@0.2.0")
                .then(|| incoming_handler::GuestIndices::new(pre))
                .transpose()
                .map_err(|error| lacking("wasi:http/incoming-handler", &error))?,
        })
    }

    /// Returns true if an interface of the contract's is exported.
    pub(super) fn has_own(&self) -> bool {
        let own = self.capabilities();
        self.manifest.is_some()
            || self.webhook.is_some()
            || own.iter().any(|one| one != Capability::Webhook)
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        [
            (self.lifecycle.is_some(), Capability::Lifecycle),
            (self.configurer.is_some(), Capability::Configurer),
            (self.displayer.is_some(), Capability::Displayer),
            (
                self.webhook.is_some() || self.incoming.is_some(),
                Capability::Webhook,
            ),
            (self.filter.is_some(), Capability::Filter),
            (self.listener.is_some(), Capability::Listener),
            (self.timer.is_some(), Capability::Timer),
        ]
        .into_iter()
        .filter_map(|(exported, capability)| exported.then_some(capability))
        .collect()
    }
}

fn lacking(interface: &str, error: &wasmtime::Error) -> wasmtime::Error {
    wasmtime::format_err!("in the export `{interface}`: {error:#}")
}
