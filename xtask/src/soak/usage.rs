//! The resources of a process, from `/proc`.

use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context as _, Result};
use serde::Serialize;

/// The counted resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Usage {
    /// Resident bytes, without those of processes below it.
    pub(super) memory: u64,
    pub(super) descriptors: usize,
    /// Of the descriptors.
    pub(super) sockets: usize,
    pub(super) threads: usize,
    /// Below it, at any depth.
    pub(super) processes: usize,
}

impl Usage {
    /// Returns a process's current resources.
    pub(super) fn of(process: u32) -> Result<Self> {
        let folder = format!("/proc/{process}");
        let names = |part: &str| -> Result<Vec<fs::DirEntry>> {
            fs::read_dir(format!("{folder}/{part}"))
                .and_then(Iterator::collect)
                .with_context(|| format!("{folder}/{part} cannot be read"))
        };
        let descriptors = names("fd")?;
        // One that was closed meanwhile is none.
        let targets = descriptors.iter().flat_map(|fd| fs::read_link(fd.path()));
        let sockets = targets.filter(|to| to.to_string_lossy().starts_with("socket:"));
        Ok(Self {
            memory: field(process, "status", "VmRSS:")? * 1024,
            descriptors: descriptors.len(),
            sockets: sockets.count(),
            threads: names("task")?.len(),
            processes: below(process)?,
        })
    }
}

impl Usage {
    /// The less of each.
    pub(super) fn or_less(&self, other: &Self) -> Self {
        Self {
            memory: self.memory.min(other.memory),
            descriptors: self.descriptors.min(other.descriptors),
            sockets: self.sockets.min(other.sockets),
            threads: self.threads.min(other.threads),
            processes: self.processes.min(other.processes),
        }
    }

    /// Returns the resources that grew, except memory.
    pub(super) fn more_than(&self, before: &Self) -> Vec<String> {
        [
            ("descriptors", before.descriptors, self.descriptors),
            ("sockets", before.sockets, self.sockets),
            ("threads", before.threads, self.threads),
            ("processes", before.processes, self.processes),
        ]
        .into_iter()
        .filter(|(_, before, now)| now > before)
        .map(|(what, before, now)| format!("{now} {what} where there were {before}"))
        .collect()
    }
}

/// Processes and files of a server's plugins.
pub(super) struct Remains;

impl Remains {
    /// Returns the processes that run from below a data directory or have to do with
    /// the folder for temporary files, and the sockets in that folder.
    pub(super) fn of(data: &Path, temporary: &Path) -> Vec<String> {
        let folders = [data, temporary].map(|folder| folder.to_string_lossy().into_owned());
        let mut remains = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.parse() == Ok(std::process::id()) || name.parse::<u32>().is_err() {
                continue;
            }
            // One that ended meanwhile has none.
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let place = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            let is_in =
                |folder: &String| command.contains(folder.as_str()) || place.starts_with(folder);
            if folders.iter().any(is_in) {
                remains.push(format!("process {name}: {command}"));
            }
        }
        for folder in fs::read_dir(temporary).into_iter().flatten().flatten() {
            // Those that are no folder have none.
            for entry in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                if is_socket(&entry) {
                    remains.push(entry.path().display().to_string());
                }
            }
            if is_socket(&folder) {
                remains.push(folder.path().display().to_string());
            }
        }
        remains
    }
}

fn is_socket(entry: &fs::DirEntry) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    entry.file_type().is_ok_and(|kind| kind.is_socket())
}

/// Bytes that a process has read so far, from files and sockets.
pub(super) fn bytes_read(process: u32) -> Result<u64> {
    field(process, "io", "rchar:")
}

/// The number behind a name in a file about a process.
fn field(process: u32, file: &str, name: &str) -> Result<u64> {
    let path = format!("/proc/{process}/{file}");
    let text = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    number(&text, name).with_context(|| format!("{path} has no number `{name}`"))
}

fn number(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Returns the number of processes below one.
fn below(process: u32) -> Result<usize> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").context("/proc cannot be read")? {
        let name = entry.context("/proc cannot be read")?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // One that ended meanwhile is none.
        let stat = fs::read_to_string(format!("/proc/{id}/stat"));
        if let Some(parent) = stat.ok().as_deref().and_then(parent) {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut found = vec![process];
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        let of = children.remove(parent).unwrap_or_default();
        found.extend(of);
        next += 1;
    }
    Ok(found.len() - 1)
}

/// The parent in a process's `stat`: behind its name, which may hold anything,
/// and its state.
fn parent(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Usage, number, parent};

    #[test]
    fn the_kernels_files_are_read_as_it_writes_them() {
        let status = "Name:\tx\nVmRSS:\t   12345 kB\n";
        assert_eq!(number(status, "VmRSS:"), Some(12345));
        assert_eq!(number(status, "VmSwap:"), None);
        assert_eq!(parent("7 (a) b) c) S 42 7 7 0"), Some(42));
        let own = Usage::of(std::process::id()).unwrap();
        assert!(own.memory > 0 && own.threads > 0 && own.descriptors > own.sockets);
    }
}
