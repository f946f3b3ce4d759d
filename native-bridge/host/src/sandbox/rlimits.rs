//! Resource limits. Soft and hard alike, so that they cannot be raised again.

use mortise_runtime::process::Protection;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::ProcessLimits;

pub(super) fn apply(limits: &ProcessLimits, protection: &mut Protection) {
    for (resource, most, what) in [
        (Resource::Core, 0, "core dumps"),
        (Resource::Data, limits.memory_bytes, "memory"),
        (Resource::Nofile, limits.open_files, "open files"),
        (Resource::Fsize, limits.file_bytes, "the size of a file"),
    ] {
        let bound = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        match setrlimit(resource, bound) {
            Ok(()) => protection
                .applied
                .push(format!("resource limit: {what}, {most}")),
            Err(error) => protection
                .missing
                .push(format!("the resource limit of {what} ({error})")),
        }
    }
}
