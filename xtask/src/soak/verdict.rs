//! The judgement of a run with faults.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{Figures, injected::Fault, mebibytes, usage::Usage};

/// The largest allowed ratio of the memory in the last third to that in the second,
/// and the bytes by which it may grow beside that. In the first third a server that
/// has just started fills its caches and pools.
const GROWTH: f64 = 1.1;
const SLACK: u64 = 24 << 20;
/// The same in a run that is shorter than caches take to fill: it shows coarse leaks only.
const SHORT_SLACK: u64 = 96 << 20;
/// The length from which caches are full after the first third, in seconds.
const FULL_CACHES: f64 = 1800.0;
/// The descriptors by which it may grow: clients come and go.
const DESCRIPTORS: usize = 8;
/// Failures that are shown.
pub(super) const SHOWN: usize = 8;

/// The time of a fault, until all worked again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) begin: Instant,
    pub(super) end: Instant,
}

/// A message that was sent.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) title: String,
    pub(super) begin: Instant,
    pub(super) end: Instant,
    pub(super) outcome: Outcome,
}

#[derive(Debug)]
pub(super) enum Outcome {
    /// Stored, after each healthy plugin.
    Passed,
    /// Stored under this title: not each healthy plugin had it.
    PassedBy(String),
    Rejected(String),
}

impl Sent {
    pub(super) const fn is_acknowledged(&self) -> bool {
        !matches!(self.outcome, Outcome::Rejected(_))
    }
}

