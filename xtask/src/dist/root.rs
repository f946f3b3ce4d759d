//! A root file system in a mount namespace of its own: a folder that stays unchanged,
//! with all changes in memory. Its programs use this machine's network and kernel.
//!
//! It is no `chroot`: in one, the kernel denies the namespaces of plugins.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::run::Tied;

/// Makes the root and stays until its input ends. No program of the new root is
/// needed for that: an image has none.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs -o mode=0755 mortise-trial "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" mortise-trial "$2/root"
cd "$2/root"
mkdir -p dev proc sys tmp
mount --bind /dev dev
mount -t proc proc proc
mount --bind /sys sys
mount -t tmpfs -o mode=1777 mortise-trial tmp
mkdir -m 0700 .machine
mkdir .machine/root
pivot_root . .machine/root
echo ready
read -r end || true
"#;

/// The variables of programs inside.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A user by numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    pub(super) user: u32,
    pub(super) group: u32,
}

const ROOT: User = User { user: 0, group: 0 };

/// The root. It ends with this value.
#[derive(Debug)]
pub(super) struct Root {
    holder: Child,
}

impl Root {
    /// Makes one of a folder. `at` is a folder to mount it on, which only this
    /// namespace sees.
    pub(super) fn new(lower: &Path, at: &Path) -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            bail!("packages are tried in a mount namespace: do it as root");
        }
        let lower = lower
            .canonicalize()
            .with_context(|| format!("{} is not there", lower.display()))?;
        fs::create_dir_all(at).with_context(|| format!("{} cannot be made", at.display()))?;
        let unshare = mortise_toolchain::find("unshare")
            .context("there is no `unshare`: install Debian's package `util-linux`")?;
        let mut holder = Tied::command(&unshare)?
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                SCRIPT,
                "sh",
            ])
            .arg(lower)
            .arg(at)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("`unshare` cannot be started")?;
        let out = holder.stdout.take().context("its output is not captured")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let root = Self { holder };
        if line.trim() != "ready" {
            bail!("the mount namespace cannot be made; the output above says why");
        }
        Ok(root)
    }

    /// A file inside by its path, for this program.
    pub(super) fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.holder.id()))
    }

    /// A command inside, as root.
    pub(super) fn command(&self, program: &str) -> Command {
        self.command_as(program, ROOT)
    }

    /// A command inside, as a user, with no variables of this program.
    pub(super) fn command_as(&self, program: &str, user: User) -> Command {
        let mut command = Command::new("/usr/bin/nsenter");
        command
            .arg("--target")
            .arg(self.holder.id().to_string())
            .arg("--mount")
            .arg(format!("--setuid={}", user.user))
            .arg(format!("--setgid={}", user.group))
            .arg(program)
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// A user by its name; none if there is no such user.
    pub(super) fn user(&self, name: &str) -> Result<Option<User>> {
        let text = fs::read_to_string(self.path("/etc/passwd")).context("there are no users")?;
        let found = text.lines().find_map(|line| {
            let parts: Vec<&str> = line.split(':').collect();
            match parts.as_slice() {
                [found, _, user, group, ..] if *found == name => Some(User {
                    user: user.parse().ok()?,
                    group: group.parse().ok()?,
                }),
                _ => None,
            }
        });
        Ok(found)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // Its input ends, and with it the shell that holds the namespace.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
