//! Changes in a folder, once they are complete: of the plugins folder its
//! visible files, of a plugin's sources the whole tree.
//!
//! Notices of the operating system only wake the watch. Then it looks at the
//! folder itself. So it handles lost notices, editors that write another file
//! and rename it, files that are removed and restored, and a replaced folder in
//! the same way. It reports a file that has looked the same for a while, and so
//! leaves alone one that is still being copied. Some network file systems have
//! no notices; there the watch looks regularly.
//!
//! It reads no file, and uses one descriptor and one thread for any number of
//! files. It receives notices only from the folders of a tree that it visits,
//! so build results wake nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, event::AccessKind};
use tokio::{sync::Notify, time::Instant};

use super::{Identity, list};

/// The patience of a watch.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The time for which a file must look the same to be complete, or be
    /// absent to be removed.
    pub settle: Duration,
    /// The longest time between two looks where there are notices.
    pub noticed: Duration,
    /// The same where there are none.
    pub unnoticed: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(400),
            noticed: Duration::from_secs(30),
            unnoticed: Duration::from_secs(2),
        }
    }
}

/// A changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub file: PathBuf,
    /// Its current state; none if it was removed.
    pub now: Option<Identity>,
}

/// Returns true if a path, relative to the watched folder, is part of a tree.
pub type Belongs = Box<dyn Fn(&Path) -> bool + Send + Sync>;

/// The watched part of a folder.
#[derive(Clone)]
enum Extent {
    /// The visible files in it.
    Files,
    /// The files in it and in the folders below, as far as they belong to it.
    Tree(Arc<Belongs>),
}

impl fmt::Debug for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files => "Files",
            Self::Tree(_) => "Tree",
        })
    }
}

/// The result of one look.
#[derive(Debug, Default)]
struct Seen {
    files: BTreeMap<PathBuf, Identity>,
    /// The folders that were looked into.
    folders: BTreeSet<PathBuf>,
}

impl Extent {
    async fn look(&self, folder: &Path) -> io::Result<Seen> {
        let (extent, folder) = (self.clone(), folder.to_owned());
        tokio::task::spawn_blocking(move || extent.look_now(folder))
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    fn look_now(&self, folder: PathBuf) -> io::Result<Seen> {
        match self {
            Self::Files => Ok(Seen {
                files: list(&folder)?.into_iter().collect(),
                folders: BTreeSet::from([folder]),
            }),
            Self::Tree(belongs) => {
                let mut seen = Seen::default();
                descend(folder.clone(), &folder, belongs, &mut seen)?;
                Ok(seen)
            }
        }
    }
}

/// Looks into one folder of a tree, and those below. Links to folders are not
/// followed, for they may lead back.
fn descend(folder: PathBuf, root: &Path, belongs: &Belongs, seen: &mut Seen) -> io::Result<()> {
    for entry in std::fs::read_dir(&folder)? {
        let entry = entry?;
        let path = entry.path();
        if !belongs(path.strip_prefix(root).unwrap_or(&path)) {
            continue;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            match descend(path, root, belongs, seen) {
                // It disappeared in the meantime.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => done?,
            }
        } else if let Ok(Some(identity)) = Identity::read(&path) {
            seen.files.insert(path, identity);
        }
    }
    seen.folders.insert(folder);
    Ok(())
}

/// Watches the files of a folder, or of the tree below it.
#[derive(Debug)]
pub struct Watch {
    folder: PathBuf,
    extent: Extent,
    settings: Settings,
    notices: Notices,
    /// The folders whose notices are of interest.
    folders: BTreeSet<PathBuf>,
    /// The last reported state.
    told: BTreeMap<PathBuf, Identity>,
    /// The paths that look different from that, and the time since when.
    unsettled: BTreeMap<PathBuf, (Option<Identity>, Instant)>,
    /// The folder could not be listed: said once.
    unlistable: bool,
}

impl Watch {
    /// Watches the visible files of a folder, which need not be there yet.
    /// `known` is what its caller has dealt with already.
    pub fn new(
        folder: PathBuf,
        known: impl IntoIterator<Item = (PathBuf, Identity)>,
        settings: Settings,
    ) -> Self {
        Self {
            notices: Notices::default(),
            folders: BTreeSet::from([folder.clone()]),
            told: known.into_iter().collect(),
            unsettled: BTreeMap::new(),
            unlistable: false,
            extent: Extent::Files,
            folder,
            settings,
        }
    }

    /// Watches the files in a folder and below that belong to it. How they are
    /// now is known.
    ///
    /// # Errors
    ///
    /// A folder that cannot be listed.
    pub async fn tree(folder: PathBuf, belongs: Belongs, settings: Settings) -> io::Result<Self> {
        let extent = Extent::Tree(Arc::new(belongs));
        let Seen { files, folders } = extent.look(&folder).await?;
        Ok(Self {
            extent,
            folders,
            ..Self::new(folder, files, settings)
        })
    }

