//! A folder that becomes a package, archives of it, and the time of its files.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    run::{output, run},
    workspace::Workspace,
};

/// A folder with the files of a package. The paths of its methods are inside of it.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
}

impl Tree {
    /// An empty one, in place of the one from an earlier run.
    pub(crate) fn new(root: &Path) -> Result<Self> {
        if root.exists() {
            fs::remove_dir_all(root)
                .with_context(|| format!("{} cannot be removed", root.display()))?;
        }
        let tree = Self {
            root: root.to_owned(),
        };
        tree.folder(Path::new(""), 0o755)?;
        Ok(tree)
    }

    /// Makes a folder, and those that it is in.
    pub(crate) fn folder(&self, path: &Path, mode: u32) -> Result<()> {
        let folder = self.root.join(path);
        if let Some(above) = path
            .parent()
            .filter(|above| !self.root.join(above).is_dir())
        {
            self.folder(above, 0o755)?;
        }
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        set_mode(&folder, mode)
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &Path, content: impl AsRef<[u8]>, mode: u32) -> Result<()> {
        let file = self.place(path)?;
        fs::write(&file, content)
            .with_context(|| format!("{} cannot be written", file.display()))?;
        set_mode(&file, mode)
    }

    /// Copies a file, following links.
    pub(crate) fn copy(&self, from: &Path, path: &Path, mode: u32) -> Result<()> {
        let file = self.place(path)?;
        fs::copy(from, &file).with_context(|| format!("{} cannot be copied", from.display()))?;
        set_mode(&file, mode)
    }

    fn place(&self, path: &Path) -> Result<PathBuf> {
        if let Some(above) = path
            .parent()
            .filter(|above| !self.root.join(above).is_dir())
        {
            self.folder(above, 0o755)?;
        }
        Ok(self.root.join(path))
    }

    /// Makes an archive of everything, owned by root.
    pub(crate) fn tar(&self, file: &Path, time: u64) -> Result<PathBuf> {
        self.tar_part(".", file, time)
    }

    /// Makes an archive of one part, owned by root.
    pub(crate) fn tar_part(&self, part: &str, file: &Path, time: u64) -> Result<PathBuf> {
        self.archive("--create", part, 0, file, time)?;
        Ok(file.to_owned())
    }

    /// Adds a part to an archive, owned by a user and a group of this number.
    pub(crate) fn append(&self, part: &str, owner: u32, file: &Path, time: u64) -> Result<()> {
        self.archive("--append", part, owner, file, time)
    }

    /// The order of the files in it does not depend on the file system.
    fn archive(&self, mode: &str, part: &str, owner: u32, file: &Path, time: u64) -> Result<()> {
        run(Command::new("tar")
            .arg(mode)
            .args(["--format=ustar", "--sort=name", "--numeric-owner"])
            .arg(format!("--mtime=@{time}"))
            .arg(format!("--owner={owner}"))
            .arg(format!("--group={owner}"))
            .arg("--file")
            .arg(file)
            .arg("--directory")
            .arg(&self.root)
            .arg(part))
    }
}

/// The time of all files in packages, in seconds since 1970: that of the commit, or the
/// one that packagers set.
pub(crate) fn time(workspace: &Workspace) -> Result<u64> {
    if let Some(time) = std::env::var_os("SOURCE_DATE_EPOCH") {
        let text = time.to_string_lossy();
        return text.parse().with_context(|| {
            format!("SOURCE_DATE_EPOCH is `{text}`: set it to seconds since 1970")
        });
    }
    let text = output(
        Command::new("git")
            .args(["log", "-1", "--format=%ct"])
            .current_dir(&workspace.root),
    )
    .context("without git, set SOURCE_DATE_EPOCH to the time of the release")?;
    text.trim().parse().context("git named no time")
}

/// A time as RFC 3339 writes it.
pub(crate) fn written(time: u64) -> Result<String> {
    let text = output(
        Command::new("date")
            .arg("--utc")
            .arg(format!("--date=@{time}"))
            .arg("+%Y-%m-%dT%H:%M:%SZ"),
    )?;
    Ok(text.trim().to_owned())
}

/// Compresses a file.
pub(crate) fn gzip(file: &Path, to: &Path, quick: bool) -> Result<()> {
    let packed =
        fs::File::create(to).with_context(|| format!("{} cannot be made", to.display()))?;
    let status = Command::new("gzip")
        .args(["--no-name", "--stdout", if quick { "-1" } else { "-9" }])
        .arg(file)
        .stdout(packed)
        .status()
        .context("`gzip` cannot be started")?;
    anyhow::ensure!(
        status.success(),
        "`gzip {}` failed ({status})",
        file.display()
    );
    Ok(())
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("the mode of {} cannot be set", path.display()))
}

/// Packages are for Linux, and need modes from it.
#[cfg(not(unix))]
fn set_mode(path: &Path, _mode: u32) -> Result<()> {
    anyhow::bail!(
        "{} gets no mode here: make packages on Linux",
        path.display()
    )
}
