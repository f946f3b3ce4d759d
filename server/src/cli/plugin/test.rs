//! `mortise plugin test`: runs a plugin's cases against a scripted host in
//! memory. What a case is, and running one, is in `mortise-harness`; here is
//! which backends there are, and how it is told.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use mortise_author::{Project, job::DIST};
use mortise_harness::{Case, Outcome, Report, Suite};
use mortise_native_bridge::{NativeBackend, Settings as NativeSettings};
use mortise_runtime::Loader;
use owo_colors::Style;

use super::{
    check::failed,
    show::{paint, printable},
};
use crate::plugins;

/// Which cases to run, and how to tell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mortise plugin test
      runs the cases of the plugin in the current folder, once it is built
  mortise plugin test shout.wasm
  mortise plugin test shout.wasm --cases cases/filter.yaml
  mortise plugin test shout.wasm --junit report.xml")]
pub(super) struct Test {
    /// The plugin's file: a component or an executable [default: the component
    /// that `mortise plugin build` makes in the current folder].
    file: Option<PathBuf>,
    /// A file of cases, or a folder of such files [default: the folder `cases`
    /// beside the plugin's file, or else in the current directory].
    #[arg(long, value_name = "PATH")]
    cases: Option<PathBuf>,
    /// Run only cases with this in their name; may be repeated.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Write a report in JUnit's XML, which CI services show.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// What the plugin is written in, for cases that are not for every
    /// language.
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    /// Print one line of JSON for each case.
    #[arg(long)]
    json: bool,
}

impl Test {
    /// The text to print, and exit code 1 if a case failed.
    pub(super) async fn run(&self) -> anyhow::Result<(String, ExitCode)> {
        let file = match &self.file {
            Some(file) => file.clone(),
            None => built_here()?,
        };
        let mut cases = Case::load(&self.folder(&file)?)?;
        if !self.only.is_empty() {
            cases.retain(|case| self.only.iter().any(|text| case.name().contains(text)));
            if cases.is_empty() {
                anyhow::bail!("no case has `{}` in its name", self.only.join("` or `"));
            }
        }
        let suite = match Suite::load(&file, &loaders()?).await {
            Ok(suite) => suite,
            Err(error) => return failed(&error, self.json),
        };
        let mut suite = suite.at_a_time(std::thread::available_parallelism()?.get());
        if let Some(language) = &self.language {
            suite = suite.language(language);
        }
        let report = suite.run(&cases).await;
        if let Some(file) = &self.junit {
            std::fs::write(file, report.junit())
                .with_context(|| format!("{} cannot be written", file.display()))?;
        }
        let text = if self.json {
            self.lines(&report, suite.plugin().backend())
        } else {
            text(&report)
        };
        let code = match report.passed() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
        Ok((text, code))
    }

    fn folder(&self, file: &Path) -> anyhow::Result<PathBuf> {
        if let Some(cases) = &self.cases {
            return Ok(cases.clone());
        }
        let beside = file.with_file_name("cases");
        [beside, PathBuf::from("cases")]
            .into_iter()
            .find(|folder| folder.is_dir())
            .with_context(|| {
                format!(
                    "there is no folder `cases` beside {} or here; write some cases, or say \
                     where they are with `--cases`",
                    file.display()
                )
            })
    }

    /// One line of JSON for each case.
    fn lines(&self, report: &Report, backend: mortise_runtime::Backend) -> String {
        let mut text = String::new();
        for result in &report.results {
            let (passed, skipped, detail) = match &result.outcome {
                Outcome::Passed => (Some(true), false, String::new()),
                Outcome::Failed(failure) => (Some(false), false, failure.to_string()),
                Outcome::Skipped(because) => (None, true, because.clone()),
            };
            let line = serde_json::json!({
                "case": result.case,
                "plugin": report.plugin,
                "backend": backend,
                "language": self.language,
                "passed": passed,
                "skipped": skipped,
                "detail": detail,
                "file": result.file,
                "line": result.line,
                "ms": result.took.as_millis() as u64,
            });
            _ = writeln!(text, "{line}");
        }
        text
    }
}

/// The component of the plugin in the current folder.
fn built_here() -> anyhow::Result<PathBuf> {
    let project = Project::open(Path::new("."))
        .context("without FILE, the component of the current folder is tested")?;
    let file = Path::new(DIST).join(format!("{}.wasm", project.name));
    anyhow::ensure!(
        file.is_file(),
        "{} is not there; build it with `mortise plugin build`, or name the plugin's file",
        file.display()
    );
    Ok(file)
}

/// As for a server, but that a plugin which crashes on purpose is started again
/// at once, and a busy machine is no reason to fail.
fn loaders() -> anyhow::Result<[Arc<dyn Loader>; 2]> {
    let mut settings = NativeSettings::default();
    settings.restart.first = Duration::from_millis(10);
    settings.restart.longest = Duration::from_millis(100);
    settings.restart.give_up_after = u32::MAX;
    settings.stop.ask = Duration::from_secs(1);
    settings.greeting = Duration::from_secs(30);
    settings.describe = Duration::from_secs(30);
    Ok([
        Arc::new(plugins::wasm(None)?),
        Arc::new(NativeBackend::new(settings)?),
    ])
}

/// For a person: a line for each case, and what was not as expected below it.
fn text(report: &Report) -> String {
    let mut text = String::new();
    let mut file: Option<&Path> = None;
    for result in &report.results {
        if file != Some(&result.file) {
            file = Some(&result.file);
            _ = writeln!(text, "{}", result.file.display());
        }
        let name = printable(&result.case);
        _ = match &result.outcome {
            Outcome::Passed => {
                writeln!(text, "  {} {name}", paint("pass", Style::new().green()))
            }
            Outcome::Skipped(because) => writeln!(
                text,
                "  {} {name}: {because}",
                paint("skip", Style::new().yellow())
            ),
            Outcome::Failed(failure) => {
                let failure = failure.to_string().replace('\n', "\n       ");
                writeln!(
                    text,
                    "  {} {name}\n       {failure}",
                    paint("FAIL", Style::new().red().bold())
                )
            }
        };
    }
    let [passed, failed, skipped] = report.counts();
    _ = writeln!(
        text,
        "{}: {passed} passed, {failed} failed, {skipped} skipped",
        report.plugin
    );
    text
}
