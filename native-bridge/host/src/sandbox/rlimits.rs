//! Resource limits. Soft and hard alike, so that they cannot be raised again.

use mortise_runtime::process::Protection;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::ProcessLimits;

/// The main thread's stack, which the limit of memory does not count, and the
/// stack that C's library gives a new thread: with its usual 8 MiB, which count
/// in full, a hundred threads would use up the memory.
const STACK_BYTES: u64 = 2 << 20;

/// Signals and timers that a process has at a time.
const PENDING: u64 = 1024;

/// With `own_users`, the process is alone in a user namespace.
pub(super) fn apply(limits: &ProcessLimits, own_users: bool, protection: &mut Protection) {
    // Threads count too, so this is none where all processes of the server's user
    // are counted together.
    let processes =
        own_users.then_some((Resource::Nproc, limits.processes, "processes and threads"));
    let bounds = [
        (Resource::Core, 0, "core dumps"),
        (Resource::Data, limits.memory_bytes, "memory"),
        (Resource::Stack, STACK_BYTES, "stack"),
        (Resource::Nofile, limits.open_files, "open files"),
        (Resource::Fsize, limits.file_bytes, "the size of a file"),
        // All processes of the server's user share what the system allows of these.
        (Resource::Sigpending, PENDING, "signals that wait"),
        (Resource::Msgqueue, 0, "message queues"),
        (Resource::Rtprio, 0, "priority in real time"),
        (Resource::Nice, 0, "priority"),
    ];
    for (resource, most, what) in bounds.into_iter().chain(processes) {
        let bound = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        match setrlimit(resource, bound) {
            Ok(()) => protection.applied.push(format!(
                "resource limit: {what}, {}",
                in_words(resource, most)
            )),
            Err(error) => protection
                .missing
                .push(format!("the resource limit of {what} ({error})")),
        }
    }
}

/// The bound with its unit.
fn in_words(resource: Resource, most: u64) -> String {
    match resource {
        Resource::Data | Resource::Stack | Resource::Fsize if most.is_multiple_of(1 << 20) => {
            format!("{} MiB", most >> 20)
        }
        Resource::Data | Resource::Stack | Resource::Fsize => format!("{most} bytes"),
        Resource::Core => "none".to_owned(),
        _ => most.to_string(),
    }
}
