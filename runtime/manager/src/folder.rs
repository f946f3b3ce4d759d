//! From a file in the plugins folder to a plugin that runs. At the start, when
//! the watch tells of a change, and by an administrator's command, it is this
//! one way:
//!
//! 1. It is staged, verified and loaded, each once ([`load`](super::load)).
//! 2. [`admission`](super::admission) decides whether it may run.
//! 3. Its instances come up beside those of the active version, and users'
//!    slots move over (`swap`).
//! 4. It is noted in the database, so that the next start loads nothing.
//!
//! If a step fails, the active version goes on and the report says which. A file that
//! was removed takes its plugin along; what users have of it waits. One file is
//! dealt with at a time.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use mortise_runtime::{
    Digest, LoadError, Plugin as _, PluginDescription, Step,
    registry::{self, Identity, OnDemand, is_signature, watch},
};
use tokio_util::sync::CancellationToken;

use super::{
    Plugins, StartError,
    actor::Actor,
    admission::{self, Admission, Candidate, Difference},
    again::{Again, is_as_it_was},
    audit::{self, Action},
    embedder::{InstalledPlugin, RegistrySource, StoredVersion},
    installed::{Entry, VersionOf, Waiting},
    load::Loaded,
    settings::ChangedFile,
    signature::{read_signature, signed_file},
    turn::Turn,
    unfinished,
};

/// The reason for handling a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cause<'a> {
    /// The actor.
    pub(super) by: &'a Actor,
    /// True to load the plugin again although its file is the same.
    pub(super) anew: bool,
}

/// A version's file in the plugins folder, and its identity there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) file: &'a Path,
    pub(super) identity: Identity,
}

/// Handles changes in the folder until asked to stop.
pub(super) async fn run(
    plugins: Arc<Plugins>,
    seen: Vec<(PathBuf, Identity)>,
    stop: CancellationToken,
) {
    let folder = plugins.settings.folder.clone();
    let mut watch = registry::Watch::new(folder, seen, watch::Settings::default());
    let mut again = Again::default();
    loop {
        again.plan(&plugins.installed);
        let changes = tokio::select! {
            () = stop.cancelled() => return,
            changes = watch.changes() => changes,
            (file, identity) = again.due() => {
                let turn = plugins.turns.take().await;
                plugins.try_again(&turn, &file, identity).await;
                continue;
            }
        };
        for change in changes {
            if stop.is_cancelled() {
                return;
            }
            let turn = plugins.turns.take().await;
            if let Some(file) = signed_file(&change.file) {
                plugins.signed_anew(&turn, &file).await;
                continue;
            }
            // If a file stays, the watch reports changes by commands again.
            if Identity::read(&change.file).ok() != Some(change.now) {
                continue;
            }
            match change.now {
                Some(identity) => plugins.appeared(&turn, &change.file, identity).await,
                None => plugins.removed(&turn, &change.file, &Actor::Folder).await,
            }
        }
    }
}

/// The state at the start.
pub(super) struct Found {
    /// The plugins that were installed when the server stopped.
    installed: Vec<InstalledPlugin>,
    /// The copies that are there, from which they run.
    copies: HashSet<Digest>,
    /// The files in the folder.
    files: Vec<(PathBuf, Identity)>,
}

impl Plugins {
    /// Looks at what there is; a folder that is not there is made.
    pub(super) async fn look_around(&self) -> Result<Found, StartError> {
        let folder = &self.settings.folder;
        // Created so that it can be watched. An error appears below, or the
        // watch waits for the folder.
        let _: Result<(), _> = tokio::fs::create_dir_all(folder).await;
        let files = async {
            unfinished::remove(folder.clone()).await;
            registry::files(folder).await
        };
        let (installed, copies, files) =
            tokio::join!(self.catalogue.installed(), self.versions.all(), files);
        Ok(Found {
            installed: installed?,
            copies,
            files: files.map_err(|source| StartError::Folder {
                path: folder.clone(),
                source,
            })?,
        })
    }

    /// Restores the state at the start. Plugins that were installed when the
    /// server stopped are neither read nor loaded. Returns the files in the
    /// folder.
    pub(super) async fn open_folder(
        self: &Arc<Self>,
        Found {
            installed,
            copies,
            files,
        }: Found,
    ) -> Vec<(PathBuf, Identity)> {
        let turn = self.turns.take().await;
        self.recall(installed, &copies).await;
        self.note_grants().await;
        for (file, identity) in files.iter().filter(|(file, _)| !is_signature(file)) {
            self.appeared(&turn, file, *identity).await;
        }
        let there: HashSet<&Path> = files.iter().map(|(file, _)| &**file).collect();
        for file in self.installed.absent_from(&there) {
            self.removed(&turn, &file, &Actor::Folder).await;
        }
        files
    }

