//! `cargo xtask compare-gotify`: sends the same requests to Gotify's own server and to
//! ours, and compares the answers.
//!
//! - [`script`]: the requests, from `requests.http`.
//! - [`exchange`]: a request and its answer, byte by byte.
//! - [`normal`]: an answer without the values that differ from run to run.
//! - [`stream`]: connections by WebSocket, frame by frame.
//! - [`intended`]: the differences that are on purpose, from `intended.toml`.
//!
//! Gotify's program is the person's: build it as its project describes.

mod exchange;
mod intended;
mod normal;
mod script;
mod stream;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use comfy_table::{ContentArrangement, Table, presets};

use self::{
    exchange::Side,
    intended::Intended,
    script::{Capture, Step},
};
use crate::{
    gotify::Gotify,
    run::{print, say},
    server::{self, Server},
    workspace::Workspace,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Gotify's program.
    #[arg(long, value_name = "BINARY", required_unless_present = "short")]
    gotify: Option<PathBuf>,
    /// Compare two of our servers, to see that all parts work.
    #[arg(long, conflicts_with = "gotify")]
    short: bool,
    /// Show intended differences and different words of errors too.
    #[arg(long)]
    all: bool,
}

/// Only for the time of a run, on loopback.
const PASSWORD: &str = "only while it runs";

/// One difference of two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Difference {
    /// The name of the request.
    step: String,
    /// The part of the answer, such as `status` or `body /id`.
    part: String,
    gotify: String,
    ours: String,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mortise = server::build(workspace)?;
    compare(
        workspace,
        &mortise,
        arguments.gotify.as_deref(),
        arguments.all,
    )
}

/// Compares two of our servers, which must not differ.
pub(crate) fn run_short(workspace: &Workspace) -> Result<()> {
    compare(workspace, &server::build(workspace)?, None, false)
}

fn compare(workspace: &Workspace, mortise: &Path, gotify: Option<&Path>, all: bool) -> Result<()> {
    let steps = script::steps()?;
    let folder = workspace.target.join("compare");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    let (differences, words) = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot be set up")?
        .block_on(async {
            let ours = Server::start(mortise, &folder.join("ours"), 0, PASSWORD).await?;
            let found = match gotify {
                Some(program) => {
                    let theirs = Gotify::start(program, &folder.join("gotify"), PASSWORD).await?;
                    let found = differences(&steps, &theirs.url, &ours.url).await;
                    theirs.stop().await?;
                    found
                }
                None => {
                    let other = Server::start(mortise, &folder.join("other"), 0, PASSWORD).await?;
                    let found = differences(&steps, &other.url, &ours.url).await;
                    other.stop().await?;
                    found
                }
            };
            ours.stop().await?;
            found
        })?;
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("{} cannot be removed", folder.display()))?;
    let mut intended = Intended::read()?;
    let (expected, unexpected): (Vec<_>, Vec<_>) =
        differences.into_iter().partition(|one| intended.has(one));
    if all {
        show("intended", &expected)?;
        show("other words of an error", &words)?;
    }
    if !unexpected.is_empty() {
        show("not intended", &unexpected)?;
    }
    say(format_args!(
        "{} requests and streams: {} differences, {} of them intended; {} errors in other words",
        steps.len() + stream::COUNT,
        expected.len() + unexpected.len(),
        expected.len(),
        words.len()
    ));
    if !unexpected.is_empty() {
        bail!(
            "{} differences are not intended: mend them, or give the reason in \
             xtask/src/compare/intended.toml",
            unexpected.len()
        );
    }
    let stale = intended.unused();
    if gotify.is_some() && !stale.is_empty() {
        bail!(
            "xtask/src/compare/intended.toml names differences that are not there: {}",
            stale.join("; ")
        );
    }
    Ok(())
}

fn show(what: &str, differences: &[Difference]) -> Result<()> {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["request", "part", "Gotify", "Mortise"]);
    for one in differences {
        table.add_row([&one.step, &one.part, &one.gotify, &one.ours]);
    }
    print(&format!("{what}:\n{}\n", table.trim_fmt()))
}

/// Sends everything to both. The second list has errors that differ in words alone.
async fn differences(
    steps: &[Step],
    theirs: &str,
    ours: &str,
) -> Result<(Vec<Difference>, Vec<Difference>)> {
    let mut theirs = Side::new(theirs, PASSWORD)?;
    let mut ours = Side::new(ours, PASSWORD)?;
    let mut all = Vec::new();
    for step in steps {
        let (left, right) = tokio::join!(theirs.send(step), ours.send(step));
        let left = left.with_context(|| format!("Gotify does not answer `{}`", step.name))?;
        let right = right.with_context(|| format!("Mortise does not answer `{}`", step.name))?;
        let before = all.len();
        let parts = normal::parts(&left, &theirs);
        collect(&mut all, &step.name, parts, normal::parts(&right, &ours));
        for Capture { name, place } in &step.captures {
            let left = place.find(&left);
            let right = place.find(&right);
            match (left, right) {
                (Some(left), Some(right)) => {
                    theirs.keep(name, left);
                    ours.keep(name, right);
                }
                // The difference is reported already.
                _ if all.len() > before => {}
                _ => bail!("`{}`: neither answer has `{name}`", step.name),
            }
        }
    }
    for case in stream::CASES {
        let left = stream::run(case, &mut theirs).await;
        let left = left.with_context(|| format!("Gotify: {}", case.name()))?;
        let right = stream::run(case, &mut ours).await;
        let right = right.with_context(|| format!("Mortise: {}", case.name()))?;
        collect(&mut all, case.name(), left, right);
    }
    Ok(all
        .into_iter()
        .partition(|one| !one.part.ends_with(normal::WORDS)))
}

/// The parts of an answer, such as `status`, and their values.
type Parts = BTreeMap<String, String>;

/// Adds the differences of two answers. If the statuses differ, the rest says no more.
fn collect(all: &mut Vec<Difference>, step: &str, gotify: Parts, ours: Parts) {
    let names: std::collections::BTreeSet<_> = gotify.keys().chain(ours.keys()).collect();
    let differs = |name: &String| gotify.get(name) != ours.get(name);
    let status = normal::STATUS.to_owned();
    let only_status = differs(&status);
    for name in names {
        if !differs(name) || (only_status && *name != status) {
            continue;
        }
        let value = |parts: &Parts| parts.get(name).map_or("absent", String::as_str).to_owned();
        all.push(Difference {
            step: step.to_owned(),
            part: name.clone(),
            gotify: value(&gotify),
            ours: value(&ours),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Parts, collect};

    fn parts(pairs: &[(&str, &str)]) -> Parts {
        let pairs = pairs.iter();
        pairs
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn another_status_is_one_difference() {
        let mut all = Vec::new();
        let ok = parts(&[("status", "200"), ("body /id", "1")]);
        collect(&mut all, "same", ok.clone(), ok.clone());
        assert!(all.is_empty());
        let error = parts(&[("status", "400"), ("body /error", "Bad Request")]);
        collect(&mut all, "other", ok.clone(), error);
        assert_eq!(all.len(), 1);
        assert_eq!((&*all[0].gotify, &*all[0].ours), ("200", "400"));
        collect(&mut all, "less", ok, parts(&[("status", "200")]));
        assert_eq!((&*all[1].part, &*all[1].ours), ("body /id", "absent"));
    }
}
