//! `cargo xtask test`: installs missing tools, then runs every check and every
//! test. A failed step does not stop the others, and no step is skipped: a
//! missing tool is a failure with its fix.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use comfy_table::{CellAlignment, Table, presets};

use crate::{
    audit, bindings,
    clients::Clients,
    conformance, debian, languages, references,
    run::{output, processor_seconds, run as run_command, say, shown},
    structure, wasm, web,
    workspace::Workspace,
};
#[cfg(unix)]
use crate::{compare, first_plugin, sdks};
#[cfg(target_os = "linux")]
use crate::{dist, escapes, load, soak};

const FORMAT: [&str; 3] = ["fmt", "--all", "--check"];
/// The SDK's features, which plugins choose; its tests and the documents' code use all.
const SDK_FEATURES: [&str; 2] = ["--features", "mortise-plugin/http,mortise-plugin/tracing"];
const CLIPPY: [&str; 6] = [
    "clippy",
    "--workspace",
    "--all-targets",
    "--locked",
    "--",
    "--deny=warnings",
];
const TEST: [&str; 4] = ["test", "--workspace", "--locked", "--no-fail-fast"];

/// The step that has others beside it.
const BROWSER: &str = "tests of the page in a browser";

/// The plugins in Go for components.
const GO_PLUGINS: [&str; 7] = [
    "guest-sdk/go",
    "examples/first/go/poller",
    "examples/first/go/signed",
    "examples/go-feed",
    "examples/ntfy",
    "examples/quiet-hours",
    "tests/conformance/plugins/go",
];

/// The numbers of tests, as the test runner counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
    /// The failed tests that the runner names, for the end of a long output.
    failures: Vec<String>,
}

/// The results of the steps so far.
#[derive(Debug)]
struct Steps {
    begun: Instant,
    done: Vec<Step>,
}

/// A step that was run.
#[derive(Debug)]
struct Step {
    name: String,
    time: Duration,
    /// The processor time of it and of what it ran; none where the system does not
    /// say. A step that runs beside others has theirs in it.
    processor: Option<f64>,
    outcome: Result<Count>,
}

impl Steps {
    fn begin() -> Self {
        Self {
            begun: Instant::now(),
            done: Vec::new(),
        }
    }

    /// Runs one step and keeps its outcome.
    fn step(&mut self, name: impl Into<String>, work: impl FnOnce() -> Result<Count>) {
        self.done.push(Step::run(name.into(), work));
    }

    /// A step that counts no tests.
    fn check(&mut self, name: impl Into<String>, work: impl FnOnce() -> Result<()>) {
        self.step(name, || work().map(|()| Count::default()));
    }

    /// Shows a table of all steps, the longest first, and the counts of tests.
    fn finish(mut self) -> Result<()> {
        let all = self.begun.elapsed();
        self.done.sort_by_key(|step| std::cmp::Reverse(step.time));
        say(format_args!(
            "\n== summary\n\n{}",
            self.table(all, processor_seconds())
        ));
        let mut total = Count::default();
        let mut failed_steps = 0_u32;
        for step in &self.done {
            failed_steps += u32::from(step.failed());
            match &step.outcome {
                Ok(count) => {
                    total.passed += count.passed;
                    total.failed += count.failed;
                    for test in &count.failures {
                        say(format_args!("\n{}: failed: {test}", step.name));
                    }
                }
                Err(error) => say(format_args!("\n{} failed: {error:#}", step.name)),
            }
        }
        // Written last and on standard output: what reads logs looks for it.
        crate::run::print(&format!("{} passed, {} failed", total.passed, total.failed))?;
        if failed_steps > 0 {
            bail!("{failed_steps} steps failed");
        }
        if total.passed == 0 {
            bail!("no test was run");
        }
        Ok(())
    }

