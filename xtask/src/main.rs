//! What a person repeats, as one command each: `cargo xtask demo`, `test`,
//! `conformance`, `languages`, `first-plugin`, `bench`, `soak`, `load`, `compare-gotify`,
//! `escapes`, `fuzz`, `web`, `audit`, `structure`, `build-time`, `dist` and `sdks`.
//!
//! All results go under `target/`, except the page in `web/dist` and its packages in
//! `web/node_modules`. Only `languages`, `bindings` and `references` write into the tree. A
//! missing tool is never skipped silently.
//!
//! - [`workspace`]: where things are, and how `cargo` is called.
//! - [`run`]: running other programs, and telling about it; [`progress`]: showing
//!   how far a build is.
//! - [`go`], [`python`]: programs in these languages.
//! - [`server`], [`api`]: the real server and its API; `gotify`: Gotify's own.
//! - [`wasm`]: the toolchain for guests.
//! - [`web`]: the page.
//! - [`tree`], [`checksums`]: the folder and the archives of a package, and checksums.
//! - [`clients`]: other projects' Gotify clients, for the end-to-end tests.
//! - [`demo`], [`mod@test`], [`conformance`], [`languages`], [`references`], `first_plugin`,
//!   [`mod@bench`], `soak`, `load`, `compare`, `escapes`, [`fuzz`], [`audit`], [`build_time`],
//!   [`structure`], [`dist`], [`sdks`]: the commands.

