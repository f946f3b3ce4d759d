//! Traces and logs for a collector of OpenTelemetry, by OTLP over HTTP in its JSON form
//! (see docs/decisions/0022-otlp-by-hand.md).
//!
//! - `context`: W3C Trace Context.
//! - `layer`: spans and events of `tracing` become records.
//! - `encode`: records become OTLP.
//! - `export`: the task that sends them.
//!
//! A record waits in a queue of bounded length and is dropped, and counted, if there is no
//! room: a collector that is slow or away never holds the server up.

mod context;
mod encode;
mod export;
mod layer;

use std::sync::atomic::{AtomicU64, Ordering};

pub use self::{export::Exporter, layer::OtlpLayer};
use crate::config::Otlp;

/// Records that wait for the collector.
const WAITING: usize = 2048;

/// Starts recording, if a collector is set: a layer for the subscriber, and the sender of
/// its records.
pub fn telemetry(settings: &Otlp) -> Option<(OtlpLayer, Exporter)> {
    let endpoint = settings.endpoint.clone()?;
    let (records, waiting) = tokio::sync::mpsc::channel(WAITING);
    mortise_runtime::trace::provide(layer::current);
    let exporter = Exporter::new(endpoint, settings, waiting);
    Some((OtlpLayer::new(records), exporter))
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Logs,
}

impl Signal {
    pub(crate) const ALL: [Self; 2] = [Self::Traces, Self::Logs];

    /// Its name in paths and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
        }
    }

    const fn counts(self) -> &'static Counts {
        match self {
            Self::Traces => &TRACES,
            Self::Logs => &LOGS,
        }
    }

    /// The numbers of records that were sent, and that were dropped.
    pub(crate) fn counted(self) -> (u64, u64) {
        let counts = self.counts();
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (get(&counts.sent), get(&counts.dropped))
    }

    fn sent(self, number: usize) {
        add(&self.counts().sent, number);
    }

    fn dropped(self, number: usize) {
        add(&self.counts().dropped, number);
    }
}

struct Counts {
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    const fn new() -> Self {
        Self {
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }
}

// Of the process, as the subscriber is.
static TRACES: Counts = Counts::new();
static LOGS: Counts = Counts::new();

fn add(count: &AtomicU64, number: usize) {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    count.fetch_add(number, Ordering::Relaxed);
}
