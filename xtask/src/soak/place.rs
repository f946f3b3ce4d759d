//! The server's surroundings: its data directory is a small file system in memory,
//! in a mount namespace of the server's own, so that it can be full.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::host::{PASSWORD, seen};
use crate::run::Tied;

/// The space for data, in MiB: the least, and more for each minute.
const SPACE: [u64; 2] = [160, 4];

/// Mounts the data directory, writes the grants, and becomes the server.
const BECOME: &str = "mount -t tmpfs -o size=\"$1\",mode=0700 none \"$2\" \
    && mkdir \"$2/plugins\" && printf %s \"$SOAK_GRANTS\" > \"$2/grants.toml\" \
    && unset SOAK_GRANTS && shift 2 && exec \"$@\"";

/// The grants of the hostile plugins. Their limits are low, so that they meet them.
const GRANTS: &str = "[\"test.deeds.component\"]\nwebhook = true\n\
    [\"test.deeds.component\".limits]\ncall-ms = 2000\n\
    [\"test.deeds.python\"]\nwebhook = true\n\
    [\"test.deeds.python\".limits]\ncall-ms = 5000\nprocess-memory-bytes = 134217728\n";

/// A server's folders.
pub(super) struct Place {
    /// The data directory, as the server names it.
    pub(super) data: PathBuf,
    /// The folder for temporary files.
    pub(super) temporary: PathBuf,
    space: u64,
    /// The server's process.
    pub(super) server: u32,
}

impl Place {
    /// Makes the folders of a run of this length.
    pub(super) fn new(folder: &Path, length: Duration) -> Result<Self> {
        let [data, temporary] = ["data", "tmp"].map(|name| folder.join(name));
        for folder in [&data, &temporary] {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        Ok(Self {
            data,
            temporary,
            space: SPACE[0] + SPACE[1] * length.as_secs() / 60,
            server: 0,
        })
    }

    /// The same, once the server runs.
    pub(super) fn of(self, server: u32) -> Self {
        Self { server, ..self }
    }

    /// The command that starts the server in its surroundings.
    pub(super) fn command(&self, mortise: &Path) -> Result<tokio::process::Command> {
        let mut command = tokio::process::Command::from(Tied::command(Path::new("unshare"))?);
        command.arg("--mount");
        if !rustix::process::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command
            .args(["sh", "-c", BECOME, "sh"])
            .arg(format!("{}m", self.space))
            .arg(&self.data)
            .arg(mortise)
            .args(["serve", "--json", "--listen", "127.0.0.1:0"])
            // Longer than a busy machine takes: a filter's failure is the server's.
            .args(["--filter-deadline", "20s", "--data-dir"])
            .arg(&self.data)
            .env("SOAK_GRANTS", GRANTS)
            .env("MORTISE_ADMIN_PASSWORD", PASSWORD)
            .env("TMPDIR", &self.temporary)
            // Faults are logged, many times.
            .env(
                "RUST_LOG",
                std::env::var_os("RUST_LOG").unwrap_or("off".into()),
            );
        Ok(command)
    }

    /// The data directory from outside the server's mount namespace.
    pub(super) fn seen(&self) -> PathBuf {
        seen(self.server, &self.data)
    }
}
