//! `cargo xtask escapes`: a table of deeds that a plugin may not do without a
//! grant, tried from inside a component and inside processes in Go and Python.
//!
//! Each deed must fail without its grant, and succeed with it, or outside the
//! sandbox where no grant gives it. Each server is the real program. To find out
//! which protection of the kernel stops a deed, the deeds are tried on kernels
//! that lack parts of the sandbox too, and there the server must say so.
//!
//! - [`deed`], [`table`]: the deeds, as data.
//! - [`setting`], [`lacking`]: kernels that lack something.
//! - [`place`]: a server's surroundings; [`trial`]: trying the deeds on one server.
//! - [`verdict`]: the judgement of the outcomes, and the report.

mod deed;
mod lacking;
mod place;
mod setting;
mod table;
mod trial;
mod verdict;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};

pub(crate) use self::lacking::{LACKING, Lacking};
use self::{place::Programs, setting::Setting, trial::Tried, verdict::Verdicts};
use crate::{
    go, python,
    run::{print, say},
    server, wasm,
    workspace::Workspace,
};

/// The plugin in Python.
pub(crate) const PYTHON: &str = include_str!("../../../tests/escapes/process.py");

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask escapes
  cargo xtask escapes --short")]
pub(crate) struct Arguments {
    /// Print one line of JSON for each deed instead of a table.
    #[arg(long)]
    json: bool,
    /// Try the deeds only with every protection and with none.
    #[arg(long)]
    short: bool,
}

/// Tries all deeds; an error if one did not end as it should.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let settings = if arguments.short {
        Setting::SHORT.to_vec()
    } else {
        Setting::all()
    };
    let verdicts = verdicts(workspace, &settings)?;
    if arguments.json {
        for line in verdicts.lines()? {
            print(&line)?;
        }
    } else {
        print(&verdicts.table())?;
    }
    let failures = verdicts.failures();
    if failures.is_empty() {
        return Ok(());
    }
    bail!(
        "{} deeds went wrong:\n  {}",
        failures.len(),
        failures.join("\n  ")
    );
}

/// The short form, for `cargo xtask test`. Returns the numbers of deeds that ended
/// as they should, and of the others.
pub(crate) fn run_short(workspace: &Workspace) -> Result<(u64, u64)> {
    let verdicts = verdicts(workspace, &Setting::SHORT)?;
    let failures = verdicts.failures();
    for failure in &failures {
        say(format_args!("{failure}"));
    }
    let failed = failures.len() as u64;
    Ok(((verdicts.count() as u64).saturating_sub(failed), failed))
}

fn verdicts(workspace: &Workspace, settings: &[Setting]) -> Result<Verdicts> {
    let programs = programs(workspace)?;
    let folder = workspace.target.join("escapes");
    let deeds = table::all();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot be set up")?;
    let mut tried: BTreeMap<Setting, Tried> = BTreeMap::new();
    for setting in settings {
        say(format_args!(
            "trying {} deeds: {}",
            deeds.len(),
            setting.name()
        ));
        let run = trial::run(&folder, &programs, &deeds, *setting);
        let outcomes = runtime
            .block_on(run)
            .with_context(|| format!("setting: {}", setting.name()))?;
        tried.insert(*setting, outcomes);
    }
    Ok(Verdicts::new(deeds, tried))
}

fn programs(workspace: &Workspace) -> Result<Programs> {
    let mortise = server::build(workspace)?;
    let guest = workspace.root.join("tests/guests/deeds");
    Ok(Programs {
        component: wasm::build(workspace, &mortise, &guest)?,
        go: go::build(workspace, "tests/escapes/go", ".")?,
        python: python::build(workspace, "deeds", PYTHON)?,
        neighbour: workspace.root.join("tests/escapes/neighbour.py"),
        mortise,
    })
}
