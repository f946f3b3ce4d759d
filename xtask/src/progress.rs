//! Runs cargo and shows how far it is: the crates that are built, the crates in
//! all, and the ones being compiled. On a terminal that is one line, which is
//! written again and again; elsewhere a line every few seconds.
//!
//! The count is of crates, not of time: the last ones take longer than the first.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, IsTerminal as _, Read, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{
    run::{CLEAR_LINE, say, shown},
    workspace::Workspace,
};

/// The time between two lines where there is no terminal, and on one.
const PLAIN: Duration = Duration::from_secs(10);
const TERMINAL: Duration = Duration::from_secs(1);
/// The longest line on a terminal.
const WIDTH: usize = 79;

/// Does two pieces of work at the same time and shows how far both are.
pub(crate) fn together<A: Send, B: Send>(
    first: impl FnOnce(&Reporter) -> Result<A> + Send,
    second: impl FnOnce(&Reporter) -> Result<B> + Send,
) -> Result<(A, B)> {
    let (events, received) = channel();
    let reporters = [0, 1].map(|lane| Reporter {
        lane,
        events: events.clone(),
    });
    // The board is done when no reporter is left.
    drop(events);
    let [one, other] = reporters;
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(move || first(&one));
        let second = scope.spawn(move || second(&other));
        Board::default().follow(&received);
        (first.join(), second.join())
    });
    let panicked = "a thread that followed a build panicked";
    Ok((
        first.ok().context(panicked)??,
        second.ok().context(panicked)??,
    ))
}

/// Does one piece of work and shows how far it is.
pub(crate) fn alone<T: Send>(work: impl FnOnce(&Reporter) -> Result<T> + Send) -> Result<T> {
    together(work, |_| Ok(())).map(|(done, ())| done)
}

/// Tells the board how far one piece of work is.
pub(crate) struct Reporter {
    lane: usize,
    events: Sender<(usize, Event)>,
}

enum Event {
    /// A build begins: its name, and the crates that it consists of.
    Begin(String, BTreeSet<String>),
    /// Cargo compiles a crate of this name.
    Compiling(String),
    /// Cargo built a crate: its id and name, and true if it was up to date.
    Built(String, String, bool),
    End,
}

/// The part of cargo's messages that is read here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    fresh: bool,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

impl Reporter {
    fn tell(&self, event: Event) {
        // A board that is gone shows nothing, and the build goes on.
        let _ = self.events.send((self.lane, event));
    }

