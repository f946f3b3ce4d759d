//! `cargo xtask build-time`: builds the programs that the demo needs from nothing,
//! in a build folder of its own, and shows the cost of each crate.
//!
//! The bar is in seconds of processor time, because that depends less on what else
//! the machine does, and on its number of cores, than the time on a clock. It still
//! depends on the machine: choose another with `--bar`.

use std::{collections::BTreeMap, fs, path::Path, time::Instant};

use anyhow::{Context as _, Result, bail};
use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Serialize};

use crate::{
    progress,
    run::{print, processor_seconds, say},
    workspace::Workspace,
};

/// Processor time in seconds that a build may take.
const BAR: f64 = 660.0;
/// The number of crates in the table.
const SHOWN: usize = 30;
/// The line in cargo's report that has the times.
const UNITS: &str = "const UNIT_DATA = ";

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask build-time
  cargo xtask build-time --bar 900")]
pub(crate) struct Arguments {
    /// Print one line of JSON with all crates instead of a table.
    #[arg(long)]
    json: bool,
    /// Processor time in seconds above which this fails. The default is for a
    /// machine with two cores of a Xeon that does nothing else.
    #[arg(long, value_name = "SECONDS", default_value_t = BAR)]
    bar: f64,
}

/// One of cargo's steps: a crate's library, program or build script, or a build
/// script's run.
#[derive(Debug, Deserialize)]
struct Unit {
    name: String,
    version: String,
    duration: f64,
}

/// The cost of a crate: the time from the start to the end of each of its steps.
/// Steps run at the same time, so that the sum of all is above the whole time.
#[derive(Debug, PartialEq, Serialize)]
struct Cost {
    name: String,
    version: String,
    seconds: f64,
    steps: usize,
}

#[derive(Debug, Serialize)]
struct Figures {
    crates: Vec<Cost>,
    steps: usize,
    sum_seconds: f64,
    wall_seconds: f64,
    /// None where the system does not say.
    processor_seconds: Option<f64>,
    cores: usize,
    bar: f64,
    holds: bool,
}

/// Builds and shows; an error above the bar.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let figures = measure(workspace, arguments.bar)?;
    if arguments.json {
        print(&serde_json::to_string(&figures).context("the figures are no JSON")?)?;
    } else {
        print(&figures.for_a_person())?;
    }
    if !figures.holds {
        bail!(
            "the build takes more than {:.0} s of processor time: look at the first rows, and at crates with several steps, which may be compiled twice",
            figures.bar
        );
    }
    Ok(())
}

fn measure(workspace: &Workspace, bar: f64) -> Result<Figures> {
    let target = workspace.target.join("build-time");
    if target.exists() {
        fs::remove_dir_all(&target)
            .with_context(|| format!("{} cannot be removed", target.display()))?;
    }
    let mut crates = progress::crates(workspace, &workspace.root.join("server"), None)?;
    crates.extend(progress::crates(
        workspace,
        &workspace.root.join("xtask"),
        None,
    )?);
    let mut command = workspace.cargo();
    command
        .args(["build", "--locked", "--workspace", "--timings"])
        .args([
            "--bin",
            "xtask",
            "--bin",
            "mortise",
            "--bin",
            "xtask-features",
        ])
        .arg("--message-format=json-render-diagnostics")
        .env("CARGO_TARGET_DIR", &target);
    let (begin, before) = (Instant::now(), processor_seconds());
    progress::alone(|reporter| reporter.cargo("the demo's programs", crates, &mut command))?;
    let wall_seconds = begin.elapsed().as_secs_f64();
    let processor_seconds = processor_seconds()
        .zip(before)
        .map(|(after, before)| after - before);
    if processor_seconds.is_none() {
        say(format_args!(
            "this system does not say how much processor time a build took: the bar is not checked"
        ));
    }
    let units = units(&target.join("cargo-timings/cargo-timing.html"))?;
    // The report stays; the rest is large.
    fs::remove_dir_all(target.join("debug"))
        .with_context(|| format!("{} cannot be emptied", target.display()))?;
    Ok(Figures {
        steps: units.len(),
        sum_seconds: units.iter().map(|unit| unit.duration).sum(),
        crates: costs(units),
        wall_seconds,
        processor_seconds,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        bar,
        holds: processor_seconds.is_none_or(|seconds| seconds <= bar),
    })
}

