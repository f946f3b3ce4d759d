//! The stage: turns its own process into the plugin.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::{
        fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt as _},
    },
    process::{Command, Stdio},
};

use mortise_protocol::{DESCRIPTOR_PREFIX, SOCKET_VARIABLE};

use super::{
    pass,
    plan::{Plan, Report},
};
use crate::sandbox;

/// Only returns, with an exit status, when the plugin could not be executed.
pub(super) fn run() -> i32 {
    // First of all: it gets the lowest number.
    let given = pass::receive(std::io::stdin())
        .and_then(|connection| Ok((connection, pass::receive(std::io::stdin())?)));
    let Ok(monitor) = std::io::stdin().as_fd().try_clone_to_owned() else {
        return 1;
    };
    let mut monitor = UnixStream::from(monitor);
    let failure = match given {
        Ok((connection, network)) => become_plugin(&monitor, &connection, network),
        Err(error) => format!("the launcher was given no connection for the plugin: {error}"),
    };
    if let Ok(line) = serde_json::to_string(&Report::Failed(failure)) {
        // The monitor sees the end in any case.
        let _ = monitor.write_all(format!("{line}\n").as_bytes());
    }
    1
}

/// Returns what went wrong.
fn become_plugin(monitor: &UnixStream, connection: &OwnedFd, network: OwnedFd) -> String {
    let mut line = String::new();
    let read = BufReader::new(monitor).read_line(&mut line);
    let plan: Plan = match read
        .map_err(|error| error.to_string())
        .and_then(|_| serde_json::from_str(&line).map_err(|error| error.to_string()))
    {
        Ok(plan) => plan,
        Err(error) => return format!("the launcher was not told what to start: {error}"),
    };
    if let Err(error) = rustix::process::setsid() {
        return format!("a session of its own was refused: {error}");
    }
    if let Err(error) = die_with(plan.policy.monitor) {
        return error;
    }
    if let Err(error) = close_on_execute() {
        return format!("inherited descriptors could not be closed: {error}");
    }
    let socket = format!("{DESCRIPTOR_PREFIX}{}", connection.as_raw_fd());
    if let Err(error) = rustix::io::fcntl_setfd(connection, rustix::io::FdFlags::empty()) {
        return format!("the plugin's connection could not be kept open: {error}");
    }
    let nothing = match std::fs::File::open("/dev/null") {
        Ok(nothing) => nothing,
        Err(error) => return format!("/dev/null could not be opened: {error}"),
    };
    let mut command = Command::new(&plan.program);
    command
        .current_dir(&plan.directory)
        .env_clear()
        .envs(plan.environment.iter().map(|(name, value)| (name, value)))
        .env(SOCKET_VARIABLE, socket)
        .stdin(Stdio::from(nothing));
    let applied = match sandbox::apply_served(&plan.policy, Some(network.as_fd())) {
        Ok(applied) => applied,
        Err(error) => return error.to_string(),
    };
    drop(network);
    if let Some(proxy) = applied.proxy {
        command.envs(sandbox::variables(proxy));
    }
    match serde_json::to_string(&Report::Protected(applied.protection)) {
        Ok(line) => {
            let mut monitor = monitor;
            if let Err(error) = monitor.write_all(format!("{line}\n").as_bytes()) {
                return format!("the monitor process has ended: {error}");
            }
        }
        Err(error) => return error.to_string(),
    }
    let error = command.exec();
    explain(&plan, &error)
}

/// Explains an error of `exec`, which is terse.
fn explain(plan: &Plan, error: &std::io::Error) -> String {
    let program = plan.program.display();
    match error.kind() {
        std::io::ErrorKind::NotFound => format!(
            "`{program}` could not be executed: {error}; the interpreter in its first line, or \
             the dynamic loader it was linked for, is not on this machine"
        ),
        std::io::ErrorKind::PermissionDenied => format!(
            "`{program}` could not be executed: {error}; it needs the permission to be executed, \
             on a file system that is not mounted `noexec`, and its interpreter must be in a \
             folder that plugins may read"
        ),
        _ => format!("`{program}` could not be executed: {error}"),
    }
}

/// Has the kernel kill this process, and so the plugin, when the monitor ends.
#[cfg(target_os = "linux")]
fn die_with(monitor: u32) -> Result<(), String> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("the parent-death signal was refused: {error}"))?;
    let parent = getppid().and_then(|pid| u32::try_from(pid.as_raw_pid()).ok());
    if parent == Some(monitor) {
        Ok(())
    } else {
        Err("the monitor process has ended".to_owned())
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with(_monitor: u32) -> Result<(), String> {
    Ok(())
}

/// Marks every descriptor but the standard ones to be closed when the plugin is
/// executed.
fn close_on_execute() -> std::io::Result<()> {
    let folder = if cfg!(target_os = "linux") {
        "/proc/self/fd"
    } else {
        "/dev/fd"
    };
    let open: Vec<i32> = std::fs::read_dir(folder)?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > 2)
        .collect();
    for descriptor in open {
        #[expect(
            unsafe_code,
            reason = "an inherited descriptor is known by its number only"
        )]
        // SAFETY: it is only borrowed for the next call, which says EBADF if it
        // was closed since it was listed, as the one of the listing was.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        match rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC) {
            Ok(()) | Err(rustix::io::Errno::BADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
