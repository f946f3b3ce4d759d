//! Control groups (version 2): bounds of memory and processes that hold for a
//! plugin as a whole, and the end of all its processes at once.
//!
//! The server can make groups where one is delegated to it, as by systemd's
//! `Delegate=memory pids`. No process may be beside groups, so the server moves
//! into one of its own first.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::limits::ProcessLimits;

/// The controllers that bound a plugin.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];
/// The places where the hierarchy is mounted.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// Attributes by which a delegated group is marked.
const DELEGATED: [&str; 2] = ["user.delegate", "trusted.delegate"];
/// Memory for what the kernel keeps on a plugin's behalf.
const KERNEL_BYTES: u64 = 64 << 20;
/// The time in which the processes of a killed group end.
const END: Duration = Duration::from_secs(1);

/// The group in which plugins' groups are made. It goes with this value.
#[derive(Debug)]
pub(crate) struct Groups {
    folder: PathBuf,
}

impl Drop for Groups {
    fn drop(&mut self) {
        // Plugins that outlive the host for a moment keep theirs.
        let _ = fs::remove_dir(&self.folder);
    }
}

impl Groups {
    /// Finds the delegated group of this process.
    ///
    /// # Errors
    ///
    /// The reason why there is none, as a phrase.
    pub(crate) fn find() -> Result<Self, String> {
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let path = own
            .lines()
            .find_map(|line| line.strip_prefix("0::/"))
            .ok_or("this machine has no control groups of version 2")?;
        let mount = MOUNTS
            .iter()
            .map(Path::new)
            .find(|mount| mount.join("cgroup.controllers").is_file())
            .ok_or("control groups of version 2 are not mounted")?;
        let own = mount.join(path);
        if !path.is_empty() && rustix::process::geteuid().is_root() && !is_delegated(&own) {
            return Err("no control group is delegated to the server".to_owned());
        }
        Self::within(&own)
    }

    /// Makes a group for plugins' groups in a delegated one.
    ///
    /// # Errors
    ///
    /// The reason why that cannot be done, as a phrase.
    pub(crate) fn within(own: &Path) -> Result<Self, String> {
        let available = words(&own.join("cgroup.controllers"))?;
        for controller in CONTROLLERS {
            if !available.iter().any(|there| there == controller) {
                return Err(format!(
                    "the server's control group has no controller `{controller}`"
                ));
            }
        }
        let folder = own.join(format!("mortise-plugins-{}", std::process::id()));
        let refused = |error: io::Error| format!("no control group is delegated: {error}");
        fs::create_dir_all(&folder).map_err(refused)?;
        let groups = Self { folder };
        enable(own).or_else(|_| {
            // No process may be beside groups with controllers.
            let aside = own.join("mortise-server");
            fs::create_dir_all(&aside).map_err(refused)?;
            fs::write(aside.join("cgroup.procs"), "0").map_err(refused)?;
            enable(own).map_err(refused)
        })?;
        enable(&groups.folder).map_err(refused)?;
        Ok(groups)
    }

    /// Makes a group for a plugin, with its bounds. The plugin's first process
    /// joins it, and [`end`] removes it.
    ///
    /// # Errors
    ///
    /// The file that could not be written.
    pub(crate) fn make(&self, name: &str, limits: &ProcessLimits) -> io::Result<PathBuf> {
        let group = self.folder.join(name);
        fs::create_dir(&group)?;
        // Its working directory and shared memory are in memory too.
        let memory = limits.memory_bytes + limits.directory_bytes + KERNEL_BYTES;
        let bounds = [
            ("memory.max", memory.to_string()),
            ("pids.max", limits.processes.to_string()),
        ];
        let bounded = bounds
            .iter()
            .try_for_each(|(file, value)| fs::write(group.join(file), value));
        if let Err(error) = bounded {
            let _ = fs::remove_dir(&group);
            return Err(error);
        }
        // Without swap there is no such file; older kernels do not end groups whole.
        let _ = fs::write(group.join("memory.swap.max"), "0");
        let _ = fs::write(group.join("memory.oom.group"), "1");
        Ok(group)
    }
}

