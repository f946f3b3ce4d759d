//! `cargo xtask web`: builds the page that the server embeds, and tests it in a
//! real Chromium against the real server. Node.js is all that it needs before;
//! npm's packages go into `web/node_modules`, and Chromium comes from Debian's
//! packages where it is missing.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{
    debian, go,
    run::{output, run as run_command, say},
    server, wasm,
    workspace::Workspace,
};

/// The oldest major version of Node.js that builds the page.
const NODE: u32 = 20;
/// Where Debian and others install Chromium.
const CHROMIUM: [&str; 3] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
];
/// The lines of a failed test's message that the summary repeats.
const MESSAGE_LINES: usize = 8;
/// What the page is made of, beside its folder `src`.
const INPUTS: [&str; 6] = [
    "index.html",
    "package-lock.json",
    "public",
    "scripts",
    "tsconfig.json",
    "vite.config.ts",
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask web
  cargo xtask web --build")]
pub(crate) struct Arguments {
    /// Only build the page; the next build of the server embeds it.
    #[arg(long)]
    build: bool,
}

/// How many tests of the page passed and failed.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    #[serde(rename = "numPassedTests")]
    pub(crate) passed: u64,
    #[serde(rename = "numFailedTests")]
    pub(crate) failed: u64,
    /// Tests that were not run, for something that they need was missing.
    #[serde(rename = "numPendingTests")]
    skipped: u64,
    #[serde(rename = "testResults", default)]
    files: Vec<File>,
}

/// A file of tests in the report.
#[derive(Debug, Deserialize)]
struct File {
    #[serde(rename = "assertionResults", default)]
    tests: Vec<Test>,
}

/// A test in the report.
#[derive(Debug, Deserialize)]
struct Test {
    #[serde(rename = "fullName")]
    name: String,
    #[serde(rename = "failureMessages", default)]
    messages: Vec<String>,
}

impl Report {
    /// Each failed test with the first lines of its messages.
    pub(crate) fn failures(&self) -> impl Iterator<Item = String> {
        let tests = self.files.iter().flat_map(|file| &file.tests);
        tests.filter(|test| !test.messages.is_empty()).map(|test| {
            let lines = test
                .messages
                .iter()
                .flat_map(|message| message.lines().take(MESSAGE_LINES));
            format!("{}: {}", test.name, lines.collect::<Vec<_>>().join("\n  "))
        })
    }
}

/// Builds the page and, unless asked not to, tests it.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    build(workspace)?;
    if arguments.build {
        return Ok(());
    }
    let report = test(workspace, None)?;
    say(format_args!(
        "{} passed, {} failed; screenshots are in {}",
        report.passed,
        report.failed,
        workspace.short(&workspace.target.join("web/screenshots"))
    ));
    if report.failed > 0 {
        bail!("{} tests of the page failed", report.failed);
    }
    Ok(())
}

/// Builds the page if it is not up to date.
///
/// # Errors
///
/// There is no Node.js, or the page does not build.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let web = workspace.root.join("web");
    install(&web)?;
    let stamp = web.join("dist/.built");
    let wanted = fingerprint(&web)?;
    if fs::read_to_string(&stamp).is_ok_and(|built| built == wanted) {
        return Ok(());
    }
    say(format_args!("building the page"));
    npm(&web, &["run", "build"])?;
    fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))
}