    /// Restores the plugins that were installed when the server stopped.
    async fn recall(&self, installed: Vec<InstalledPlugin>, copies: &HashSet<Digest>) {
        let mut kept = Vec::new();
        let keys = self.trusted_keys().await;
        for row in installed {
            let digest = row.version.described.digest;
            let copy = self.versions.file(&digest, &row.version.name);
            kept.push(digest);
            kept.extend(
                row.previous
                    .as_ref()
                    .map(|version| version.described.digest),
            );
            let in_folder = self.settings.folder.join(&row.file);
            // The trust file, or the requirement, may have changed.
            let checked = match row.version.signed {
                Some(signed) if keys.iter().any(|key| key.made(&signed)) => Ok(Some(signed)),
                signed => {
                    let text = signed.map(|signed| signed.text);
                    self.check_signed_copy(&in_folder, &copy, text).await
                }
            };
            let signed = match checked {
                Ok(signed) => signed,
                Err(report) => {
                    // Its file is checked as if it were new, and rejected.
                    tracing::error!(%report, "a plugin that was installed is not run");
                    continue;
                }
            };
            // Without its own copy it is installed again from its file.
            let identity = row.identity.filter(|_| copies.contains(&digest));
            self.installed.set(Entry {
                file: in_folder,
                dealt: identity,
                accepted: identity,
                current: self.on_demand(row.version.described, copy),
                signed,
                previous: row.previous,
                waiting: None,
                source: row.source,
            });
        }
        self.versions.keep_only(kept).await;
    }

    pub(super) fn on_demand(&self, described: PluginDescription, file: PathBuf) -> Arc<OnDemand> {
        Arc::new(OnDemand::new(described, file, self.loaders()))
    }

    /// Deals with a file that is there, unless it is as it was.
    pub(super) async fn appeared(
        self: &Arc<Self>,
        turn: &Turn<'_>,
        file: &Path,
        identity: Identity,
    ) {
        if self.installed.knows(file, &identity) {
            return;
        }
        self.load_changed(turn, file, identity).await;
    }

    /// Loads a file that no command named.
    async fn load_changed(self: &Arc<Self>, turn: &Turn<'_>, file: &Path, identity: Identity) {
        let cause = Cause {
            by: &Actor::Folder,
            anew: false,
        };
        // The problem is stored and logged there.
        let _: Result<(), _> = self.load_file(turn, file, identity, cause).await;
    }

    /// Deals with a file that did not load before, if it is as it was then.
    async fn try_again(self: &Arc<Self>, turn: &Turn<'_>, file: &Path, identity: Identity) {
        let is_unloaded = self
            .installed
            .unloaded()
            .iter()
            .any(|one| one.file == file && one.identity == identity);
        if is_unloaded && is_as_it_was(file, identity) {
            self.load_changed(turn, file, identity).await;
        }
    }

    /// Deals with a file whose signature changed.
    async fn signed_anew(self: &Arc<Self>, turn: &Turn<'_>, file: &Path) {
        let known = self
            .installed
            .at(file)
            .and_then(|id| self.installed.get(&id));
        let text = known.and_then(|entry| Some(entry.signed?.text));
        if let Ok(Some(identity)) = Identity::read(file)
            && read_signature(file).ok().flatten() != text
        {
            self.load_changed(turn, file, identity).await;
        }
    }

    /// Loads a file.
    ///
    /// # Errors
    ///
    /// The report of what keeps it from running, which is kept too.
    pub(super) async fn load_file(
        self: &Arc<Self>,
        turn: &Turn<'_>,
        file: &Path,
        identity: Identity,
        cause: Cause<'_>,
    ) -> Result<(), LoadError> {
        self.installed.set_busy(Some(file));
        let result = self.examine(turn, file, identity, cause).await;
        self.installed.set_busy(None);
        let Err(report) = &result else {
            return result;
        };
        tracing::error!(%report, "a plugin was not loaded");
        match self.installed.at(file) {
            // Its plugin goes on, unless the file was gone meanwhile.
            Some(id) => {
                self.installed.change(&id, |entry| {
                    entry.dealt = Some(identity);
                    entry.waiting = Some(Waiting::Failed {
                        report: report.clone(),
                    });
                });
            }
            None => self.installed.fail(file, identity, report.clone()),
        }
        result
    }