/// Faults of a kind.
#[derive(Debug, Default, Serialize)]
pub(super) struct Injected {
    pub(super) count: u32,
    /// From the fault's end until all worked again.
    pub(super) longest_recovery_ms: u128,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Faulted {
    name: &'static str,
    seed: u64,
    pub(super) seconds: f64,
    pub(super) faults: BTreeMap<&'static str, Injected>,
    /// Acknowledged messages.
    pub(super) messages: usize,
    /// Acknowledged messages that are not stored.
    pub(super) lost_messages: usize,
    /// Some of them, by their titles.
    pub(super) some_lost: Vec<String>,
    /// All stored messages, those of clients too.
    pub(super) stored: usize,
    /// Messages that were under way in a fault.
    in_faults: usize,
    /// Of them, those that were rejected.
    rejected_in_faults: usize,
    /// Of them, those that passed by a plugin.
    passed_by_in_faults: usize,
    /// Messages outside faults that were rejected, or passed by a plugin.
    failures: usize,
    /// Some of them, each as a sentence.
    shown_failures: Vec<String>,
    /// Versions that were replaced in faults, and replacements that were rejected.
    pub(super) swaps: u32,
    pub(super) rejected_swaps: u32,
    /// Visits of clients that left.
    pub(super) visits: u32,
    /// Answered deeds of each hostile plugin.
    pub(super) deeds: BTreeMap<&'static str, u32>,
    /// Plugins that were enabled, and are not.
    pub(super) disabled: Vec<String>,
    /// The least of the second third and of the last.
    usage: Option<[Usage; 2]>,
    /// Processes and sockets that were left by the stopped server.
    pub(super) remains: Vec<String>,
}

impl Faulted {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            name: "soak_faults",
            seed,
            ..Self::default()
        }
    }

    /// Compares messages with the times of faults.
    pub(super) fn judge(&mut self, sent: &[Sent], windows: &[Window]) {
        for one in sent {
            let is_excused = windows
                .iter()
                .any(|window| one.begin <= window.end && window.begin <= one.end);
            self.in_faults += usize::from(is_excused);
            let failure = match &one.outcome {
                Outcome::Passed => continue,
                Outcome::PassedBy(title) => {
                    self.passed_by_in_faults += usize::from(is_excused);
                    format!("{} was stored as `{title}`", one.title)
                }
                Outcome::Rejected(answer) => {
                    self.rejected_in_faults += usize::from(is_excused);
                    format!("{} was answered {answer}", one.title)
                }
            };
            if is_excused {
                continue;
            }
            self.failures += 1;
            if self.shown_failures.len() < SHOWN {
                self.shown_failures.push(failure);
            }
        }
    }

    /// Compares the measurements of the second third with those of the last.
    pub(super) fn compare(&mut self, samples: &[Usage]) -> Result<()> {
        let third = samples.len() / 3;
        let least = |samples: &[Usage]| {
            let mut samples = samples.iter().copied();
            let first = samples.next().context("nothing was measured")?;
            Ok::<_, anyhow::Error>(samples.fold(first, |least, next| least.or_less(&next)))
        };
        let (_, later) = samples.split_at_checked(third).unwrap_or_default();
        let (second, last) = later.split_at_checked(third).unwrap_or_default();
        self.usage = Some([least(second)?, least(last)?]);
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio")]
fn growth(before: &Usage, last: &Usage) -> f64 {
    last.memory as f64 / before.memory as f64
}

impl Figures for Faulted {
    fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        if self.failures > 0 {
            missed.push(format!(
                "{} messages outside faults failed: {}",
                self.failures,
                self.shown_failures.join("; ")
            ));
        }
        if self.lost_messages > 0 {
            missed.push(format!(
                "{} messages were lost: {}",
                self.lost_messages,
                self.some_lost.join(", ")
            ));
        }
        let is_idle =
            self.messages == 0 || self.visits == 0 || self.deeds.values().any(|n| *n == 0);
        if is_idle || self.faults.len() < Fault::ALL.len() {
            missed.push("not everything was done".to_owned());
        }
        for (name, list) in [("disabled", &self.disabled), ("left", &self.remains)] {
            missed.extend(list.iter().map(|what| format!("{name}: {what}")));
        }
        if let Some([before, last]) = &self.usage {
            let slack = if self.seconds < FULL_CACHES {
                SHORT_SLACK
            } else {
                SLACK
            };
            if growth(before, last) > GROWTH && last.memory > before.memory + slack {
                missed.push(format!("memory {:.3} x", growth(before, last)));
            }
            if last.descriptors > before.descriptors + DESCRIPTORS {
                missed.push(format!(
                    "{} descriptors where there were {}",
                    last.descriptors, before.descriptors
                ));
            }
        }
        missed
    }

    fn rows(&self) -> Vec<[String; 2]> {
        let mut rows = vec![("run", format!("{:.0} s, seed {}", self.seconds, self.seed))];
        for fault in Fault::ALL {
            if let Some(found) = self.faults.get(fault.name()) {
                let text = format!(
                    "{} times, all worked again {} ms later at most ({})",
                    found.count,
                    found.longest_recovery_ms,
                    fault.means()
                );
                rows.push((fault.name(), text));
            }
        }
        let deeds: Vec<_> = self
            .deeds
            .iter()
            .map(|(id, count)| format!("{count} by {id}"))
            .collect();
        rows.extend([
            (
                "messages",
                format!(
                    "{} acknowledged, {} lost; {} stored; outside faults {} failed",
                    self.messages, self.lost_messages, self.stored, self.failures
                ),
            ),
            (
                "under way in a fault",
                format!(
                    "{}, {} rejected, {} passed by a plugin",
                    self.in_faults, self.rejected_in_faults, self.passed_by_in_faults
                ),
            ),
            (
                "versions",
                format!(
                    "{} replaced in faults, {} rejected",
                    self.swaps, self.rejected_swaps
                ),
            ),
            ("hostile deeds", deeds.join(", ")),
            ("clients that left", self.visits.to_string()),
            (
                "afterwards",
                format!(
                    "{} plugins disabled, {} processes and sockets left",
                    self.disabled.len(),
                    self.remains.len()
                ),
            ),
        ]);
        if let Some([before, last]) = &self.usage {
            rows.push((
                "memory",
                format!(
                    "{} in the second third, {} in the last: {:.3} x",
                    mebibytes(before.memory),
                    mebibytes(last.memory),
                    growth(before, last)
                ),
            ));
            let both = |before: usize, last: usize| {
                format!("{before} in the second third, {last} in the last")
            };
            rows.extend([
                ("descriptors", both(before.descriptors, last.descriptors)),
                ("threads", both(before.threads, last.threads)),
                ("processes", both(before.processes, last.processes)),
            ]);
        }
        rows.into_iter()
            .map(|(name, text)| [name.to_owned(), text])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Faulted, Figures as _, Outcome, Sent, Usage, Window};

    #[test]
    fn only_messages_in_a_fault_are_excused() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let sent = |begin: u64, end, outcome| Sent {
            title: begin.to_string(),
            begin: at(begin),
            end: at(end),
            outcome,
        };
        let rejected = || Outcome::Rejected("503".to_owned());
        let passed_by = || Outcome::PassedBy("t|1".to_owned());
        let windows = [Window {
            begin: at(100),
            end: at(200),
        }];
        let sent = [
            sent(0, 10, Outcome::Passed),
            sent(90, 110, rejected()),
            sent(120, 130, passed_by()),
            sent(150, 160, Outcome::Passed),
            sent(199, 250, rejected()),
        ];
        let mut fine = Faulted::new(1);
        fine.judge(&sent, &windows);
        assert_eq!((fine.in_faults, fine.failures), (4, 0));
        assert_eq!((fine.rejected_in_faults, fine.passed_by_in_faults), (2, 1));
        let mut bad = Faulted::new(1);
        bad.judge(&sent, &[]);
        assert_eq!((bad.in_faults, bad.failures), (0, 3));
        assert!(bad.missed()[0].contains("90 was answered 503"), "{bad:?}");
    }

    #[test]
    fn the_last_third_is_compared_with_the_second() {
        let sample = |memory, descriptors| Usage {
            memory,
            descriptors,
            sockets: 0,
            threads: 1,
            processes: 1,
        };
        let mut figures = Faulted::new(1);
        assert!(figures.compare(&[]).is_err());
        let large = 400 << 20;
        figures
            .compare(&[
                // It has just started.
                sample(10 << 20, 5),
                sample(10 << 20, 5),
                sample(large, 30),
                sample(100 << 20, 20),
                sample(large, 29),
                sample(large, 31),
            ])
            .unwrap();
        let missed = figures.missed().join(", ");
        assert!(missed.contains("memory 4.000 x"), "{missed}");
        assert!(
            missed.contains("29 descriptors where there were 20"),
            "{missed}"
        );
    }
}