/// Moves this process into a group.
///
/// # Errors
///
/// The kernel's reason.
pub(crate) fn join(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), "0")
}

/// Kills all processes of a group and removes it.
pub(crate) fn end(group: &Path) {
    // Since Linux 5.14; before, whoever removes the group has killed them.
    let _ = fs::write(group.join("cgroup.kill"), "1");
    let until = Instant::now() + END;
    while let Err(error) = fs::remove_dir(group) {
        let ending = error.raw_os_error() == Some(libc::EBUSY);
        if !ending || Instant::now() > until {
            return;
        }
        std::thread::sleep(END / 100);
    }
}

fn enable(group: &Path) -> io::Result<()> {
    let file = group.join("cgroup.subtree_control");
    let enabled = fs::read_to_string(&file)?;
    let mut missing = CONTROLLERS
        .iter()
        .filter(|one| !enabled.split_whitespace().any(|there| there == **one))
        .peekable();
    if missing.peek().is_none() {
        return Ok(());
    }
    let text: Vec<_> = missing.map(|one| format!("+{one}")).collect();
    fs::write(file, text.join(" "))
}

fn words(file: &Path) -> Result<Vec<String>, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

fn is_delegated(group: &Path) -> bool {
    DELEGATED.iter().any(|name| {
        let mut value = [0; 8];
        rustix::fs::getxattr(group, *name, &mut value[..])
            .is_ok_and(|length| value.get(..length) == Some(b"1"))
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{Groups, end, join};
    use crate::limits::ProcessLimits;

    /// A folder with the files of a control group.
    fn delegated(controllers: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cgroup.controllers"), controllers).unwrap();
        fs::write(folder.path().join("cgroup.subtree_control"), "memory pids").unwrap();
        folder
    }

    fn text(group: &Path, file: &str) -> String {
        fs::read_to_string(group.join(file)).unwrap()
    }

    #[test]
    fn a_plugins_group_has_its_bounds() {
        let own = delegated("cpuset cpu io memory pids");
        // The kernel makes this file with the group.
        let plugins = own
            .path()
            .join(format!("mortise-plugins-{}", std::process::id()));
        fs::create_dir(&plugins).unwrap();
        fs::write(plugins.join("cgroup.subtree_control"), "").unwrap();
        let groups = Groups::within(own.path()).unwrap();
        assert_eq!(text(&plugins, "cgroup.subtree_control"), "+memory +pids");
        let limits = ProcessLimits {
            memory_bytes: 1 << 20,
            directory_bytes: 2 << 20,
            processes: 7,
            ..ProcessLimits::default()
        };
        let group = groups.make("p", &limits).unwrap();
        assert_eq!(text(&group, "memory.max"), (67 << 20).to_string());
        assert_eq!(text(&group, "pids.max"), "7");
        assert_eq!(text(&group, "memory.oom.group"), "1");
        join(&group).unwrap();
        assert_eq!(text(&group, "cgroup.procs"), "0");
    }

    #[test]
    fn what_is_not_delegated_is_named() {
        let own = delegated("cpu io memory");
        let error = Groups::within(own.path()).unwrap_err();
        assert!(error.contains("`pids`"), "{error}");
    }

    #[test]
    fn a_group_of_the_kernel_ends_with_its_processes() {
        // Where this machine has the hierarchy, and this user may make groups.
        let group = super::MOUNTS
            .iter()
            .map(|mount| Path::new(mount).join(format!("mortise-test-{}", std::process::id())))
            .find(|group| fs::create_dir(group).is_ok() && group.join("cgroup.procs").is_file());
        let Some(group) = group else {
            assert!(
                Groups::find().is_err(),
                "groups cannot be made, but are found"
            );
            return;
        };
        let mut sleeper = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        fs::write(group.join("cgroup.procs"), sleeper.id().to_string()).unwrap();
        let waited = std::thread::spawn(move || sleeper.wait().unwrap());
        end(&group);
        assert!(!waited.join().unwrap().success());
        assert!(!group.exists());
    }
}
