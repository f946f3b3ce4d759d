//! An administrator's commands about plugins: install, reload, roll back,
//! uninstall. They go the way that a change in the folder goes (`folder`), and
//! return when it is done.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use mortise_runtime::{
    Backend, LoadError, Plugin as _, Staged,
    process::Attachment,
    registry::{
        Identity,
        versions::{Permissions, sync_folder},
    },
    types::Manifest,
};
use tempfile::TempPath;

use super::{
    Plugins, Status,
    actor::Actor,
    admission::{self, Admission, Candidate, Difference},
    audit::{self, Action},
    folder::{Cause, Place},
    grants::GrantsError,
    installed::{Entry, VersionOf},
    signature::signature_file,
    turn::Turn,
    unfinished,
    upload::{Upload, copy_name, is_announced},
};

/// The reason for which a command failed. The previous version keeps running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// No plugin of this id is installed.
    #[error("no plugin `{0}` is installed; `mortise plugin list` shows the installed ones")]
    Unknown(String),
    /// There is no previous version.
    #[error("`{0}` has no previous version")]
    NothingBefore(String),
    /// The file of the plugin is not there.
    #[error("{} is not there; put the plugin into the plugins folder again", .0.display())]
    Missing(PathBuf),
    /// It does not load or does not come up.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The version to go back to asks for more than is granted.
    #[error("the previous version needs approval first: {}", .0.lines.join("; "))]
    Pending(Difference),
    /// A file in the plugins folder could not be written or removed.
    #[error("{} cannot be changed: {source}; check that the server's user may write there", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// No process can be attached.
    #[error("nothing can be attached to `{id}`: {why}")]
    Attach {
        /// The plugin.
        id: String,
        /// The reason.
        why: String,
    },
    /// No process can attach whenever it likes.
    #[error("`{0}` has no lasting socket; `mortise plugin attach {0} --lasting` makes one")]
    NotAttached(String),
    /// No version waits for approval.
    #[error("no version of `{0}` waits for approval; `mortise plugin status {0}` shows its status")]
    NothingPending(String),
    /// The grants could not be written.
    #[error(transparent)]
    Grants(#[from] GrantsError),
    /// The file asks for other permissions, or is another version, than its
    /// registry announced.
    #[error(
        "the file differs from its registry's description: {0}; nothing changed; report this to its author"
    )]
    Announced(String),
    /// Another file of that name is in the folder.
    #[error("{} exists already and is not this plugin; remove it first", .0.display())]
    Taken(PathBuf),
}

impl Plugins {
    /// Installs or replaces a plugin from a complete file anywhere. It is staged,
    /// verified, loaded and activated; then it appears in the plugins folder,
    /// under the name its plugin has there or one made of its id, with its
    /// signature beside it, if it has one. A version that has to be approved first
    /// is put into the folder too, and its status says that it waits.
    ///
    /// # Errors
    ///
    /// [`CommandError`]. A file that does not load or come up changes nothing.
    pub async fn install(
        self: &Arc<Self>,
        upload: Upload<'_>,
        by: &Actor,
    ) -> Result<Status, CommandError> {
        let turn = self.turns.take().await;
        let name = copy_name(upload.name);
        let staged = self
            .versions
            .stage_as(upload.file, name.as_ref(), Permissions::ByContent)
            .await?;
        let outcome = self.install_staged(&turn, &upload, &staged, by).await;
        self.discard_unused(&staged).await;
        outcome
    }

