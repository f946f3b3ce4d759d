//! The faults: each is made, held for a while, and ended again, whatever happens in
//! between.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use super::{place::Place, traffic::Traffic};

/// The descriptors that are left to a server that has too few.
const SPARE: u64 = 2;
/// The bytes that are written at a time, to fill the disk.
const BLOCK: usize = 1 << 20;
/// Of the folders in which the server starts plugins.
const SOCKETS: &str = "mortise-";
/// Enough for a pause to be one.
const PAUSED: Duration = Duration::from_secs(1);

/// A fault of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Fault {
    /// The server may open next to no file or connection.
    Descriptors,
    /// The data directory's file system is full.
    Disk,
    /// The hostile plugins take all the memory that they may, at the same time.
    Memory,
    /// The plugins folder is away, as of a disk that is mounted late.
    Folder,
    /// The folder in which plugins are started is removed.
    Sockets,
    /// The server stands still.
    Stopped,
}

impl Fault {
    pub(super) const ALL: [Self; 6] = [
        Self::Descriptors,
        Self::Disk,
        Self::Memory,
        Self::Folder,
        Self::Sockets,
        Self::Stopped,
    ];

    /// For figures.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Descriptors => "descriptors",
            Self::Disk => "disk",
            Self::Memory => "memory",
            Self::Folder => "plugins folder",
            Self::Sockets => "socket folder",
            Self::Stopped => "stopped",
        }
    }

    /// The means by which it is made.
    pub(super) const fn means(self) -> &'static str {
        match self {
            Self::Descriptors => "a lower limit of the running server (prlimit)",
            Self::Disk => "a full tmpfs in a mount namespace of the server",
            Self::Memory => "plugins that use up their limits, while the others go on",
            Self::Folder => "renamed, and renamed back",
            Self::Sockets => "removed",
            Self::Stopped => "SIGSTOP for a second, then SIGCONT",
        }
    }

    /// Makes the fault, and ends it after this time.
    pub(super) async fn hold(self, place: &Place, traffic: &Traffic, time: Duration) -> Result<()> {
        match self {
            Self::Descriptors => {
                let _limit = Lowered::new(place.server)?;
                tokio::time::sleep(time).await;
            }
            Self::Disk => {
                let _filler = Filler::new(&place.seen())?;
                tokio::time::sleep(time).await;
            }
            Self::Memory => traffic.take_memory().await,
            Self::Folder => {
                let folder = place.seen().join("plugins");
                let _away = Away::new(folder)?;
                tokio::time::sleep(time).await;
            }
            Self::Sockets => remove_sockets(&place.temporary)?,
            Self::Stopped => {
                let _pause = Pause::new(place.server)?;
                tokio::time::sleep(PAUSED).await;
            }
        }
        Ok(())
    }
}

fn pid(process: u32) -> Result<Pid> {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    pid.context("the server has no process")
}

/// A lower limit of descriptors.
struct Lowered(Pid, Rlimit);

impl Lowered {
    fn new(server: u32) -> Result<Self> {
        let open = fs::read_dir(format!("/proc/{server}/fd"))?.count() as u64;
        let server = pid(server)?;
        let before = prlimit(
            Some(server),
            Resource::Nofile,
            Rlimit {
                current: Some(open + SPARE),
                maximum: limit_of(server)?.maximum,
            },
        )?;
        Ok(Self(server, before))
    }
}

impl Drop for Lowered {
    fn drop(&mut self) {
        // A server that ended has none, which is seen elsewhere.
        let _ = prlimit(Some(self.0), Resource::Nofile, self.1);
    }
}

/// The limit that a process has now.
fn limit_of(process: Pid) -> Result<Rlimit> {
    let path = format!("/proc/{}/limits", process.as_raw_nonzero());
    let text = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    let line = text.lines().find(|line| line.starts_with("Max open files"));
    let mut numbers = line
        .into_iter()
        .flat_map(str::split_whitespace)
        .filter_map(|word| word.parse::<u64>().ok());
    let (Some(current), maximum) = (numbers.next(), numbers.next()) else {
        bail!("{path} has no limit of descriptors");
    };
    Ok(Rlimit {
        current: Some(current),
        maximum,
    })
}

/// A file that takes all the space that is left.
struct Filler(PathBuf);

impl Filler {
    fn new(folder: &Path) -> Result<Self> {
        let path = folder.join("filler");
        let mut file =
            File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        let filler = Self(path);
        let mut length = BLOCK;
        let block = vec![0; BLOCK];
        while length > 0 {
            match file.write_all(block.get(..length).unwrap_or_default()) {
                Ok(()) => {}
                // To the last page.
                Err(error) if error.kind() == io::ErrorKind::StorageFull => length /= 16,
                Err(error) => return Err(error).context("the disk cannot be filled"),
            }
        }
        Ok(filler)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        // If it stays, no message is stored any more, which is seen.
        let _ = fs::remove_file(&self.0);
    }
}

/// A folder that has another name for a while.
struct Away {
    folder: PathBuf,
    aside: PathBuf,
}

impl Away {
    fn new(folder: PathBuf) -> Result<Self> {
        let aside = folder.with_extension("away");
        fs::rename(&folder, &aside)
            .with_context(|| format!("{} cannot be renamed", folder.display()))?;
        Ok(Self { folder, aside })
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        // The server may have made an empty one, or one with a new version in it.
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let _ = fs::rename(entry.path(), self.aside.join(entry.file_name()));
        }
        let _ = fs::remove_dir(&self.folder);
        let _ = fs::rename(&self.aside, &self.folder);
    }
}

fn remove_sockets(temporary: &Path) -> Result<()> {
    for entry in fs::read_dir(temporary)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(SOCKETS) {
            // Processes that end meanwhile remove parts of it too.
            match fs::remove_dir_all(entry.path()).map_err(|error| error.kind()) {
                Ok(()) | Err(io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {}
                Err(kind) => bail!("the socket folder cannot be removed: {kind}"),
            }
        }
    }
    Ok(())
}

/// A process that stands still.
struct Pause(Pid);

impl Pause {
    fn new(server: u32) -> Result<Self> {
        let server = pid(server)?;
        kill_process(server, Signal::STOP).context("the server cannot be stopped")?;
        Ok(Self(server))
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        // One that ended is seen elsewhere.
        let _ = kill_process(self.0, Signal::CONT);
    }
}
