//! The processes below a process and their memory, as the system shows them.

use std::fs;

/// The most processes to look at: a plugin's limits allow fewer.
const PROCESSES: usize = 4_096;

/// Returns the resident memory of all processes below this one, in bytes; none if
/// the system does not show it.
pub(super) fn below(process: u32) -> Option<u64> {
    // One that ended meanwhile has no memory.
    let bytes = processes_below(process)?.into_iter().filter_map(resident);
    Some(bytes.fold(0, u64::saturating_add))
}

/// Returns all processes below this one; none if the system does not list them.
pub(super) fn processes_below(process: u32) -> Option<Vec<u32>> {
    let mut open = children(process)?;
    let mut found = Vec::new();
    while let Some(process) = open.pop() {
        if found.len() == PROCESSES {
            return None;
        }
        found.push(process);
        open.extend(children(process).unwrap_or_default());
    }
    Some(found)
}

/// The processes that a process started, by all its threads; none if the system does
/// not list them.
fn children(process: u32) -> Option<Vec<u32>> {
    let mut found = None;
    for task in fs::read_dir(format!("/proc/{process}/task")).ok()? {
        // A thread that ended meanwhile has no children.
        let Ok(text) = fs::read_to_string(task.ok()?.path().join("children")) else {
            continue;
        };
        let ids = text
            .split_whitespace()
            .filter_map(|id| id.parse::<u32>().ok());
        found.get_or_insert_with(Vec::new).extend(ids);
    }
    found
}

/// The resident memory of one process.
fn resident(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    #[test]
    fn the_memory_of_a_child_counts() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let bytes = super::below(std::process::id());
        child.kill().unwrap();
        child.wait().unwrap();
        // Kernels may lack the list of children.
        let shown = std::path::Path::new("/proc/thread-self/children").exists();
        assert_eq!(bytes.is_some_and(|bytes| bytes > 0), shown, "{bytes:?}");
    }
}
