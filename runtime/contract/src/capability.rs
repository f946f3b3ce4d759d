//! A plugin's capabilities: its optional exports, as a set.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One optional export of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Called when an instance starts and stops.
    Lifecycle,
    /// Has a configuration.
    Configurer,
    /// Has something to show.
    Displayer,
    /// Answers HTTP requests.
    Webhook,
    /// Decides about messages before they are stored.
    Filter,
    /// Is given stored messages.
    Listener,
    /// Is woken by timers.
    Timer,
}

impl Capability {
    /// All of them, in the contract's order.
    pub const ALL: [Self; 7] = [
        Self::Lifecycle,
        Self::Configurer,
        Self::Displayer,
        Self::Webhook,
        Self::Filter,
        Self::Listener,
        Self::Timer,
    ];

    /// The name of its interface in the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Configurer => "configurer",
            Self::Displayer => "displayer",
            Self::Webhook => "webhook",
            Self::Filter => "filter",
            Self::Listener => "listener",
            Self::Timer => "timer",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Capability>", into = "Vec<Capability>")]
pub struct Capabilities(u8);

impl Capabilities {
    /// Returns true if it is in the set.
    pub const fn contains(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u8) != 0
    }

    /// Its members, in the contract's order.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL
            .into_iter()
            .filter(move |capability| self.contains(*capability))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        Self(
            capabilities
                .into_iter()
                .fold(0, |bits, capability| bits | 1 << capability as u8),
        )
    }
}

impl From<Vec<Capability>> for Capabilities {
    fn from(capabilities: Vec<Capability>) -> Self {
        capabilities.into_iter().collect()
    }
}

impl From<Capabilities> for Vec<Capability> {
    fn from(capabilities: Capabilities) -> Self {
        capabilities.iter().collect()
    }
}
