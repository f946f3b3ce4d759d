//! The real server, driven from outside.
//!
//! - `clients`: other people's Gotify clients send through a filter.
//! - `bad_input`: whatever is wrong with what the server is told, it answers,
//!   and so does another plugin.
//! - `cases`: a plugin's own tests, from a shell.
//! - `command_line`: orders from a shell.
//! - `dev`: a plugin while it is written.
//! - `gotify`: Gotify's own plugins, of which one line was changed.
//! - `loads`: a plugin is loaded once.
//! - `process`: starting, stopping, and two servers on one data directory.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect has failed"
)]

mod bad_input;
mod cases;
mod clients;
#[cfg(unix)]
mod command_line;
#[cfg(target_os = "linux")]
mod dev;
#[cfg(unix)]
mod gotify;
#[cfg(unix)]
mod loads;
mod process;
