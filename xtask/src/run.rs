//! Running other programs, and reporting it.
//!
//! Standard output is for results (`--json`). All other output, including that
//! of the programs, goes to standard error.

use std::{
    ffi::OsString,
    fmt,
    io::{self, Write as _},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use mortise_author::process;
pub(crate) use mortise_author::process::{answers, shown};

/// The hidden subcommand of [`Tied`].
pub(crate) const TIED: &str = "__tied";

/// Tells the person something.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    // A closed output is no reason to stop.
    let _ = writeln!(io::stderr().lock(), "{text}");
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