    async fn install_staged(
        self: &Arc<Self>,
        turn: &Turn<'_>,
        upload: &Upload<'_>,
        staged: &Staged,
        by: &Actor,
    ) -> Result<Status, CommandError> {
        let verified = self
            .verify(upload.file, staged, upload.signature.clone())
            .await?;
        let loaded = self.load_verified(upload.file, verified).await?;
        if let Some(announced) = &upload.announced {
            is_announced(loaded.manifest(), announced)?;
        }
        let id = loaded.manifest().id.clone();
        let file = match self.installed.get(&id) {
            // Unless another plugin has its file by now.
            Some(known) if self.has_file(&id, &known.file) => known.file,
            _ => {
                let name = file_name(&id, loaded.plugin.backend());
                self.settings.folder.join(name)
            }
        };
        if !self.has_file(&id, &file) && matches!(Identity::read(&file), Ok(Some(_))) {
            return Err(CommandError::Taken(file));
        }
        let aside = aside(&staged.file, &self.settings.folder).await?;
        let identity = look(&aside)?;
        self.installed.set_busy(Some(&file));
        let place = Place {
            file: &file,
            identity,
        };
        let cause = Cause { by, anew: false };
        let activated = self.activate(turn, loaded, place, cause).await;
        self.installed.set_busy(None);
        activated?;
        put_signature(&file, upload.signature.clone()).await?;
        put(aside, &file).await?;
        // The name changed, and with it the identity.
        self.installed
            .change(&id, |entry| entry.source.clone_from(&upload.source));
        self.placed(&id, look(&file)?).await;
        self.status(&id).ok_or(CommandError::Unknown(id))
    }

    /// Loads a plugin anew from its file, whether it changed or not: new
    /// instances, and for a native plugin a new process, take the place of
    /// those that run.
    ///
    /// # Errors
    ///
    /// [`CommandError`].
    pub async fn reload(self: &Arc<Self>, id: &str, by: &Actor) -> Result<Status, CommandError> {
        let turn = self.turns.take().await;
        let entry = self.entry(id)?;
        self.load_by_command(&turn, &entry.file, Cause { by, anew: true })
            .await?;
        self.status(id)
            .ok_or_else(|| CommandError::Unknown(id.to_owned()))
    }

    /// Returns to the version before, and puts it into the plugins folder. A
    /// second rollback returns to where the first one began.
    ///
    /// # Errors
    ///
    /// [`CommandError`].
    pub async fn rollback(self: &Arc<Self>, id: &str, by: &Actor) -> Result<Status, CommandError> {
        let _turn = self.turns.take().await;
        let entry = self.entry(id)?;
        let Some(previous) = entry.previous.clone() else {
            return Err(CommandError::NothingBefore(id.to_owned()));
        };
        let digest = previous.described.digest;
        let copy = self.versions.file(&digest, &previous.name);
        let candidate = Candidate {
            new: &previous.described.manifest,
            running: Some(entry.current.manifest()),
        };
        let admitted = match admission::admit(self, candidate).await {
            Admission::Run(admitted) => admitted,
            Admission::Pending(difference) => return Err(CommandError::Pending(difference)),
        };
        let signature = previous.signed.clone().map(|signed| signed.text);
        let signed = self
            .check_signed_copy(&entry.file, &copy, signature.clone())
            .await?;
        let back = Entry {
            current: self.on_demand(previous.described.clone(), copy.clone()),
            signed,
            previous: Some(entry.version()),
            waiting: None,
            ..entry.clone()
        };
        // Also if no user has enabled it: a copy that does not load is found
        // now.
        back.current.loaded().await.map_err(|error| LoadError {
            file: copy.clone(),
            step: mortise_runtime::Step::Read,
            expected: "the copy of the previous version".to_owned(),
            found: error.to_string(),
            fix: "put that version into the plugins folder again".to_owned(),
        })?;
        if entry.is_missing() {
            return Err(CommandError::Missing(entry.file));
        }
        let (now, before) = (VersionOf::of(&back.current), VersionOf::of(&entry.current));
        self.swap(admitted, back).await?;
        let details = audit::versions(&now, Some(&before));
        self.audit(by, Action::RolledBack, id, &details).await;
        let put_back = async {
            let aside = aside(&copy, &self.settings.folder).await?;
            put_signature(&entry.file, signature).await?;
            put(aside, &entry.file).await
        };
        if let Err(error) = put_back.await {
            // The active version is the one that was asked for; the next change of
            // the file counts.
            tracing::warn!(%error, "the previous version runs, but is not in the folder");
        }
        if let Ok(Some(identity)) = Identity::read(&entry.file) {
            self.placed(id, identity).await;
        }
        self.status(id)
            .ok_or_else(|| CommandError::Unknown(id.to_owned()))
    }

