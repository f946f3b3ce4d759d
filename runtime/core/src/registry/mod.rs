//! The plugins folder: its plugins, and reports of files that do not load.
//!
//! - this module: loading files, and [`Registry`], which loads a whole folder
//!   once. A small host needs nothing else.
//! - [`watch`]: changes in a folder, once they are complete.
//! - [`identity`]: detecting changes of a file.
//! - [`on_demand`]: a known plugin that is not in memory.
//! - [`versions`]: the copies from which plugins run.
//!
//! A host that loads plugins while it runs combines the last four. [`Watch`]
//! reports a changed file, [`Versions`] copies it, [`load`] checks it, and
//! [`OnDemand`] represents it; the host moves its instances. A broken file is
//! never more than a report. This module ignores directories and hidden files.

pub mod identity;
pub mod on_demand;
pub mod versions;
pub mod watch;

use std::{
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use self::{
    identity::Identity,
    on_demand::{OnDemand, Residence},
    versions::Versions,
    watch::Watch,
};
use crate::{
    files::{self, NotRegular},
    plugin::{Loader, Plugin},
    report::{LoadError, Step},
    staged::Staged,
};

/// A plugin and the file it came from.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The file from which it was loaded.
    pub file: PathBuf,
    /// The plugin.
    pub plugin: Arc<dyn Plugin>,
}

/// All plugins of one folder, by id, and the reports of those that failed.
#[derive(Debug, Default)]
pub struct Registry {
    plugins: BTreeMap<String, Installed>,
    failures: Vec<LoadError>,
}

impl Registry {
    /// Loads everything in a folder, in the order of the file names. Hidden
    /// files (`.name`), signatures and directories are passed over; everything else that
    /// is not a plugin is among the failures. A folder that is not there is
    /// empty.
    ///
    /// # Errors
    ///
    /// A folder that cannot be listed. A plugin that does not load is no
    /// error: see [`Registry::failures`].
    pub async fn open(folder: &Path, loaders: &[Arc<dyn Loader>]) -> std::io::Result<Self> {
        let mut registry = Self::default();
        for (file, _) in files(folder).await? {
            if is_signature(&file) {
                continue;
            }
            match load(&file, loaders).await {
                Ok(plugin) => registry.add(file, plugin),
                Err(error) => registry.failures.push(error),
            }
        }
        Ok(registry)
    }

    fn add(&mut self, file: PathBuf, plugin: Arc<dyn Plugin>) {
        let id = plugin.manifest().id.clone();
        if let Some(first) = self.plugins.get(&id) {
            let first = first.file.display();
            self.failures.push(LoadError {
                fix: format!("remove this file or {first}"),
                found: format!("the id `{id}`, which {first} has too"),
                expected: "an id that no other plugin in the folder has".to_owned(),
                step: Step::Duplicate,
                file,
            });
        } else {
            self.plugins.insert(id, Installed { file, plugin });
        }
    }

    /// The plugins that loaded, by id.
    pub fn plugins(&self) -> impl Iterator<Item = &Installed> {
        self.plugins.values()
    }

    /// One plugin by its id.
    pub fn get(&self, id: &str) -> Option<&Installed> {
        self.plugins.get(id)
    }

    /// What did not load, and why.
    pub fn failures(&self) -> &[LoadError] {
        &self.failures
    }
}

/// The visible files of a folder, sorted, each with its identity. A folder that
/// is not there is empty.
///
/// # Errors
///
/// A folder that cannot be listed.
pub async fn files(folder: &Path) -> std::io::Result<Vec<(PathBuf, Identity)>> {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || list(&folder))
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

fn list(folder: &Path) -> std::io::Result<Vec<(PathBuf, Identity)>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let file = entry?.path();
        // One that goes while the folder is listed is not there.
        if !is_hidden(&file)
            && let Ok(Some(identity)) = Identity::read(&file)
        {
            files.push((file, identity));
        }
    }
    // As bytes: all are in one folder, and paths compare by their parts.
    files.sort_by(|(a, _), (b, _)| a.as_os_str().cmp(b.as_os_str()));
    Ok(files)
}

