//! `cargo xtask load`: messages in a second, and the time of each, with several
//! numbers of senders and of open streams, with and without a filter; beside Gotify's
//! own server, if its program is named.
//!
//! - [`senders`]: connections that send one message after another.
//! - [`streams`]: connections that read messages.
//! - [`target`]: the server under load.
//! - [`traces`]: the cost of traces.
//!
//! A message counts when its answer is there: it is stored then.

mod senders;
mod streams;
mod target;
mod traces;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use comfy_table::{Table, presets};
use serde::Serialize;

use self::{streams::Streams, target::Target};
use crate::{
    run::{print, say},
    server, wasm,
    workspace::Workspace,
};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask load --seconds 10
  cargo xtask load --gotify ../gotify/gotify-server")]
pub(crate) struct Arguments {
    /// Gotify's program, to be measured beside this one.
    #[arg(long, value_name = "BINARY")]
    gotify: Option<PathBuf>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Measure in short with the tests' server, to see that all parts work.
    #[arg(long, conflicts_with_all = ["gotify", "seconds"])]
    short: bool,
    /// Measure the cost of traces instead: a server that keeps them and one that does not,
    /// in turns.
    #[arg(long, conflicts_with_all = ["gotify", "seconds"])]
    traces: bool,
    /// Print one line of JSON for each measurement instead of a table.
    #[arg(long)]
    json: bool,
}

/// The senders with a filter and without, and no streams.
const SENDERS: [usize; 4] = [1, 8, 64, 256];
/// The streams, beside a few senders.
const STREAMS: [usize; 2] = [1_000, 10_000];
/// The senders beside streams.
const FEW: usize = 8;

/// One measurement.
#[derive(Debug, Serialize)]
struct Measured {
    server: &'static str,
    filter: bool,
    senders: usize,
    streams: usize,
    /// Messages that were acknowledged in a second.
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Messages that streams received in a second, all together.
    delivered_per_second: f64,
    /// Resident memory of the server at the end.
    memory_mib: f64,
}

/// The amount of work.
#[derive(Debug)]
struct Plan {
    time: Duration,
    senders: Vec<usize>,
    streams: Vec<usize>,
    gotify: Option<PathBuf>,
    json: bool,
}

/// Measures with a server that is built for release.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if arguments.short {
        return run_short(workspace, arguments.json);
    }
    let mortise = server::build_release(workspace)?;
    if arguments.traces {
        return traces::run(
            workspace,
            &mortise,
            traces::TURN,
            traces::TURNS,
            arguments.json,
        );
    }
    let plan = Plan {
        time: Duration::from_secs(arguments.seconds),
        senders: SENDERS.to_vec(),
        streams: STREAMS.to_vec(),
        gotify: arguments.gotify.clone(),
        json: arguments.json,
    };
    measure(workspace, mortise, &plan)
}

/// Measures in short with the tests' server, whose figures say nothing: all parts
/// have to work.
pub(crate) fn run_short(workspace: &Workspace, json: bool) -> Result<()> {
    let mortise = server::build(workspace)?;
    let plan = Plan {
        time: Duration::from_millis(500),
        senders: vec![1, 8],
        streams: vec![50],
        gotify: None,
        json,
    };
    traces::run(workspace, &mortise, plan.time, 1, json)?;
    measure(workspace, mortise, &plan)
}

fn measure(workspace: &Workspace, mortise: PathBuf, plan: &Plan) -> Result<()> {
    let stamp = workspace.root.join("tests/guests/stamp");
    let filter = wasm::build(workspace, &mortise, &stamp)?;
    let folder = workspace.target.join("load");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    let measured = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot be set up")?
        .block_on(async {
            let mut all = Vec::new();
            for (name, filter) in [("without", None), ("with", Some(filter.as_path()))] {
                let data = folder.join(name);
                let target = Target::mortise(&mortise, &data, filter, "").await?;
                all.extend(of_target(target, plan, filter.is_some()).await?);
            }
            if let Some(gotify) = &plan.gotify {
                let target = Target::gotify(gotify, &folder.join("gotify")).await?;
                all.extend(of_target(target, plan, false).await?);
            }
            anyhow::Ok(all)
        })?;
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("{} cannot be removed", folder.display()))?;
    tell(&measured, plan.json)
}

/// Measures one server: first the senders alone, then beside streams.
async fn of_target(target: Target, plan: &Plan, filter: bool) -> Result<Vec<Measured>> {
    let alone = plan.senders.iter().map(|senders| (*senders, 0));
    // Streams are not of a filter's business.
    let streams = plan.streams.iter().filter(|_| !filter);
    let beside = streams.map(|streams| (FEW, *streams));
    let mut all = Vec::new();
    for (senders, streams) in alone.chain(beside) {
        say(format_args!(
            "{}: {senders} senders, {streams} streams",
            target.name
        ));
        let readers = Streams::open(&target, streams).await?;
        let sent = senders::run(&target, senders, plan.time).await?;
        let delivered = readers.close(sent.count).await?;
        all.push(Measured {
            server: target.name,
            filter,
            senders,
            streams,
            per_second: sent.per_second(),
            p50_ms: sent.quantile_ms(0.5),
            p99_ms: sent.quantile_ms(0.99),
            delivered_per_second: delivered,
            memory_mib: target.memory_mib()?,
        });
    }
    target.stop().await?;
    Ok(all)
}

fn tell(measured: &[Measured], json: bool) -> Result<()> {
    if json {
        for one in measured {
            print(&serde_json::to_string(one).context("the figures are no JSON")?)?;
        }
        return Ok(());
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header([
        "server",
        "filter",
        "senders",
        "streams",
        "messages/s",
        "p50 ms",
        "p99 ms",
        "delivered/s",
        "memory MiB",
    ]);
    for one in measured {
        table.add_row([
            one.server.to_owned(),
            if one.filter { "yes" } else { "no" }.to_owned(),
            one.senders.to_string(),
            one.streams.to_string(),
            format!("{:.0}", one.per_second),
            format!("{:.2}", one.p50_ms),
            format!("{:.2}", one.p99_ms),
            format!("{:.0}", one.delivered_per_second),
            format!("{:.1}", one.memory_mib),
        ]);
    }
    print(&table.trim_fmt())
}