    /// Removes a plugin and its file. What its users stored stays for its
    /// return. Returns when nothing of it is left in memory.
    ///
    /// # Errors
    ///
    /// [`CommandError::Unknown`], [`CommandError::File`].
    pub async fn uninstall(self: &Arc<Self>, id: &str, by: &Actor) -> Result<(), CommandError> {
        let turn = self.turns.take().await;
        let entry = self.entry(id)?;
        self.note_departure(id, &entry).await;
        if self.has_file(id, &entry.file) {
            if let Err(source) = tokio::fs::remove_file(&entry.file).await
                && source.kind() != io::ErrorKind::NotFound
            {
                return Err(CommandError::File {
                    path: entry.file,
                    source,
                });
            }
            put_signature(&entry.file, None).await?;
            self.removed(&turn, &entry.file, by).await;
        }
        self.end_lasting(id)?;
        self.installed.remove(id);
        self.forget_records(id);
        self.working.unrequire_plugin(id);
        if let Err(error) = self.catalogue.remove_installed(id).await {
            tracing::error!(%error, "an uninstalled plugin was not forgotten");
        }
        let versions = entry
            .previous
            .iter()
            .map(|version| version.described.digest);
        for digest in versions.chain([entry.current.digest()]) {
            if !self.installed.uses(&digest) {
                self.versions.remove(&digest).await;
            }
        }
        Ok(())
    }

    /// Lets a process that a person starts take the place of a native plugin's
    /// own. It is not confined, and a process with the secret acts as the
    /// plugin. A lasting place is for a service: it stays over restarts and
    /// versions, until [`Plugins::detach`].
    ///
    /// # Errors
    ///
    /// [`CommandError::Unknown`], [`CommandError::Attach`].
    pub async fn attach(
        &self,
        id: &str,
        lasting: bool,
        by: &Actor,
    ) -> Result<Attachment, CommandError> {
        let entry = self.entry(id)?;
        let attachment = if lasting {
            entry.current.attach_lasting()
        } else {
            entry.current.attach()
        };
        let attachment = attachment.map_err(|error| CommandError::Attach {
            id: id.to_owned(),
            why: error.to_string(),
        })?;
        let details = audit::versions(&VersionOf::of(&entry.current), None);
        self.audit(by, Action::Attached, id, &details).await;
        Ok(attachment)
    }

    /// Ends a plugin's lasting place. A process that is connected stays until it
    /// leaves.
    ///
    /// # Errors
    ///
    /// [`CommandError::Unknown`], [`CommandError::NotAttached`], [`CommandError::Attach`].
    pub async fn detach(&self, id: &str, by: &Actor) -> Result<(), CommandError> {
        let entry = self.entry(id)?;
        if !self.end_lasting(id)? {
            return Err(CommandError::NotAttached(id.to_owned()));
        }
        let details = audit::versions(&VersionOf::of(&entry.current), None);
        self.audit(by, Action::Detached, id, &details).await;
        Ok(())
    }

    /// False if the plugin has no lasting place.
    fn end_lasting(&self, id: &str) -> Result<bool, CommandError> {
        let mut ended = false;
        for loader in self.loaders.get().into_iter().flat_map(|all| all.iter()) {
            ended |= loader.detach(id).map_err(|error| CommandError::Attach {
                id: id.to_owned(),
                why: error.to_string(),
            })?;
        }
        Ok(ended)
    }

