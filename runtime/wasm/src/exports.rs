//! The contract's functions in a component: found once when it is loaded, and
//! made callable for each store on first use.
//!
//! Every released version of the contract has the same functions with the same
//! types, but for `manifest.describe`: see [`super::released`].

use wasmtime::{
    Store,
    component::{
        Component, ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift, Lower,
        TypedFunc,
    },
};
use wasmtime_wasi_http::p2::bindings::exports::wasi::http::incoming_handler;

use super::{released, store::State};
use mortise_runtime::{
    Capabilities, Capability, contract,
    types::{
        Draft, Manifest, Message, Problem, StopReason, User, Verdict, WebhookRequest,
        WebhookResponse,
    },
};

/// The contract's result without a value.
type Done = Result<(), String>;

/// An exported interface: its index, and the version of the contract it is of.
#[derive(Clone, Copy)]
struct Found {
    interface: ComponentExportIndex,
    version: &'static str,
}

impl Found {
    /// Looks for an interface in every version, newest first.
    fn new(component: &Component, interface: &str) -> Option<Self> {
        contract::VERSIONS.into_iter().find_map(|version| {
            let name = format!("mortise:plugin/{interface}@{version}");
            let interface = component.get_export_index(None, &name)?;
            Some(Self { interface, version })
        })
    }

    fn function(
        self,
        component: &Component,
        function: &str,
    ) -> wasmtime::Result<ComponentExportIndex> {
        component
            .get_export_index(Some(&self.interface), function)
            .ok_or_else(|| wasmtime::format_err!("it has no function `{function}`"))
    }
}

fn typed<P, R>(
    store: &mut Store<State>,
    instance: &Instance,
    function: &ComponentExportIndex,
    name: &str,
) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    instance
        .get_typed_func(store, function)
        .map_err(|error| error.context(format!("the function `{name}`")))
}

/// Declares the functions of an interface: their indices in a component, and the
/// functions of an instance.
macro_rules! interface {
    ($interface:ident: $(
        $name:literal $function:ident<$life:lifetime>($($argument:ident: $type:ty),*) -> $result:ty;
    )*) => {
        pub(super) mod $interface {
            #[allow(clippy::wildcard_imports, reason = "each interface uses some of them")]
            use super::*;

            /// The indices of its functions in a component.
            pub(crate) struct Indices {
                $($function: ComponentExportIndex,)*
            }

            $(
                #[allow(non_camel_case_types, reason = "named after the function")]
                type $function<$life> = TypedFunc<($($type,)*), ($result,)>;
            )*

            /// Its functions in an instance.
            #[derive(Clone)]
            pub(crate) struct Guest {
                $($function: $function<'static>,)*
            }

            impl Indices {
                pub(super) fn new(component: &Component, found: Found) -> wasmtime::Result<Self> {
                    Ok(Self {
                        $($function: found.function(component, $name)?,)*
                    })
                }

                pub(crate) fn load(
                    &self,
                    store: &mut Store<State>,
                    instance: &Instance,
                ) -> wasmtime::Result<Guest> {
                    Ok(Guest {
                        $($function: typed(store, instance, &self.$function, $name)?,)*
                    })
                }
            }

            #[allow(clippy::extra_unused_lifetimes, reason = "some functions take no reference")]
            impl Guest {
                $(
                    pub(crate) async fn $function<$life>(
                        &self,
                        store: &mut Store<State>,
                        $($argument: $type,)*
                    ) -> wasmtime::Result<$result> {
                        let function: $function<$life> = self.$function;
                        let (answer,) = function.call_async(store, ($($argument,)*)).await?;
                        Ok(answer)
                    }
                )*
            }
        }
    };
}

interface! { lifecycle:
    "start" start<'a>(user: &'a User) -> Done;
    "stop" stop<'a>(reason: StopReason) -> Done;
}
interface! { configurer:
    "defaults" defaults<'a>() -> String;
    "schema" schema<'a>() -> Option<String>;
    "apply" apply<'a>(config: &'a str) -> Result<(), Vec<Problem>>;
}
interface! { displayer:
    "display" display<'a>(base_url: Option<&'a str>) -> String;
}
interface! { webhook:
    "handle" handle<'a>(request: &'a WebhookRequest) -> WebhookResponse;
}
interface! { filter:
    "filter" filter<'a>(draft: &'a Draft) -> Result<Verdict, String>;
}
interface! { listener:
    "on-messages" on_messages<'a>(messages: &'a [Message]) -> Done;
}
interface! { timer:
    "on-timer" on_timer<'a>(name: &'a str) -> Done;
}

