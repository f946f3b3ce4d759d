//! The administrator's grants while the server runs. Their one place is the
//! grants file: the API writes them there, and the server applies changes made
//! by hand. Both take effect here, for active and pending versions.
//!
//! A file with an error changes nothing: grants stay, missing grants are
//! denied, and the problem is reported.

use std::{collections::BTreeSet, io, path::Path, sync::Arc, time::Duration};

use mortise_runtime::{
    Plugin as _, grants::HostGrants, protected::Overlap, registry::Identity, types::Permission,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    CommandError, Plugins, Status,
    actor::Actor,
    audit::Action,
    embedder::GrantRecord,
    folder::Cause,
    grants::{self, GrantsError, GrantsFile, PluginGrants},
    installed::Waiting,
    time::now_ms,
};

/// The interval between checks for changes by hand. The file must look the same
/// twice, because it may still be incomplete.
const LOOK: Duration = Duration::from_millis(500);

/// The reason for which a change of grants failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrantChangeError {
    /// The grants file.
    #[error(transparent)]
    File(#[from] GrantsError),
    /// The grants to revoke do not exist in this form.
    #[error("`{0}` has no such grant; `mortise plugin grants {0}` lists its grants")]
    NotGranted(String),
    /// A directory that overlaps the server's own.
    #[error("{0}; no plugin may use it: grant a directory apart from it")]
    Protected(#[from] Overlap),
}

/// The grants as last read.
#[derive(Debug, Default)]
pub(super) struct CurrentGrants {
    pub(super) file: Arc<GrantsFile>,
    pub(super) problem: Option<Arc<GrantsError>>,
    /// The file as it was then; none if it was not there.
    seen: Option<Identity>,
}

/// The treatment of the new permissions of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// Grant it.
    AsAsked,
    /// Let the version run without it.
    Without,
}

/// A version that waits for the administrator.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pending {
    /// The plugin.
    pub id: String,
    /// The active version.
    pub running: super::VersionOf,
    /// The pending version.
    pub version: super::VersionOf,
    /// The new permissions.
    pub difference: super::Difference,
}

/// Applies changes made by hand until asked to stop.
pub(super) async fn run(plugins: Arc<Plugins>, stop: CancellationToken) {
    let mut last = plugins.current_grants.read().seen;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let now = plugins.look();
        let settled = std::mem::replace(&mut last, now) == now;
        if settled && now != plugins.current_grants.read().seen {
            let changed = plugins.apply_grants(&Actor::Folder).await;
            plugins.reconsider(&changed, &Actor::Folder).await;
        }
    }
}

impl Plugins {
    /// Grants a plugin permissions; earlier grants stay. Takes effect before it
    /// returns, and activates a pending version that lacked only these.
    ///
    /// # Errors
    ///
    /// [`GrantChangeError::File`] and [`GrantChangeError::Protected`]; nothing has
    /// changed then.
    pub async fn grant(
        self: &Arc<Self>,
        id: &str,
        more: &HostGrants,
        by: &Actor,
    ) -> Result<(), GrantChangeError> {
        for directory in &more.files {
            let path = Path::new(&directory.path);
            self.settings.protected.check(path)?;
        }
        let (plugin, more) = (id.to_owned(), more.clone());
        self.edit(by, move |path| grants::grant(path, &plugin, &more))
            .await?;
        Ok(())
    }

    /// Revokes permissions of a plugin. Takes effect before it returns, and
    /// closes everything opened with them.
    ///
    /// # Errors
    ///
    /// [`GrantChangeError`]; nothing has changed then.
    pub async fn revoke(
        self: &Arc<Self>,
        id: &str,
        less: &HostGrants,
        by: &Actor,
    ) -> Result<(), GrantChangeError> {
        let (plugin, less) = (id.to_owned(), less.clone());
        let changed = self
            .edit(by, move |path| grants::revoke(path, &plugin, &less))
            .await?;
        if changed {
            Ok(())
        } else {
            Err(GrantChangeError::NotGranted(id.to_owned()))
        }
    }

    /// Sets limits of a plugin by their names in the grants file; none puts
    /// back the default. Takes effect before it returns.
    ///
    /// # Errors
    ///
    /// [`GrantChangeError::File`], also for a limit that there is none of; nothing has
    /// changed then.
    pub async fn set_limits(
        self: &Arc<Self>,
        id: &str,
        limits: Vec<(String, Option<u64>)>,
        by: &Actor,
    ) -> Result<(), GrantChangeError> {
        let plugin = id.to_owned();
        self.edit(by, move |path| grants::limit(path, &plugin, &limits))
            .await?;
        Ok(())
    }

