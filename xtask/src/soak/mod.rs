//! `cargo xtask soak`: repeats operations that must not wear out the server,
//! and reports the result. Each run uses the real program on loopback, and an
//! administrator's commands to swap, load and unload plugins.
//!
//! - [`swap`]: versions change while messages pass.
//! - [`unload`]: plugins are installed and removed, and leave nothing behind.
//! - [`kills`]: the server is killed under load, and nothing acknowledged is lost.
//! - [`installed`]: unused plugins cost almost nothing.
//! - [`replay`]: a replay finds exactly the messages that a version changed otherwise.
//! - [`deliveries`]: a listener receives every message, in order, over kills and swaps.
//! - [`faults`]: faults of the host and hostile plugins do no lasting harm.
//! - [`host`]: the server and its interfaces.
//! - [`stamps`]: the plugins.
//! - [`operator`], [`dice`]: changes of plugins, by chance.
//! - [`injected`], [`place`], [`traffic`], [`verdict`]: the faults, the surroundings in which
//!   they are made, the load beside them, and what became of it.
//! - [`usage`]: the resources of the server's process.

mod deliveries;
mod dice;
mod faults;
mod host;
mod injected;
mod installed;
mod kills;
mod operator;
mod place;
mod replay;
mod stamps;
mod swap;
mod traffic;
mod unload;
mod usage;
mod verdict;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use comfy_table::{Table, presets};
use serde::Serialize;

use self::{deliveries::Recorder, stamps::Stamps};
use crate::{run::print, server, workspace::Workspace};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask soak swap
  cargo xtask soak faults --minutes 10")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    run: Run,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Run {
    /// Swaps a filter between two versions, 200 times as a component and 50
    /// times as a process, while messages pass through it.
    #[command(after_help = "Examples:
  cargo xtask soak swap
  cargo xtask soak swap --rounds 20")]
    Swap(Options),
    /// Loads and unloads plugins in 10,000 rounds, some of them processes.
    #[command(after_help = "Examples:
  cargo xtask soak unload
  cargo xtask soak unload --rounds 200")]
    Unload(Options),
    /// Starts a server with 10 plugins installed and one with 1,000, of which
    /// 10 are used, five times each. It is built for release: its time counts.
    #[command(after_help = "Examples:
  cargo xtask soak installed
  cargo xtask soak installed --rounds 100")]
    Installed(Options),
    /// Kills the server 100 times while messages pass and plugins are installed,
    /// granted, swapped, configured and revoked.
    #[command(after_help = "Examples:
  cargo xtask soak kills
  cargo xtask soak kills --rounds 8 --json")]
    Kills(Options),
    /// Records 10,000 calls of a filter, and replays them with another version. It is
    /// built for release: its time counts.
    #[command(after_help = "Examples:
  cargo xtask soak replay
  cargo xtask soak replay --rounds 500")]
    Replay(Options),
    /// Sends 100,000 messages to a listener that fails one time in ten, while the server is
    /// killed 50 times and the listener's plugin swapped 50 times. It is built for release.
    #[command(after_help = "Examples:
  cargo xtask soak deliveries
  cargo xtask soak deliveries --rounds 2000")]
    Deliveries(Options),
    /// Injects faults of the host for an hour (descriptors, disk, memory, folders,
    /// pauses), while hostile and healthy plugins run and clients come and go.
    #[command(after_help = "Examples:
  cargo xtask soak faults --minutes 10
  cargo xtask soak faults --only disk --seed 7")]
    Faults(faults::Options),
}

/// Options of every run.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Options {
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Other than the usual number of rounds: for `installed`, plugins, and for
    /// `replay` and `deliveries`, messages.
    #[arg(long, value_parser = clap::value_parser!(u32).range(5..=100_000))]
    rounds: Option<u32>,
}

/// The measurements of a run.
trait Figures: Serialize {
    /// Returns the missed requirements; none if the run holds.
    fn missed(&self) -> Vec<String>;
    /// For a person: what, and how much.
    fn rows(&self) -> Vec<[String; 2]>;
}

/// The line for a program.
#[derive(Serialize)]
struct Line<'figures, F> {
    #[serde(flatten)]
    figures: &'figures F,
    holds: bool,
}

/// The common parts of the runs.
struct Setting {
    mortise: PathBuf,
    /// The server's data directories go here.
    folder: PathBuf,
    stamps: Stamps,
    options: Options,
}

/// A run in short, for `cargo xtask test`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Short(Run);

