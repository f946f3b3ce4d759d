//! The files and directories that a process may use, and how.

use std::path::{Path, PathBuf};

use mortise_runtime::process::Protection;

use super::{
    Policy,
    paths::{DEVICES, EXECUTABLE, READABLE},
};

/// The use that a process may make of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Read, and list.
    Read,
    /// Read, list and execute.
    Execute,
    /// Everything but to execute.
    Write,
    /// Read and write a device.
    Device,
}

/// A file, or a directory with all below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) access: Access,
}

/// All places of a policy, without its working directory. A granted directory
/// that cannot be opened, or that overlaps a protected one, is left out and
/// reported.
pub(super) fn of(policy: &Policy, protection: &mut Protection) -> Vec<Place> {
    let system = |paths: &'static [&'static str], access| {
        paths.iter().map(move |path| (PathBuf::from(*path), access))
    };
    let others = policy
        .readable
        .iter()
        .map(|path| (path.clone(), Access::Execute));
    let implicit = system(EXECUTABLE, Access::Execute)
        .chain(system(READABLE, Access::Read))
        .chain(system(DEVICES, Access::Device))
        .chain(others);
    let mut places: Vec<Place> = Vec::new();
    for (path, access) in implicit {
        // What is not on this machine is nothing to allow.
        for path in policy.protected.around(&path) {
            if path.exists() {
                places.push(Place { path, access });
            }
        }
    }
    places.push(Place {
        path: policy.program.clone(),
        access: Access::Execute,
    });
    for granted in &policy.reach.files {
        let path = Path::new(&granted.path);
        if let Err(error) = policy.protected.check(path) {
            protection.open.push(format!(
                "the granted directory `{}` is denied: {error}",
                granted.path
            ));
        } else if std::fs::metadata(path).is_err() {
            // It is denied then, which is safe: no reason not to start.
            protection.open.push(format!(
                "the granted directory `{}` is not there or cannot be opened",
                granted.path
            ));
        } else {
            let access = if granted.writable {
                Access::Write
            } else {
                Access::Read
            };
            places.push(Place {
                path: path.to_owned(),
                access,
            });
        }
    }
    places
}
