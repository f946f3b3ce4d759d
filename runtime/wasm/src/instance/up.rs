//! A store with its component: its creation, and its state before a call.

use std::sync::Arc;

use wasmtime::{Store, UpdateDeadline, component};

use crate::{
    exports::{
        Indices, configurer, displayer, filter, lifecycle, listener, manifest, timer, webhook,
    },
    linked::Linked,
    store::State,
};
use mortise_runtime::{CallError, Guard, guard::InForce, lifecycle::Stage, limits};

/// The most bytes a guest may hand over in one call: a webhook's answer is the
/// largest thing it can say.
const HANDOVER_BYTES: usize = 2 * limits::WEBHOOK_RESPONSE_BYTES;

/// A store with its component in it.
pub(super) struct Up {
    pub(super) store: Store<State>,
    pub(super) instance: component::Instance,
    guests: Guests,
    /// The rights under which it runs.
    pub(super) under: Arc<InForce>,
    pub(super) stage: Stage,
}

impl std::fmt::Debug for Up {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Up")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

impl Up {
    /// Makes a store and instantiates the component in it.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from coming up.
    pub(super) async fn new(
        linked: &Linked,
        guard: Arc<Guard>,
        in_force: Arc<InForce>,
    ) -> Result<Box<Self>, CallError> {
        let state = State::new(guard, &in_force, &linked.shared.descriptors)
            .map_err(CallError::Unavailable)?;
        let mut store = Store::new(&linked.shared.engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_epoch_deadline(1);
        match linked.shared.profile.clone() {
            None => store.epoch_deadline_async_yield_and_update(1),
            Some(profile) => store.epoch_deadline_callback(move |context| {
                profile.sample(&context);
                Ok(UpdateDeadline::Yield(1))
            }),
        }
        // For what it says in one call, and for each call to the host.
        store.set_hostcall_fuel(HANDOVER_BYTES);
        match linked.pre.instantiate_async(&mut store).await {
            Ok(instance) => Ok(Box::new(Self {
                store,
                instance,
                guests: Guests::default(),
                under: in_force,
                stage: Stage::default(),
            })),
            Err(error) if error.is::<wasmtime::PoolConcurrencyLimitError>() => {
                Err(CallError::Unavailable(
                    "as many instances are up as the server allows at the same time".to_owned(),
                ))
            }
            Err(error) => Err(super::call::crashed("instantiate", &error, store.data())),
        }
    }

    /// Has it run under these from now on, if it can.
    pub(super) fn goes_on_under(&mut self, in_force: &Arc<InForce>) -> bool {
        if Arc::ptr_eq(&self.under, in_force) {
            return true;
        }
        let can = self.under.gives_the_same(in_force);
        if can {
            self.under = Arc::clone(in_force);
        }
        can
    }
}

/// Declares the functions of each interface, made callable on first use.
macro_rules! guests {
    ($($interface:ident,)*) => {
        #[derive(Default)]
        struct Guests {
            $($interface: Option<$interface::Guest>,)*
        }

        impl Up {
            $(
                /// The interface's functions; the caller saw that it is exported.
                pub(super) fn $interface(
                    &mut self,
                    indices: &Indices,
                ) -> wasmtime::Result<$interface::Guest> {
                    if let Some(guest) = &self.guests.$interface {
                        return Ok(guest.clone());
                    }
                    let indices = indices.$interface.as_ref().ok_or_else(|| {
                        wasmtime::format_err!("`{}` is not exported", stringify!($interface))
                    })?;
                    let guest = indices.load(&mut self.store, &self.instance)?;
                    self.guests.$interface = Some(guest.clone());
                    Ok(guest)
                }
            )*

            /// Checks the type of everything that is exported.
            pub(super) fn check_types(&mut self, indices: &Indices) -> wasmtime::Result<()> {
                $(
                    if indices.$interface.is_some() {
                        self.$interface(indices).map_err(|error| {
                            let name = stringify!($interface);
                            wasmtime::format_err!("in the export `{name}`: {error:#}")
                        })?;
                    }
                )*
                Ok(())
            }
        }
    };
}

guests! { manifest, lifecycle, configurer, displayer, webhook, filter, listener, timer, }