/// Returns true for a hidden file (`.name`), which is skipped.
pub fn is_hidden(file: &Path) -> bool {
    file.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Returns true for a signature (`name.minisig`), which is not a plugin.
pub fn is_signature(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "minisig")
}

/// Loads one file with the first of the loaders that recognizes it.
///
/// # Errors
///
/// The loader's report, or that no loader recognizes the file.
pub async fn load(file: &Path, loaders: &[Arc<dyn Loader>]) -> Result<Arc<dyn Plugin>, LoadError> {
    loader_of(file, loaders).await?.load(file).await
}

/// Loads a copy whose content is at hand with the first of the loaders that
/// recognizes it.
///
/// # Errors
///
/// The loader's report, or that no loader recognizes the content.
pub async fn load_staged(
    staged: &Staged,
    loaders: &[Arc<dyn Loader>],
) -> Result<Arc<dyn Plugin>, LoadError> {
    let head = staged.bytes.get(..HEAD_BYTES).unwrap_or(&staged.bytes);
    recognizing(&staged.file, head, loaders)?
        .load_staged(staged)
        .await
}

/// The first of the loaders that recognizes a file. Reads no more than its
/// beginning.
///
/// # Errors
///
/// A report that the file cannot be read, or that no loader recognizes it.
pub async fn loader_of<'a>(
    file: &Path,
    loaders: &'a [Arc<dyn Loader>],
) -> Result<&'a Arc<dyn Loader>, LoadError> {
    let head = head(file).await.map_err(|error| unreadable(file, &error))?;
    recognizing(file, &head, loaders)
}

fn recognizing<'a>(
    file: &Path,
    head: &[u8],
    loaders: &'a [Arc<dyn Loader>],
) -> Result<&'a Arc<dyn Loader>, LoadError> {
    loaders
        .iter()
        .find(|loader| loader.recognizes(file, head))
        .ok_or_else(|| LoadError {
            file: file.to_owned(),
            step: Step::Decode,
            expected: "a WebAssembly component or an executable".to_owned(),
            found: describe(head),
            fix: "move it out of the plugins folder, or build it again if it should be a plugin"
                .to_owned(),
        })
}

/// Bytes at the beginning of a file by which its loader is found.
const HEAD_BYTES: usize = 16;

/// The report of a file that cannot be read.
pub fn unreadable(file: &Path, error: &std::io::Error) -> LoadError {
    if let Some(NotRegular { kind }) = files::not_regular(error) {
        return LoadError {
            file: file.to_owned(),
            step: Step::Read,
            expected: "a regular file".to_owned(),
            found: kind.to_owned(),
            fix: match kind {
                "a directory" => "name the plugin's file in it",
                "a pipe" => "write what comes through it to a file, and name that file",
                _ => "name the plugin's file",
            }
            .to_owned(),
        };
    }
    LoadError {
        file: file.to_owned(),
        step: Step::Read,
        expected: "a file that can be read".to_owned(),
        found: error.to_string(),
        fix: "check that it exists and that the server's user may read it".to_owned(),
    }
}

/// The first bytes of a file.
async fn head(file: &Path) -> std::io::Result<Vec<u8>> {
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let opened = files::open(&file)?.0;
        opened.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        Ok(head)
    })
    .await
    .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

/// The first bytes of a file, for a person.
fn describe(head: &[u8]) -> String {
    if head.is_empty() {
        "an empty file".to_owned()
    } else if let Ok(text) = str::from_utf8(head)
        && text.chars().all(|c| !c.is_control() || c.is_whitespace())
    {
        format!("a text file that begins with `{}`", text.escape_debug())
    } else {
        format!("a file that begins with the bytes {}", hex::encode(head))
    }
}
