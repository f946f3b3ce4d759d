//! `cargo xtask load --traces`: the messages in a second of a server that keeps traces,
//! beside one that does not. Both have a filter that changes each message. They take short
//! turns, so that a machine whose speed changes changes it for both. The cost is that of all
//! turns together. Single pairs of turns differ much more, mostly by the disk, so there are
//! as many as make the cost's standard error a fraction of the bar.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use comfy_table::{Table, presets};
use serde::Serialize;

use super::{senders, target::Target};
use crate::{
    run::{print, say},
    wasm,
    workspace::Workspace,
};

/// The time of a turn.
pub(super) const TURN: Duration = Duration::from_millis(500);
/// The turns of each server.
pub(super) const TURNS: usize = 200;
/// The turns between two lines of progress.
const TURNS_OF_A_LINE: usize = 50;
/// The senders of each measurement.
const SENDERS: [usize; 2] = [1, 16];

/// All turns with one number of senders.
#[derive(Debug, Serialize)]
struct Compared {
    senders: usize,
    pairs: usize,
    /// The means of all turns.
    with_per_second: f64,
    without_per_second: f64,
    /// The share of messages that traces cost.
    cost: f64,
    /// The standard error of the cost, by the pairs' own costs.
    error: f64,
}

impl Compared {
    /// Of turns in pairs, with traces and without.
    fn of(senders: usize, pairs: &[(f64, f64)]) -> Self {
        let costs: Vec<f64> = pairs
            .iter()
            .map(|(with, without)| 1.0 - with / without)
            .collect();
        let turns = senders::as_float(pairs.len());
        let with_per_second = pairs.iter().map(|(with, _)| with).sum::<f64>() / turns;
        let without_per_second = pairs.iter().map(|(_, without)| without).sum::<f64>() / turns;
        Self {
            senders,
            pairs: pairs.len(),
            with_per_second,
            without_per_second,
            cost: 1.0 - with_per_second / without_per_second,
            error: standard_error(&costs),
        }
    }
}

/// Returns the standard error of a mean; not a number for fewer than two values.
fn standard_error(values: &[f64]) -> f64 {
    let count = senders::as_float(values.len());
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (count - 1.0) / count).sqrt()
}

pub(super) fn run(
    workspace: &Workspace,
    mortise: &Path,
    turn: Duration,
    turns: usize,
    json: bool,
) -> Result<()> {
    let stamp = workspace.root.join("tests/guests/stamp");
    let filter = wasm::build(workspace, mortise, &stamp)?;
    let folder = workspace.target.join("load-traces");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    let compared = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot be set up")?
        .block_on(compare(mortise, &folder, &filter, turn, turns))?;
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("{} cannot be removed", folder.display()))?;
    tell(&compared, json)
}

async fn compare(
    mortise: &Path,
    folder: &Path,
    filter: &Path,
    turn: Duration,
    turns: usize,
) -> Result<Vec<Compared>> {
    let start = async |name: &str, kept: &str| {
        let settings = format!("keep-traces = {kept}\n");
        Target::mortise(mortise, &folder.join(name), Some(filter), &settings).await
    };
    let with = start("with", "true").await?;
    let without = start("without", "false").await?;
    let mut compared = Vec::new();
    for senders in SENDERS {
        let mut pairs = Vec::with_capacity(turns);
        let rate =
            async |target| anyhow::Ok(senders::run(target, senders, turn).await?.per_second());
        for number in 0..turns {
            if number % TURNS_OF_A_LINE == 0 {
                say(format_args!(
                    "{senders} senders, turn {} of {turns}",
                    number + 1
                ));
            }
            // The first of a pair finds the disk as the pair before left it: it is each of
            // them in turn.
            pairs.push(if number % 2 == 0 {
                let on = rate(&with).await?;
                (on, rate(&without).await?)
            } else {
                let off = rate(&without).await?;
                (rate(&with).await?, off)
            });
        }
        compared.push(Compared::of(senders, &pairs));
    }
    with.stop().await?;
    without.stop().await?;
    Ok(compared)
}

fn tell(compared: &[Compared], json: bool) -> Result<()> {
    if json {
        for one in compared {
            print(&serde_json::to_string(one).context("the figures are no JSON")?)?;
        }
        return Ok(());
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header([
        "senders",
        "messages/s with traces",
        "without",
        "cost of traces",
        "standard error",
    ]);
    for one in compared {
        table.add_row([
            one.senders.to_string(),
            format!("{:.0}", one.with_per_second),
            format!("{:.0}", one.without_per_second),
            format!("{:.1} %", one.cost * 100.0),
            format!("{:.1} %", one.error * 100.0),
        ]);
    }
    print(&table.trim_fmt())
}

#[cfg(test)]
mod tests {
    use super::standard_error;

    #[test]
    fn the_standard_error_falls_with_the_number_of_values() {
        let error = standard_error(&[1.0, 3.0]);
        assert!((error - 1.0).abs() < 1e-9, "{error}");
        let error = standard_error(&[1.0, 3.0].repeat(50));
        assert!((0.09..0.11).contains(&error), "{error}");
        assert!(standard_error(&[1.0]).is_nan());
    }
}
