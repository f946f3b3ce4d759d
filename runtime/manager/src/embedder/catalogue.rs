//! The storage of plugins and of users' plugins.

use std::collections::HashMap;

use async_trait::async_trait;
use mortise_runtime::grants::UserGrants;

use super::{
    AuditEntry, DeadLetter, DepartedPlugin, EmbedderError, FilterPlace, GrantRecord,
    InstalledPlugin, Selection, StorageFull, StoredTimer, TooManyTimers, UserPlugin,
};
use crate::trace::CallTrace;

/// The storage of plugins and of users' plugins.
///
/// Every change is durable when its method returns. The manager checks grants and
/// bounds before it calls a method; a catalogue decides nothing. A user may be
/// deleted at any time: [`Catalogue::enable`], [`Catalogue::set_value`] and
/// [`Catalogue::set_timer`] fail if the user's plugin does not exist, and the other
/// changes then change nothing.
#[async_trait]
pub trait Catalogue: Send + Sync + std::fmt::Debug {
    /// Returns all installed plugins. Leaves out an entry that cannot be read: the
    /// manager then examines the file again.
    async fn installed(&self) -> Result<Vec<InstalledPlugin>, EmbedderError>;

    /// Records an installed plugin, and replaces the previous record.
    async fn set_installed(&self, plugin: &InstalledPlugin) -> Result<(), EmbedderError>;

    /// Forgets an installed plugin. Users' plugins stay.
    async fn remove_installed(&self, plugin: &str) -> Result<(), EmbedderError>;

    /// Returns the administrator's decisions about all plugins, by id.
    async fn grant_records(&self) -> Result<HashMap<String, GrantRecord>, EmbedderError>;

    /// Returns the administrator's decision about a plugin.
    async fn grant_record(&self, plugin: &str) -> Result<Option<GrantRecord>, EmbedderError>;

    /// Records a decision about a plugin, and replaces the previous one.
    async fn set_grant_record(
        &self,
        plugin: &str,
        record: &GrantRecord,
    ) -> Result<(), EmbedderError>;

    /// Forgets the administrator's decision about a plugin.
    async fn remove_grant_record(&self, plugin: &str) -> Result<(), EmbedderError>;

    /// Returns the record of an uninstalled plugin; none for an id that was never
    /// uninstalled, or returned.
    async fn departed(&self, plugin: &str) -> Result<Option<DepartedPlugin>, EmbedderError>;

    /// Records that a plugin was uninstalled.
    async fn set_departed(
        &self,
        plugin: &str,
        departed: &DepartedPlugin,
    ) -> Result<(), EmbedderError>;

    /// Forgets that a plugin was uninstalled.
    async fn remove_departed(&self, plugin: &str) -> Result<(), EmbedderError>;

