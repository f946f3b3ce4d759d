//! The watched files: a plugin's sources, and its configuration if one is
//! named.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use mortise_author::Project;
use mortise_runtime::registry::watch::{Settings, Watch};

/// The time for which a file must stay unchanged: an editor writes a file in
/// several steps, and several files at once.
const SETTLE: Duration = Duration::from_millis(150);

/// Files that changed.
pub(super) struct Changes {
    /// In the plugin's folder relative to it.
    pub(super) files: Vec<PathBuf>,
    /// True if they require a build, not only a configuration.
    pub(super) of_sources: bool,
}

/// The files that are a reason to build or configure again.
pub(super) struct Sources {
    folder: PathBuf,
    sources: Watch,
    config: Option<Watch>,
}

impl Sources {
    /// Watches the plugin in a folder. How its files are now is known.
    ///
    /// # Errors
    ///
    /// There is no plugin, or no such file.
    pub(super) async fn watch(folder: &Path, config: Option<&Path>) -> anyhow::Result<Self> {
        let settings = Settings {
            settle: SETTLE,
            ..Settings::default()
        };
        let project = Project::open(folder)?;
        let folder = project.folder.clone();
        let config_file = config.and_then(|file| file.canonicalize().ok());
        let belongs = Box::new(move |path: &Path| {
            let is_config = config_file
                .as_ref()
                .is_some_and(|file| *file == project.folder.join(path));
            !is_config && project.is_source(path)
        });
        let sources = Watch::tree(folder.clone(), belongs, settings)
            .await
            .with_context(|| format!("{} cannot be watched", folder.display()))?;
        let config = match config {
            None => None,
            Some(file) => {
                let missing = || format!("{} cannot be read", file.display());
                let file = file.canonicalize().with_context(missing)?;
                let (inside, name) = file.parent().zip(file.file_name()).with_context(missing)?;
                let name = PathBuf::from(name);
                let belongs = Box::new(move |path: &Path| path == name);
                let watch = Watch::tree(inside.to_owned(), belongs, settings).await;
                Some(watch.with_context(missing)?)
            }
        };
        Ok(Self {
            folder,
            sources,
            config,
        })
    }

    /// The plugin's folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until files have changed and are complete. May be dropped and called
    /// again.
    pub(super) async fn changes(&mut self) -> Changes {
        let config = async {
            match &mut self.config {
                Some(config) => config.changes().await,
                None => std::future::pending().await,
            }
        };
        let (changes, of_sources) = tokio::select! {
            changes = self.sources.changes() => (changes, true),
            changes = config => (changes, false),
        };
        let short = |file: PathBuf| {
            let inside = file.strip_prefix(&self.folder).map(Path::to_owned);
            inside.unwrap_or(file)
        };
        let files = changes.into_iter().map(|change| short(change.file));
        Changes {
            files: files.collect(),
            of_sources,
        }
    }
}
