//! `cargo xtask load --traces`: the messages in a second of a server that keeps traces,
//! beside one that does not. Both have a filter that changes each message. They take turns
//! of a second, so that a machine whose speed changes changes it for both. The cost is that
//! of all turns together; single pairs of turns differ much more.

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
pub(super) const TURN: Duration = Duration::from_secs(1);
/// The turns of each server.
pub(super) const TURNS: usize = 40;
/// The turns between two lines of progress.
const TURNS_OF_A_LINE: usize = 10;
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
    /// The least and the greatest cost of the half of the pairs in the middle.
    middle: [f64; 2],
}

impl Compared {
    /// Of turns in pairs, with traces and without.
    fn of(senders: usize, pairs: &[(f64, f64)]) -> Self {
        let mut costs: Vec<f64> = pairs
            .iter()
            .map(|(with, without)| 1.0 - with / without)
            .collect();
        costs.sort_by(f64::total_cmp);
        let quarter = costs.len() / 4;
        let cost_at = |index: usize| costs.get(index).copied().unwrap_or(f64::NAN);
        let turns = senders::as_float(pairs.len());
        let with_per_second = pairs.iter().map(|(with, _)| with).sum::<f64>() / turns;
        let without_per_second = pairs.iter().map(|(_, without)| without).sum::<f64>() / turns;
        Self {
            senders,
            pairs: pairs.len(),
            with_per_second,
            without_per_second,
            cost: 1.0 - with_per_second / without_per_second,
            middle: [
                cost_at(quarter),
                cost_at(costs.len().saturating_sub(quarter + 1)),
            ],
        }
    }
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
        "half of the pairs",
    ]);
    for one in compared {
        table.add_row([
            one.senders.to_string(),
            format!("{:.0}", one.with_per_second),
            format!("{:.0}", one.without_per_second),
            format!("{:.1} %", one.cost * 100.0),
            format!(
                "{:.1} to {:.1} %",
                one.middle[0] * 100.0,
                one.middle[1] * 100.0
            ),
        ]);
    }
    print(&table.trim_fmt())
}