    /// Runs a `cargo build` that prints JSON messages and returns them. `crates`
    /// are the ids of the packages that it builds.
    pub(crate) fn cargo(
        &self,
        name: &str,
        crates: BTreeSet<String>,
        command: &mut Command,
    ) -> Result<String> {
        let text = shown(command);
        self.tell(Event::Begin(name.to_owned(), crates));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{text}` cannot be started"))?;
        let out = child.stdout.take().context("its output is not captured")?;
        let told = child.stderr.take().context("its output is not captured")?;
        let messages = thread::scope(|scope| {
            scope.spawn(|| self.pass_on(told));
            self.read(out)
        });
        let status = child
            .wait()
            .with_context(|| format!("`{text}` cannot be waited for"))?;
        self.tell(Event::End);
        if !status.success() {
            bail!("`{text}` failed ({status}); the output above says why");
        }
        messages.with_context(|| format!("the output of `{text}` broke off"))
    }

    /// Reads the messages on standard output.
    fn read(&self, out: impl Read) -> std::io::Result<String> {
        let mut messages = String::new();
        for line in BufReader::new(out).lines() {
            let line = line?;
            if let Some((id, fresh)) = built(&line) {
                let name = name_of(&id).to_owned();
                self.tell(Event::Built(id, name, fresh));
            }
            messages.push_str(&line);
            messages.push('\n');
        }
        Ok(messages)
    }

    /// Reads the lines on standard error, and shows those that are for people.
    fn pass_on(&self, told: impl Read) {
        for line in BufReader::new(told).split(b'\n') {
            let Ok(line) = line else {
                return;
            };
            let line = String::from_utf8_lossy(&line);
            match line.trim_start().split_once(' ') {
                Some(("Compiling", rest)) => {
                    let name = rest.split(' ').next().unwrap_or(rest);
                    self.tell(Event::Compiling(name.to_owned()));
                }
                Some(("Finished", _)) => {}
                _ => say(format_args!("{line}")),
            }
        }
    }
}

/// Reads a message about a built library or program: the package's id, and true
/// if it was up to date.
fn built(line: &str) -> Option<(String, bool)> {
    let message: Message = serde_json::from_str(line).ok()?;
    let kind = message.target?.kind;
    let counts =
        message.reason == "compiler-artifact" && !kind.iter().any(|kind| kind == "custom-build");
    counts.then_some((message.package_id, message.fresh))
}

/// The name in a package's id: `registry+https://...#syn@3.0.9`, or
/// `path+file:///.../server#0.1.0` where the folder has the package's name.
fn name_of(id: &str) -> &str {
    let (source, rest) = id.rsplit_once('#').unwrap_or(("", id));
    match rest.split_once('@') {
        Some((name, _)) => name,
        None => source.rsplit('/').next().unwrap_or(rest),
    }
}

/// A build as far as it is known.
#[derive(Default)]
struct Lane {
    name: String,
    /// The crates that are not built yet.
    left: BTreeSet<String>,
    all: usize,
    compiled: usize,
    /// The crates that cargo began to compile, by name.
    compiling: Vec<(String, Instant)>,
    begin: Option<Instant>,
}

impl Lane {
    fn take(&mut self, event: Event) {
        match event {
            Event::Begin(name, crates) => {
                *self = Self {
                    name,
                    all: crates.len(),
                    left: crates,
                    begin: Some(Instant::now()),
                    ..Self::default()
                };
                say(format_args!("building {}: {} crates", self.name, self.all));
            }
            Event::Compiling(name) => self.compiling.push((name, Instant::now())),
            Event::Built(id, name, fresh) => {
                if self.left.remove(&id) && !fresh {
                    self.compiled += 1;
                }
                self.compiling.retain(|(compiling, _)| *compiling != name);
            }
            Event::End => {
                let seconds = self
                    .begin
                    .take()
                    .map_or(0.0, |begin| begin.elapsed().as_secs_f32());
                say(format_args!(
                    "{}: {} of {} crates compiled, the others up to date, in {seconds:.0} s",
                    self.name, self.compiled, self.all
                ));
            }
        }
    }

    /// A line such as `the server: 312 of 547 crates, cranelift-codegen (40 s)`.
    fn line(&self) -> Option<String> {
        self.begin?;
        let compiling: Vec<_> = self
            .compiling
            .iter()
            .map(|(name, since)| match since.elapsed().as_secs() {
                seconds @ 10.. => format!("{name} ({seconds} s)"),
                _ => name.clone(),
            })
            .collect();
        let built = self.all - self.left.len();
        let mut line = format!("{}: {built} of {} crates", self.name, self.all);
        if !compiling.is_empty() {
            line.push_str(", ");
            line.push_str(&compiling.join(", "));
        }
        Some(line)
    }
}

#[derive(Default)]
struct Board {
    lanes: [Lane; 2],
}

impl Board {
    /// Shows how far the work is until it is done.
    fn follow(mut self, received: &Receiver<(usize, Event)>) {
        let terminal = std::io::stderr().is_terminal();
        let pause = if terminal { TERMINAL } else { PLAIN };
        let mut next = Instant::now() + pause;
        loop {
            match received.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok((lane, event)) => {
                    if let Some(lane) = self.lanes.get_mut(lane) {
                        lane.take(event);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.show(terminal);
                    next = Instant::now() + pause;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    if terminal {
                        let _ = write!(std::io::stderr().lock(), "{CLEAR_LINE}");
                    }
                    return;
                }
            }
        }
    }

    fn show(&self, terminal: bool) {
        let lines: Vec<_> = self.lanes.iter().filter_map(Lane::line).collect();
        if !terminal {
            for line in lines {
                say(format_args!("{line}"));
            }
            return;
        }
        let line: String = lines.join("; ").chars().take(WIDTH).collect();
        // The cursor goes back to the line's start: the next output replaces it.
        let _ = write!(std::io::stderr().lock(), "{CLEAR_LINE}{line}\r");
    }
}

/// The part of cargo's metadata that is read here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// None for a usual dependency.
    kind: Option<String>,
}

/// The package in a folder and the packages that are built for it, by their ids.
/// `target` is the platform that it is built for; this machine if none.
pub(crate) fn crates(
    workspace: &Workspace,
    folder: &Path,
    target: Option<&str>,
) -> Result<BTreeSet<String>> {
    let host;
    let target = match target {
        Some(target) => target,
        None => {
            host = workspace.host()?;
            &host
        }
    };
    let text = crate::run::output(
        workspace
            .cargo()
            .args(["metadata", "--format-version", "1", "--locked"])
            .args(["--filter-platform", target])
            .current_dir(folder),
    )?;
    let metadata: Metadata =
        serde_json::from_str(&text).context("cargo's metadata is malformed")?;
    Ok(metadata.reachable(&folder.join("Cargo.toml")))
}

impl Metadata {
    fn reachable(&self, manifest: &Path) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut next: Vec<&str> = self
            .packages
            .iter()
            .filter(|known| known.manifest_path == manifest)
            .map(|known| known.id.as_str())
            .collect();
        while let Some(id) = next.pop() {
            if !found.insert(id.to_owned()) {
                continue;
            }
            let node = self.resolve.nodes.iter().find(|node| node.id == id);
            let needed = node.into_iter().flat_map(|node| &node.deps);
            next.extend(
                needed
                    .filter(|dependency| dependency.is_built())
                    .map(|dependency| dependency.pkg.as_str()),
            );
        }
        found
    }
}

