//! `mortise plugin test`: runs a plugin's cases against a host in memory.
//! `mortise-harness` reads and runs the cases. This module selects the backends
//! and shows the results.

use std::{
    fmt::Write as _,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use mortise_author::Project;
use mortise_harness::{Case, Outcome, Report, Suite};
use mortise_native::Settings as NativeSettings;
use mortise_runtime::{Backend, Loader};
use mortise_wasm::{Profile as Calls, Settings as WasmSettings, WasmBackend};
use owo_colors::Style;

use super::{
    check::failed,
    show::{paint, printable},
};

/// The cases to run, and the form of the results.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mortise plugin test
      tests the newest build of the plugin in the current folder
  mortise plugin test shout.wasm
  mortise plugin test shout.wasm --cases cases/filter.yaml
  mortise plugin test shout.wasm --junit report.xml")]
pub(super) struct Test {
    /// Test this component or executable, or the newest build result in this
    /// plugin's folder.
    #[arg(value_name = "FILE|FOLDER", default_value = ".")]
    plugin: PathBuf,
    /// A file of cases, or a folder of such files [default: the folder `cases`
    /// beside the plugin's file, or else in the current directory].
    #[arg(long, value_name = "PATH")]
    cases: Option<PathBuf>,
    /// Run only cases with this text in their name; may be repeated.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Write a report in JUnit's XML, which CI services show.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Name the plugin's language, for cases that exclude some languages
    /// [default: the language of the plugin's folder].
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    /// Print one line of JSON for each case.
    #[arg(long)]
    json: bool,
}

/// The cases to run, and the file for the profile of their calls.
#[derive(Debug, clap::Args)]
pub(super) struct Profile {
    #[command(flatten)]
    test: Test,
    /// Write the profile to this file, in the Firefox Profiler's format.
    #[arg(long, value_name = "FILE", default_value = "profile.json")]
    output: PathBuf,
}

impl Profile {
    /// The text to print, and exit code 1 if a case failed.
    pub(super) async fn run(&self) -> anyhow::Result<(String, ExitCode)> {
        let calls = Arc::new(Calls::new());
        self.test
            .run_with(Some((&calls, self.output.as_path())))
            .await
    }
}

impl Test {
    /// The text to print, and exit code 1 if a case failed.
    pub(super) async fn run(&self) -> anyhow::Result<(String, ExitCode)> {
        self.run_with(None).await
    }

    /// The same, with a profile of the calls and the file for it.
    async fn run_with(
        &self,
        profile: Option<(&Arc<Calls>, &Path)>,
    ) -> anyhow::Result<(String, ExitCode)> {
        let Subject {
            file,
            beside,
            language,
        } = self.subject()?;
        let mut cases = Case::load(&self.cases(&beside)?)?;
        if !self.only.is_empty() {
            cases.retain(|case| self.only.iter().any(|text| case.name().contains(text)));
            if cases.is_empty() {
                anyhow::bail!("no case has `{}` in its name", self.only.join("` or `"));
            }
        }
        let calls = profile.map(|(calls, _)| Arc::clone(calls));
        let suite = match Suite::load(&file, &loaders(calls)?).await {
            Ok(suite) => suite,
            Err(error) => return failed(&error, self.json),
        };
        if profile.is_some() && suite.plugin().backend() != Backend::Wasm {
            anyhow::bail!(
                "{} is a native plugin; use a profiler of its language, such as `perf`, and \
                 `mortise plugin attach`",
                file.display()
            );
        }
        let at_a_time = match profile {
            // The stacks of one case after the other.
            Some(_) => 1,
            None => std::thread::available_parallelism()?.get(),
        };
        let mut suite = suite.at_a_time(at_a_time);
        if let Some(language) = &language {
            suite = suite.language(language);
        }
        let report = suite.run(&cases).await;
        if let Some(file) = &self.junit {
            std::fs::write(file, report.junit())
                .with_context(|| format!("{} cannot be written", file.display()))?;
        }
        if let Some((calls, file)) = profile {
            let id = &suite.plugin().manifest().id;
            std::fs::File::create(file)
                .map(BufWriter::new)
                .and_then(|mut to| calls.write(id, &mut to).and_then(|()| to.flush()))
                .with_context(|| format!("{} cannot be written", file.display()))?;
        }
        let mut text = if self.json {
            lines(&report, suite.plugin().backend(), language.as_deref())
        } else {
            text(&report)
        };
        if let Some((calls, file)) = profile.filter(|_| !self.json) {
            _ = writeln!(
                text,
                "{} samples in {}; open it at https://profiler.firefox.com",
                calls.samples(),
                file.display()
            );
        }
        let code = match report.passed() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
        Ok((text, code))
    }

    /// Returns the plugin to test.
    fn subject(&self) -> anyhow::Result<Subject> {
        if !self.plugin.is_dir() {
            return Ok(Subject {
                file: self.plugin.clone(),
                beside: self.plugin.with_file_name("cases"),
                language: self.language.clone(),
            });
        }
        let project = Project::open(&self.plugin)?;
        let built = project.built().into_iter().filter_map(|file| {
            let time = file.metadata().and_then(|found| found.modified()).ok()?;
            Some((time, file))
        });
        let (_, file) = built.max().with_context(|| {
            format!(
                "the plugin in {} is not built yet: mortise plugin build",
                project.folder.display()
            )
        })?;
        let itself = || project.language.name().to_owned();
        Ok(Subject {
            file,
            // The path as written, because the report shows it.
            beside: match self.plugin.as_path() {
                here if here == Path::new(".") => PathBuf::from("cases"),
                folder => folder.join("cases"),
            },
            language: Some(self.language.clone().unwrap_or_else(itself)),
        })
    }

    fn cases(&self, beside: &Path) -> anyhow::Result<PathBuf> {
        if let Some(cases) = &self.cases {
            return Ok(cases.clone());
        }
        [beside, Path::new("cases")]
            .into_iter()
            .find(|folder| folder.is_dir())
            .map(Path::to_owned)
            .with_context(|| {
                format!(
                    "there is no folder {} or `cases` here; write some cases, or say where they \
                     are with `--cases`",
                    beside.display()
                )
            })
    }
}

/// The plugin to test.
struct Subject {
    file: PathBuf,
    /// The folder of its cases, unless an option names another.
    beside: PathBuf,
    language: Option<String>,
}

/// One line of JSON for each case.
fn lines(report: &Report, backend: Backend, language: Option<&str>) -> String {
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
            "language": language,
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

/// As for a server, but that a plugin which crashes on purpose is started again
/// at once, and a busy machine is no reason to fail.
fn loaders(profile: Option<Arc<Calls>>) -> anyhow::Result<Vec<Arc<dyn Loader>>> {
    let mut settings = NativeSettings::default();
    settings.restart.first = Duration::from_millis(10);
    settings.restart.longest = Duration::from_millis(100);
    settings.restart.give_up_after = u32::MAX;
    settings.stop.ask = Duration::from_secs(1);
    settings.handshake = Duration::from_secs(30);
    settings.describe = Duration::from_secs(30);
    let components = WasmBackend::new(&WasmSettings {
        profile,
        ..WasmSettings::default()
    })?;
    let mut loaders: Vec<Arc<dyn Loader>> = vec![Arc::new(components)];
    loaders.extend(mortise_backends::native(settings)?);
    Ok(loaders)
}

/// Shows the results to a person: a line for each case, and the differences
/// below it.
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
