//! `cargo xtask compare-gotify`: sends the same requests to Gotify's own server and to
//! ours, and compares the answers. Without Gotify's program, ours are compared with the
//! recorded answers.
//!
//! - [`script`]: the requests, from `requests.http`.
//! - [`exchange`]: a request and its answer, byte by byte.
//! - [`normal`]: an answer without the values that differ from run to run.
//! - [`stream`]: connections by WebSocket, frame by frame.
//! - [`recorded`]: Gotify's answers of an earlier run.
//! - [`intended`]: the differences that are on purpose, from `intended.toml`.
//!
//! Gotify's program is the person's: build it as its project describes.

mod exchange;
mod intended;
mod normal;
mod recorded;
mod script;
mod stream;

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use self::{
    exchange::Side,
    intended::Intended,
    recorded::{Answered, Recorded},
    script::{Capture, Step},
};
use crate::{
    gotify::Gotify,
    run::{print, say},
    server::{self, Server},
    workspace::Workspace,
};

#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask compare-gotify
  cargo xtask compare-gotify --gotify ../gotify/gotify-server --record")]
pub(crate) struct Arguments {
    /// Gotify's program [default: its recorded answers].
    #[arg(long, value_name = "BINARY")]
    gotify: Option<PathBuf>,
    /// Record Gotify's answers, for runs without its program.
    #[arg(long, requires = "gotify")]
    record: bool,
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
    let steps = script::steps()?;
    let folder = workspace.target.join("compare");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    let found = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot be set up")?
        .block_on(async {
            let ours = Server::start(&mortise, &folder.join("ours"), 0, PASSWORD).await?;
            let found = match &arguments.gotify {
                Some(program) => {
                    let theirs = Gotify::start(program, &folder.join("gotify"), PASSWORD).await?;
                    let side = Side::new(&theirs.url, PASSWORD)?;
                    let found = compared(&steps, Reference::Running(side), &ours.url).await;
                    theirs.stop().await?;
                    found
                }
                None => {
                    let recorded = Recorded::read(workspace)?;
                    compared(&steps, Reference::Recorded(recorded), &ours.url).await
                }
            };
            ours.stop().await?;
            found
        })?;
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("{} cannot be removed", folder.display()))?;
    let Found {
        differences,
        words,
        answers,
    } = found;
    let requests = answers.len();
    if arguments.record {
        Recorded::write(workspace, answers)?;
    }
    report(requests, differences, words, arguments.all)
}

/// Shows the differences, and fails if one is not intended.
fn report(
    requests: usize,
    differences: Vec<Difference>,
    words: Vec<Difference>,
    all: bool,
) -> Result<()> {
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
        "{requests} requests and streams: {} differences, {} of them intended; {} errors in other \
         words",
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
    if !stale.is_empty() {
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

/// The results of a run.
struct Found {
    differences: Vec<Difference>,
    /// The errors that differ in words alone.
    words: Vec<Difference>,
    /// Gotify's answers.
    answers: Vec<Answered>,
}

/// The answers that ours are held against.
enum Reference {
    Running(Side),
    Recorded(Recorded),
}

impl Reference {
    /// The answer to a request, and the values in it for later ones.
    async fn answer(&self, step: &Step) -> Result<(Parts, BTreeMap<String, Value>)> {
        match self {
            Self::Running(side) => {
                let answer = side.send(step).await;
                let answer =
                    answer.with_context(|| format!("Gotify does not answer `{}`", step.name))?;
                let captures = step.captures.iter();
                let values = captures
                    .filter_map(|one| Some((one.name.clone(), one.place.find(&answer)?)))
                    .collect();
                Ok((normal::parts(&answer, side), values))
            }
            Self::Recorded(recorded) => {
                let answer = recorded.answer(&step.name)?;
                let values = answer.kept.into_iter().map(|name| (name, Value::Null));
                Ok((answer.parts, values.collect()))
            }
        }
    }

    /// The parts of our answer that it has counterparts for.
    fn comparable(&self, parts: Parts) -> Parts {
        match self {
            Self::Running(_) => parts,
            Self::Recorded(_) => recorded::without_words(parts),
        }
    }

    fn keep(&mut self, name: &str, value: Value) {
        if let Self::Running(side) = self {
            side.keep(name, value);
        }
    }

    async fn stream(&mut self, case: stream::Case) -> Result<Parts> {
        match self {
            Self::Running(side) => {
                let parts = stream::run(case, side).await;
                parts.with_context(|| format!("Gotify: {}", case.name()))
            }
            Self::Recorded(recorded) => Ok(recorded.answer(case.name())?.parts),
        }
    }
}

/// Sends everything to both.
async fn compared(steps: &[Step], mut theirs: Reference, ours: &str) -> Result<Found> {
    let mut ours = Side::new(ours, PASSWORD)?;
    let mut all = Vec::new();
    let mut answers = Vec::new();
    for step in steps {
        let (left, right) = tokio::join!(theirs.answer(step), ours.send(step));
        let (parts, mut values) = left?;
        let right = right.with_context(|| format!("Mortise does not answer `{}`", step.name))?;
        let before = all.len();
        let own = theirs.comparable(normal::parts(&right, &ours));
        collect(&mut all, &step.name, &parts, &own);
        let mut kept = Vec::new();
        for Capture { name, place } in &step.captures {
            match (values.remove(name), place.find(&right)) {
                (Some(left), Some(right)) => {
                    theirs.keep(name, left);
                    ours.keep(name, right);
                    kept.push(name.clone());
                }
                // The difference is reported already.
                _ if all.len() > before => {}
                _ => bail!("`{}`: neither answer has `{name}`", step.name),
            }
        }
        answers.push(Answered {
            request: step.name.clone(),
            kept,
            parts,
        });
    }
    for case in stream::CASES {
        let parts = theirs.stream(case).await?;
        let right = stream::run(case, &mut ours).await;
        let right = right.with_context(|| format!("Mortise: {}", case.name()))?;
        collect(&mut all, case.name(), &parts, &theirs.comparable(right));
        answers.push(Answered {
            request: case.name().to_owned(),
            kept: Vec::new(),
            parts,
        });
    }
    let (differences, words) = all
        .into_iter()
        .partition(|one| !one.part.ends_with(normal::WORDS));
    Ok(Found {
        differences,
        words,
        answers,
    })
}

/// The parts of an answer, such as `status`, and their values.
type Parts = BTreeMap<String, String>;

/// Adds the differences of two answers. If the statuses differ, the rest says no more.
fn collect(all: &mut Vec<Difference>, step: &str, gotify: &Parts, ours: &Parts) {
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
            gotify: value(gotify),
            ours: value(ours),
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
        collect(&mut all, "same", &ok, &ok);
        assert!(all.is_empty());
        let error = parts(&[("status", "400"), ("body /error", "Bad Request")]);
        collect(&mut all, "other", &ok, &error);
        assert_eq!(all.len(), 1);
        assert_eq!((&*all[0].gotify, &*all[0].ours), ("200", "400"));
        collect(&mut all, "less", &ok, &parts(&[("status", "200")]));
        assert_eq!((&*all[1].part, &*all[1].ours), ("body /id", "absent"));
    }
}
