//! The result of an import.

use serde::Serialize;

/// How many rows of a kind came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// In Gotify's database.
    pub found: u64,
    /// Added now.
    pub added: u64,
    /// Added by an earlier run, or here already.
    pub present: u64,
    /// Left out; the notes say why.
    pub left_out: u64,
}

/// The result of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// True if nothing was changed.
    pub dry_run: bool,
    /// Users.
    pub users: Counts,
    /// Applications.
    pub applications: Counts,
    /// Images of applications.
    pub images: Counts,
    /// Clients.
    pub clients: Counts,
    /// Users' plugins.
    pub plugins: Counts,
    /// Messages.
    pub messages: Counts,
    /// What a person should know or do, one sentence each.
    pub notes: Vec<String>,
}

impl Report {
    /// The counts with their names.
    pub fn kinds(&self) -> [(&'static str, Counts); 6] {
        [
            ("users", self.users),
            ("applications", self.applications),
            ("images", self.images),
            ("clients", self.clients),
            ("plugins", self.plugins),
            ("messages", self.messages),
        ]
    }
}