    /// Carries out a command to its end, though who gave it may give up.
    ///
    /// # Errors
    ///
    /// That it panicked.
    pub async fn carry_out<T: Send + 'static>(
        &self,
        command: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        self.tasks.spawn(command).await
    }

    /// Returns a plugin's status; none if it is not installed.
    pub fn status(&self, id: &str) -> Option<Status> {
        self.installed.status(id)
    }

    /// Returns the active version's manifest; none if it is not installed.
    pub fn manifest(&self, id: &str) -> Option<Manifest> {
        let entry = self.installed.get(id)?;
        Some(entry.current.manifest().clone())
    }

    /// Returns the status of all installed plugins, by id.
    pub fn list(&self) -> Vec<Status> {
        self.installed.list()
    }

    pub(super) fn entry(&self, id: &str) -> Result<Entry, CommandError> {
        self.installed
            .get(id)
            .ok_or_else(|| CommandError::Unknown(id.to_owned()))
    }

    /// Returns true if the file belongs to this plugin: after a removal,
    /// another may have come.
    pub(super) fn has_file(&self, id: &str, file: &Path) -> bool {
        self.installed.at(file).is_some_and(|at| at == id)
    }

    /// Loads a file by command.
    async fn load_by_command(
        self: &Arc<Self>,
        turn: &Turn<'_>,
        file: &Path,
        cause: Cause<'_>,
    ) -> Result<(), CommandError> {
        let identity = look(file)?;
        Ok(self.load_file(turn, file, identity, cause).await?)
    }

    /// Notes the identity of a plugin's file, which holds what was activated, or
    /// what waits.
    async fn placed(&self, id: &str, identity: Identity) {
        let entry = self.installed.change(id, |entry| {
            entry.dealt = Some(identity);
            if entry.waiting.is_none() {
                entry.accepted = entry.accepted.map(|_| identity);
            }
        });
        if let Some(entry) = entry {
            self.note_stored(&entry).await;
        }
    }
}

/// The identity of a file that is there.
fn look(file: &Path) -> Result<Identity, CommandError> {
    match Identity::read(file) {
        Ok(Some(identity)) => Ok(identity),
        Ok(None) => Err(CommandError::Missing(file.to_owned())),
        Err(source) => Err(CommandError::File {
            path: file.to_owned(),
            source,
        }),
    }
}

/// The name of a plugin's file in the folder, where it has none there yet: an
/// id may have slashes, and a name that begins with a dot is passed over.
fn file_name(id: &str, backend: Backend) -> String {
    let ending = match backend {
        Backend::Wasm => ".wasm",
        Backend::Native => "",
    };
    let name = id.replace('/', "-");
    match name.trim_start_matches('.') {
        "" => format!("plugin{ending}"),
        name => format!("{name}{ending}"),
    }
}

/// Puts a signature beside a file, in place of the one that is there.
async fn put_signature(file: &Path, text: Option<String>) -> Result<(), CommandError> {
    let path = signature_file(file);
    blocking(&path.clone(), move || match text {
        Some(text) => std::fs::write(&path, text),
        None => match std::fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        },
    })
    .await
}

/// A copy of a file under a hidden name in a folder, which the watch passes
/// over; it goes with the value.
async fn aside(source: &Path, folder: &Path) -> Result<TempPath, CommandError> {
    let (from, to) = (source.to_owned(), folder.to_owned());
    blocking(folder, move || aside_now(&from, &to)).await
}

fn aside_now(source: &Path, folder: &Path) -> io::Result<TempPath> {
    std::fs::create_dir_all(folder)?;
    let mut source = std::fs::File::open(source)?;
    let mut aside = tempfile::Builder::new()
        .prefix(unfinished::PREFIX)
        .tempfile_in(folder)?;
    io::copy(&mut source, &mut aside)?;
    aside
        .as_file()
        .set_permissions(source.metadata()?.permissions())?;
    aside.as_file().sync_all()?;
    // Closed, because a file that is open for writing cannot be executed.
    Ok(aside.into_temp_path())
}

/// Gives a file its name and replaces the previous one.
async fn put(aside: TempPath, file: &Path) -> Result<(), CommandError> {
    let to = file.to_owned();
    blocking(file, move || {
        aside.persist(&to).map_err(|error| error.error)?;
        to.parent().map_or(Ok(()), sync_folder)
    })
    .await
}

/// Runs work that waits for the disk.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, CommandError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|source| CommandError::File {
            path: path.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use mortise_runtime::Backend;

    use super::file_name;

    #[test]
    fn any_id_makes_a_visible_file_in_the_folder() {
        for (id, backend, name) in [
            ("io.example.a", Backend::Wasm, "io.example.a.wasm"),
            ("github.com/a/b", Backend::Native, "github.com-a-b"),
            ("../../etc/a", Backend::Wasm, "-..-etc-a.wasm"),
            (".hidden", Backend::Native, "hidden"),
            ("..", Backend::Wasm, "plugin.wasm"),
        ] {
            assert_eq!(file_name(id, backend), name);
        }
    }
}
