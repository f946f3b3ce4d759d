//! `cargo xtask load --traces`: the messages in a second of a server that keeps traces,
//! beside one that does not. Both have a filter that changes each message. They take turns,
//! so that whatever else the machine does hits both alike.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use comfy_table::{Table, presets};
use serde::Serialize;

use super::{senders, target::Target};
use crate::{
    run::{print, say},
    soak::median,
    wasm,
    workspace::Workspace,
};

/// The turns of each server.
pub(super) const ROUNDS: usize = 9;
/// The senders of each measurement.
const SENDERS: [usize; 2] = [1, 16];

/// The medians of one number of senders.
#[derive(Debug, Serialize)]
struct Compared {
    senders: usize,
    with_per_second: f64,
    without_per_second: f64,
    /// The share of messages that traces cost.
    cost: f64,
}

pub(super) fn run(
    workspace: &Workspace,
    mortise: &Path,
    time: Duration,
    rounds: usize,
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
        .block_on(compare(mortise, &folder, &filter, time, rounds))?;
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("{} cannot be removed", folder.display()))?;
    tell(&compared, json)
}

async fn compare(
    mortise: &Path,
    folder: &Path,
    filter: &Path,
    time: Duration,
    rounds: usize,
) -> Result<Vec<Compared>> {
    let start = async |name: &str, kept: &str| {
        let settings = format!("keep-traces = {kept}\n");
        Target::mortise(mortise, &folder.join(name), Some(filter), &settings).await
    };
    let with = start("with", "true").await?;
    let without = start("without", "false").await?;
    let mut compared = Vec::new();
    for senders in SENDERS {
        let (mut on, mut off) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            say(format_args!(
                "{senders} senders, turn {} of {rounds}",
                round + 1
            ));
            // The first of a round has a colder machine: it is each of them in turn.
            let turns = [(&with, &mut on), (&without, &mut off)];
            let in_order: Vec<_> = match round % 2 {
                0 => turns.into_iter().collect(),
                _ => turns.into_iter().rev().collect(),
            };
            for (target, rates) in in_order {
                rates.push(senders::run(target, senders, time).await?.per_second());
            }
        }
        let (with_per_second, without_per_second) = (median(on), median(off));
        compared.push(Compared {
            senders,
            with_per_second,
            without_per_second,
            cost: 1.0 - with_per_second / without_per_second,
        });
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
    ]);
    for one in compared {
        table.add_row([
            one.senders.to_string(),
            format!("{:.0}", one.with_per_second),
            format!("{:.0}", one.without_per_second),
            format!("{:.1} %", one.cost * 100.0),
        ]);
    }
    print(&table.trim_fmt())
}
