//! `cargo xtask test`: sets up what is missing, then runs every check and
//! every test. A step that fails does not keep the others from running, and
//! none is passed over: what cannot be had fails with what to do.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

#[cfg(unix)]
use crate::first_plugin;
#[cfg(target_os = "linux")]
use crate::soak;
use crate::{
    audit, bindings,
    clients::Clients,
    conformance, languages,
    run::{output, run as run_command, say, shown},
    wasm, web,
    workspace::Workspace,
};

const FORMAT: [&str; 3] = ["fmt", "--all", "--check"];
const CLIPPY: [&str; 6] = [
    "clippy",
    "--workspace",
    "--all-targets",
    "--locked",
    "--",
    "--deny=warnings",
];
const TEST: [&str; 4] = ["test", "--workspace", "--locked", "--no-fail-fast"];

/// What is written in Go for components.
const GO_PLUGINS: [&str; 3] = [
    "guest-sdk/go",
    "examples/go-feed",
    "tests/conformance/plugins/go",
];

/// How many tests there were, as the test runner counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

/// What has been run so far.
#[derive(Debug, Default)]
struct Steps {
    done: Vec<(String, Duration, Result<Count>)>,
}

impl Steps {
    /// Runs one step and keeps its outcome.
    fn step(&mut self, name: impl Into<String>, work: impl FnOnce() -> Result<Count>) {
        let name = name.into();
        say(format_args!("\n== {name}"));
        let begin = Instant::now();
        let outcome = work();
        if let Err(error) = &outcome {
            say(format_args!("error: {error:#}"));
        }
        self.done.push((name, begin.elapsed(), outcome));
    }

    /// A step that counts no tests.
    fn check(&mut self, name: impl Into<String>, work: impl FnOnce() -> Result<()>) {
        self.step(name, || work().map(|()| Count::default()));
    }

    /// Tells how it went, step by step and in all.
    fn finish(self) -> Result<()> {
        say(format_args!("\n== summary"));
        let mut total = Count::default();
        let mut failed_steps = 0_u32;
        for (name, time, outcome) in &self.done {
            let seconds = time.as_secs_f32();
            match outcome {
                Ok(count) => {
                    total.passed += count.passed;
                    total.failed += count.failed;
                    let bad = count.failed > 0;
                    failed_steps += u32::from(bad);
                    let word = if bad { "FAIL" } else { "ok" };
                    say(format_args!("{word:>4} {seconds:>7.1} s  {name}"));
                }
                Err(error) => {
                    failed_steps += 1;
                    say(format_args!("FAIL {seconds:>7.1} s  {name}: {error:#}"));
                }
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
}

/// Runs everything.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::default();

    let mut clients = None;
    steps.check("set up: compiler for components", || {
        let toolchain = wasm::provide(workspace)?;
        say(format_args!("{}", toolchain.describe()));
        Ok(())
    });
    steps.check("set up: other people's clients", || {
        clients = Some(Clients::install(workspace)?);
        Ok(())
    });

    steps.check("set up: the page", || web::build(workspace));

    // The workspace, and that of the guests with a build folder of its own.
    let host = || workspace.cargo();
    let guests = || {
        let mut command = workspace.cargo();
        command
            .current_dir(workspace.guests_folder())
            .env("CARGO_TARGET_DIR", workspace.guests_target());
        command
    };

    steps.check("format", || {
        run_command(host().args(FORMAT))?;
        run_command(guests().args(FORMAT))
    });
    steps.check("dependency audit", || audit::run(workspace));
    steps.check("clippy", || run_command(host().args(CLIPPY)));
    steps.check("clippy of SDK and examples", || {
        run_command(guests().args(CLIPPY))
    });
    steps.step("tests", || {
        let mut command = host();
        command.args(TEST);
        if let Some(clients) = &clients {
            clients.set(&mut command);
        }
        count(&mut command)
    });
    steps.step("tests of the page, in a browser", || {
        let web::Report { passed, failed } = web::test(workspace)?;
        Ok(Count { passed, failed })
    });
    #[cfg(target_os = "linux")]
    for run in soak::SHORT {
        steps.check(run.name(), || soak::run_short(workspace, run));
    }
    steps.step("tests of SDK and examples", || count(guests().args(TEST)));
    let mut conformed = Vec::new();
    steps.step("conformance of every language and backend", || {
        conformed = conformance::outcomes(workspace, &conformance::Arguments::default())?;
        Ok(conformed.iter().fold(Count::default(), |all, one| Count {
            passed: all.passed + one.passed,
            failed: all.failed + one.failed,
        }))
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
            // What is not in them is also a native plugin.
            vet(&["."], &[])?;
        }
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
                .args(["-m", "unittest", "discover", "native-bridge/python/tests"])
                .current_dir(&workspace.root),
        )
        .context("the Python module needs Python 3.9 or newer")
    });
    steps.check("documentation", || {
        run_command(
            host()
                .args(["doc", "--workspace", "--no-deps", "--locked"])
                .env("RUSTDOCFLAGS", "--deny=warnings"),
        )
    });
    steps.finish()
}

/// Runs `cargo test`, passing on what it prints, and counts its tests. Failed
/// tests are in the count; an error is what kept tests from running.
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
        // Nobody listening is no reason to stop.
        let _ = writeln!(stdout, "{line}");
        if let Some(one) = result(&line) {
            count.passed += one.passed;
            count.failed += one.failed;
        }
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

#[cfg(test)]
mod tests {
    use super::{Count, result};

    #[test]
    fn only_result_lines_are_counted() {
        let line = "test result: FAILED. 5 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        let count = Count {
            passed: 5,
            failed: 2,
        };
        assert_eq!(result(line), Some(count));
        assert_eq!(result("test a::b ... ok"), None);
        assert_eq!(result("running 5 tests"), None);
    }
}
