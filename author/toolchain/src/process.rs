//! Running other programs. Their output goes to standard error: standard
//! output is for results.

use std::{
    io::{self, Write as _},
    process::{Command, Stdio},
};

use crate::Error;

/// A program's name and arguments as a person would type them.
pub fn shown(command: &Command) -> String {
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

/// Runs a program to its end.
///
/// # Errors
///
/// It cannot be started, or fails.
pub fn run(command: &mut Command) -> Result<(), Error> {
    let status = command
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .map_err(|source| not_started(command, source))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(command, status))
    }
}

/// Runs a program to its end, and then shows its output as `worded` puts it.
///
/// # Errors
///
/// It cannot be started, or fails.
pub fn run_worded(command: &mut Command, worded: impl FnOnce(&str) -> String) -> Result<(), Error> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| not_started(command, source))?;
    let said = [output.stdout, output.stderr].concat();
    // A message that cannot be shown is no reason to fail.
    let _ = io::stderr().write_all(worded(&String::from_utf8_lossy(&said)).as_bytes());
    if output.status.success() {
        Ok(())
    } else {
        Err(failed(command, output.status))
    }
}

/// Runs a program to its end and returns its standard output.
///
/// # Errors
///
/// It cannot be started, fails, or writes something that is not text.
pub fn output(command: &mut Command) -> Result<String, Error> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| not_started(command, source))?;
    if !output.status.success() {
        return Err(failed(command, output.status));
    }
    String::from_utf8(output.stdout)
        .map_err(|error| not_started(command, io::Error::new(io::ErrorKind::InvalidData, error)))
}

/// Returns true if a program exists and succeeds; shows nothing of its output.
pub fn answers(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn not_started(command: &Command, source: io::Error) -> Error {
    Error::Start {
        command: shown(command),
        source,
    }
}

fn failed(command: &Command, status: std::process::ExitStatus) -> Error {
    Error::Failed {
        command: shown(command),
        status: status.to_string(),
    }
}