/// The interface `manifest`, whose type each version of the contract changes.
pub(super) mod manifest {
    use super::{
        Component, ComponentExportIndex, Found, Instance, Manifest, State, Store, TypedFunc,
        contract, released, typed,
    };

    pub(crate) struct Indices {
        describe: ComponentExportIndex,
        pub(super) version: &'static str,
    }

    #[derive(Clone)]
    pub(crate) enum Guest {
        Newest(TypedFunc<(), (Manifest,)>),
        V0_1(TypedFunc<(), (released::v0_1::Manifest,)>),
    }

    impl Indices {
        pub(super) fn new(component: &Component, found: Found) -> wasmtime::Result<Self> {
            Ok(Self {
                describe: found.function(component, "describe")?,
                version: found.version,
            })
        }

        pub(crate) fn load(
            &self,
            store: &mut Store<State>,
            instance: &Instance,
        ) -> wasmtime::Result<Guest> {
            let name = "describe";
            match self.version {
                contract::V0_1 => typed(store, instance, &self.describe, name).map(Guest::V0_1),
                _ => typed(store, instance, &self.describe, name).map(Guest::Newest),
            }
        }
    }

    impl Guest {
        pub(crate) async fn describe(
            &self,
            store: &mut Store<State>,
        ) -> wasmtime::Result<Manifest> {
            match self {
                Self::Newest(function) => function.call_async(store, ()).await.map(|(own,)| own),
                Self::V0_1(function) => {
                    let (manifest,) = function.call_async(store, ()).await?;
                    Ok(manifest.into())
                }
            }
        }
    }
}

/// The indices of the exported interfaces; none for an interface that is not
/// exported.
pub(super) struct Indices {
    pub(super) manifest: Option<manifest::Indices>,
    pub(super) lifecycle: Option<lifecycle::Indices>,
    pub(super) configurer: Option<configurer::Indices>,
    pub(super) displayer: Option<displayer::Indices>,
    pub(super) webhook: Option<webhook::Indices>,
    pub(super) filter: Option<filter::Indices>,
    pub(super) listener: Option<listener::Indices>,
    pub(super) timer: Option<timer::Indices>,
    /// The standard's way to be a webhook.
    pub(super) incoming: Option<incoming_handler::GuestIndices>,
}

impl Indices {
    /// # Errors
    ///
    /// An interface that lacks a function of the contract's.
    pub(super) fn new(pre: &InstancePre<State>) -> wasmtime::Result<Self> {
        let component = pre.component();
        macro_rules! indices {
            ($interface:ident) => {
                Found::new(component, stringify!($interface))
                    .map(|found| $interface::Indices::new(component, found))
                    .transpose()
                    .map_err(|error| lacking(stringify!($interface), &error))?
            };
        }
        // Looked at first: the failure to find it is an error with a stack trace. Also
        // finds a version that is compatible.
        let handler = component.get_export_index(None, "wasi:http/incoming-handler@0.2.0");
        Ok(Self {
            manifest: indices!(manifest),
            lifecycle: indices!(lifecycle),
            configurer: indices!(configurer),
            displayer: indices!(displayer),
            webhook: indices!(webhook),
            filter: indices!(filter),
            listener: indices!(listener),
            timer: indices!(timer),
            incoming: handler
                .map(|_| incoming_handler::GuestIndices::new(pre))
                .transpose()
                .map_err(|error| lacking("wasi:http/incoming-handler", &error))?,
        })
    }

    /// Returns the version of the contract that the component was built for; none for one
    /// that does not export its manifest.
    pub(super) fn contract(&self) -> Option<&'static str> {
        self.manifest.as_ref().map(|manifest| manifest.version)
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