    async fn examine(
        self: &Arc<Self>,
        turn: &Turn<'_>,
        file: &Path,
        identity: Identity,
        cause: Cause<'_>,
    ) -> Result<(), LoadError> {
        // Checked before the copy: most files that are not plugins end here.
        registry::loader_of(file, &self.loaders()).await?;
        let staged = self.versions.stage(file).await?;
        let outcome = async {
            let signature = read_signature(file)?;
            let verified = self.verify(file, &staged, signature).await?;
            let loaded = self.load_verified(file, verified).await?;
            self.free_of_twins(file, &loaded.manifest().id, cause.by)
                .await?;
            self.activate(turn, loaded, Place { file, identity }, cause)
                .await
        }
        .await;
        self.discard_unused(&staged).await;
        outcome
    }

    /// Sees that no other file has the same plugin, and that this one had no
    /// other.
    async fn free_of_twins(
        self: &Arc<Self>,
        file: &Path,
        id: &str,
        by: &Actor,
    ) -> Result<(), LoadError> {
        if let Some(other) = self.installed.get(id)
            && other.file != *file
            // It may have gone, and another plugin have come in its file.
            && self.has_file(id, &other.file)
            && matches!(Identity::read(&other.file), Ok(Some(_)))
        {
            let first = other.file.display();
            return Err(LoadError {
                file: file.to_owned(),
                step: Step::Duplicate,
                expected: "an id that no other plugin in the folder has".to_owned(),
                found: format!("the id `{id}`, which {first} has too"),
                fix: format!("remove this file or {first}"),
            });
        }
        if let Some(before) = self.installed.at(file)
            && before != *id
        {
            self.leave(&before, by).await;
        }
        Ok(())
    }

    /// Puts a loaded version in the place of the active one, or holds it back for
    /// the administrator.
    ///
    /// # Errors
    ///
    /// A report of what keeps it from running; the active version goes on.
    pub(super) async fn activate(
        self: &Arc<Self>,
        _turn: &Turn<'_>,
        loaded: Loaded,
        place: Place<'_>,
        cause: Cause<'_>,
    ) -> Result<(), LoadError> {
        let Place { file, identity } = place;
        let Loaded {
            plugin: new,
            signed,
        } = loaded;
        let id = new.manifest().id.clone();
        let before = self.installed.get(&id);
        if let Some(before) = &before
            && !before.is_missing()
            && !cause.anew
            && before.current.digest() == new.digest()
        {
            // Touched, renamed, or put back as it was.
            self.note(Entry {
                file: file.to_owned(),
                dealt: Some(identity),
                accepted: Some(identity),
                signed,
                waiting: None,
                ..before.clone()
            })
            .await;
            return Ok(());
        }
        if before.as_ref().is_none_or(Entry::is_missing) {
            let from = (file, &identity);
            self.returns(from, &new, signed.as_ref(), cause.by).await?;
        }
        if let Some(before) = &before {
            self.may_change(file, &new, &before.current, cause.by)?;
        }
        let candidate = Candidate {
            new: new.manifest(),
            running: before.as_ref().map(|before| before.current.manifest()),
        };
        let admitted = match admission::admit(self, candidate).await {
            Admission::Run(admitted) => admitted,
            Admission::Pending(difference) => {
                let version = VersionOf::of(&new);
                return self
                    .hold_back(place, before, (&id, version), difference, cause.by)
                    .await;
            }
        };
        let entry = Entry {
            file: file.to_owned(),
            dealt: Some(identity),
            accepted: Some(identity),
            previous: previous(before.as_ref(), &new),
            current: Arc::clone(&new),
            signed,
            waiting: None,
            source: source(before.as_ref(), &new),
        };
        let runs = before.as_ref().filter(|before| !before.is_missing());
        match runs {
            Some(_) => self.swap(admitted, entry).await?,
            None => {
                self.note(entry).await;
                self.arrive(admitted, &id).await;
            }
        }
        let manifest = new.manifest();
        tracing::info!(
            plugin = manifest.id,
            version = manifest.version,
            "installed"
        );
        let old = runs.map(|before| VersionOf::of(&before.current));
        let action = match &old {
            None => Action::Installed,
            Some(old) if old.digest == new.digest() => Action::Reloaded,
            Some(_) => Action::Replaced,
        };
        let details = audit::versions(&VersionOf::of(&new), old.as_ref());
        self.audit(cause.by, action, &id, &details).await;
        if let Some(gone) = before.and_then(|before| before.previous)
            && !self.installed.uses(&gone.described.digest)
        {
            self.versions.remove(&gone.described.digest).await;
        }
        Ok(())
    }