    /// Lets a version run that waits for the administrator.
    ///
    /// # Errors
    ///
    /// [`CommandError::NothingPending`]; [`CommandError::Load`] if it does not come
    /// up after all, and then what ran goes on.
    pub async fn approve(
        self: &Arc<Self>,
        id: &str,
        approval: Approval,
        by: &Actor,
    ) -> Result<Status, CommandError> {
        let turn = self.turns.take().await;
        let entry = self.entry(id)?;
        let (
            Some(Waiting::Pending {
                version,
                difference,
            }),
            Some(identity),
        ) = (entry.waiting, entry.dealt)
        else {
            return Err(CommandError::NothingPending(id.to_owned()));
        };
        let wants = || difference.wants.iter().map(|request| &request.permission);
        if approval == Approval::AsAsked {
            // A checked manifest has patterns that parse.
            let more = HostGrants::of(wants()).unwrap_or_default();
            let plugin = id.to_owned();
            self.write_grants(by, move |path| grants::grant(path, &plugin, &more))
                .await?;
        }
        // Granted or not, it is decided.
        let mut asked = self.asked(id).await;
        asked.extend(wants().cloned());
        self.note_record(id, asked).await;
        let details = json!({
            "version": version.version,
            "digest": version.digest,
            "granted": approval == Approval::AsAsked,
            "asked": difference.lines,
        });
        self.audit(by, Action::Approved, id, &details).await;
        let cause = Cause { by, anew: false };
        self.load_file(&turn, &entry.file, identity, cause).await?;
        drop(turn);
        self.status(id)
            .ok_or_else(|| CommandError::Unknown(id.to_owned()))
    }

    /// Every version that waits for the administrator.
    pub fn pending(&self) -> Vec<Pending> {
        let waiting = self.list().into_iter().filter_map(|status| {
            let Some(Waiting::Pending {
                version,
                difference,
            }) = status.waiting
            else {
                return None;
            };
            Some(Pending {
                id: status.id,
                running: super::VersionOf {
                    version: status.version,
                    digest: status.digest,
                },
                version,
                difference,
            })
        });
        waiting.collect()
    }

    /// Returns a plugin's grants and limits.
    pub fn grants_of(&self, id: &str) -> PluginGrants {
        self.grants().of(id)
    }

    /// Returns the record of a plugin's grants: the requests at that time,
    /// and the time.
    pub async fn grant_record(&self, id: &str) -> Option<GrantRecord> {
        self.catalogue
            .grant_record(id)
            .await
            .inspect_err(
                |error| tracing::error!(%error, "the record of a plugin's grants was not read"),
            )
            .unwrap_or_default()
    }

    /// Returns the requests at the time when the administrator last decided.
    pub(super) async fn asked(&self, id: &str) -> Vec<Permission> {
        let record = self.grant_record(id).await;
        record.map(|record| record.asked).unwrap_or_default()
    }

    /// Changes the file and takes it into use. Whether it changed.
    async fn edit(
        self: &Arc<Self>,
        by: &Actor,
        change: impl FnOnce(&Path) -> Result<bool, GrantsError> + Send + 'static,
    ) -> Result<bool, GrantsError> {
        let (edited, changed) = self.write_grants(by, change).await?;
        self.reconsider(&changed, by).await;
        Ok(edited)
    }

    /// Changes the file and applies it, without a look at versions that wait.
    /// Returns true if it changed, and the plugins with changed grants.
    pub(super) async fn write_grants(
        self: &Arc<Self>,
        by: &Actor,
        change: impl FnOnce(&Path) -> Result<bool, GrantsError> + Send + 'static,
    ) -> Result<(bool, Vec<String>), GrantsError> {
        let _turn = self.granting.lock().await;
        // Changes by hand in the meantime have no other actor.
        let mut changed = self.apply_grants_in_turn(&Actor::Folder).await;
        let path = self.settings.grants.clone();
        let edited = tokio::task::spawn_blocking({
            let path = path.clone();
            move || change(&path)
        })
        .await
        .unwrap_or_else(|error| {
            Err(GrantsError::Write {
                path,
                source: io::Error::other(error),
            })
        })?;
        changed.extend(self.apply_grants_in_turn(by).await);
        Ok((edited, changed))
    }

    /// Reads the file and applies it. Returns the plugins with changed grants.
    pub(super) async fn apply_grants(self: &Arc<Self>, by: &Actor) -> Vec<String> {
        let _turn = self.granting.lock().await;
        self.apply_grants_in_turn(by).await
    }

