//! The structure of the Rust crates: which file takes names from which, and the
//! circles among them.
//!
//! A circle that stays inside one folder is a matter of that folder. A circle that
//! spans two folders makes neither of them readable, testable or replaceable
//! alone, so it fails the command.
//!
//! - [`source`]: a crate's modules, their definitions and the paths they name.
//! - [`resolve`]: from a named path to the file with the definition, through
//!   imports and re-exports. A re-export ties nothing: it only gives a name.
//! - [`circle`]: the circles of a graph.
//! - [`wording`]: comparisons with the text of an error, which fail it too.
//! - [`waits`]: sleeps in test code, which fail it too.
//!
//! All but the last leave test code out. A method counts for the file that defines it if its type
//! is defined in another file and its name is used once in the crate.

mod circle;
mod resolve;
mod source;
mod waits;
mod wording;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use self::{resolve::Edges, source::Crate};
use crate::{
    run::{output, say},
    workspace::Workspace,
};

/// Folders of the repository without crates of ours.
const LEFT_OUT: [&str; 5] = ["examples", "tests", "target", "author/templates", "fuzz"];

/// Options of the command.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask structure
  cargo xtask structure --edges server/src")]
pub(crate) struct Arguments {
    /// Prints the edges between folders, or between the files of this folder.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "")]
    edges: Option<PathBuf>,
    /// Prints one JSON line: the edges and the circles.
    #[arg(long)]
    json: bool,
}

/// One circle that spans folders.
#[derive(Debug, serde::Serialize)]
struct Circle {
    folders: BTreeSet<String>,
    /// The edges that close it, each with the names that tie it.
    edges: Vec<(String, String, BTreeSet<String>)>,
}

/// Draws the structure, and fails if a circle spans two folders.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut all = Edges::new();
    let mut circles = Vec::new();
    let mut compared = Vec::new();
    for root in roots(workspace)? {
        let krate = Crate::read(&root)?;
        let edges = resolve::edges(&krate);
        for module in krate.modules.values() {
            for code in &module.comparisons {
                compared.push(format!("{}: {code}", workspace.short(&module.file)));
            }
        }
        for group in circle::circles(&edges) {
            let folders: BTreeSet<_> = group.iter().map(|file| folder(file)).collect();
            if folders.len() > 1 {
                circles.push(describe(workspace, &group, &edges));
            }
        }
        all.extend(edges);
    }
    if arguments.json {
        let files: Vec<_> = flat(workspace, &all).collect();
        let line = serde_json::json!({ "edges": files, "circles": circles });
        println(&line.to_string());
    } else if let Some(within) = &arguments.edges {
        print_edges(workspace, &all, &workspace.root.join(within));
    }
    for place in &compared {
        say(format_args!("a comparison with a text for people: {place}"));
    }
    let mut sleeps = waits::in_rust(&workspace.root, &tracked(workspace, "*.rs")?)?;
    let go = tracked(workspace, "*_test.go")?;
    sleeps.extend(waits::in_go(&workspace.root, &go)?);
    for (file, code) in &sleeps {
        say(format_args!(
            "a test that sleeps: {}: {code}",
            file.display()
        ));
    }
    if !sleeps.is_empty() {
        bail!(
            "a test waits for a condition: use `mortise_wait::until` or Go's `eventually`, move the \
             server's clock with `ClockHand`, or cause a later event that cannot come first"
        );
    }
    if !compared.is_empty() {
        bail!("tell failures apart by type: give the error a variant");
    }
    if circles.is_empty() {
        say(format_args!(
            "no circle spans two folders, nothing is compared with a text for people, and no test \
             sleeps"
        ));
        return Ok(());
    }
    for circle in &circles {
        let folders: Vec<_> = circle.folders.iter().map(String::as_str).collect();
        say(format_args!("a circle spans {}:", folders.join(", ")));
        for (from, to, names) in &circle.edges {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            say(format_args!("  {from} -> {to}: {}", names.join(", ")));
        }
    }
    bail!(
        "{} circles span several folders: move the definitions that close them to a file below both sides",
        circles.len()
    )
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
fn println(line: &str) {
    println!("{line}");
}

/// The files in git that match a pattern, by their paths in the repository.
fn tracked(workspace: &Workspace, pattern: &str) -> Result<Vec<PathBuf>> {
    let text = output(
        std::process::Command::new("git")
            .args(["ls-files", "--", pattern])
            .current_dir(&workspace.root),
    )?;
    let files = text.lines().map(PathBuf::from);
    // A file that was deleted and not committed yet is still listed.
    Ok(files
        .filter(|file| workspace.root.join(file).is_file())
        .collect())
}

/// The root files of our crates.
fn roots(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut roots = Vec::new();
    for manifest in tracked(workspace, "*Cargo.toml")? {
        let folder = manifest.parent().unwrap_or(Path::new(""));
        if LEFT_OUT
            .iter()
            .any(|out| folder.starts_with(out) || folder.ends_with(out))
        {
            continue;
        }
        for root in ["src/lib.rs", "src/main.rs"] {
            let path = workspace.root.join(folder).join(root);
            if path.is_file() {
                roots.push(path);
            }
        }
    }
    if roots.is_empty() {
        bail!("no crate found: run this inside the repository's git clone");
    }
    Ok(roots)
}

/// The folder that a file belongs to. `a.rs` beside `a/` belongs to `a/`.
fn folder(file: &Path) -> PathBuf {
    let own = file.with_extension("");
    if own.is_dir() {
        own
    } else {
        file.parent().unwrap_or(file).to_owned()
    }
}

fn describe(workspace: &Workspace, group: &BTreeSet<PathBuf>, edges: &Edges) -> Circle {
    let inside: Edges = group
        .iter()
        .filter_map(|file| {
            let targets = edges.get(file)?;
            let targets: BTreeMap<_, _> = targets
                .iter()
                .filter(|(target, _)| group.contains(*target))
                .map(|(target, names)| (target.clone(), names.clone()))
                .collect();
            Some((file.clone(), targets))
        })
        .collect();
    Circle {
        folders: group
            .iter()
            .map(|file| workspace.short(&folder(file)).to_string())
            .collect(),
        edges: flat(workspace, &inside).collect(),
    }
}

fn flat(
    workspace: &Workspace,
    edges: &Edges,
) -> impl Iterator<Item = (String, String, BTreeSet<String>)> {
    edges.iter().flat_map(|(from, targets)| {
        targets.iter().map(|(to, names)| {
            (
                workspace.short(from).to_string(),
                workspace.short(to).to_string(),
                names.clone(),
            )
        })
    })
}

/// Prints the edges of the files below a folder, or between all folders.
fn print_edges(workspace: &Workspace, edges: &Edges, within: &Path) {
    let whole = within == workspace.root.join("");
    let mut lines: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (from, targets) in edges {
        for (to, names) in targets {
            let ends = if whole {
                (folder(from), folder(to))
            } else if from.starts_with(within) && to.starts_with(within) {
                (from.clone(), to.clone())
            } else {
                continue;
            };
            if ends.0 != ends.1 {
                let ends = (
                    workspace.short(&ends.0).to_string(),
                    workspace.short(&ends.1).to_string(),
                );
                *lines.entry(ends).or_default() += names.len();
            }
        }
    }
    for ((from, to), names) in lines {
        println(&format!("{from} -> {to} ({names})"));
    }
}

/// Reads a file, with its path in the error.
fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}