    /// Adds an entry to the audit log, with the time of now. A program without an
    /// audit log does nothing.
    async fn audit(&self, entry: AuditEntry<'_>) -> Result<(), EmbedderError>;

    /// Creates the plugins that these users lack: disabled, without a
    /// configuration, and with a new token that nobody can guess.
    async fn add_user_plugins(&self, users: &[i64], plugins: &[&str]) -> Result<(), EmbedderError>;

    /// Returns users' plugins, oldest first.
    async fn user_plugins(
        &self,
        selection: Selection<'_>,
    ) -> Result<Vec<UserPlugin>, EmbedderError>;

    /// Returns a user's plugin.
    async fn user_plugin(&self, id: i64) -> Result<Option<UserPlugin>, EmbedderError>;

    /// Returns the user's plugin with a token.
    async fn user_plugin_by_token(&self, token: &str) -> Result<Option<UserPlugin>, EmbedderError>;

    /// Records that a user's plugin was enabled: its consent and its cursor. Its
    /// last error is cleared.
    async fn enable(&self, id: i64, consent: &UserGrants, cursor: i64)
    -> Result<(), EmbedderError>;

    /// Records that a user's plugin was disabled, and the reason unless the user
    /// disabled it.
    async fn disable(&self, id: i64, error: Option<&str>) -> Result<(), EmbedderError>;

    /// Records the consent to a plugin that stays enabled.
    async fn set_consent(&self, id: i64, consent: &UserGrants) -> Result<(), EmbedderError>;

    /// Disables a plugin for all its users, and forgets their consent. Their
    /// configurations and stored values stay.
    async fn forget_consents(&self, plugin: &str) -> Result<(), EmbedderError>;

    /// Stores a configuration byte for byte.
    async fn set_config(&self, id: i64, config: &str) -> Result<(), EmbedderError>;

    /// Places filters in their user's chain: all of them, or none if it fails.
    async fn place_filters(&self, places: &[FilterPlace]) -> Result<(), EmbedderError>;

    /// Sets the applications whose messages a filter is asked about; none for all.
    async fn set_filter_applications(
        &self,
        id: i64,
        applications: Option<&[u64]>,
    ) -> Result<(), EmbedderError>;

    /// Moves the cursor of a listener.
    async fn set_cursor(&self, id: i64, cursor: i64) -> Result<(), EmbedderError>;

    /// Adds a dead letter, or replaces the one of the same message, and moves the
    /// cursor to it. The number of dead letters is bounded; the oldest are removed
    /// first.
    async fn add_dead_letter(&self, id: i64, letter: &DeadLetter) -> Result<(), EmbedderError>;

    /// Returns the dead letters of a user's plugin, newest message first.
    async fn dead_letters(&self, id: i64) -> Result<Vec<DeadLetter>, EmbedderError>;

    /// Returns true if a message is a dead letter of a user's plugin.
    async fn has_dead_letter(&self, id: i64, message: i64) -> Result<bool, EmbedderError>;

    /// Counts another failed attempt with a dead letter.
    async fn note_dead_letter(
        &self,
        id: i64,
        message: i64,
        error: &str,
    ) -> Result<(), EmbedderError>;

    /// Removes a dead letter.
    async fn remove_dead_letter(&self, id: i64, message: i64) -> Result<(), EmbedderError>;

    /// Stores traces of calls, all of the same user's plugin, oldest first. An embedder
    /// that shows no traces does nothing; another keeps a bounded number of them, such as
    /// [`KEPT_CALLS`](crate::trace::KEPT_CALLS).
    async fn add_call_traces(&self, _traces: &[CallTrace]) -> Result<(), EmbedderError> {
        Ok(())
    }

    /// Returns the value of a key in a plugin's storage.
    async fn value(&self, id: i64, key: &str) -> Result<Option<Vec<u8>>, EmbedderError>;

    /// Stores a value, unless the keys and values would then take more than `quota`
    /// bytes and more than before.
    async fn set_value(
        &self,
        id: i64,
        key: &str,
        value: &[u8],
        quota: i64,
    ) -> Result<Result<(), StorageFull>, EmbedderError>;

    /// Removes a key and its value.
    async fn remove_value(&self, id: i64, key: &str) -> Result<(), EmbedderError>;

    /// Returns the keys that start with `prefix`, sorted by their bytes.
    async fn keys(&self, id: i64, prefix: &str) -> Result<Vec<String>, EmbedderError>;

    /// Returns the size of all keys and values together, in bytes.
    async fn storage_bytes(&self, id: i64) -> Result<u64, EmbedderError>;

    /// Sets or replaces a timer, unless there would then be more than `most`. A
    /// timer with an unchanged schedule keeps its time: a plugin sets its timers at
    /// each start, and a start must not delay them.
    async fn set_timer(
        &self,
        timer: &StoredTimer,
        most: u32,
    ) -> Result<Result<(), TooManyTimers>, EmbedderError>;

    /// Removes a timer.
    async fn cancel_timer(&self, id: i64, name: &str) -> Result<(), EmbedderError>;

    /// Returns the timers of these users' plugins that are due first, at most
    /// `limit`.
    async fn next_timers(&self, ids: &[i64], limit: u32)
    -> Result<Vec<StoredTimer>, EmbedderError>;

    /// Moves a timer on to its next time, or removes it if there is none. Returns
    /// false, and changes nothing, if its time is no longer `timer.next_ms`.
    async fn advance_timer(
        &self,
        timer: &StoredTimer,
        next_ms: Option<i64>,
    ) -> Result<bool, EmbedderError>;
}
