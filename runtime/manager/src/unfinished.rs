//! Hidden copies in the plugins folder, which become a plugin's file at the end of an
//! installation. A killed server leaves them.

use std::{
    fs::DirEntry,
    path::PathBuf,
    time::{Duration, SystemTime},
};

/// The beginning of a copy's name.
pub(super) const PREFIX: &str = ".install-";
/// The age from which a copy is no installation under way, in whichever program.
const OLD: Duration = Duration::from_secs(600);

/// Removes old copies from a folder.
pub(super) async fn remove(folder: PathBuf) {
    let removed = tokio::task::spawn_blocking(move || {
        // A folder that cannot be read is reported elsewhere.
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            if is_old(&entry)
                && let Err(error) = std::fs::remove_file(entry.path())
            {
                let file = entry.path();
                tracing::warn!(%error, file = %file.display(), "an unfinished copy stays");
            }
        }
    });
    // It panicked at worst, and the copies stay.
    let _: Result<(), _> = removed.await;
}

fn is_old(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    // Nothing else is examined: there may be a thousand plugins.
    if !name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
        return false;
    }
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| {
        let age = SystemTime::now().duration_since(modified);
        age.is_ok_and(|age| age >= OLD)
    })
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        time::{Duration, SystemTime},
    };

    #[tokio::test]
    async fn only_old_copies_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let hour = Duration::from_secs(3600);
        for (name, age) in [
            (".install-old", hour),
            (".install-new", Duration::ZERO),
            (".other", hour),
            ("plugin.wasm", hour),
        ] {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        super::remove(folder.path().to_owned()).await;
        let mut left: Vec<_> = folder
            .path()
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [".install-new", ".other", "plugin.wasm"]);
    }
}
