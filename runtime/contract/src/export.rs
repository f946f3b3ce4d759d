//! The functions that a plugin exports: the capability of each, and the state that its
//! call needs.

use crate::Capability;

/// The state of an instance that a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// The instance is made, configured or not.
    Made,
    /// Its configuration is applied.
    Configured,
    /// It is started too.
    Started,
}

/// A function that a plugin exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name, for people.
    pub name: &'static str,
    /// Its capability; none for functions of every plugin.
    pub capability: Option<Capability>,
    /// The state that its call needs.
    pub needs: Needs,
}

impl Export {
    /// Declares a function of every plugin, which needs nothing but the plugin.
    pub const fn of_all(name: &'static str) -> Self {
        Self {
            name,
            capability: None,
            needs: Needs::Made,
        }
    }

    const fn of(capability: Capability, name: &'static str, needs: Needs) -> Self {
        Self {
            name,
            capability: Some(capability),
            needs,
        }
    }
}

/// `manifest.describe`.
pub const DESCRIBE: Export = Export::of_all("manifest.describe");
/// `lifecycle.start`. Every instance can be started, also one without the capability.
pub const START: Export = Export {
    name: "lifecycle.start",
    capability: None,
    needs: Needs::Started,
};
/// `lifecycle.stop`.
pub const STOP: Export = Export::of_all("lifecycle.stop");
/// `configurer.defaults`.
pub const DEFAULTS: Export = Export::of(Capability::Configurer, "configurer.defaults", Needs::Made);
/// `configurer.schema`.
pub const SCHEMA: Export = Export::of(Capability::Configurer, "configurer.schema", Needs::Made);
/// `configurer.apply`.
pub const APPLY: Export = Export::of(Capability::Configurer, "configurer.apply", Needs::Made);
/// `displayer.display`.
pub const DISPLAY: Export = Export::of(
    Capability::Displayer,
    "displayer.display",
    Needs::Configured,
);
/// `webhook.handle`.
pub const WEBHOOK: Export = Export::of(Capability::Webhook, "webhook.handle", Needs::Started);
/// `filter.filter`.
pub const FILTER: Export = Export::of(Capability::Filter, "filter.filter", Needs::Started);
/// `listener.on-messages`.
pub const ON_MESSAGES: Export =
    Export::of(Capability::Listener, "listener.on-messages", Needs::Started);
/// `timer.on-timer`.
pub const ON_TIMER: Export = Export::of(Capability::Timer, "timer.on-timer", Needs::Started);