    async fn apply_grants_in_turn(self: &Arc<Self>, by: &Actor) -> Vec<String> {
        let seen = self.look();
        let path = self.settings.grants.clone();
        let file = tokio::task::spawn_blocking(move || GrantsFile::read(&path)).await;
        let before = {
            let mut current = self.current_grants.write();
            current.seen = seen;
            match file {
                Ok(Ok(file)) => {
                    current.problem = None;
                    std::mem::replace(&mut current.file, Arc::new(file))
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "the grants file cannot be used");
                    current.problem = Some(Arc::new(error));
                    return Vec::new();
                }
                Err(error) => {
                    tracing::error!(%error, "the grants file was not read");
                    return Vec::new();
                }
            }
        };
        let now = self.grants();
        let mut ids: Vec<String> = before
            .plugins()
            .chain(now.plugins())
            .map(str::to_owned)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| before.of(id) != now.of(id));
        for id in &ids {
            self.regrant(id).await;
            self.note_change(id, &before.of(id), &now.of(id), by).await;
        }
        ids
    }

    /// Records changed grants, once plugins are there to have them.
    async fn note_change(&self, id: &str, before: &PluginGrants, now: &PluginGrants, by: &Actor) {
        if self.opened.get().is_none() {
            return;
        }
        if before.limits != now.limits {
            let details = json!({ "before": before.limits, "now": now.limits });
            self.audit(by, Action::Limited, id, &details).await;
        }
        self.note_allowed(id, &before.grants, &now.grants, by).await;
    }

    async fn note_allowed(&self, id: &str, before: &HostGrants, now: &HostGrants, by: &Actor) {
        if before == now {
            return;
        }
        if let Some(entry) = self.installed.get(id) {
            let wants = entry.current.manifest().wants.iter();
            let asked = wants.map(|request| request.permission.clone()).collect();
            self.note_record(id, asked).await;
        }
        for (action, details) in [
            (Action::Granted, differing(before, now)),
            (Action::Revoked, differing(now, before)),
        ] {
            if let Some(details) = details {
                self.audit(by, action, id, &details).await;
            }
        }
    }

    /// Notes that the administrator decided about these.
    async fn note_record(&self, id: &str, asked: Vec<Permission>) {
        let record = GrantRecord {
            asked,
            allowed: self.grants().of(id).grants.into(),
            answered_ms: now_ms(),
        };
        if let Err(error) = self.catalogue.set_grant_record(id, &record).await {
            tracing::error!(%error, plugin = id, "the new grants were not stored");
        }
    }

    /// Compares installed plugins with the records at the start: the file may
    /// have changed while no server ran.
    pub(super) async fn note_grants(&self) {
        // In one go: there may be many, and the server waits for it.
        let mut noted = match self.catalogue.grant_records().await {
            Ok(noted) => noted,
            Err(error) => {
                tracing::error!(%error, "the records of the grants were not read");
                return;
            }
        };
        let file = self.grants();
        // Of whom neither says anything, nothing can have changed.
        let ids: BTreeSet<String> = file
            .plugins()
            .map(str::to_owned)
            .chain(noted.keys().cloned())
            .collect();
        for id in ids.iter().filter(|id| self.installed.has(id)) {
            let allowed = file.of(id).grants;
            let noted = noted.remove(id).map(|noted| noted.allowed.host);
            self.note_allowed(id, &noted.unwrap_or_default(), &allowed, &Actor::Folder)
                .await;
        }
    }

    /// Rechecks the pending versions of these plugins, which may now have their
    /// grants.
    pub(super) async fn reconsider(self: &Arc<Self>, ids: &[String], by: &Actor) {
        for id in ids {
            let turn = self.turns.take().await;
            let Some(entry) = self.installed.get(id) else {
                continue;
            };
            if let (Some(Waiting::Pending { .. }), Some(identity)) = (entry.waiting, entry.dealt) {
                // The problem is stored and logged there.
                let cause = Cause { by, anew: false };
                let _: Result<(), _> = self.load_file(&turn, &entry.file, identity, cause).await;
            }
        }
    }

    fn look(&self) -> Option<Identity> {
        Identity::read(&self.settings.grants).ok().flatten()
    }
}

/// Returns the part of `other` that `one` lacks, for the audit log.
fn differing(one: &HostGrants, other: &HostGrants) -> Option<Value> {
    let (Ok(Value::Object(one)), Ok(Value::Object(other))) =
        (serde_json::to_value(one), serde_json::to_value(other))
    else {
        return None;
    };
    let mut more = serde_json::Map::new();
    for (name, value) in other {
        let before = one.get(&name);
        let value = match (value, before) {
            (Value::Array(values), Some(Value::Array(before))) => {
                let new = values.into_iter().filter(|value| !before.contains(value));
                Value::Array(new.collect())
            }
            (value, Some(before)) if value == *before => continue,
            (value, _) => value,
        };
        if value != Value::Bool(false) && value != json!([]) {
            more.insert(name, value);
        }
    }
    (!more.is_empty()).then_some(Value::Object(more))
}
