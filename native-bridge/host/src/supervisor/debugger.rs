//! Deadlines while a debugger is attached to a plugin.
//!
//! A person who reads variables at a breakpoint takes longer than any deadline. While a
//! debugger is attached, deadlines are therefore suspended: an open call keeps the time
//! that it had left, and has it again once the debugger is gone. The same holds for the
//! time in which a plugin must answer a ping or a cancelled call, so the host does not
//! restart the process under a person's hands.
//!
//! Two things are not suspended:
//!
//! - A filter's deadline, and its turn to be called: a message must not wait for a person.
//!   The message goes on as after any missed deadline. The process stays.
//! - The steps that end an instance or a process: a person asked for them.
//!
//! Only some processes have this, because a plugin could attach a debugger to itself and
//! so have no deadlines: those that a person started by hand
//! ([`attach`](super::attach)), and, with
//! [`Settings::debugging`](crate::Settings::debugging), those of the host itself.
//!
//! A debugger is known in two ways. The system names the tracer of a process, such as gdb,
//! lldb or delve, in `/proc`; the connection looks there at each check of its deadlines.
//! A debugger inside the process, such as Python's, is no tracer: the plugin reports it
//! with the notification `process.debugged`. Hosts without this module ignore it.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use mortise_runtime::{Log, log::Source, types::Level};
use parking_lot::{Mutex, MutexGuard};

use super::memory;

/// The interval between looks for a debugger.
pub(crate) const LOOK: Duration = Duration::from_millis(500);

/// The processes of a plugin to which a debugger may attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Debuggee {
    /// One process; none if the system does not name it.
    Process(Option<u32>),
    /// All processes below this one.
    Below(u32),
}

/// A plugin's debugger, and the time for which it suspended deadlines.
#[derive(Debug)]
pub(crate) struct Debugger {
    log: Arc<Log>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The start of a process that is observed, and the process.
    observed: Option<(u64, Debuggee)>,
    /// True if the plugin reported a debugger.
    reported: bool,
    /// The time since which deadlines are suspended.
    since: Option<Instant>,
    /// The time for which they were suspended before that.
    before: Duration,
    /// The time of the last look.
    looked: Instant,
}

impl Debugger {
    /// Observes no process. Changes are written into this log.
    pub(crate) fn new(log: Arc<Log>) -> Self {
        Self {
            log,
            state: Mutex::new(State {
                observed: None,
                reported: false,
                since: None,
                before: Duration::ZERO,
                looked: Instant::now(),
            }),
        }
    }

    /// Observes a process from its start with this number on; none for a process whose
    /// deadlines are never suspended.
    pub(crate) fn observe(&self, generation: u64, debuggee: Option<Debuggee>) {
        let mut state = self.state();
        state.observed = debuggee.map(|debuggee| (generation, debuggee));
        state.reported = false;
        if state.since.is_none() {
            state.looked = Instant::now();
        }
        self.settle(&mut state);
    }

    /// Observes the process of this start no more.
    pub(crate) fn leave(&self, generation: u64) {
        let mut state = self.state();
        if state.observed.is_some_and(|(of, _)| of == generation) {
            state.observed = None;
            state.reported = false;
            self.settle(&mut state);
        }
    }

    /// The plugin reports that a debugger is attached, or is no more.
    pub(crate) fn report(&self, attached: bool) {
        let mut state = self.state();
        state.reported = attached;
        self.settle(&mut state);
    }

    /// Looks for a debugger, and returns the time for which deadlines were suspended so
    /// far.
    pub(crate) fn look(&self) -> Duration {
        let mut state = self.state();
        self.settle(&mut state);
        state.suspended()
    }

    /// Returns that time as of the last look.
    pub(crate) fn suspended(&self) -> Duration {
        self.state().suspended()
    }

    /// Returns true if deadlines were suspended at the last look.
    pub(crate) fn is_attached(&self) -> bool {
        self.state().since.is_some()
    }

