//! Directories that no plugin may ever use, whatever is granted: the server's
//! own.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// The directories that no plugin may use. A path overlaps one of them if it
/// leads, symbolic links followed, to it, to something below it, or to a
/// directory that contains it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Protected(Vec<PathBuf>);

/// A path that overlaps a protected directory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Overlap {
    /// The path is the directory, or below it.
    #[error("`{path}` is in the server's own directory `{protected}`", path = .path.display(), protected = .protected.display())]
    Inside {
        /// The path, symbolic links followed.
        path: PathBuf,
        /// The protected directory.
        protected: PathBuf,
    },
    /// The path contains the directory.
    #[error("`{path}` contains the server's own directory `{protected}`", path = .path.display(), protected = .protected.display())]
    Contains {
        /// The path, symbolic links followed.
        path: PathBuf,
        /// The protected directory.
        protected: PathBuf,
    },
}

impl Protected {
    /// Protects these directories, whether they exist already or not. Relative
    /// paths start at the working directory.
    pub fn new(directories: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(
            directories
                .into_iter()
                .map(|directory| resolve(&directory))
                .collect(),
        )
    }

    /// Checks a path that a plugin is to use.
    ///
    /// # Errors
    ///
    /// [`Overlap`].
    pub fn check(&self, path: &Path) -> Result<(), Overlap> {
        if self.0.is_empty() {
            return Ok(());
        }
        let path = resolve(path);
        for protected in self.current() {
            if path.starts_with(&protected) || is_below(&path, &protected) {
                return Err(Overlap::Inside { path, protected });
            }
            if protected.starts_with(&path) || is_below(&protected, &path) {
                return Err(Overlap::Contains { path, protected });
            }
        }
        Ok(())
    }

    /// The parts of a path that leave the protected directories out: the path
    /// itself if nothing below it is protected, otherwise those of its entries
    /// that are not, in the same way.
    pub fn around(&self, path: &Path) -> Vec<PathBuf> {
        let mut parts = Vec::new();
        // Each step leads deeper towards a protected directory, or ends.
        let mut open = vec![path.to_owned()];
        while let Some(path) = open.pop() {
            match self.check(&path) {
                Ok(()) => parts.push(path),
                Err(Overlap::Inside { .. }) => {}
                Err(Overlap::Contains { .. }) => {
                    let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
                    // A link is not followed: what it leads to has its own path.
                    let entries = entries
                        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()))
                        .map(|entry| entry.path());
                    open.extend(entries);
                }
            }
        }
        parts.sort();
        parts
    }

    /// The directories as they are now: a link may have been replaced since, or
    /// a directory made.
    fn current(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.0.iter().map(|directory| resolve(directory))
    }
}

/// Whether a directory is an ancestor of a path, or the path itself, under
/// another name, as a bind mount gives it.
#[cfg(unix)]
fn is_below(path: &Path, directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |path: &Path| {
        let metadata = path.metadata().ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    identity(directory).is_some_and(|directory| {
        path.ancestors()
            .any(|path| identity(path) == Some(directory))
    })
}

#[cfg(not(unix))]
fn is_below(_path: &Path, _directory: &Path) -> bool {
    false
}

/// The path without symbolic links, `.` and `..`, as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut missing: Vec<OsString> = Vec::new();
    let mut existing = path.as_path();
    loop {
        if let Ok(resolved) = existing.canonicalize() {
            return missing
                .iter()
                .rev()
                .fold(resolved, |path, name| path.join(name));
        }
        match (existing.parent(), existing.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name.to_owned());
                existing = parent;
            }
            _ => return path,
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::path::PathBuf;

    use super::{Overlap, Protected};

    #[test]
    fn overlaps_are_found_in_both_directions_and_through_links() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let at = |name: &str| root.join(name);
        for name in ["srv/data/versions", "srv/other", "links"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        for (link, target) in [
            ("links/data", "srv/data"),
            ("links/above", "srv"),
            ("links/other", "srv/other"),
        ] {
            std::os::unix::fs::symlink(at(target), at(link)).unwrap();
        }
        let protected = Protected::new([at("links/data")]);
        for inside in [
            "srv/data",
            "srv/data/versions",
            "srv/data/not/there",
            "links/data",
            "links/above/data/versions",
            "srv/other/../data",
        ] {
            let found = protected.check(&at(inside));
            assert!(matches!(found, Err(Overlap::Inside { .. })), "{inside}");
        }
        for above in ["srv", "", "links/above"] {
            let found = protected.check(&at(above));
            assert!(matches!(found, Err(Overlap::Contains { .. })), "{above}");
        }
        assert!(matches!(
            protected.check(&PathBuf::from("/")),
            Err(Overlap::Contains { .. })
        ));
        for apart in ["srv/other", "links/other", "srv/data2", "links"] {
            assert_eq!(protected.check(&at(apart)), Ok(()), "{apart}");
        }
        assert_eq!(Protected::default().check(&at("srv/data")), Ok(()));
    }

    #[test]
    fn parts_leave_out_what_is_protected() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["lib", "srv/data/versions", "srv/other"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::fs::write(root.join("file"), "").unwrap();
        std::os::unix::fs::symlink(root.join("srv"), root.join("link")).unwrap();
        let protected = Protected::new([root.join("srv/data")]);
        let parts = ["file", "lib", "srv/other"].map(|name| root.join(name));
        assert_eq!(protected.around(&root), parts);
        assert_eq!(protected.around(&root.join("lib")), [root.join("lib")]);
        assert!(protected.around(&root.join("srv/data/versions")).is_empty());
        assert_eq!(
            protected.around(&root.join("link")),
            [root.join("link/other")]
        );
    }
}
