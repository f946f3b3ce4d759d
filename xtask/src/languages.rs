//! `cargo xtask languages`: the table of `docs/languages.md`, from builds and
//! measurements on this machine. The table is between two marks; the rest of
//! the page is written by hand.
//!
//! Sizes and times differ between machines and are only written. `cargo xtask
//! test` checks the rest with its own conformance run.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{
    conformance::{self, Outcome},
    run::{output, print, run as run_command, say},
    workspace::Workspace,
};

const PAGE: &str = "docs/languages.md";
const BEGIN: &str = "<!-- written by `cargo xtask languages` -->\n";
const END: &str = "<!-- end -->\n";

/// The table's columns, and whether they are the same on every machine.
const COLUMNS: [(&str, bool); 9] = [
    ("language", true),
    ("", true),
    ("built with", true),
    ("size", false),
    ("cold load", false),
    ("load from the cache", false),
    ("warm call", false),
    ("conformance", true),
    ("not supported", true),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask languages
  cargo xtask languages --check")]
pub(crate) struct Arguments {
    /// Write nothing and measure nothing: say whether the page is true.
    #[arg(long)]
    check: bool,
}

/// The output of the tests' example `measure`.
#[derive(Debug, Deserialize)]
struct Measured {
    bytes: u64,
    cold_ms: f64,
    cached_ms: Option<f64>,
    call_us: f64,
}

/// Runs the conformance cases, measures, and writes the table.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let outcomes = conformance::outcomes(workspace, &conformance::Arguments::default())?;
    if arguments.check {
        return check(workspace, &outcomes);
    }
    say(format_args!(
        "building for release (minutes the first time)"
    ));
    run_command(workspace.cargo().args([
        "build",
        "--release",
        "--locked",
        "--workspace",
        "--example",
        "measure",
    ]))?;
    let measure = workspace
        .target
        .join("release/examples")
        .join(format!("measure{}", std::env::consts::EXE_SUFFIX));
    let mut rows = Vec::new();
    for outcome in &outcomes {
        let file = outcome.file.as_deref();
        let file =
            file.with_context(|| format!("{} was not built, see above", outcome.plugin.title()))?;
        rows.push(row(outcome, &measured(&measure, file)?));
    }
    let table = table(&rows, &outcomes);
    let page = workspace.root.join(PAGE);
    let [before, _, after] = parts(&page)?;
    fs::write(&page, format!("{before}{BEGIN}\n{table}\n{END}{after}"))
        .with_context(|| format!("{PAGE} cannot be written"))?;
    print(&table)
}

/// Says whether the page agrees with how the conformance cases went.
pub(crate) fn check(workspace: &Workspace, outcomes: &[Outcome]) -> Result<()> {
    let nothing = Measured {
        bytes: 0,
        cold_ms: 0.0,
        cached_ms: None,
        call_us: 0.0,
    };
    let rows: Vec<_> = outcomes.iter().map(|one| row(one, &nothing)).collect();
    let [_, written, _] = parts(&workspace.root.join(PAGE))?;
    let (found, expected) = (lasting(&written), lasting(&table(&rows, outcomes)));
    if found == expected {
        return Ok(());
    }
    let different = found
        .iter()
        .zip(&expected)
        .find(|(found, expected)| found != expected);
    match different {
        Some((found, expected)) => {
            bail!("{PAGE} says\n  {found}\nand it is\n  {expected}\nrun `cargo xtask languages`")
        }
        None => bail!("{PAGE} has other rows than there are: run `cargo xtask languages`"),
    }
}

/// The page before the table, the table, and what follows it.
fn parts(page: &Path) -> Result<[String; 3]> {
    let text = fs::read_to_string(page).with_context(|| format!("{PAGE} cannot be read"))?;
    text.split_once(BEGIN)
        .and_then(|(before, rest)| {
            let (table, after) = rest.split_once(END)?;
            Some([before, table, after].map(str::to_owned))
        })
        .with_context(|| format!("{PAGE} lacks the marks around its table"))
}

