//! A plugin's capabilities: its optional exports, and its use of the storage, as a
//! set.

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

/// The name of the import that stores values.
const STORAGE: &str = "storage";
/// The bit of the storage, after those of the exports.
const STORAGE_BIT: u8 = 1 << 7;

/// A set of capabilities, and the fact that the plugin may store values. As data, it
/// is the list of their names; unknown names are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<&'static str>")]
pub struct Capabilities(u8);

impl Capabilities {
    /// Returns true if it is in the set.
    pub const fn contains(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u8) != 0
    }

    /// Returns true if the plugin is known to store values.
    pub const fn stores(self) -> bool {
        self.0 & STORAGE_BIT != 0
    }

    /// The same set, for a plugin that stores values or does not.
    #[must_use]
    pub const fn storing(self, stores: bool) -> Self {
        Self(if stores {
            self.0 | STORAGE_BIT
        } else {
            self.0 & !STORAGE_BIT
        })
    }

    /// Reads a list of names.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        for name in names {
            if name == STORAGE {
                all = all.storing(true);
            }
            let export = Capability::ALL.into_iter().find(|one| one.name() == name);
            all.0 |= export.map_or(0, |capability| 1 << capability as u8);
        }
        all
    }

    /// The members that are exports, in the contract's order.
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

impl From<Vec<String>> for Capabilities {
    fn from(names: Vec<String>) -> Self {
        Self::named(names.iter().map(String::as_str))
    }
}

impl From<Capabilities> for Vec<&'static str> {
    fn from(capabilities: Capabilities) -> Self {
        let exports = capabilities.iter().map(Capability::name);
        let storage = capabilities.stores().then_some(STORAGE);
        exports.chain(storage).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Capabilities, Capability};

    #[test]
    fn a_set_is_a_list_of_names_and_keeps_the_storage() {
        let names = r#"["webhook","juggler","storage","lifecycle"]"#;
        let all: Capabilities = serde_json::from_str(names).unwrap();
        assert!(all.stores());
        assert_eq!(
            all.iter().collect::<Vec<_>>(),
            [Capability::Lifecycle, Capability::Webhook]
        );
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(text, r#"["lifecycle","webhook","storage"]"#);
        assert_eq!(
            serde_json::to_string(&all.storing(false)).unwrap(),
            r#"["lifecycle","webhook"]"#
        );
    }
}
