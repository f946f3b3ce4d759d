//! The embedder's side: the traits by which the manager reaches the program that
//! it is part of, and the data that passes between them.
//!
//! - [`Catalogue`]: the storage of plugins and of users' plugins.
//! - [`Users`]: the users, and their messages.
//! - `records`: the stored data.

mod catalogue;
mod records;
mod users;

pub use self::{
    catalogue::Catalogue,
    records::{
        AuditEntry, DeadLetter, DepartedPlugin, FilterPlace, GrantRecord, InstalledPlugin,
        RegistrySource, Selection, Signed, StorageFull, StoredTimer, StoredVersion, TooManyTimers,
        UserPlugin,
    },
    users::{
        NewApplication, PluginApplication, Readable, Sender, TracedId, TracedMessage, UserMessage,
        Users,
    },
};

/// An error of the embedder: its catalogue or its users' data failed.
#[derive(Debug)]
pub struct EmbedderError(Box<dyn std::error::Error + Send + Sync>);

impl EmbedderError {
    /// Wraps an error of the embedder's own.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// Returns the embedder's own error.
    pub fn into_inner(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.0
    }
}

impl std::fmt::Display for EmbedderError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for EmbedderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