    /// Waits until files have changed and are complete; never returns an empty
    /// list. New and replaced files come before removed ones, so that a renamed
    /// file appears under its new name first. May be dropped and called again.
    pub async fn changes(&mut self) -> Vec<Change> {
        loop {
            self.notices.subscribe(&self.folders);
            let before = self.folders.clone();
            let changes = self.look().await;
            if !changes.is_empty() {
                return changes;
            }
            if self.folders != before {
                // In a new folder something may have come before its notices do.
                continue;
            }
            let wait = if !self.unsettled.is_empty() {
                self.settings.settle / 4
            } else if self.notices.are_coming() {
                self.settings.noticed
            } else {
                self.settings.unnoticed
            };
            tokio::select! {
                () = self.notices.wake.notified(), if self.unsettled.is_empty() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn look(&mut self) -> Vec<Change> {
        let there = match self.extent.look(&self.folder).await {
            Ok(seen) => {
                self.folders = seen.folders;
                seen.files
            }
            Err(error) => {
                // Files of the previous look count as present.
                if !std::mem::replace(&mut self.unlistable, true) {
                    tracing::error!(
                        "the folder {} cannot be listed: {error}; what was there counts as being \
                         there still",
                        self.folder.display()
                    );
                }
                return Vec::new();
            }
        };
        self.unlistable = false;
        if there == self.told {
            self.unsettled.clear();
            return Vec::new();
        }
        let now = Instant::now();
        let all: BTreeSet<PathBuf> = there.keys().chain(self.told.keys()).cloned().collect();
        self.unsettled.retain(|file, _| all.contains(file));
        let mut changes = Vec::new();
        for file in all {
            let identity = there.get(&file).copied();
            if self.told.get(&file).copied() == identity {
                self.unsettled.remove(&file);
                continue;
            }
            let (seen, since) = self
                .unsettled
                .entry(file.clone())
                .or_insert((identity, now));
            if *seen != identity {
                (*seen, *since) = (identity, now);
            } else if now.duration_since(*since) >= self.settings.settle {
                self.unsettled.remove(&file);
                match identity {
                    Some(identity) => self.told.insert(file.clone(), identity),
                    None => self.told.remove(&file),
                };
                changes.push(Change {
                    file,
                    now: identity,
                });
            }
        }
        changes.sort_by_key(|change| change.now.is_none());
        changes
    }
}

/// The operating system's notices about folders.
#[derive(Debug, Default)]
struct Notices {
    wake: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
    /// The watched folders with their identities: a path may name another
    /// folder later.
    subscribed: BTreeMap<PathBuf, (u64, u64)>,
    /// True if these are all folders.
    complete: bool,
    /// That there are none was said.
    told: bool,
}

impl Notices {
    const fn are_coming(&self) -> bool {
        self.complete
    }

    /// Sees that notices of these folders come, if that can be had.
    fn subscribe(&mut self, folders: &BTreeSet<PathBuf>) {
        let there: BTreeMap<_, _> = folders
            .iter()
            .filter_map(|folder| Some((folder.clone(), number(folder)?)))
            .collect();
        self.complete = there.len() == folders.len();
        if there == self.subscribed {
            return;
        }
        // Only new folders are added to a watcher. Removed or replaced ones
        // need a new watcher.
        let grew = self
            .subscribed
            .iter()
            .all(|(folder, number)| there.get(folder) == Some(number));
        if !grew {
            self.watcher = None;
            self.subscribed.clear();
        }
        if let Err(error) = self.extend(there) {
            self.complete = false;
            if !std::mem::replace(&mut self.told, true) {
                let folder = folders.first().map_or(Path::new(""), PathBuf::as_path);
                tracing::warn!(
                    "there are no notices about changes in {}, so it is looked at from time to \
                     time: {error}",
                    folder.display()
                );
            }
        } else if self.complete {
            self.told = false;
        }
    }

    fn extend(&mut self, there: BTreeMap<PathBuf, (u64, u64)>) -> notify::Result<()> {
        for (folder, number) in there {
            if self.subscribed.contains_key(&folder) {
                continue;
            }
            let watcher = match &mut self.watcher {
                Some(watcher) => watcher,
                none => none.insert(watcher(Arc::clone(&self.wake))?),
            };
            watcher.watch(&folder, RecursiveMode::NonRecursive)?;
            self.subscribed.insert(folder, number);
        }
        Ok(())
    }
}

fn watcher(wake: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_err() || event.is_ok_and(|event| tells_of_change(event.kind)) {
            wake.notify_one();
        }
    })
}

/// Reading a file, as loading it does, must not wake the watch.
fn tells_of_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => matches!(
            access,
            AccessKind::Close(notify::event::AccessMode::Write) | AccessKind::Any
        ),
        _ => true,
    }
}

/// Returns the identity of the folder at a path; none if there is none.
#[cfg(unix)]
fn number(folder: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(folder).ok()?;
    metadata.is_dir().then(|| (metadata.dev(), metadata.ino()))
}

