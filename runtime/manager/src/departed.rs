//! Uninstalled plugins and the return of their ids. Grants and consents belong to
//! an id together with its author: the key of its signature, or the very file that
//! was confirmed. Another file with the id gets none of them.

use std::{path::Path, sync::Arc};

use mortise_runtime::{
    LoadError, Plugin as _, Step,
    registry::{Identity, OnDemand},
};

use super::{
    Plugins,
    actor::Actor,
    embedder::{DepartedPlugin, Signed},
    grants,
    installed::Entry,
    time::now_ms,
};

/// The precision of the file system's times, in milliseconds.
const PRECISION: i64 = 10;

impl Plugins {
    /// Records that a plugin is uninstalled, before its file goes.
    pub(super) async fn note_departure(&self, id: &str, entry: &Entry) {
        let departed = DepartedPlugin {
            key: entry.signed.as_ref().and_then(|signed| signed.key.clone()),
            digest: entry.current.digest().to_string(),
            departed_ms: now_ms(),
        };
        if let Err(error) = self.catalogue.set_departed(id, &departed).await {
            tracing::error!(%error, plugin = id, "the uninstalled plugin was not recorded");
        }
    }

    /// Deals with a file whose plugin is not installed: whether it was uninstalled
    /// before. Where it comes from another author, grants and consents end first.
    ///
    /// # Errors
    ///
    /// A report if the file is a copy that was left in the plugins folder, or if
    /// grants cannot be ended.
    pub(super) async fn returns(
        self: &Arc<Self>,
        (file, identity): (&Path, &Identity),
        new: &OnDemand,
        signed: Option<&Signed>,
        by: &Actor,
    ) -> Result<(), LoadError> {
        let id = &new.manifest().id;
        let failed = |error: &dyn std::fmt::Display| LoadError {
            file: file.to_owned(),
            step: Step::ChangedByHand,
            expected: "to end the grants of the plugin that had this id".to_owned(),
            found: error.to_string(),
            fix: "check the server's log and its data directory, and install it again".to_owned(),
        };
        let departed = self.catalogue.departed(id).await;
        let Some(departed) = departed.map_err(|error| failed(&error))? else {
            return Ok(());
        };
        if *by == Actor::Folder && was_left(identity, &departed) {
            return Err(LoadError {
                file: file.to_owned(),
                step: Step::ChangedByHand,
                expected: "a file that came after the plugin was uninstalled".to_owned(),
                found: format!("the id `{id}`, which was uninstalled while this file was there"),
                fix: format!(
                    "remove it, or install it: mortise plugin install {}",
                    file.display()
                ),
            });
        }
        if !is_same_author(new, signed, &departed) {
            self.end_grants(id, by)
                .await
                .map_err(|error| failed(&error))?;
            // The administrator has not decided about this author yet.
            self.catalogue
                .remove_grant_record(id)
                .await
                .map_err(|error| failed(&error))?;
            self.catalogue
                .forget_consents(id)
                .await
                .map_err(|error| failed(&error))?;
            tracing::warn!(
                plugin = id,
                "another file has the id of an uninstalled plugin: its grants and its users' \
                 consents are void, and asked for anew"
            );
        }
        let forgotten = self.catalogue.remove_departed(id).await;
        forgotten.map_err(|error| failed(&error))
    }

    /// Ends all grants of the administrator to a plugin. Its limits stay.
    async fn end_grants(self: &Arc<Self>, id: &str, by: &Actor) -> Result<(), grants::GrantsError> {
        let (plugin, all) = (id.to_owned(), self.grants().of(id).grants);
        let revoke = move |path: &Path| grants::revoke(path, &plugin, &all);
        self.write_grants(by, revoke).await.map(drop)
    }
}

/// Returns true if a file was there, as it is, when the plugin was uninstalled.
fn was_left(identity: &Identity, departed: &DepartedPlugin) -> bool {
    let changed_ms = identity.changed_ns.max(identity.modified_ns) / 1_000_000;
    changed_ms < departed.departed_ms - PRECISION
}

fn is_same_author(new: &OnDemand, signed: Option<&Signed>, departed: &DepartedPlugin) -> bool {
    let key = signed.and_then(|signed| signed.key.as_ref());
    new.digest().to_string() == departed.digest || (key.is_some() && key == departed.key.as_ref())
}
