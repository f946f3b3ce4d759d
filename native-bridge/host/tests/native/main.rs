//! Native plugins as real processes: loading, calling, misbehaving, confined.
//!
//! Each test starts the stress plugin (`tests/stress_plugin`) through the
//! launcher, as a host does, and leaves nothing running.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod attach;
mod calls;
#[cfg(target_os = "linux")]
mod debugger;
mod launcher;
mod loading;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod rights;
#[cfg(target_os = "linux")]
mod sandbox;
mod streaming;
mod stress;
mod support;