/// Returns the identity of the folder at a path; none if there is none.
#[cfg(not(unix))]
fn number(folder: &Path) -> Option<(u64, u64)> {
    folder.is_dir().then_some((0, 0))
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _, path::Path, time::Duration};

    use super::{Change, Settings, Watch};

    const SETTINGS: Settings = Settings {
        settle: Duration::from_millis(200),
        noticed: Duration::from_secs(3600),
        unnoticed: Duration::from_secs(3600),
    };

    fn watch(folder: &Path) -> Watch {
        Watch::new(folder.to_owned(), [], SETTINGS)
    }

    /// Lets it look, and asserts that it has nothing to tell yet.
    async fn quiet(watch: &mut Watch) {
        let told = tokio::time::timeout(Duration::from_millis(20), watch.changes()).await;
        assert!(told.is_err(), "{told:?}");
    }

    async fn next(watch: &mut Watch) -> Vec<(String, Option<u64>)> {
        let changes = tokio::time::timeout(Duration::from_secs(30), watch.changes()).await;
        let named = |change: Change| {
            let name = change.file.file_name().unwrap().to_str().unwrap();
            (name.to_owned(), change.now.map(|identity| identity.size))
        };
        changes.unwrap().into_iter().map(named).collect()
    }

    #[tokio::test]
    async fn a_file_is_told_of_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = watch(folder.path());
        let mut file = fs::File::create(folder.path().join("a")).unwrap();
        // Slowly, but never without a sign of life for as long as it takes to
        // settle.
        for _ in 0..20 {
            file.write_all(b"0123456789").unwrap();
            quiet(&mut watch).await;
        }
        assert_eq!(next(&mut watch).await, [("a".to_owned(), Some(200))]);
    }

    #[tokio::test]
    async fn replaced_moved_and_removed_files_are_told_of_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "a").unwrap();
        fs::write(path("b"), "b").unwrap();
        fs::create_dir(path("folder")).unwrap();
        fs::write(path(".hidden"), "x").unwrap();
        let mut watch = watch(folder.path());
        let both = next(&mut watch).await;
        assert_eq!(both, [("a".to_owned(), Some(1)), ("b".to_owned(), Some(1))]);

        fs::write(path(".aside"), "another").unwrap();
        fs::rename(path(".aside"), path("a")).unwrap();
        assert_eq!(next(&mut watch).await, [("a".to_owned(), Some(7))]);

        // The new name first.
        fs::rename(path("b"), path("c")).unwrap();
        let moved = next(&mut watch).await;
        assert_eq!(moved, [("c".to_owned(), Some(1)), ("b".to_owned(), None)]);

        // Gone for a moment only, then as it was.
        fs::rename(path("a"), path(".a")).unwrap();
        quiet(&mut watch).await;
        fs::rename(path(".a"), path("a")).unwrap();
        fs::remove_file(path("c")).unwrap();
        let last = next(&mut watch).await;
        assert_eq!(last.last(), Some(&("c".to_owned(), None)));
        assert!(last.iter().all(|(name, now)| name == "c" || now.is_some()));
    }

    #[tokio::test]
    async fn a_folder_that_comes_later_is_watched_too() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("plugins");
        let settings = Settings {
            unnoticed: Duration::from_millis(50),
            ..SETTINGS
        };
        let mut watch = Watch::new(folder.clone(), [], settings);
        quiet(&mut watch).await;
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a"), "a").unwrap();
        assert_eq!(next(&mut watch).await, [("a".to_owned(), Some(1))]);
    }

    #[tokio::test]
    async fn a_tree_is_watched_as_far_as_it_belongs() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir_all(path("src")).unwrap();
        fs::create_dir_all(path("target/deep")).unwrap();
        fs::write(path("src/known"), "a").unwrap();
        let belongs = |path: &Path| !path.starts_with("target");
        let root_path = root.path().to_owned();
        let watched = Watch::tree(root_path, Box::new(belongs), SETTINGS);
        let mut watch = watched.await.unwrap();
        let told = async |watch: &mut Watch| next(watch).await;

        // What does not belong is not told of, also where something else is.
        fs::write(path("target/deep/made"), "a").unwrap();
        fs::write(path("src/known"), "ab").unwrap();
        assert_eq!(told(&mut watch).await, [("known".to_owned(), Some(2))]);

        // A folder that comes while nothing else happens is watched before
        // anything is in it.
        fs::create_dir_all(path("src/new/deeper")).unwrap();
        mortise_wait::until("the new folder is watched", async || {
            quiet(&mut watch).await;
            watch
                .notices
                .subscribed
                .contains_key(&path("src/new/deeper"))
        })
        .await;
        fs::write(path("src/new/deeper/later"), "abc").unwrap();
        assert_eq!(told(&mut watch).await, [("later".to_owned(), Some(3))]);

        fs::remove_dir_all(path("src/new")).unwrap();
        assert_eq!(told(&mut watch).await, [("later".to_owned(), None)]);
        fs::write(path("src/last"), "").unwrap();
        assert_eq!(told(&mut watch).await, [("last".to_owned(), Some(0))]);
        quiet(&mut watch).await;
    }
}