impl Dependency {
    /// False for dependencies of tests alone.
    fn is_built(&self) -> bool {
        self.dep_kinds
            .iter()
            .any(|kind| kind.kind.as_deref() != Some("dev"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Event, Lane, Metadata, built, name_of};

    #[test]
    fn a_package_is_named_by_its_id() {
        assert_eq!(name_of("registry+https://index#syn@3.0.9"), "syn");
        assert_eq!(
            name_of("path+file:///r/server#mortise-server@0.1.0"),
            "mortise-server"
        );
        assert_eq!(name_of("path+file:///r/xtask#0.1.0"), "xtask");
    }

    #[test]
    fn only_libraries_and_programs_count_as_built() {
        let line = |kind| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"a","target":{{"kind":["{kind}"]}},"fresh":true}}"#
            )
        };
        assert_eq!(built(&line("lib")), Some(("a".to_owned(), true)));
        assert_eq!(built(&line("custom-build")), None);
        assert_eq!(built(r#"{"reason":"build-finished","success":true}"#), None);
    }

    #[test]
    fn a_line_says_what_is_built_and_what_is_compiled() {
        let mut lane = Lane::default();
        assert_eq!(lane.line(), None);
        let ids = ["a#one@1", "a#two@1", "a#three@1"];
        lane.take(Event::Begin("it".to_owned(), ids.map(str::to_owned).into()));
        lane.take(Event::Compiling("one".to_owned()));
        lane.take(Event::Compiling("two".to_owned()));
        lane.take(Event::Built("a#one@1".to_owned(), "one".to_owned(), false));
        // A second library of the same package.
        lane.take(Event::Built("a#one@1".to_owned(), "one".to_owned(), false));
        assert_eq!(lane.line().unwrap(), "it: 1 of 3 crates, two");
        assert_eq!(lane.compiled, 1);
    }

    #[test]
    fn dependencies_of_tests_are_not_counted() {
        let metadata: Metadata = serde_json::from_str(
            r#"{"packages":[{"id":"1","manifest_path":"/a"},{"id":"2","manifest_path":"/b"},{"id":"3","manifest_path":"/c"}],
            "resolve":{"nodes":[
                {"id":"1","deps":[{"pkg":"2","dep_kinds":[{"kind":null}]},{"pkg":"3","dep_kinds":[{"kind":"dev"}]}]},
                {"id":"2","deps":[]},{"id":"3","deps":[]}]}}"#,
        )
        .unwrap();
        let found = metadata.reachable(Path::new("/a"));
        assert_eq!(found, ["1", "2"].map(str::to_owned).into());
    }
}
