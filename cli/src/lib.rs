//! The program `mortise`: its command line, one module per command. Errors become
//! text here and nowhere else.
//!
//! It is a library so that cargo compiles it beside the end of the server's compilation: a
//! program waits for all code, a library for the types alone.

mod backup;
mod check;
mod completions;
mod config;
mod data_dir;
mod health;
mod import;
mod manage;
mod manual;
mod output;
mod plugin;
mod process;
mod serve;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// A push-notification server that speaks Gotify's API and hosts sandboxed
/// plugins.
#[derive(Debug, Parser)]
#[command(
    name = "mortise",
    version,
    max_term_width = 100,
    after_help = "Examples:
  mortise serve
  mortise plugin install rules.wasm
  mortise plugin enable rules
  mortise message trace 42"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Serve),
    /// Show, check and import the settings of `mortise serve`.
    Config(config::Config),
    /// Import the data of a Gotify server.
    Import(import::Import),
    /// Copy a data directory while its server runs.
    Backup(backup::Backup),
    /// Restore a backup to a new or empty data directory.
    Restore(backup::Restore),
    /// Check the database of a data directory, also while its server runs.
    Check(check::Check),
    /// Install plugins, inspect them, and grant permissions.
    Plugin(plugin::Plugin),
    /// Send a message.
    Send(manage::Send),
    /// Manage your applications, which send messages.
    App(manage::App),
    /// Manage your clients: devices and programs that read messages.
    Client(manage::Client),
    /// Manage the users of a server.
    User(manage::User),
    /// List and delete your messages, and show the effect of filters.
    Message(manage::Message),
    /// Ask a server for its health.
    Health(health::Health),
    /// Print a completion script for a shell.
    Completions(completions::Completions),
    /// Write the pages of the manual.
    Manual(manual::Manual),
}

/// Runs the program.
pub fn main() -> ExitCode {
    // The same executable is the launcher between the server and a native plugin:
    // started as that, it does not return from here.
    #[cfg(unix)]
    mortise_native::launch::intercept();
    bound_heaps();
    // Lines as they are: a command that an error names is there to be copied.
    // It fails only where there is a handler already, which there is not.
    let _ = miette::set_hook(Box::new(|_| {
        Box::new(miette::MietteHandlerOpts::new().wrap_lines(false).build())
    }));
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    // There is one command, with its own arguments.
    let arguments = matches.subcommand().map_or(&matches, |(_, own)| own);
    match run(cli.command, arguments) {
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

fn run(command: Command, arguments: &ArgMatches) -> miette::Result<ExitCode> {
    match command {
        Command::Serve(command) => command.run(arguments),
        Command::Config(command) => command.run(arguments),
        Command::Import(command) => command.run(),
        Command::Backup(command) => command.run(),
        Command::Restore(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Plugin(command) => command.run(),
        Command::Send(command) => command.run(),
        Command::App(command) => command.run(),
        Command::Client(command) => command.run(),
        Command::User(command) => command.run(),
        Command::Message(command) => command.run(),
        Command::Health(command) => command.run(),
        Command::Completions(command) => command.run(Cli::command()),
        Command::Manual(command) => command.run(Cli::command()),
    }
}

/// Has glibc keep one heap for each core, where it would keep eight. Plugins
/// come and go on threads that come and go: over time they would leave remains
/// in every heap there is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn bound_heaps() {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let heaps = libc::c_int::try_from(cores.max(2)).unwrap_or(libc::c_int::MAX);
    // SAFETY: it changes a setting of the allocator, whose only other threads
    // are yet to come.
    #[expect(unsafe_code, reason = "the C library offers no other way")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, heaps);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const fn bound_heaps() {}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_help_of_every_command_ends_with_examples() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            // `--help` would end with this instead.
            assert!(command.get_after_long_help().is_none(), "{path}");
            let after = command.get_after_help().map(ToString::to_string);
            let after = after.unwrap_or_default();
            let last = after.rsplit("\n\n").next().unwrap_or_default();
            let examples = last.strip_prefix("Examples:\n").unwrap_or_default();
            let is_indented = |line: &str| line.starts_with("  ");
            assert!(examples.lines().all(is_indented), "{path}: {after}");
            // Deeper lines continue an example or explain it.
            let begins = |line: &&str| !line.starts_with("   ");
            let examples = examples.lines().filter(begins).count();
            assert!(examples >= 2, "{path}: {after}");
            for command in command.get_subcommands() {
                check(command, &path);
            }
        }
        check(&super::Cli::command(), "");
        super::Cli::command().debug_assert();
    }
}
