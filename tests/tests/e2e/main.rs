//! The real server, driven from outside.
//!
//! - `clients`: other projects' Gotify clients send through a filter.
//! - `bad_input`: after every bad input the server still answers, and so does
//!   another plugin.
//! - `cases`: a plugin's own tests, from a shell.
//! - `chain`: the order of filters and the trusted keys, from a shell.
//! - `command_line`: commands from a shell.
//! - `description`: requests made from the server's description of its API.
//! - `dev`: a plugin during its development.
//! - `fair`: nobody keeps the others out.
//! - `gotify`: Gotify's own plugins with one changed line.
//! - `loads`: a plugin is loaded once.
//! - `otlp`: traces and logs at a collector.
//! - `registry`: plugins from registries, real and false ones.
//! - `replay`: recorded messages, put to another version of a filter.
//! - `process`: start, stop, and two servers on one data directory.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect has failed"
)]

mod bad_input;
mod cases;
#[cfg(unix)]
mod chain;
mod clients;
#[cfg(unix)]
mod command_line;
#[cfg(target_os = "linux")]
mod description;
mod dev;
#[cfg(target_os = "linux")]
mod fair;
#[cfg(unix)]
mod gotify;
#[cfg(unix)]
mod import;
mod loads;
mod otlp;
mod process;
#[cfg(target_os = "linux")]
mod registry;
#[cfg(target_os = "linux")]
mod replay;