    /// The steps' times add up to more than `all` where some ran side by side.
    fn table(&self, all: Duration, processor: Option<f64>) -> String {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header([
            "",
            "time",
            "share",
            "processor",
            "passed",
            "failed",
            "step",
        ]);
        let mut counted = Count::default();
        for step in &self.done {
            let nothing = Count::default();
            let count = step.outcome.as_ref().unwrap_or(&nothing);
            counted.passed += count.passed;
            counted.failed += count.failed;
            let word = if step.failed() { "FAIL" } else { "ok" };
            table.add_row(row(word, step.time, all, step.processor, count, &step.name));
        }
        table.add_row(row("", all, all, processor, &counted, "all"));
        for column in table.column_iter_mut().skip(1).take(5) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.trim_fmt()
    }
}

impl Step {
    fn run(name: String, work: impl FnOnce() -> Result<Count>) -> Self {
        say(format_args!("\n== {name}"));
        let (begin, before) = (Instant::now(), processor_seconds());
        let outcome = work();
        let time = begin.elapsed();
        let processor = processor_seconds()
            .zip(before)
            .map(|(after, before)| after - before);
        if let Err(error) = &outcome {
            say(format_args!("error: {error:#}"));
        }
        Self {
            name,
            time,
            processor,
            outcome,
        }
    }

    fn failed(&self) -> bool {
        self.outcome.as_ref().map_or(true, |count| count.failed > 0)
    }
}

/// A row of the summary. Steps that count no tests have none.
fn row(
    word: &str,
    time: Duration,
    all: Duration,
    processor: Option<f64>,
    count: &Count,
    name: &str,
) -> [String; 7] {
    let seconds = time.as_secs_f32();
    let share = 100.0 * seconds / all.as_secs_f32().max(f32::EPSILON);
    let tests = |number: u64| match number {
        0 if *count == Count::default() => String::new(),
        number => number.to_string(),
    };
    [
        word.to_owned(),
        format!("{seconds:.1} s"),
        format!("{share:.0} %"),
        processor.map_or_else(String::new, |seconds| format!("{seconds:.1} s")),
        tests(count.passed),
        tests(count.failed),
        name.to_owned(),
    ]
}

/// Runs everything.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::begin();

    steps.check("set up: compiler for components", || {
        let toolchain = wasm::provide()?;
        say(format_args!("{}", toolchain.describe()));
        Ok(())
    });

    steps.check("set up: a registry and a signer", debian::of_tests);

    let mut postgres = None;
    steps.check("set up: PostgreSQL", || {
        postgres = Some(debian::postgres()?);
        Ok(())
    });

    let mut mariadb = None;
    steps.check("set up: MariaDB", || {
        mariadb = Some(debian::mariadb()?);
        Ok(())
    });

    steps.check("set up: the page", || web::build(workspace));

    let host = || workspace.cargo();
    let guests = || cargo_of_guests(workspace);

    let mut clients = None;
    thread::scope(|scope| {
        // Mostly downloads: beside the checks, which compile.
        let installed = scope.spawn(|| Clients::install(workspace));
        steps.check("format", || {
            run_command(host().args(FORMAT))?;
            run_command(guests().args(FORMAT))
        });
        steps.check("dependency audit", || audit::run(workspace));
        steps.check("structure", || {
            structure::run(workspace, &structure::Arguments::default())
        });
        steps.check("clippy", || run_command(host().args(CLIPPY)));
        steps.check("clippy of SDK and examples", || {
            let (arguments, lints) = CLIPPY.split_at(4);
            run_command(guests().args(arguments).args(SDK_FEATURES).args(lints))
        });
        steps.check(
            "set up: other people's clients, after the checks beside it",
            || {
                let installed = installed.join().ok();
                clients = Some(installed.context("the installation panicked")??);
                Ok(())
            },
        );
    });
    steps.step("tests", || {
        let mut command = host();
        command.args(TEST);
        if let Some(clients) = &clients {
            clients.set(&mut command);
        }
        if let Some(postgres) = &postgres {
            command.env("MORTISE_TEST_POSTGRES", postgres);
        }
        if let Some(mariadb) = &mariadb {
            command.env("MORTISE_TEST_MARIADB", mariadb);
        }
        count(&mut command)
    });
    #[cfg(target_os = "linux")]
    for run in soak::SHORT {
        steps.check(run.name(), || soak::run_short(workspace, run));
    }
    #[cfg(target_os = "linux")]
    steps.check("load in short".to_owned(), || {
        load::run_short(workspace, false)
    });
    #[cfg(unix)]
    steps.check("our answers beside Gotify's recorded ones", || {
        compare::run(workspace, &compare::Arguments::default())
    });
    #[cfg(target_os = "linux")]
    steps.step("ways out of the sandbox, in short", || {
        let (passed, failed) = escapes::run_short(workspace)?;
        Ok(Count {
            passed,
            failed,
            ..Count::default()
        })
    });
    steps.step("tests of SDK and examples", || {
        count(guests().args(TEST).args(SDK_FEATURES))
    });
    // A browser mostly waits: beside what computes and measures nothing.
    thread::scope(|scope| {
        let browser = scope.spawn(|| Step::run(BROWSER.to_owned(), || in_browser(workspace)));
        beside_the_browser(workspace, &mut steps);
        match browser.join() {
            Ok(step) => steps.done.push(step),
            Err(_) => steps.check(BROWSER, || bail!("it panicked")),
        }
    });
    steps.finish()
}