/// Reads the times from cargo's report, which has no other form that is stable.
fn units(report: &Path) -> Result<Vec<Unit>> {
    let text = fs::read_to_string(report)
        .with_context(|| format!("{} cannot be read", report.display()))?;
    let (_, rest) = text.split_once(UNITS).with_context(|| {
        format!(
            "{} has no line `{UNITS}`: this version of cargo writes another report",
            report.display()
        )
    })?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Vec<Unit>>();
    values
        .next()
        .context("the report names no steps")?
        .with_context(|| format!("{} is malformed", report.display()))
}

/// Adds up the steps of each crate; the most costly first.
fn costs(units: Vec<Unit>) -> Vec<Cost> {
    let mut by_crate: BTreeMap<(String, String), (f64, usize)> = BTreeMap::new();
    for unit in units {
        let (seconds, steps) = by_crate.entry((unit.name, unit.version)).or_default();
        *seconds += unit.duration;
        *steps += 1;
    }
    let mut costs: Vec<_> = by_crate
        .into_iter()
        .map(|((name, version), (seconds, steps))| Cost {
            name,
            version,
            seconds,
            steps,
        })
        .collect();
    costs.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    costs
}

impl Figures {
    fn for_a_person(&self) -> String {
        let mut table = Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_header(["crate", "seconds", "steps"]);
        for cost in self.crates.iter().take(SHOWN) {
            table.add_row([
                format!("{} {}", cost.name, cost.version),
                format!("{:.1}", cost.seconds),
                cost.steps.to_string(),
            ]);
        }
        let rest = self.crates.get(SHOWN..).unwrap_or_default();
        table.add_row([
            format!("{} others", rest.len()),
            format!("{:.1}", rest.iter().map(|cost| cost.seconds).sum::<f64>()),
            rest.iter()
                .map(|cost| cost.steps)
                .sum::<usize>()
                .to_string(),
        ]);
        table.add_row([
            "all".to_owned(),
            format!("{:.1}", self.sum_seconds),
            self.steps.to_string(),
        ]);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let processor = match self.processor_seconds {
            Some(seconds) => format!(
                "{seconds:.0} s of processor time, bar {:.0} s: {}",
                self.bar,
                if self.holds { "holds" } else { "MISSED" }
            ),
            None => "processor time not known".to_owned(),
        };
        format!(
            "{}\n\n{:.0} s on the clock with {} cores; {processor}",
            table.trim_fmt(),
            self.wall_seconds,
            self.cores
        )
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Figures, costs, units};

    #[test]
    fn the_report_is_read_and_added_up() {
        let folder = std::env::temp_dir().join(format!("xtask-build-time-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let report = folder.join("report.html");
        fs::write(
            &report,
            r#"<script>const UNIT_DATA = [
                {"i":0,"name":"a","version":"1.0.0","mode":"todo","duration":1.5,"sections":null},
                {"i":1,"name":"b","version":"1.0.0","mode":"todo","duration":2.0},
                {"i":2,"name":"a","version":"1.0.0","mode":"run","duration":1.0}
            ];
            const CONCURRENCY_DATA = [];</script>"#,
        )
        .unwrap();
        let units = units(&report).unwrap();
        fs::write(&report, "<script>another form</script>").unwrap();
        let other = super::units(&report).unwrap_err().to_string();
        fs::remove_dir_all(&folder).unwrap();
        assert!(other.contains("UNIT_DATA"), "{other}");

        let costs = costs(units);
        let brief: Vec<_> = costs
            .iter()
            .map(|cost| (cost.name.as_str(), cost.seconds, cost.steps))
            .collect();
        assert_eq!(brief, [("a", 2.5, 2), ("b", 2.0, 1)]);

        let figures = Figures {
            crates: costs,
            steps: 3,
            sum_seconds: 4.5,
            wall_seconds: 3.0,
            processor_seconds: Some(4.0),
            cores: 2,
            bar: 3.0,
            holds: false,
        };
        let text = figures.for_a_person();
        assert!(text.contains("bar 3 s: MISSED"), "{text}");
        assert!(text.contains("a 1.0.0"), "{text}");
    }
}