fn measured(measure: &Path, file: &Path) -> Result<Measured> {
    say(format_args!("measuring {}", file.display()));
    let line = output(Command::new(measure).arg(file))?;
    serde_json::from_str(&line).with_context(|| format!("it said something else: {line}"))
}

type Row = [String; COLUMNS.len()];

fn row(outcome: &Outcome, measured: &Measured) -> Row {
    let plugin = outcome.plugin;
    let or_dash = |text: &str| if text.is_empty() { "—" } else { text }.to_owned();
    [
        plugin.title().to_owned(),
        plugin.kind().to_owned(),
        plugin.tool.to_owned(),
        size(measured.bytes),
        milliseconds(measured.cold_ms),
        measured
            .cached_ms
            .map_or_else(|| "—".to_owned(), milliseconds),
        format!("{:.1} µs", measured.call_us),
        conformance(outcome),
        or_dash(plugin.lacks),
    ]
}

fn conformance(outcome: &Outcome) -> String {
    let (passed, failed, skipped) = (outcome.passed, outcome.failed.len(), outcome.skipped.len());
    let mut text = format!("{passed} passed");
    if failed > 0 {
        let _ = write!(text, ", {failed} failed");
    }
    if skipped > 0 {
        let _ = write!(text, ", {skipped} skipped");
    }
    text
}

fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let mb = bytes as f64 / 1e6;
    if mb < 1.0 {
        format!("{} KB", bytes.div_ceil(1000))
    } else {
        format!("{mb:.1} MB")
    }
}

fn milliseconds(ms: f64) -> String {
    match ms {
        ..1.0 => format!("{ms:.2} ms"),
        1.0..10.0 => format!("{ms:.1} ms"),
        10.0..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1e3),
    }
}

/// Returns the table as Markdown, followed by the skipped cases and their
/// reasons.
fn table(rows: &[Row], outcomes: &[Outcome]) -> String {
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(COLUMNS.iter().map(|(name, _)| *name).collect());
    text.push_str(&line(vec!["---"; COLUMNS.len()]));
    for row in rows {
        text.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    let mut skipped: Vec<_> = outcomes.iter().flat_map(|one| &one.skipped).collect();
    skipped.sort();
    skipped.dedup();
    if !skipped.is_empty() {
        text.push_str("\nSkipped cases:\n\n");
    }
    for (case, because) in skipped {
        let _ = writeln!(text, "- `{case}`, because {because}");
    }
    text
}

/// A table's lines without the columns that are another machine's.
fn lasting(table: &str) -> Vec<String> {
    let lines = table.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let Some(cells) = line.strip_prefix("| ").and_then(|l| l.strip_suffix(" |")) else {
                return line.to_owned();
            };
            let cells = cells.split(" | ").zip(COLUMNS);
            let kept: Vec<_> = cells
                .filter(|(_, (_, lasts))| *lasts)
                .map(|(cell, _)| cell)
                .collect();
            kept.join(" | ")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{lasting, milliseconds, size};

    #[test]
    fn only_what_lasts_is_compared() {
        let row =
            |size, passed| format!("| Go | native | go | {size} | 1 | 2 | 3 | {passed} | — |\n");
        assert_eq!(lasting(&row("5 MB", "9")), lasting(&row("6 MB", "9")));
        assert_ne!(lasting(&row("5 MB", "9")), lasting(&row("5 MB", "8")));
        assert_ne!(lasting("- a: b\n"), lasting("- a: c\n"));
    }

    #[test]
    fn figures_are_as_people_read_them() {
        assert_eq!(size(999), "1 KB");
        assert_eq!(size(1_830_000), "1.8 MB");
        assert_eq!(milliseconds(0.236), "0.24 ms");
        assert_eq!(milliseconds(8320.0), "8.3 s");
    }
}
