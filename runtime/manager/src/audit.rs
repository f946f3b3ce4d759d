//! The audit log: changes to plugins and their actors. The place that makes a
//! change writes the entry afterwards; failed and denied attempts leave none.
//! Entries contain nothing secret: of a configuration, only that it changed.

use serde_json::{Value, json};

use super::{Plugins, actor::Actor, embedder::AuditEntry, installed::VersionOf};

/// A change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// A plugin came, or came back.
    Installed,
    /// Another version took the place of the one that ran.
    Replaced,
    /// The version that ran was loaded anew.
    Reloaded,
    /// The version before took its place again.
    RolledBack,
    /// The plugin or its file was removed.
    Removed,
    /// A version waits for approval.
    HeldBack,
    /// A process started by hand may take its place.
    Attached,
    /// No process started by hand may take its place any more.
    Detached,
    /// A version that waited may run.
    Approved,
    /// The administrator allows it more.
    Granted,
    /// The administrator allows it less.
    Revoked,
    /// Its limits changed.
    Limited,
    /// The administrator trusts a key, of no plugin in particular.
    Trusted,
    /// The administrator trusts a key no longer.
    Distrusted,
    /// A user enabled it.
    Enabled,
    /// It was disabled for a user.
    Disabled,
    /// A user's configuration changed.
    Configured,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Replaced => "replaced",
            Self::Reloaded => "reloaded",
            Self::RolledBack => "rolled back",
            Self::Removed => "removed",
            Self::HeldBack => "held back",
            Self::Attached => "opened to a process",
            Self::Detached => "closed to processes",
            Self::Approved => "approved",
            Self::Granted => "granted",
            Self::Revoked => "revoked",
            Self::Limited => "limits changed",
            Self::Trusted => "key trusted",
            Self::Distrusted => "key no longer trusted",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Configured => "configuration changed",
        }
    }
}

impl Plugins {
    /// Writes an entry. If that fails, the change stays, and the log reports
    /// the failure.
    pub(super) async fn audit(&self, by: &Actor, action: Action, plugin: &str, details: &Value) {
        let details = details.to_string();
        let entry = AuditEntry {
            actor: by.name(),
            user: by.user(),
            action: action.name(),
            plugin,
            details: &details,
        };
        if let Err(error) = self.catalogue.audit(entry).await {
            tracing::error!(%error, plugin, action = action.name(), "the audit log was not written");
        }
    }
}

/// The details of a change of versions.
pub(super) fn versions(now: &VersionOf, before: Option<&VersionOf>) -> Value {
    match before {
        None => json!({ "version": now.version, "digest": now.digest }),
        Some(before) => json!({
            "version": now.version,
            "digest": now.digest,
            "before": { "version": before.version, "digest": before.digest },
        }),
    }
}