/// Cargo in the workspace of the guests, which has a build folder of its own.
fn cargo_of_guests(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo();
    command
        .current_dir(workspace.guests_folder())
        .env("CARGO_TARGET_DIR", workspace.guests_target());
    command
}

/// The tests of the page. Their output comes at their end, in one piece.
fn in_browser(workspace: &Workspace) -> Result<Count> {
    let log = workspace.target.join("web/output.txt");
    let report = web::test(workspace, Some(&log));
    let output = fs::read(&log).unwrap_or_default();
    let output = String::from_utf8_lossy(&output);
    say(format_args!("\n== output of the {BROWSER}\n{output}"));
    let report = report?;
    Ok(Count {
        passed: report.passed,
        failed: report.failed,
        failures: report.failures().collect(),
    })
}

/// The steps that run while the page is tested.
fn beside_the_browser(workspace: &Workspace, steps: &mut Steps) {
    let mut conformed = Vec::new();
    steps.step("conformance of every language and backend", || {
        conformed = conformance::outcomes(workspace, &conformance::Arguments::default())?;
        let mut count = Count::default();
        for one in &conformed {
            count.passed += one.passed;
            for (case, how) in &one.failed {
                count.failed += 1;
                let case = format!("{}: {case}: {how}", one.plugin.name());
                count.failures.push(case);
            }
        }
        Ok(count)
    });
    steps.check("the page about languages is true", || {
        languages::check(workspace, &conformed)
    });
    #[cfg(unix)]
    steps.check("a newcomer's first plugin, by the guide", || {
        first_plugin::run_quick(workspace)
    });
    steps.check("tests of the Go module", || {
        let go = |arguments: &[&str]| {
            let mut command = Command::new("go");
            command
                .args(arguments)
                .current_dir(workspace.root.join("native-bridge/go"));
            run_command(&mut command).context("the Go module needs Go 1.22 or newer")
        };
        go(&["vet", "./..."])?;
        go(&["test", "./..."])
    });
    steps.check("references of the SDKs", || {
        references::run(workspace, &references::Arguments { check: true })
    });
    steps.check("checks of the Go SDK and its plugins", || {
        bindings::run(workspace, &bindings::Arguments { check: true })?;
        for folder in GO_PLUGINS {
            let vet = |arguments: &[&str], environment: &[(&str, &str)]| {
                run_command(
                    Command::new("go")
                        .arg("vet")
                        .args(arguments)
                        .current_dir(workspace.root.join(folder))
                        .envs(environment.iter().copied()),
                )
            };
            // Generated bindings are about nothing but addresses.
            vet(
                &["-unsafeptr=false", "./..."],
                &[("GOOS", "wasip1"), ("GOARCH", "wasm")],
            )?;
            // The others are native plugins too.
            vet(&["."], &[])?;
        }
        run_command(
            Command::new("go")
                .args(["test", "./..."])
                .current_dir(workspace.root.join("guest-sdk/go")),
        )?;
        let badly = output(
            Command::new("gofmt")
                .arg("-l")
                .args(GO_PLUGINS)
                .current_dir(&workspace.root),
        )?;
        if !badly.is_empty() {
            bail!("not as gofmt would have it: {badly}");
        }
        Ok(())
    });
    steps.check("tests of the Python module", || {
        run_command(
            Command::new("python3")
                .args(["-m", "unittest", "discover", "guest-sdk/python/tests"])
                .current_dir(&workspace.root),
        )
        .context("the Python module needs Python 3.11 or newer")
    });
    #[cfg(target_os = "linux")]
    steps.check("packages in short", || dist::run_short(workspace));
    #[cfg(unix)]
    steps.check("packages of the SDKs", || sdks::run_and_try(workspace));
    steps.check("documentation", || {
        run_command(
            workspace
                .cargo()
                .args(["doc", "--workspace", "--no-deps", "--locked"])
                .env("RUSTDOCFLAGS", "--deny=warnings"),
        )
    });
}

