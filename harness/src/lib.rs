//! Tests a plugin, of any backend, against a scripted host in memory.
//!
//! A *case* says what the plugin is given (messages, requests, configuration,
//! time) and what must come of it (verdicts, answers, messages, storage, calls
//! by HTTP). Cases are data, in YAML; docs/testing-a-plugin.md explains them.
//! `mortise plugin test` runs them from the command line, this crate from a
//! test in Rust:
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
//! - [`case`]: what a case says, and reading it.
//! - `host`, `web`: what a case's plugin reaches: messages, storage, timers and
//!   the time; and servers on loopback that answer what the case scripts.
//! - `run`: one case after another, step by step, and what was not as expected.
//! - [`report`]: how it went, for people and as JUnit's XML.
//!
//! Each case has a host and an instance of its own, and a native plugin a
//! process of its own. Only loopback is reached.

pub mod case;
mod host;
pub mod report;
mod run;
mod web;

pub use case::{Case, CaseError};
pub use report::{Difference, Failed, Failure, Outcome, Report, Result};
pub use run::{Suite, run};

/// The code on the page about testing compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/testing-a-plugin.md")]
mod testing_a_plugin {}