    /// Waits until a debugger is attached.
    pub(crate) async fn attached(&self) {
        loop {
            self.look();
            if self.is_attached() {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn settle(&self, state: &mut State) {
        let now = Instant::now();
        let attached = state.is_debugged();
        match state.since {
            None if attached => {
                // It may have come right after the last look: a deadline that passed
                // since then is suspended, too.
                state.since = Some(state.looked);
                self.note(
                    "a debugger is attached: deadlines are suspended, except those of filters",
                );
            }
            Some(since) if !attached => {
                state.before += now.saturating_duration_since(since);
                state.since = None;
                self.note("no debugger is attached any more: deadlines run again");
            }
            _ => {}
        }
        state.looked = now;
    }

    fn note(&self, text: &str) {
        self.log.write(Level::Info, Source::Host, text);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    fn is_debugged(&self) -> bool {
        match self.observed {
            None => false,
            Some(_) if self.reported => true,
            Some((_, Debuggee::Process(process))) => process.is_some_and(is_traced),
            Some((_, Debuggee::Below(process))) => memory::processes_below(process)
                .is_some_and(|processes| processes.into_iter().any(is_traced)),
        }
    }

    fn suspended(&self) -> Duration {
        let now = self.since.map(|since| since.elapsed());
        self.before + now.unwrap_or_default()
    }
}

/// Returns true if the system names a tracer of this process.
fn is_traced(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let tracer = status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|id| id.trim() != "0")
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    use std::process::Command;
    use std::{sync::Arc, time::Duration};

    use mortise_runtime::Log;

    use super::{Debuggee, Debugger};

    fn texts(log: &Log) -> Vec<String> {
        log.since(0).into_iter().map(|entry| entry.text).collect()
    }

    #[test]
    fn the_time_of_a_reported_debugger_counts_once() {
        let log = Arc::new(Log::new(1 << 20));
        let debugger = Debugger::new(Arc::clone(&log));
        debugger.report(true);
        assert_eq!(debugger.look(), Duration::ZERO, "no process has this");
        debugger.observe(7, Some(Debuggee::Process(None)));
        assert!(!debugger.is_attached(), "the report was of another process");

        debugger.report(true);
        debugger.report(true);
        assert!(debugger.is_attached());
        mortise_wait::until_blocking("the time that is suspended", || {
            debugger.look() >= Duration::from_millis(20)
        });
        // The end of a process that was replaced.
        debugger.leave(6);
        assert!(debugger.is_attached());
        debugger.leave(7);
        let suspended = debugger.look();
        assert!(suspended >= Duration::from_millis(20));
        assert_eq!(debugger.look(), suspended, "it does not grow");
        let texts = texts(&log);
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[0].contains("deadlines are suspended"), "{texts:?}");
        assert!(texts[1].contains("deadlines run again"), "{texts:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_tracer_of_a_process_suspends() {
        let own = std::process::id();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        // Kernels may lack the list of children.
        let listed = std::path::Path::new("/proc/thread-self/children").exists();
        let debuggees = [
            (Debuggee::Process(Some(child.id())), true),
            (Debuggee::Below(own), listed),
            (Debuggee::Process(Some(own)), false),
            (Debuggee::Process(None), false),
        ]
        .map(|(debuggee, seen)| {
            let debugger = Debugger::new(Arc::new(Log::new(1 << 20)));
            debugger.observe(1, Some(debuggee));
            (debugger, seen)
        });
        for (debugger, _) in &debuggees {
            assert_eq!(debugger.look(), Duration::ZERO, "{debugger:?}");
        }
        #[expect(unsafe_code, reason = "nobody wraps it")]
        // SAFETY: this request reads and writes no memory of this process.
        let seized = unsafe {
            let (request, process) = (i64::from(libc::PTRACE_SEIZE), i64::from(child.id()));
            libc::syscall(libc::SYS_ptrace, request, process, 0_i64, 0_i64)
        };
        let error = std::io::Error::last_os_error();
        for (debugger, seen) in &debuggees {
            debugger.look();
            assert_eq!(debugger.is_attached(), *seen, "{debugger:?}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(seized, 0, "{error}");
        for (debugger, _) in &debuggees {
            debugger.look();
            assert!(!debugger.is_attached(), "{debugger:?}");
        }
    }
}
