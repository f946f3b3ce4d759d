//! `cargo xtask bench`: runs the benchmarks and compares each path of ours
//! with a reference that was measured in the same run, in turns: whatever else
//! the machine does only ever adds time, so of each the fastest turn counts.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Serialize};

use crate::{
    go,
    run::{print, run as run_command, say},
    workspace::Workspace,
};

/// One path and its reference. Ids are criterion's: group, then function.
struct Pair {
    name: &'static str,
    bench: &'static str,
    ours: &'static str,
    reference: &'static str,
    /// The largest allowed ratio of ours to the reference; none where the figure is
    /// for a person.
    bar: Option<f64>,
}

/// All comparisons. A new benchmark is one more line.
#[rustfmt::skip]
const PAIRS: [Pair; 13] = [
    Pair { name: "warm_call", bench: "paths", ours: "warm/instance", reference: "warm/raw", bar: Some(1.25) },
    Pair { name: "fresh_call", bench: "paths", ours: "fresh/instance", reference: "fresh/raw", bar: Some(1.25) },
    Pair { name: "cached_load", bench: "paths", ours: "load/plugin", reference: "load/raw", bar: Some(1.5) },
    Pair { name: "warm_call_or_extism", bench: "paths", ours: "warm/instance", reference: "warm/extism", bar: Some(1.0 / 8.0) },
    Pair { name: "fresh_call_or_extism", bench: "paths", ours: "fresh/instance", reference: "fresh/extism", bar: Some(1.0 / 6.0) },
    Pair { name: "native_call", bench: "bridge", ours: "bridge/call", reference: "bridge/raw_echo", bar: Some(1.3) },
    Pair { name: "native_call_or_go_plugin", bench: "bridge", ours: "bridge/call_go", reference: "bridge/go_plugin", bar: Some(1.0 / 3.0) },
    Pair { name: "message_with_filter", bench: "paths", ours: "message/filtered_64", reference: "message/plain_64", bar: Some(1.0 / 0.95) },
    Pair { name: "message_with_filter_16", bench: "paths", ours: "message/filtered_16", reference: "message/plain_16", bar: None },
    Pair { name: "message_with_filter_1", bench: "paths", ours: "message/filtered_1", reference: "message/plain_1", bar: None },
    Pair { name: "message_or_bare_route", bench: "paths", ours: "message/plain_64", reference: "message/bare_64", bar: Some(2.0) },
    Pair { name: "message_or_bare_route_16", bench: "paths", ours: "message/plain_16", reference: "message/bare_16", bar: None },
    Pair { name: "message_or_bare_route_1", bench: "paths", ours: "message/plain_1", reference: "message/bare_1", bar: None },
];

/// The programs in Go that `bridge` measures: their folders, and the variables
/// with their built paths. `go build` knows whether they are up to date.
const GO_PROGRAMS: [(&str, &str, &str); 2] = [
    (
        "native-bridge/go",
        "./testplugins/beyond",
        "MORTISE_BENCH_GO_FILTER",
    ),
    (
        "native-bridge/host/benches/go-plugin",
        ".",
        "MORTISE_BENCH_GO_PLUGIN",
    ),
];

/// The folder of the benchmark that runs Extism, and its guest's below it. It is a
/// workspace of its own, as it brings another wasmtime.
const EXTISM: &str = "tests/peers/extism";

/// The number of turns for both sides of a pair, and their length in seconds. A
/// disturbance lasts longer than one turn, but not as long as all of them.
const TURNS: usize = 10;
const WARM_UP: &str = "0.5";
const MEASUREMENT: &str = "1";

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench
  cargo xtask bench native_call")]
pub(crate) struct Arguments {
    /// Only the benchmark of this name.
    name: Option<String>,
    /// Print one line of JSON for each instead of a table.
    #[arg(long)]
    json: bool,
}

/// A pair as it was measured.
#[derive(Debug, Serialize)]
struct Measured {
    name: &'static str,
    ours_ns: f64,
    reference_ns: f64,
    ratio: f64,
    bar: Option<f64>,
    holds: bool,
}

/// Runs the benchmarks; an error if a bar does not hold.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let chosen: Vec<&Pair> = PAIRS
        .iter()
        .filter(|pair| {
            arguments
                .name
                .as_deref()
                .is_none_or(|name| name == pair.name)
        })
        .collect();
    if chosen.is_empty() {
        let names: Vec<_> = PAIRS.iter().map(|pair| pair.name).collect();
        bail!(
            "there is no such benchmark; there are: {}",
            names.join(", ")
        );
    }
    let mut all = Vec::new();
    for pair in chosen {
        all.push(measure(workspace, pair)?);
    }
    if arguments.json {
        for measured in &all {
            print(&serde_json::to_string(measured).context("a result is no JSON")?)?;
        }
    } else {
        print(&table(&all))?;
    }
    let missed: Vec<_> = all
        .iter()
        .filter(|measured| !measured.holds)
        .map(|measured| measured.name)
        .collect();
    if !missed.is_empty() {
        bail!("above their bar: {}", missed.join(", "));
    }
    Ok(())
}

