//! Files that a killed server left half written: uploads, and copies that were to
//! replace a file.

use std::{
    fs::{self, DirEntry},
    path::Path,
    time::{Duration, SystemTime},
};

use crate::{config::Config, hosting::arriving};

/// The beginning of a copy's name, which `tempfile` gives it.
const COPY: &str = ".tmp";
/// The age from which a copy is no replacement under way: the command line makes
/// some of them, beside the server.
const OLD: Duration = Duration::from_secs(600);
/// Folders in a data directory in which files are replaced. Those of the folder of
/// versions are removed with its unused versions.
const FOLDERS: [&str; 3] = ["", "cache", "attached"];

/// Removes what a server before this one left. Called with the data directory locked.
pub(crate) fn remove(config: &Config) {
    // The server alone writes there.
    remove_from(&config.uploads_dir(), arriving::PREFIX, Duration::ZERO);
    // A download of the same file continues with them.
    let age = arriving::PARTIAL_AGE;
    remove_from(&config.uploads_dir(), arriving::PARTIAL, age);
    for folder in FOLDERS {
        remove_from(&config.data_dir.join(folder), COPY, OLD);
    }
    remove_from(&config.acme_dir(), COPY, OLD);
}

fn remove_from(folder: &Path, prefix: &str, age: Duration) {
    // One that is not there has none.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(prefix);
        if is_ours
            && is_file_of(&entry, age)
            && let Err(error) = fs::remove_file(entry.path())
        {
            let file = entry.path();
            tracing::warn!(%error, file = %file.display(), "an unfinished file stays");
        }
    }
}

/// Returns true for a file, and no link, that is this old.
fn is_file_of(entry: &DirEntry, age: Duration) -> bool {
    let Ok(data) = entry.metadata() else {
        return false;
    };
    let modified = data.modified().ok();
    let found = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
    // A clock that was put back makes a file of the future, which is no reason to keep
    // an upload.
    data.is_file() && (age.is_zero() || found.is_some_and(|found| found >= age))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        time::{Duration, SystemTime},
    };

    use super::remove;
    use crate::Config;

    #[test]
    fn only_unfinished_files_of_the_server_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["uploads", "cache", "plugins"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
        let files = [
            ("uploads/upload-1", now, false),
            ("uploads/upload-2", now + hour, false),
            ("uploads/note", now - hour, true),
            ("uploads/partial-1", now - hour, true),
            ("uploads/partial-2", now - 25 * hour, false),
            (".tmp1", now - hour, false),
            (".tmp2", now, true),
            (".other", now - hour, true),
            ("cache/.tmp1", now - hour, false),
            ("cache/code", now - hour, true),
            // A person's.
            ("plugins/.tmp1", now - hour, true),
        ];
        for (name, modified, _) in files {
            let file = File::create(at(name)).unwrap();
            file.set_modified(modified).unwrap();
        }
        fs::create_dir(at("uploads/upload-folder")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(at("cache/code"), at("uploads/upload-link")).unwrap();
        remove(&Config::on(folder.path()));
        for (name, _, stays) in files {
            assert_eq!(at(name).exists(), stays, "{name}");
        }
        assert!(at("uploads/upload-folder").exists());
        #[cfg(unix)]
        assert!(at("uploads/upload-link").is_symlink());
        // A directory without these folders has nothing to remove.
        remove(&Config::on(&at("nothing")));
    }
}
