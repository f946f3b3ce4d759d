//! The real server, driven from outside.
//!
//! - `clients`: other people's Gotify clients send through a filter.
//! - `bad_input`: whatever is wrong with what the server is told, it answers,
//!   and so does another plugin.
//! - `process`: starting, stopping, and two servers on one data directory.

mod bad_input;
mod clients;
mod process;