fn measure(workspace: &Workspace, pair: &Pair) -> Result<Measured> {
    say(format_args!("measuring {}", pair.name));
    let criterion = workspace.target.join("criterion");
    let ids = [pair.ours, pair.reference].map(|id| criterion.join(id));
    let mut commands = commands(workspace, pair, &criterion)?;
    let mut fastest = [f64::INFINITY; 2];
    for _ in 0..TURNS {
        for id in &ids {
            // Earlier results must not pass for current ones.
            let old = id.join("new");
            if old.exists() {
                std::fs::remove_dir_all(&old)
                    .with_context(|| format!("{} cannot be removed", old.display()))?;
            }
        }
        for command in &mut commands {
            run_command(command)?;
        }
        for (id, fastest) in ids.iter().zip(&mut fastest) {
            *fastest = fastest.min(estimate(id)?);
        }
    }
    let [ours_ns, reference_ns] = fastest;
    let ratio = ours_ns / reference_ns;
    Ok(Measured {
        name: pair.name,
        ours_ns,
        reference_ns,
        ratio,
        bar: pair.bar,
        holds: pair.bar.is_none_or(|bar| ratio <= bar),
    })
}

/// Returns the commands that measure both sides: one, or another for a peer that is
/// a workspace of its own.
fn commands(workspace: &Workspace, pair: &Pair, criterion: &Path) -> Result<Vec<Command>> {
    let measuring = |mut command: Command, bench: &str, ids: &str| {
        command
            .args(["--bench", bench, "--", &format!("^({ids})$")])
            .args(["--warm-up-time", WARM_UP, "--measurement-time", MEASUREMENT])
            // Where criterion writes does not depend on where it is run.
            .env("CRITERION_HOME", criterion);
        command
    };
    let mut bench = workspace.cargo();
    // For the whole workspace, so that all benchmarks use the same features of
    // shared crates.
    bench.args(["bench", "--locked", "--workspace"]);
    if !pair.reference.ends_with("/extism") {
        let ids = format!("{}|{}", pair.ours, pair.reference);
        let mut both = measuring(bench, pair.bench, &ids);
        if pair.reference == "bridge/go_plugin" {
            for (folder, package, variable) in GO_PROGRAMS {
                both.env(variable, go::build(workspace, folder, package)?);
            }
        }
        return Ok(vec![both]);
    }
    let target = workspace.target.join("peers");
    let mut peer = workspace.cargo();
    peer.current_dir(workspace.root.join(EXTISM))
        .args(["bench", "--locked"])
        .env("CARGO_TARGET_DIR", &target)
        .env("EXTISM_GUEST", extism_guest(workspace, &target)?);
    Ok(vec![
        measuring(bench, pair.bench, pair.ours),
        measuring(peer, "extism", pair.reference),
    ])
}

/// Builds Extism's guest, a module without a standard library: a core module, which
/// this target's usual linker would turn into a component.
fn extism_guest(workspace: &Workspace, target: &Path) -> Result<PathBuf> {
    let mut build = workspace.cargo();
    build
        .current_dir(workspace.root.join(EXTISM).join("guest"))
        .args(["build", "--locked", "--release"])
        .args(["--target", mortise_toolchain::rust::TARGET])
        .env("CARGO_TARGET_DIR", target)
        .env(
            "RUSTFLAGS",
            "-C linker-flavor=wasm-ld -C linker=rust-lld -C link-arg=--no-entry \
             -C link-self-contained=no",
        );
    run_command(&mut build)?;
    Ok(target
        .join(mortise_toolchain::rust::TARGET)
        .join("release/extism_guest.wasm"))
}

/// The part of criterion's `estimates.json` that is of interest here.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    /// In nanoseconds.
    point_estimate: f64,
}

/// Returns the median of the last measurement. A mean would follow other work
/// on the machine.
fn estimate(folder: &Path) -> Result<f64> {
    let file = folder.join("new").join("estimates.json");
    let text = std::fs::read_to_string(&file).with_context(|| {
        format!(
            "the benchmark ran but left no {}: its id in xtask/src/bench.rs is wrong",
            file.display()
        )
    })?;
    let estimates: Estimates = serde_json::from_str(&text)
        .with_context(|| format!("{} is not what criterion writes", file.display()))?;
    Ok(estimates.median.point_estimate)
}

fn table(all: &[Measured]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header([
        "benchmark",
        "ours",
        "reference",
        "ratio",
        "bar",
        "",
    ]);
    for measured in all {
        table.add_row([
            measured.name.to_owned(),
            Nanoseconds(measured.ours_ns).to_string(),
            Nanoseconds(measured.reference_ns).to_string(),
            format!("{:.2}", measured.ratio),
            measured
                .bar
                .map_or_else(String::new, |bar| format!("{bar:.2}")),
            match (measured.bar, measured.holds) {
                (None, _) => "",
                (Some(_), true) => "holds",
                (Some(_), false) => "MISSED",
            }
            .to_owned(),
        ]);
    }
    for index in 1..=4 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A time in the unit that suits it.
struct Nanoseconds(f64);

impl fmt::Display for Nanoseconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ns if ns < 1e3 => write!(formatter, "{ns:.0} ns"),
            ns if ns < 1e6 => write!(formatter, "{:.2} us", ns / 1e3),
            ns => write!(formatter, "{:.2} ms", ns / 1e6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Measured, table};

    #[test]
    fn the_table_says_which_bar_was_missed() {
        let one = |name, ours_ns, holds| Measured {
            name,
            ours_ns,
            reference_ns: 1000.0,
            ratio: ours_ns / 1000.0,
            bar: Some(1.25),
            holds,
        };
        let text = table(&[one("a", 1100.0, true), one("b", 2_000_000.0, false)]);
        let lines: Vec<Vec<_>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines[1],
            ["a", "1.10", "us", "1.00", "us", "1.10", "1.25", "holds"]
        );
        assert_eq!(lines[2].last(), Some(&"MISSED"));
    }
}