const fn rounds(rounds: u32) -> Options {
    Options {
        json: false,
        rounds: Some(rounds),
    }
}

/// All of them.
pub(crate) const SHORT: [Short; 7] = [
    Short(Run::Swap(rounds(20))),
    Short(Run::Unload(rounds(200))),
    Short(Run::Installed(rounds(100))),
    Short(Run::Kills(rounds(8))),
    Short(Run::Replay(rounds(500))),
    Short(Run::Deliveries(rounds(2000))),
    Short(Run::Faults(faults::SHORT)),
];

impl Short {
    /// For a person.
    pub(crate) fn name(self) -> String {
        format!("soak in short: {}", self.0.split().0)
    }
}

impl Run {
    const fn split(self) -> (&'static str, Options) {
        match self {
            Self::Swap(options) => ("swap", options),
            Self::Unload(options) => ("unload", options),
            Self::Installed(options) => ("installed", options),
            Self::Kills(options) => ("kills", options),
            Self::Replay(options) => ("replay", options),
            Self::Deliveries(options) => ("deliveries", options),
            Self::Faults(options) => {
                let faults::Options { json, .. } = options;
                ("faults", Options { json, rounds: None })
            }
        }
    }
}

/// Does one run in short; an error if it does not hold.
pub(crate) fn run_short(workspace: &Workspace, run: Short) -> Result<()> {
    // The builds of the tests.
    let mortise = server::build(workspace)?;
    run_one(workspace, run.0, mortise)
}

/// Does one run; an error if it does not hold.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mortise = match arguments.run {
        Run::Swap(_) | Run::Unload(_) | Run::Kills(_) | Run::Faults(_) => server::build(workspace)?,
        Run::Installed(_) | Run::Replay(_) | Run::Deliveries(_) => {
            server::build_release(workspace)?
        }
    };
    run_one(workspace, arguments.run, mortise)
}

fn run_one(workspace: &Workspace, run: Run, mortise: PathBuf) -> Result<()> {
    let (name, options) = run.split();
    let folder = workspace.target.join("soak").join(name);
    // What an earlier run left is of no use.
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    let stamps = Stamps::build(workspace, &mortise)?;
    let hostile = match run {
        Run::Faults(_) => Some(faults::Hostile::build(workspace, &mortise)?),
        _ => None,
    };
    let setting = Setting {
        mortise,
        folder,
        stamps,
        options,
    };
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot be set up")?
        .block_on(async {
            match run {
                Run::Faults(faults) => {
                    let hostile = hostile.context("the hostile plugins were not built")?;
                    told(&faults::run(&setting, &hostile, faults).await?, options)
                }
                Run::Swap(_) => told(&swap::run(&setting).await?, options),
                Run::Unload(_) => told(&unload::run(&setting).await?, options),
                Run::Installed(_) => told(&installed::run(&setting).await?, options),
                Run::Kills(_) => told(&kills::run(&setting).await?, options),
                Run::Replay(_) => told(&replay::run(&setting).await?, options),
                Run::Deliveries(_) => {
                    let recorder = Recorder::build(workspace)?;
                    told(&deliveries::run(&setting, &recorder).await?, options)
                }
            }
        });
    // It is large; a failed one may need an inspection.
    if outcome.is_ok() {
        std::fs::remove_dir_all(&setting.folder)
            .with_context(|| format!("{} cannot be removed", setting.folder.display()))?;
    }
    outcome
}

/// Tells the figures, and whether they hold.
fn told(figures: &impl Figures, options: Options) -> Result<()> {
    let missed = figures.missed();
    if options.json {
        let line = Line {
            figures,
            holds: missed.is_empty(),
        };
        print(&serde_json::to_string(&line).context("the figures are no JSON")?)?;
    } else {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).add_rows(figures.rows());
        print(&table.trim_fmt())?;
        print(if missed.is_empty() { "holds" } else { "MISSED" })?;
    }
    if !missed.is_empty() {
        bail!("it does not hold: {}", missed.join(", "));
    }
    Ok(())
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Bytes as a person reads them.
fn mebibytes(bytes: u64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a tenth of a mebibyte is precise enough"
    )]
    let bytes = bytes as f64;
    format!("{:.1} MiB", bytes / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::{mebibytes, median};

    #[test]
    fn a_single_outlier_does_not_move_the_median() {
        assert!((median(vec![1.0, 9.0, 2.0, 2.0, 1.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn bytes_are_told_in_mebibytes() {
        assert_eq!(mebibytes(3 << 19), "1.5 MiB");
    }
}