/// Runs `cargo test`, passes on its output, and counts its tests. The count
/// includes failed tests; an error means that tests could not run.
fn count(command: &mut Command) -> Result<Count> {
    let text = shown(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{text}` cannot be started"))?;
    let out = child.stdout.take().context("its output is not captured")?;
    let mut count = Count::default();
    for line in BufReader::new(out).split(b'\n') {
        let line = line.with_context(|| format!("the output of `{text}` broke off"))?;
        let line = String::from_utf8_lossy(&line);
        let mut stdout = std::io::stdout().lock();
        // A closed output is no reason to stop.
        let _ = writeln!(stdout, "{line}");
        if let Some(one) = result(&line) {
            count.passed += one.passed;
            count.failed += one.failed;
        }
        count.failures.extend(failure(&line));
    }
    let status = child
        .wait()
        .with_context(|| format!("`{text}` cannot be waited for"))?;
    if !status.success() && count.failed == 0 {
        bail!("`{text}` failed ({status})");
    }
    Ok(count)
}

/// Reads a line such as `test result: ok. 5 passed; 0 failed; 1 ignored; ...`.
fn result(line: &str) -> Option<Count> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut count = Count::default();
    for part in counts.split("; ") {
        match part.split_once(' ') {
            Some((number, "passed")) => count.passed = number.parse().ok()?,
            Some((number, "failed")) => count.failed = number.parse().ok()?,
            _ => {}
        }
    }
    Some(count)
}

/// The test that a line such as `test a::b ... FAILED` names.
fn failure(line: &str) -> Option<String> {
    let test = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    Some(test.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Count, Step, Steps, failure, result};

    #[test]
    fn only_result_lines_are_counted() {
        let line = "test result: FAILED. 5 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        let count = Count {
            passed: 5,
            failed: 2,
            failures: Vec::new(),
        };
        assert_eq!(result(line), Some(count));
        assert_eq!(result("test a::b ... ok"), None);
        assert_eq!(result("running 5 tests"), None);
        assert_eq!(failure("test a::b ... FAILED"), Some("a::b".to_owned()));
        assert_eq!(failure("test a::b ... ok"), None);
    }

    #[test]
    fn the_summary_has_all_steps_and_their_sum() {
        let step = |name: &str, seconds, outcome| Step {
            name: name.to_owned(),
            time: Duration::from_secs(seconds),
            processor: Some(1.0),
            outcome,
        };
        let count = Count {
            passed: 5,
            failed: 0,
            failures: Vec::new(),
        };
        let steps = Steps {
            begun: Instant::now(),
            done: vec![
                step("tests", 30, Ok(count)),
                step("format", 10, Err(anyhow::anyhow!("no"))),
            ],
        };
        let text = steps.table(Duration::from_secs(40), Some(2.0));
        let words: Vec<Vec<_>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            words[1],
            ["ok", "30.0", "s", "75", "%", "1.0", "s", "5", "0", "tests"]
        );
        assert_eq!(
            words[2],
            ["FAIL", "10.0", "s", "25", "%", "1.0", "s", "format"]
        );
        assert_eq!(
            words[3],
            ["40.0", "s", "100", "%", "2.0", "s", "5", "0", "all"]
        );
    }
}