    /// Sees that a plugin's file was changed by who may change it.
    fn may_change(
        &self,
        file: &Path,
        new: &OnDemand,
        installed: &OnDemand,
        by: &Actor,
    ) -> Result<(), LoadError> {
        if self.settings.changed == ChangedFile::Load
            || *by != Actor::Folder
            || new.digest() == installed.digest()
        {
            return Ok(());
        }
        Err(LoadError {
            file: file.to_owned(),
            step: Step::ChangedByHand,
            expected: format!("the installed file, {}", installed.digest()),
            found: format!("{}, which no command installed", new.digest()),
            fix: format!(
                "to use it, run: mortise plugin reload {}; otherwise put the installed file \
                 back",
                new.manifest().id
            ),
        })
    }

    /// Leaves a version to the administrator. The active version goes on.
    async fn hold_back(
        &self,
        Place { file, identity }: Place<'_>,
        before: Option<Entry>,
        (id, version): (&str, VersionOf),
        difference: Difference,
        by: &Actor,
    ) -> Result<(), LoadError> {
        let Some(before) = before else {
            return Err(LoadError {
                file: file.to_owned(),
                step: Step::Approval,
                expected: "the administrator's approval".to_owned(),
                found: difference.lines.join("; "),
                fix: format!("approve it: mortise plugin approve {id}"),
            });
        };
        tracing::warn!(
            plugin = id,
            version = version.version,
            "waits for the administrator's approval"
        );
        let mut details = audit::versions(&version, Some(&VersionOf::of(&before.current)));
        if let Some(details) = details.as_object_mut() {
            details.insert("asks".to_owned(), difference.lines.clone().into());
        }
        self.audit(by, Action::HeldBack, id, &details).await;
        self.installed.set(Entry {
            file: file.to_owned(),
            dealt: Some(identity),
            waiting: Some(Waiting::Pending {
                version,
                difference,
            }),
            ..before
        });
        Ok(())
    }

    /// Records an installed plugin, here and in the database.
    pub(super) async fn note(&self, entry: Entry) {
        self.installed.set(entry.clone());
        self.note_stored(&entry).await;
    }

    pub(super) async fn note_stored(&self, entry: &Entry) {
        let name = entry.file.file_name().unwrap_or_default();
        let plugin = InstalledPlugin {
            file: name.to_string_lossy().into_owned(),
            identity: entry.accepted,
            version: entry.version(),
            previous: entry.previous.clone(),
            source: entry.source.clone(),
        };
        // It runs all the same; the next start looks at its file again.
        if let Err(error) = self.catalogue.set_installed(&plugin).await {
            tracing::error!(%error, "the installed versions were not stored");
        }
    }

    /// Deals with a file that is gone.
    pub(super) async fn removed(self: &Arc<Self>, turn: &Turn<'_>, file: &Path, by: &Actor) {
        if !self.installed.forget_failure(file)
            && let Some(id) = self.installed.at(file)
        {
            self.leave(&id, by).await;
            tracing::info!(plugin = id, "its file was removed");
        }
        // It may have kept another of the same id out.
        for (other, identity, report) in self.installed.failed_files() {
            if report.step == Step::Duplicate && self.installed.forget_failure(&other) {
                self.appeared(turn, &other, identity).await;
            }
        }
    }

    /// Unloads a plugin whose file is gone.
    async fn leave(self: &Arc<Self>, id: &str, by: &Actor) {
        let missing = |entry: &mut Entry| {
            (entry.dealt, entry.accepted, entry.waiting) = (None, None, None);
        };
        let Some(entry) = self.installed.change(id, missing) else {
            return;
        };
        self.note_stored(&entry).await;
        self.unload(id).await;
        entry.current.release();
        let details = audit::versions(&VersionOf::of(&entry.current), None);
        self.audit(by, Action::Removed, id, &details).await;
    }
}

/// Returns the registry of a version. A file from elsewhere has none; an
/// installation from a registry sets it afterwards.
fn source(before: Option<&Entry>, new: &OnDemand) -> Option<RegistrySource> {
    let before = before?;
    let source = before.source.clone()?;
    let is_same = before.current.digest() == new.digest() || source.file == new.digest();
    is_same.then_some(source)
}

/// Returns the version for a rollback once `new` is active.
fn previous(before: Option<&Entry>, new: &OnDemand) -> Option<StoredVersion> {
    let before = before?;
    if before.current.digest() == new.digest() {
        before.previous.clone()
    } else {
        Some(before.version())
    }
}
