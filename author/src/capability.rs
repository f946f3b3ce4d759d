//! A plugin's capabilities, as its author names them in `plugin.toml` and on
//! the command line.

use std::{fmt, str::FromStr};

use serde::Deserialize;

/// One optional export of the contract. `manifest` is not among them: every
/// plugin has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
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
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Capability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|known| known.name() == text);
        found.ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|known| known.name()).collect();
            format!(
                "there is no such capability; there are {}",
                known.join(", ")
            )
        })
    }
}
