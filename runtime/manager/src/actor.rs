//! The actor of a change, for the audit log.

/// The actor of a change to a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user, over the network.
    User {
        /// The user's id.
        id: i64,
        /// The user's name.
        name: String,
    },
    /// A reader of the data directory, as an administrator.
    CommandLine {
        /// The administrator's id.
        id: i64,
        /// The administrator's name.
        name: String,
    },
    /// A person who changed the plugins folder or another of the
    /// administrator's files.
    Folder,
    /// The server, by itself.
    Server,
}

impl Actor {
    /// Returns the kind, as the audit log names it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::User { .. } => "user",
            Self::CommandLine { .. } => "command line",
            Self::Folder => "folder",
            Self::Server => "server",
        }
    }

    /// Returns the id and the name of the user, if it is one.
    pub fn user(&self) -> Option<(i64, &str)> {
        match self {
            Self::User { id, name } | Self::CommandLine { id, name } => Some((*id, name)),
            Self::Folder | Self::Server => None,
        }
    }
}
