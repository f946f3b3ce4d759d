//! Exports. Each interface of the contract has a small world and a macro, so
//! that a component exports exactly the capabilities that its author lists.
//!
//! The macro `__export!` expands in the plugin's crate and names the plugin's
//! type. All other code is here.

use std::{
    marker::PhantomData,
    sync::{Mutex, PoisonError},
};

use super::Handle;
use crate::{
    Configurer, Context, Displayer, Filter, Listener, Plugin, Timer, Webhook, config,
    types::{
        Draft, Manifest, Message, Problem, StopReason, User, Verdict, WebhookRequest,
        WebhookResponse,
    },
};

macro_rules! worlds {
    ($($module:ident: $file:literal,)*) => {$(
        #[allow(
            missing_docs,
            unsafe_code,
            unreachable_pub,
            clippy::all,
            clippy::restriction,
            reason = "generated from the WIT files, which hold the documentation"
        )]
        #[path = $file]
        pub mod $module;
    )*};
}

worlds! {
    manifest: "generated/manifest.rs",
    lifecycle: "generated/lifecycle.rs",
    configurer: "generated/configurer.rs",
    displayer: "generated/displayer.rs",
    webhook: "generated/webhook.rs",
    filter: "generated/filter.rs",
    listener: "generated/listener.rs",
    timer: "generated/timer.rs",
}

/// The place of the instance, which is created at the first call except
/// `describe`.
pub struct Slot<T>(Mutex<Option<T>>);

impl<T: Plugin> Slot<T> {
    /// Creates an empty place.
    #[expect(clippy::new_without_default, reason = "it is made in a static")]
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn with<R>(&self, call: impl FnOnce(&mut T) -> R) -> R {
        // There are no threads, and a panic ends the component.
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        call(slot.get_or_insert_with(|| {
            #[cfg(feature = "tracing")]
            crate::events::install();
            T::new(Context::new(Handle))
        }))
    }
}

/// A plugin's type and the place of its one instance.
pub trait Hosted: Plugin {
    /// Returns that place.
    fn slot() -> &'static Slot<Self>;
}

/// Implements the generated trait of every capability that `T` has.
#[derive(Debug)]
pub struct Exports<T>(PhantomData<T>);

impl<T: Hosted> manifest::exports::mortise::plugin::manifest::Guest for Exports<T> {
    fn describe() -> Manifest {
        T::manifest()
    }
}

impl<T: Hosted> lifecycle::exports::mortise::plugin::lifecycle::Guest for Exports<T> {
    fn start(user: User) -> Result<(), String> {
        T::slot().with(|plugin| plugin.start(&user))
    }

    fn stop(reason: StopReason) -> Result<(), String> {
        T::slot().with(|plugin| plugin.stop(reason))
    }
}

impl<T: Hosted + Configurer> configurer::exports::mortise::plugin::configurer::Guest
    for Exports<T>
{
    fn defaults() -> String {
        T::default_text()
    }

    fn schema() -> Option<String> {
        T::schema()
    }

    fn apply(config: String) -> Result<(), Vec<Problem>> {
        let config = config::from_yaml(&config)?;
        T::slot().with(|plugin| plugin.apply(config))
    }
}

impl<T: Hosted + Displayer> displayer::exports::mortise::plugin::displayer::Guest for Exports<T> {
    fn display(base_url: Option<String>) -> String {
        T::slot().with(|plugin| plugin.display(base_url.as_deref()))
    }
}

impl<T: Hosted + Webhook> webhook::exports::mortise::plugin::webhook::Guest for Exports<T> {
    fn handle(request: WebhookRequest) -> WebhookResponse {
        T::slot().with(|plugin| plugin.handle(request))
    }
}

impl<T: Hosted + Filter> filter::exports::mortise::plugin::filter::Guest for Exports<T> {
    fn filter(draft: Draft) -> Result<Verdict, String> {
        T::slot().with(|plugin| plugin.filter(draft))
    }
}

impl<T: Hosted + Listener> listener::exports::mortise::plugin::listener::Guest for Exports<T> {
    fn on_messages(messages: Vec<Message>) -> Result<(), String> {
        T::slot().with(|plugin| plugin.on_messages(messages))
    }
}

impl<T: Hosted + Timer> timer::exports::mortise::plugin::timer::Guest for Exports<T> {
    fn on_timer(name: String) -> Result<(), String> {
        T::slot().with(|plugin| plugin.on_timer(&name))
    }
}

/// See [`crate::main`]. A component's functions are called, not its program.
pub fn main<T: Hosted>() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}

/// See [`crate::export`].
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($plugin:ident: $($capability:ident)*) => {
        const _: () = {
            type Exports = $crate::__exports::Exports<$plugin>;

            impl $crate::__exports::Hosted for $plugin {
                fn slot() -> &'static $crate::__exports::Slot<Self> {
                    static SLOT: $crate::__exports::Slot<$plugin> =
                        $crate::__exports::Slot::new();
                    &SLOT
                }
            }

            $crate::__export_world!(Exports manifest);
            $crate::__export_world!(Exports lifecycle);
            $($crate::__export_capability!(Exports $capability);)*
        };
    };
}

/// See [`crate::export`].
#[doc(hidden)]
#[macro_export]
macro_rules! __export_world {
    ($exports:ident $module:ident) => {
        $crate::__exports::$module::export!($exports with_types_in $crate::__exports::$module);
    };
}

/// See [`crate::export`].
#[doc(hidden)]
#[macro_export]
macro_rules! __export_capability {
    ($exports:ident Configurer) => {
        $crate::__export_world!($exports configurer);
    };
    ($exports:ident Displayer) => {
        $crate::__export_world!($exports displayer);
    };
    ($exports:ident Webhook) => {
        $crate::__export_world!($exports webhook);
    };
    ($exports:ident Filter) => {
        $crate::__export_world!($exports filter);
    };
    ($exports:ident Listener) => {
        $crate::__export_world!($exports listener);
    };
    ($exports:ident Timer) => {
        $crate::__export_world!($exports timer);
    };
}
