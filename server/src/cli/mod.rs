//! The command line of the binary `mortise`, one module per command. Errors
//! become text here and nowhere else.

mod completions;
mod plugin;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
#[cfg(unix)]
use miette::IntoDiagnostic as _;

/// A push-notification server that speaks Gotify's API and hosts sandboxed
/// plugins.
#[derive(Debug, Parser)]
#[command(name = "mortise", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Serve),
    /// Install plugins, look at them, and decide what they may do.
    Plugin(plugin::Plugin),
    /// Look at what filters did to your messages.
    Message(plugin::Message),
    /// Print a completion script for a shell.
    Completions(completions::Completions),
}

/// Reads the arguments, runs the command, and says what went wrong.
pub fn main() -> ExitCode {
    // Lines as they are: a command that an error names is there to be copied.
    // It fails only where there is a handler already, which there is not.
    let _ = miette::set_hook(Box::new(|_| {
        Box::new(miette::MietteHandlerOpts::new().wrap_lines(false).build())
    }));
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(report) => {
            #[expect(clippy::print_stderr, reason = "this is where errors are told")]
            {
                eprintln!("{report:?}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> miette::Result<ExitCode> {
    match command {
        Command::Serve(command) => command.run(),
        Command::Plugin(command) => command.run(),
        Command::Message(command) => command.run(),
        Command::Completions(command) => command.run(),
    }
}

/// A runtime for a command that needs one.
fn runtime() -> miette::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| miette::miette!("cannot start the runtime: {error}"))
}

/// Ends when somebody interrupts the program or asks it to end, from the call
/// on, not only once it is waited for.
#[cfg(unix)]
fn stop_signal() -> miette::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).into_diagnostic()?;
    let mut terminate = signal(SignalKind::terminate()).into_diagnostic()?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends when somebody interrupts the program.
#[cfg(not(unix))]
fn stop_signal() -> miette::Result<impl Future<Output = ()>> {
    Ok(async {
        // An error means that there is no console to interrupt from.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
