//! The program `mortise`: its command line, one module per command. Errors become
//! text here and nowhere else.

mod completions;
mod output;
mod plugin;
mod process;
mod serve;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

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
    /// Install plugins, inspect them, and grant permissions.
    Plugin(plugin::Plugin),
    /// Look at what filters did to your messages.
    Message(plugin::Message),
    /// Print a completion script for a shell.
    Completions(completions::Completions),
}

fn main() -> ExitCode {
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
        Command::Completions(command) => command.run(Cli::command()),
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
            let after = command.get_after_help().map(ToString::to_string);
            let after = after.unwrap_or_default();
            assert!(after.starts_with("Example"), "{path}: {after}");
            assert!(after.contains("\n  "), "{path}: {after}");
            for command in command.get_subcommands() {
                check(command, &path);
            }
        }
        check(&super::Cli::command(), "");
        super::Cli::command().debug_assert();
    }
}
