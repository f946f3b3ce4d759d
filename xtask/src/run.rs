//! Running other programs, and reporting it.
//!
//! Standard output is for results (`--json`). All other output, including that
//! of the programs, goes to standard error.

use std::{
    ffi::OsString,
    fmt,
    io::{self, IsTerminal as _, Write as _},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use mortise_toolchain::process;
pub(crate) use mortise_toolchain::process::{answers, shown};

/// The hidden subcommand of [`Tied`].
pub(crate) const TIED: &str = "__tied";

/// The control sequence that clears a terminal's line from the cursor on.
pub(crate) const CLEAR_LINE: &str = "\x1b[K";

/// Prints a line for people.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    let mut err = io::stderr().lock();
    // On a terminal, `progress` may have written to this line.
    let clear = if err.is_terminal() { CLEAR_LINE } else { "" };
    // A closed output is no reason to stop.
    let _ = writeln!(err, "{clear}{text}");
}

/// Gives out a result on standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .context("standard output is closed")
}

/// Runs a program to its end. Its output goes to standard error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    Ok(process::run(command)?)
}

/// Runs a program to its end and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    Ok(process::output(command)?)
}

/// The processor time of this program and of the programs that it waited for; none
/// where the system does not say.
#[cfg(target_os = "linux")]
pub(crate) fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    processor_ticks(&stat).map(|ticks| {
        #[expect(
            clippy::cast_precision_loss,
            reason = "hundredths of seconds are precise enough"
        )]
        let seconds = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        seconds
    })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn processor_seconds() -> Option<f64> {
    None
}

/// Adds up the four times in `/proc/PID/stat`, which begin in the twelfth field
/// after the program's name.
#[cfg(target_os = "linux")]
fn processor_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let times: Vec<u64> = rest
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|time| time.parse().ok())
        .collect();
    (times.len() == 4).then(|| times.iter().sum())
}

/// Becomes another program, having asked the kernel to end it together with
/// the process that started it. `Command` has no safe way to ask this for a
/// child, but a process may ask it for itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Tied {
    /// The process that must be alive.
    parent: u32,
    program: OsString,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Tied {
    /// A command that runs `program` tied to this process.
    pub(crate) fn command(program: &std::path::Path) -> Result<Command> {
        let this = std::env::current_exe().context("this program's own file is not known")?;
        let mut command = Command::new(this);
        command
            .arg(TIED)
            .arg(std::process::id().to_string())
            .arg(program);
        Ok(command)
    }

    /// Does not return unless it fails.
    #[cfg(target_os = "linux")]
    pub(crate) fn exec(&self) -> Result<()> {
        use std::os::unix::process::{CommandExt as _, parent_id};

        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))
            .context("the kernel refused to tie the process to its parent")?;
        // It may have ended before the line above.
        if parent_id() != self.parent {
            bail!("the process that wanted this has ended");
        }
        let error = Command::new(&self.program).args(&self.arguments).exec();
        Err(error).with_context(|| format!("{} cannot be started", self.program.display()))
    }

    /// Elsewhere only the parent itself ends it.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn exec(&self) -> Result<()> {
        let status = Command::new(&self.program)
            .args(&self.arguments)
            .status()
            .with_context(|| format!("{} cannot be started", self.program.display()))?;
        if status.success() {
            Ok(())
        } else {
            bail!("{} ended with {status}", self.program.display())
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{processor_seconds, processor_ticks};

    #[test]
    fn the_time_of_programs_below_counts() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4 5 6 7 8 100 20 3 4 20 0 1 0 99";
        assert_eq!(processor_ticks(stat), Some(127));
        assert_eq!(processor_ticks("7 (cut off"), None);
        assert!(processor_seconds().is_some());
    }
}
