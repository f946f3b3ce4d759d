//! An operator of one plugin: changes it again and again, and knows what the server
//! acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Result, bail};

use super::{
    dice::Dice,
    host::Interface,
    stamps::{LOWEST, version},
};

/// A plugin in two versions.
#[derive(Debug)]
pub(super) struct Plugin {
    pub(super) id: String,
    pub(super) versions: [Vec<u8>; 2],
    pub(super) has_configuration: bool,
}

/// A plugin's state on the server. The user's part is not seen while it is not
/// installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The installed version; none if it is not installed.
    pub(super) version: Option<String>,
    /// The hosts that it was granted.
    pub(super) hosts: BTreeSet<String>,
    pub(super) enabled: bool,
    pub(super) config: Option<String>,
}

impl State {
    /// Returns true if this is what was found.
    pub(super) fn fits(&self, found: &Self) -> bool {
        self.version == found.version
            && self.hosts == found.hosts
            && (self.version.is_none()
                || (self.enabled == found.enabled && self.config == found.config))
    }
}

/// A change of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Install,
    Swap,
    Uninstall,
    Grant,
    Revoke,
    Enable,
    Disable,
    Configure,
}

impl Change {
    const fn name(self) -> &'static str {
        match self {
            Self::Install => "installed",
            Self::Swap => "swapped",
            Self::Uninstall => "uninstalled",
            Self::Grant => "granted",
            Self::Revoke => "revoked",
            Self::Enable => "enabled",
            Self::Disable => "disabled",
            Self::Configure => "configured",
        }
    }
}

/// Hosts that are granted and revoked.
const HOSTS: [&str; 4] = [
    "a.example",
    "b.example:*",
    "*.c.example",
    "https://d.example",
];

/// Changes one plugin.
#[derive(Debug)]
pub(super) struct Operator {
    pub(super) plugin: Plugin,
    /// The acknowledged state.
    pub(super) state: State,
    /// The state after the change that was under way when the server went.
    pub(super) interrupted: Option<State>,
    /// Changes that the server rejected.
    pub(super) rejected: Vec<String>,
    counts: BTreeMap<&'static str, u32>,
    /// The place of the installed version, or of the last.
    at: usize,
    number: u32,
}

impl Operator {
    pub(super) const fn new(plugin: Plugin) -> Self {
        Self {
            plugin,
            state: State {
                version: None,
                hosts: BTreeSet::new(),
                enabled: false,
                config: None,
            },
            interrupted: None,
            rejected: Vec::new(),
            counts: BTreeMap::new(),
            at: 0,
            number: 0,
        }
    }

    /// Installs both versions and enables the plugin.
    pub(super) async fn prepare(&mut self, interface: &Interface) -> Result<()> {
        for change in [Change::Install, Change::Swap, Change::Enable] {
            self.change(interface, change, String::new()).await;
        }
        match self.rejected.first() {
            Some(rejected) => bail!("{rejected}"),
            None => Ok(()),
        }
    }

    /// Goes on from the state that was found after a kill.
    pub(super) fn resume(&mut self, found: State) {
        let place = |version: &String| {
            LOWEST
                .iter()
                .position(|number| self::version(*number) == *version)
        };
        // An uninstalled plugin returns in its last version: another file with its id would
        // have none of its grants.
        if let Some(at) = found.version.as_ref().and_then(place) {
            self.at = at;
        }
        self.state = found;
    }

    /// Adds up the acknowledged changes.
    pub(super) fn count(&self, all: &mut BTreeMap<&'static str, u32>) {
        for (name, count) in &self.counts {
            *all.entry(name).or_default() += count;
        }
    }

    /// Changes the plugin until the server is gone.
    pub(super) async fn work(&mut self, interface: &Interface, mut dice: Dice, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            let Some(change) = dice.of(&self.possible()).copied() else {
                return;
            };
            let host = match change {
                Change::Revoke => {
                    let granted: Vec<_> = self.state.hosts.iter().cloned().collect();
                    dice.of(&granted).cloned()
                }
                _ => dice.of(&HOSTS).map(|host| (*host).to_owned()),
            };
            if !self
                .change(interface, change, host.unwrap_or_default())
                .await
            {
                return;
            }
        }
    }

    fn possible(&self) -> Vec<Change> {
        if self.state.version.is_none() {
            // Grants may come before their plugin.
            return vec![Change::Install, Change::Install, Change::Grant];
        }
        let mut possible = vec![
            Change::Swap,
            Change::Swap,
            Change::Grant,
            Change::Grant,
            Change::Uninstall,
        ];
        if !self.state.hosts.is_empty() {
            possible.extend([Change::Revoke, Change::Revoke]);
        }
        possible.push(if self.state.enabled {
            Change::Disable
        } else {
            Change::Enable
        });
        if !self.state.enabled {
            // Most of the time it is.
            possible.extend([Change::Enable; 3]);
        }
        if self.plugin.has_configuration {
            possible.push(Change::Configure);
        }
        possible
    }

    /// Makes one change; false if the server is gone.
    async fn change(&mut self, interface: &Interface, change: Change, host: String) -> bool {
        let id = &self.plugin.id;
        let mut next = self.state.clone();
        let at = match change {
            Change::Swap => 1 - self.at,
            _ => self.at,
        };
        let answered = match change {
            Change::Install | Change::Swap => {
                let bytes = self.plugin.versions.get(at).cloned().unwrap_or_default();
                next.version = LOWEST.get(at).map(|number| version(*number));
                interface.install(bytes).await.map(drop)
            }
            Change::Uninstall => {
                next.version = None;
                interface.uninstall(id).await
            }
            Change::Grant => {
                next.hosts.insert(host.clone());
                interface.grant(id, &host).await
            }
            Change::Revoke => {
                next.hosts.remove(&host);
                interface.revoke(id, &host).await
            }
            Change::Enable | Change::Disable => {
                next.enabled = change == Change::Enable;
                interface.set_enabled(id, next.enabled).await
            }
            Change::Configure => {
                self.number += 1;
                let text = format!("note: {}\n", self.number);
                next.config = Some(text.clone());
                interface.configure(id, text).await
            }
        };
        match answered {
            Ok(()) => {
                *self.counts.entry(change.name()).or_default() += 1;
                self.at = at;
                self.state = next;
                true
            }
            Err(error) if is_gone(&error) => {
                self.interrupted = Some(next);
                false
            }
            Err(error) => {
                let rejected = format!("{id} was not {}: {error:#}", change.name());
                self.rejected.push(rejected);
                // The same again would be rejected again.
                false
            }
        }
    }
}

/// Returns true if the connection ended, rather than that the server rejected it.
fn is_gone(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<reqwest::Error>().is_some())
}
