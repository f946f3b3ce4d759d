//! Running other programs, and telling about it.
//!
//! Standard output is for results (`--json`); all else, also what the programs
//! print, goes to standard error.

use std::{
    ffi::OsString,
    fmt,
    io::{self, Write as _},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// The hidden subcommand of [`Tied`].
pub(crate) const TIED: &str = "__tied";

/// Tells the person something.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    // Nobody listening is no reason to stop.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Gives out a result on standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .context("standard output is closed")
}

/// A program's name and arguments as a person would type them.
pub(crate) fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    if let Some((_, name)) = text.rsplit_once('/') {
        text = name.to_owned();
    }
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

/// Runs a program to its end; what it prints goes to standard error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .with_context(|| format!("`{}` cannot be started", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs a program to its end and returns what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("`{}` cannot be started", shown(command)))?;
    if !output.status.success() {
        bail!("`{}` failed ({})", shown(command), output.status);
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` wrote something that is not text", shown(command)))
}

/// Whether a program is there and answers with success, in silence.
pub(crate) fn answers(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
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