mod api;
mod audit;
mod bench;
mod bindings;
mod build_time;
mod checksums;
mod clients;
#[cfg(unix)]
mod compare;
mod conformance;
mod cross;
mod debian;
mod demo;
mod dist;
#[cfg(target_os = "linux")]
mod escapes;
#[cfg(unix)]
mod first_plugin;
mod fuzz;
mod go;
#[cfg(unix)]
mod gotify;
mod languages;
#[cfg(target_os = "linux")]
mod load;
mod progress;
mod python;
mod references;
mod run;
mod sdks;
mod server;
#[cfg(target_os = "linux")]
mod soak;
mod structure;
mod test;
mod tree;
mod twice;
mod wasm;
mod web;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Repeated tasks of this repository.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "Examples:
  cargo xtask demo
  cargo xtask test"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds and runs a server with the example plugins, and sends a message
    /// through them. Runs until interrupted.
    Demo(demo::Arguments),
    /// Installs missing tools, then runs every check and every test.
    #[command(after_help = "Example:
  cargo xtask test")]
    Test,
    /// Runs the conformance cases against the plugin in each language and for
    /// each backend.
    Conformance(conformance::Arguments),
    /// Writes the table of docs/languages.md: tools, sizes, speeds and missing
    /// features of plugins in each language.
    Languages(languages::Arguments),
    /// Creates, builds, tests and installs a plugin by the commands of
    /// docs/first-plugin.md, as a newcomer does, and prints each duration.
    #[cfg(unix)]
    FirstPlugin(first_plugin::Arguments),
    /// Runs the benchmarks and compares each with its reference.
    Bench(bench::Arguments),
    /// Tests the server under long load and prints the result. Reads the server's
    /// part of `/proc`.
    #[cfg(target_os = "linux")]
    Soak(soak::Arguments),
    /// Measures messages per second and the time of each, with many senders and
    /// streams. Builds the server for release.
    #[cfg(target_os = "linux")]
    Load(load::Arguments),
    /// Sends the same requests to Gotify's own server and to this one, and shows the
    /// differences. Fails on one that is not intended.
    #[cfg(unix)]
    CompareGotify(compare::Arguments),
    /// Lets plugins try actions that they have no grant for, and reports the protection
    /// that stops each one. Also simulates kernels that lack parts of the sandbox.
    #[cfg(target_os = "linux")]
    Escapes(escapes::Arguments),
    /// Fuzzes the parsers of input from native plugins, guided by coverage. Starts with
    /// the corpus in the tree.
    Fuzz(fuzz::Arguments),
    /// Builds the demo's programs from nothing and shows the cost of each crate.
    /// Fails if the build takes more processor time than a bar.
    BuildTime(build_time::Arguments),
    /// Builds the page and tests it in Chromium.
    Web(web::Arguments),
    /// Generates the Go and Rust SDKs' parts from `wit/`, and copies the Go SDK's wire
    /// protocol from `native-bridge/go`.
    Bindings(bindings::Arguments),
    /// Writes docs/reference: each SDK's names for the contract's functions and types, from
    /// `wit/` and the SDK's source.
    References(references::Arguments),
    /// Finds the dependencies between source files, and fails on a circle that spans two
    /// folders, on a comparison with the text of an error, and on a test that sleeps.
    Structure(structure::Arguments),
    /// Makes the packages of a release in target/dist: a tarball, a Debian package, a
    /// container image, checksums and a list of components.
    Dist(dist::Arguments),
    /// Makes packages of the SDKs in target/sdks: crates, a Go module, a wheel, a package
    /// for npm and an archive for C, with checksums.
    Sdks(sdks::Arguments),
    /// Checks licences and sources of all dependencies against
    /// deny.toml.
    #[command(after_help = "Example:
  cargo xtask audit")]
    Audit,
    /// Runs a program, and ends it when this process's parent ends.
    #[command(name = run::TIED, hide = true)]
    Tied(run::Tied),
    /// Runs a program as on a kernel that lacks something.
    #[cfg(target_os = "linux")]
    #[command(name = escapes::LACKING, hide = true)]
    Lacking(escapes::Lacking),
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let outcome = match command {
        Command::Tied(tied) => tied.exec(),
        Command::Demo(arguments) => Workspace::find().and_then(|w| demo::run(&w, &arguments)),
        Command::Test => Workspace::find().and_then(|w| test::run(&w)),
        Command::Conformance(arguments) => {
            Workspace::find().and_then(|w| conformance::run(&w, &arguments))
        }
        Command::Languages(arguments) => {
            Workspace::find().and_then(|w| languages::run(&w, &arguments))
        }
        #[cfg(unix)]
        Command::FirstPlugin(arguments) => {
            Workspace::find().and_then(|w| first_plugin::run(&w, &arguments))
        }
        Command::Bench(arguments) => Workspace::find().and_then(|w| bench::run(&w, &arguments)),
        #[cfg(target_os = "linux")]
        Command::Soak(arguments) => Workspace::find().and_then(|w| soak::run(&w, &arguments)),
        #[cfg(target_os = "linux")]
        Command::Load(arguments) => Workspace::find().and_then(|w| load::run(&w, &arguments)),
        #[cfg(unix)]
        Command::CompareGotify(arguments) => {
            Workspace::find().and_then(|w| compare::run(&w, &arguments))
        }
        #[cfg(target_os = "linux")]
        Command::Lacking(lacking) => lacking.exec(),
        #[cfg(target_os = "linux")]
        Command::Escapes(arguments) => Workspace::find().and_then(|w| escapes::run(&w, &arguments)),
        Command::Fuzz(arguments) => Workspace::find().and_then(|w| fuzz::run(&w, &arguments)),
        Command::BuildTime(arguments) => {
            Workspace::find().and_then(|w| build_time::run(&w, &arguments))
        }
        Command::Web(arguments) => Workspace::find().and_then(|w| web::run(&w, &arguments)),
        Command::Bindings(arguments) => {
            Workspace::find().and_then(|w| bindings::run(&w, &arguments))
        }
        Command::References(arguments) => {
            Workspace::find().and_then(|w| references::run(&w, &arguments))
        }
        Command::Structure(arguments) => {
            Workspace::find().and_then(|w| structure::run(&w, &arguments))
        }
        Command::Dist(arguments) => Workspace::find().and_then(|w| dist::run(&w, &arguments)),
        Command::Sdks(arguments) => Workspace::find().and_then(|w| sdks::run(&w, &arguments)),
        Command::Audit => Workspace::find().and_then(|w| audit::run(&w)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            run::say(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