/// Type-checks the page, and runs its tests against the server. Their output goes to
/// this program's, or into a file.
///
/// # Errors
///
/// Something that the tests need is missing, or they could not be run.
pub(crate) fn test(workspace: &Workspace, log: Option<&Path>) -> Result<Report> {
    let web = workspace.root.join("web");
    let chromium = chromium()?;
    npm(&web, &["run", "check"])?;
    let mortise = server::build(workspace)?;
    let rust = wasm::build(workspace, &mortise, &workspace.root.join("examples/rules"))?;
    let go = go::build(workspace, "examples/native-go-uptime", ".")?;
    let xtask = std::env::current_exe().context("xtask does not find its own program")?;
    let results = workspace.target.join("web/results.json");
    fs::create_dir_all(workspace.target.join("web")).context("target/web cannot be made")?;
    // What an earlier run left must not count.
    let _ = fs::remove_file(&results);
    let mut tests = Command::new("npm");
    if let Some(log) = log {
        let failed = || format!("{} cannot be written", log.display());
        let log = fs::File::create(log).with_context(failed)?;
        tests
            .stdout(log.try_clone().with_context(failed)?)
            .stderr(log);
    }
    let status = tests
        .args(["run", "test", "--", "--reporter=default", "--reporter=json"])
        .arg(format!("--outputFile.json={}", results.display()))
        .current_dir(&web)
        .env("MORTISE_BIN", mortise)
        .env("MORTISE_TEST_CHROMIUM", chromium)
        .env("MORTISE_TEST_RUST_PLUGIN", rust)
        .env("MORTISE_TEST_GO_PLUGIN", go)
        .env("MORTISE_TEST_XTASK", xtask)
        .status()
        .context("`npm` cannot be started")?;
    let report = fs::read_to_string(&results)
        .with_context(|| format!("the tests of the page left no results ({status})"))?;
    let report: Report =
        serde_json::from_str(&report).context("the results of the page's tests are malformed")?;
    if !status.success() && report.failed == 0 {
        bail!("the tests of the page could not be run ({status})");
    }
    if report.skipped > 0 {
        bail!("{} tests of the page were skipped", report.skipped);
    }
    Ok(report)
}

/// Installs npm's packages as the lock file names them.
fn install(web: &Path) -> Result<()> {
    check_node()?;
    let lock = fs::read_to_string(web.join("package-lock.json"))
        .context("web/package-lock.json cannot be read")?;
    // Written last, so that a broken installation is made anew.
    let stamp = web.join("node_modules/.mortise-installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    say(format_args!("installing the packages of the page"));
    npm(web, &["ci", "--no-audit", "--no-fund", "--ignore-scripts"])?;
    fs::write(&stamp, lock).with_context(|| format!("{} cannot be written", stamp.display()))
}

fn check_node() -> Result<()> {
    let version = output(Command::new("node").arg("--version"))
        .with_context(|| format!("there is no Node.js: install version {NODE} or newer"))?;
    let major = version.trim().trim_start_matches('v').split('.').next();
    let major: u32 = major.unwrap_or_default().parse().unwrap_or(0);
    if major < NODE {
        bail!(
            "Node.js {} is too old: install version {NODE} or newer",
            version.trim()
        );
    }
    Ok(())
}

fn npm(web: &Path, arguments: &[&str]) -> Result<()> {
    run_command(Command::new("npm").args(arguments).current_dir(web))
        .context("this needs `npm`, which comes with Node.js")
}

/// Finds Chromium, or installs it.
fn chromium() -> Result<PathBuf> {
    let find = || {
        CHROMIUM
            .iter()
            .map(PathBuf::from)
            .find(|path| path.is_file())
    };
    if let Some(named) = std::env::var_os("MORTISE_TEST_CHROMIUM") {
        return Ok(named.into());
    }
    if let Some(there) = find() {
        return Ok(there);
    }
    say(format_args!("installing Chromium"));
    if debian::is_here() {
        debian::install(&["chromium"])?;
    }
    find().context(
        "there is no Chromium for the page's tests: install it (Debian's package `chromium`), or name it in MORTISE_TEST_CHROMIUM",
    )
}

/// A hash of everything that the page is built from.
fn fingerprint(web: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for input in INPUTS.iter().chain(&["src"]) {
        hash(&web.join(input), &mut hasher)?;
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn hash(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    let failed = || format!("{} cannot be read", path.display());
    path.hash(hasher);
    if !path.is_dir() {
        fs::read(path).with_context(failed)?.hash(hasher);
        return Ok(());
    }
    let mut entries = fs::read_dir(path)
        .and_then(|entries| entries.collect::<Result<Vec<_>, _>>())
        .with_context(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    entries
        .iter()
        .try_for_each(|entry| hash(&entry.path(), hasher))
}
