//! Tests a plugin, of any backend, against a scripted host in memory.
//!
//! A *case* lists inputs for the plugin (messages, requests, configuration,
//! time) and the expected results (verdicts, responses, messages, storage, HTTP
//! requests). Cases are data in YAML; docs/testing-a-plugin.md explains them.
//! `mortise plugin test` runs them from the command line, and this crate runs
//! them from a test in Rust:
//!
//! ```no_run
//! use std::{path::Path, sync::Arc};
//! use mortise_harness::{Case, Suite};
//! use mortise_wasm::{Settings, WasmBackend};
//!
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let backend = WasmBackend::new(&Settings::default())?;
//! let suite = Suite::load(Path::new("shout.wasm"), &[Arc::new(backend)]).await?;
//! let cases = Case::load(Path::new("cases"))?;
//! suite.run(&cases).await.passed()?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`case`]: cases, and reading them.
//! - `host`, `web`: everything that a case's plugin can reach: messages, storage,
//!   timers and the time, and servers on loopback with scripted responses.
//! - `run`: runs the cases step by step, and finds differences.
//! - [`report`]: the results, for people and as JUnit's XML.
//!
//! Each case has its own host and instance, and a native plugin has its own
//! process. Nothing but loopback is reached.

pub mod case;
mod host;
pub mod report;
mod run;
mod web;

pub use case::{Case, CaseError};
pub use report::{Difference, Failed, Failure, Outcome, Report, Result};
pub use run::{Suite, run};

/// Compiles the code on the page about testing.
#[cfg(doctest)]
#[doc = include_str!("../../docs/testing-a-plugin.md")]
mod testing_a_plugin {}
