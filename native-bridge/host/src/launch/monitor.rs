//! The monitor: starts the stage, passes on commands and reports, and leaves
//! nothing behind.
//!
//! Three threads: one reads commands, one reaps children, the main one decides.
//! The main thread starts the stage, because a parent-death signal is tied to
//! the thread that did.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt as _},
    },
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions};

use super::{
    STAGE, pass,
    plan::{Plan, Report, StopCommand},
    remove,
};

enum Event {
    Command(StopCommand),
    /// The host wants no more, or was killed.
    Left,
    /// The process of this id has ended.
    Ended(Pid, ExitStatus),
    /// There is no child left.
    Alone,
}

/// The interval at which remaining processes are killed again.
const AGAIN: Duration = Duration::from_millis(20);
/// After how long the monitor leaves, though a process does not die.
const GIVE_UP: Duration = Duration::from_secs(10);

/// Returns the exit status.
pub(super) fn run() -> i32 {
    match monitor() {
        Ok(()) => 0,
        Err(_) => {
            // The host was killed before it said what to start.
            if let Some(folder) = std::env::args_os().nth(2).map(PathBuf::from) {
                let _ = remove::tree(&folder);
                super::remove_above(&folder, rustix::process::getppid());
            }
            1
        }
    }
}

fn monitor() -> std::io::Result<()> {
    let host = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let connection = pass::receive(&host)?;
    let network = pass::receive(&host)?;
    let mut commands = BufReader::new(host.try_clone()?);
    let mut line = String::new();
    commands.read_line(&mut line)?;
    let mut plan: Plan = serde_json::from_str(&line)?;
    plan.policy.monitor = std::process::id();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let entered = runtime.enter();
    let ignored = super::ignore_signals()?;
    adopt();
    let folder = plan.folder.clone();
    let group = plan.policy.group.clone();
    let parent = rustix::process::getppid();
    let left = match start(&plan, [connection, network], &host) {
        Ok(plugin) => attend(plugin, &host, commands),
        Err(error) => {
            report(&host, &Report::Failed(error));
            false
        }
    };
    #[cfg(target_os = "linux")]
    if let Ok(group) = group {
        crate::groups::end(&group);
    }
    // The host may have been too early, or be gone.
    let _ = remove::tree(&folder);
    if left {
        super::remove_above(&folder, parent);
    }
    drop((ignored, entered));
    Ok(())
}

/// Orphans below become children of this process, so that they can be found.
fn adopt() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Starts the stage and passes on its reports until it becomes the plugin.
fn start(plan: &Plan, passed: [OwnedFd; 2], host: &UnixStream) -> Result<Pid, String> {
    let fail = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    let (mut own, other) =
        UnixStream::pair().map_err(|error| fail("a socket could not be made", &error))?;
    let mut program = std::env::current_exe()
        .map_err(|error| fail("the launcher does not find itself", &error))?;
    if cfg!(target_os = "linux") {
        // Also there when the file was replaced meanwhile.
        program = "/proc/self/exe".into();
    }
    // The reaping thread waits for every child.
    let child = Command::new(program)
        .arg(STAGE)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(other)))
        .spawn()
        .map_err(|error| fail("the launcher could not be started again", &error))?;
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| "the process has no id".to_owned())?;
    for descriptor in &passed {
        pass::send(&own, descriptor.as_fd())
            .map_err(|error| fail("the plugin's connections could not be handed on", &error))?;
    }
    // Their end is to be seen when the plugin closes them.
    drop(passed);
    let said = serde_json::to_string(plan)
        .map_err(|error| error.to_string())
        .and_then(|plan| {
            own.write_all(format!("{plan}\n").as_bytes())
                .map_err(|error| error.to_string())
        });
    if let Err(error) = said {
        return Err(fail("the launcher could not be told what to start", &error));
    }
    // Ends when the stage executes the plugin, or with the stage.
    for line in BufReader::new(own).lines().map_while(Result::ok) {
        if let Ok(line) = serde_json::from_str(&line) {
            report(host, &line);
        }
    }
    Ok(pid)
}

/// Follows commands until nothing is left of the plugin. Returns true if the host
/// left first.
fn attend(plugin: Pid, host: &UnixStream, commands: BufReader<UnixStream>) -> bool {
    let (events, inbox) = mpsc::channel();
    let reaped = events.clone();
    std::thread::spawn(move || {
        for line in commands.lines().map_while(Result::ok) {
            if let Ok(command) = serde_json::from_str(&line)
                && events.send(Event::Command(command)).is_err()
            {
                return;
            }
        }
        let _ = events.send(Event::Left);
    });
    std::thread::spawn(move || {
        loop {
            match rustix::process::wait(WaitOptions::empty()) {
                Ok(Some((pid, status))) => {
                    let status = ExitStatus::from_raw(status.as_raw());
                    if reaped.send(Event::Ended(pid, status)).is_err() {
                        return;
                    }
                }
                Err(rustix::io::Errno::INTR) | Ok(None) => {}
                Err(_) => {
                    let _ = reaped.send(Event::Alone);
                    return;
                }
            }
        }
    });
    let mut until: Option<Instant> = None;
    let mut left = false;
    loop {
        let event = match until {
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(until) if Instant::now() > until => return left,
            Some(_) => inbox.recv_timeout(AGAIN),
        };
        match event {
            Ok(Event::Command(StopCommand::Term)) => {
                let _ = rustix::process::kill_process_group(plugin, Signal::TERM);
            }
            Ok(event @ (Event::Command(StopCommand::Kill) | Event::Left)) => {
                left |= matches!(event, Event::Left);
                until.get_or_insert(Instant::now() + GIVE_UP);
                let _ = rustix::process::kill_process_group(plugin, Signal::KILL);
                kill_children();
            }
            Ok(Event::Ended(pid, status)) if pid == plugin => {
                report(
                    host,
                    &Report::Exited {
                        code: status.code(),
                        signal: status.signal(),
                    },
                );
                until.get_or_insert(Instant::now() + GIVE_UP);
                kill_children();
            }
            Ok(Event::Ended(..)) => {}
            Ok(Event::Alone) | Err(RecvTimeoutError::Disconnected) => return left,
            Err(RecvTimeoutError::Timeout) => kill_children(),
        }
    }
}

/// Kills every direct child: the plugin, and processes that it started and that
/// were left to us. Their own children become ours as they end.
#[cfg(target_os = "linux")]
fn kill_children() {
    let own = std::process::id();
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return;
    };
    for process in processes.flatten() {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
            .and_then(Pid::from_raw)
        else {
            continue;
        };
        let parent = std::fs::read_to_string(process.path().join("stat"))
            .ok()
            // The name before it may have any character but ends with `)`.
            .and_then(|stat| {
                let (_, fields) = stat.rsplit_once(')')?;
                fields.split_ascii_whitespace().nth(1)?.parse::<u32>().ok()
            });
        if parent == Some(own) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

/// Without a list of processes, the group is all that is reached.
#[cfg(not(target_os = "linux"))]
fn kill_children() {}

fn report(mut host: &UnixStream, report: &Report) {
    if let Ok(line) = serde_json::to_string(report) {
        // The host may be gone.
        let _ = host.write_all(format!("{line}\n").as_bytes());
    }
}
