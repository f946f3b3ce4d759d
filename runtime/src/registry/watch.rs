//! What changes in a folder, once it is complete.
//!
//! The operating system's notices only wake the watch; what counts is what the
//! folder looks like then. So a lost notice, an editor that writes aside and
//! renames, a file that is removed and put back, and a folder that is itself
//! replaced all come to the same: the next look finds what is there. A file is
//! told of when it has looked the same for a while, so one that is still being
//! copied is left alone. Where there are no notices, on some network file
//! systems, the watch looks from time to time.
//!
//! It reads no file, and holds one descriptor and one thread however many
//! files there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, event::AccessKind};
use tokio::{sync::Notify, time::Instant};

use super::{Identity, files};

/// How patient a watch is.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a file has to look the same before it counts as complete, and
    /// to be absent before it counts as removed.
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

/// A file that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub file: PathBuf,
    /// What it is now; none if it was removed.
    pub now: Option<Identity>,
}

/// Watches the visible files of one folder.
#[derive(Debug)]
pub struct Watch {
    folder: PathBuf,
    settings: Settings,
    notices: Notices,
    /// What was told last.
    told: BTreeMap<PathBuf, Identity>,
    /// What looks different from that, and since when it looks as it does.
    unsettled: BTreeMap<PathBuf, (Option<Identity>, Instant)>,
    /// The folder could not be listed: said once.
    unlistable: bool,
}

impl Watch {
    /// Watches a folder, which need not be there yet. `known` is what its
    /// caller has dealt with already.
    pub fn new(
        folder: PathBuf,
        known: impl IntoIterator<Item = (PathBuf, Identity)>,
        settings: Settings,
    ) -> Self {
        Self {
            notices: Notices::default(),
            told: known.into_iter().collect(),
            unsettled: BTreeMap::new(),
            unlistable: false,
            folder,
            settings,
        }
    }

    /// Waits until files have changed and are complete; never returns an empty
    /// list. What is new and what was replaced come before what was removed, so
    /// that a file that got another name is seen under the new one first. May be dropped
    /// and called again.
    pub async fn changes(&mut self) -> Vec<Change> {
        loop {
            self.notices.subscribe(&self.folder);
            let changes = self.look().await;
            if !changes.is_empty() {
                return changes;
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
        let there: BTreeMap<PathBuf, Identity> = match files(&self.folder).await {
            Ok(files) => files.into_iter().collect(),
            Err(error) => {
                // What was there counts as being there still.
                if !std::mem::replace(&mut self.unlistable, true) {
                    tracing::error!(
                        "the plugins folder {} cannot be listed: {error}; what was loaded goes on",
                        self.folder.display()
                    );
                }
                return Vec::new();
            }
        };
        self.unlistable = false;
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

/// The operating system's notices about a folder.
#[derive(Debug, Default)]
struct Notices {
    wake: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
    /// Which folder is watched: of this path there may be another by now.
    subscribed: Option<(u64, u64)>,
    /// That there are none was said.
    told: bool,
}

impl Notices {
    fn are_coming(&self) -> bool {
        self.subscribed.is_some()
    }

    /// Sees that notices come, if that can be had.
    fn subscribe(&mut self, folder: &Path) {
        let there = number(folder);
        if there.is_some() && there == self.subscribed {
            return;
        }
        self.subscribed = None;
        self.watcher = None;
        if there.is_none() {
            return;
        }
        let wake = Arc::clone(&self.wake);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_err() || event.is_ok_and(|event| tells_of_change(event.kind)) {
                wake.notify_one();
            }
        });
        let watching = watcher.and_then(|mut watcher| {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match watching {
            Ok(watcher) => {
                self.watcher = Some(watcher);
                self.subscribed = there;
                self.told = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!(
                        "there are no notices about changes in {}, so it is looked at from time \
                         to time: {error}",
                        folder.display()
                    );
                }
            }
        }
    }
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

/// Which folder a path names now; none if there is none.
#[cfg(unix)]
fn number(folder: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(folder).ok()?;
    metadata.is_dir().then(|| (metadata.dev(), metadata.ino()))
}

/// Which folder a path names now; none if there is none.
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
        let writer = async {
            // Slowly, but never without a sign of life for as long as it takes
            // to settle.
            for _ in 0..20 {
                file.write_all(b"0123456789").unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let (changes, ()) = tokio::join!(next(&mut watch), writer);
        assert_eq!(changes, [("a".to_owned(), Some(200))]);
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
        let quiet = tokio::time::timeout(Duration::from_millis(50), watch.changes()).await;
        assert!(quiet.is_err(), "{quiet:?}");
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
        let quiet = tokio::time::timeout(Duration::from_millis(100), watch.changes()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a"), "a").unwrap();
        assert_eq!(next(&mut watch).await, [("a".to_owned(), Some(1))]);
    }
}
