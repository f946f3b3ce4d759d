//! The file system of a mount namespace: the places that the process may use,
//! under their own paths, and nothing else. All is read-only but what was granted
//! for writing, its working directory and shared memory; the latter two are in
//! memory and bounded.

use std::{
    io,
    path::{Component, Path, PathBuf},
};

use super::{
    Policy,
    places::{Access, Place},
    system,
};

/// The attributes of mounts.
const READ_ONLY: u64 = 1;
const NO_SET_UID: u64 = 2;
const NO_DEVICES: u64 = 4;
const NO_EXECUTE: u64 = 8;

/// The most that POSIX shared memory may hold, in bytes.
const SHARED_MEMORY: u64 = 64 << 20;

/// Builds the file system below a directory in the process's folder, and makes
/// it the root. Whether `/proc` is of the process's own namespace.
pub(super) fn build(policy: &Policy, places: &[Place]) -> io::Result<bool> {
    let root = policy.folder.join("root");
    std::fs::create_dir_all(&root)?;
    // What the machine mounts later in a granted directory is seen, and nothing
    // goes the other way.
    system::mount(
        None,
        Path::new("/"),
        None,
        libc::MS_REC | libc::MS_SLAVE,
        None,
    )
    .map_err(|error| at(Path::new("/"), &error))?;
    memory(&root, "mode=0755,size=4m")?;
    bind_all(&root, places)?;
    if let Some(folders) = policy.folder.parent()
        && places.iter().any(|place| contains(place, folders))
    {
        // A granted directory contains the folders of all processes.
        memory(&inside(&root, folders), "mode=0755,size=1m")?;
    }
    let devices = root.join("dev");
    std::fs::create_dir_all(&devices)?;
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        std::os::unix::fs::symlink(target, devices.join(name))?;
    }
    let shared = devices.join("shm");
    std::fs::create_dir_all(&shared)?;
    memory(
        &shared,
        &format!("mode=1777,size={SHARED_MEMORY},nr_inodes=1024"),
    )?;
    let own = proc(&root)?;
    let directory = inside(&root, &policy.directory);
    std::fs::create_dir_all(&directory)?;
    let limits = &policy.limits;
    memory(
        &directory,
        &format!(
            "mode=0700,size={},nr_inodes={}",
            limits.directory_bytes, limits.directory_entries
        ),
    )?;
    std::fs::create_dir_all(directory.join("tmp"))?;
    std::env::set_current_dir(&root)?;
    system::change_root()?;
    system::restrict_mount(Path::new("/"), READ_ONLY, false)?;
    Ok(own)
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The path of a place below the new root.
fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// A file system in memory.
fn memory(target: &Path, options: &str) -> io::Result<()> {
    let flags = libc::MS_NOSUID | libc::MS_NODEV;
    system::mount(
        Some(Path::new("tmpfs")),
        target,
        Some("tmpfs"),
        flags,
        Some(options),
    )
    .map_err(|error| at(target, &error))
}

/// `/proc`: the namespace's own, or the machine's where the kernel does not
/// allow another, as in a container that hides parts of it. Landlock restricts
/// the latter to the process itself.
fn proc(root: &Path) -> io::Result<bool> {
    let target = root.join("proc");
    std::fs::create_dir_all(&target)?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    let name = Path::new("proc");
    let own = system::mount(Some(name), &target, Some("proc"), flags, None).is_ok();
    if !own {
        bind(Path::new("/proc"), &target)?;
    }
    system::restrict_mount(&target, READ_ONLY, true)?;
    Ok(own)
}

fn bind(source: &Path, target: &Path) -> io::Result<()> {
    let flags = libc::MS_BIND | libc::MS_REC;
    system::mount(Some(source), target, None, flags, None).map_err(|error| at(source, &error))
}

fn bind_all(root: &Path, places: &[Place]) -> io::Result<()> {
    let mut resolved: Vec<(PathBuf, &Place)> = Vec::new();
    for place in places.iter().filter(|place| !of_proc(&place.path)) {
        resolved.push((place.path.canonicalize()?, place));
    }
    if resolved.iter().any(|(path, _)| path.parent().is_none()) {
        return Err(io::Error::other("the whole file system is granted"));
    }
    // What contains another comes before it.
    resolved.sort_by_key(|(path, place)| (path.components().count(), place.access as u8));
    let mut bound: Vec<(&Path, bool)> = Vec::new();
    for (path, place) in &resolved {
        let writable = matches!(place.access, Access::Write);
        let above = bound
            .iter()
            .rev()
            .find(|(above, _)| path.starts_with(above));
        if above.is_some_and(|(_, above)| *above || !writable) {
            continue;
        }
        let target = inside(root, path);
        if path.is_dir() {
            std::fs::create_dir_all(&target)?;
        } else {
            std::fs::create_dir_all(target.parent().unwrap_or(root))?;
            if !target.exists() {
                std::fs::File::create(&target)?;
            }
        }
        bind(path, &target)?;
        let attributes = match place.access {
            Access::Device => NO_SET_UID | NO_EXECUTE,
            Access::Write => NO_SET_UID | NO_DEVICES,
            Access::Read | Access::Execute => NO_SET_UID | NO_DEVICES | READ_ONLY,
        };
        system::restrict_mount(&target, attributes, true).map_err(|error| at(path, &error))?;
        bound.push((path, writable));
    }
    for (_, place) in &resolved {
        link(root, &place.path)?;
    }
    Ok(())
}

fn contains(place: &Place, path: &Path) -> bool {
    let place = place.path.canonicalize();
    place.is_ok_and(|place| path.starts_with(place))
}

fn of_proc(path: &Path) -> bool {
    path.starts_with("/proc")
}

/// Makes the symbolic links on the way to a place, which is bound under the path
/// that they lead to.
fn link(root: &Path, path: &Path) -> io::Result<()> {
    let mut reached = PathBuf::from("/");
    for component in path.components() {
        let Component::Normal(name) = component else {
            continue;
        };
        let next = reached.join(name);
        if !next.is_symlink() {
            reached = next;
            continue;
        }
        let target = next.canonicalize()?;
        let link = inside(root, &next);
        if !link.is_symlink() {
            std::fs::create_dir_all(link.parent().unwrap_or(root))?;
            std::os::unix::fs::symlink(&target, &link).map_err(|error| at(&link, &error))?;
        }
        reached = target;
    }
    Ok(())
}
