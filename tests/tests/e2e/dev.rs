//! `mortise plugin dev`, as a person at a terminal has it, and as an editor.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use mortise_tests::{
    guests,
    server::{Data, program},
};
use mortise_wait::{found_blocking, until_blocking};
use serde_json::{Value, json};

/// A build of a few crates on a busy machine.
const SOON: Duration = Duration::from_secs(180);

/// A new plugin in a folder that goes with the test.
struct Project {
    folder: tempfile::TempDir,
    source: PathBuf,
    name: &'static str,
}

impl Project {
    fn new(name: &'static str, language: &str, capabilities: &str, source: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new(program())
            .args(["plugin", "new", name, "--lang", language])
            .args(["--capability", capabilities])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let source = folder.path().join(name).join(source);
        Self {
            folder,
            source,
            name,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }

    /// Replaces a part of the source, as an editor saves it.
    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(&self.source).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        let aside = self.source.with_extension("new~");
        std::fs::write(&aside, text.replace(from, to)).unwrap();
        std::fs::rename(aside, &self.source).unwrap();
    }
}

/// `mortise plugin dev`; it is killed with this value, if it did not end.
struct Dev {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// All that it wrote, for the report of a test that fails.
    all: Arc<Mutex<String>>,
    temporary: tempfile::TempDir,
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Dev {
    fn start(project: &Project, arguments: &[&str]) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut child = Command::new(program())
            .args(["plugin", "dev"])
            .args(arguments)
            .current_dir(project.path())
            // The parts that the plugins share with the examples are built
            // once.
            .env("CARGO_TARGET_DIR", guests::target())
            .env("PATH", guests::path_with_tools())
            .env("TMPDIR", temporary.path())
            .env_remove("MORTISE_DATA_DIR")
            .env_remove("MORTISE_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let all = Arc::new(Mutex::new(String::new()));
        let (sender, lines) = mpsc::channel();
        let read = |from: Box<dyn std::io::Read + Send>| {
            let (all, sender) = (all.clone(), sender.clone());
            std::thread::spawn(move || {
                for line in BufReader::new(from).lines().map_while(Result::ok) {
                    *all.lock().unwrap() += &format!("{line}\n");
                    // A test that ended listens no more.
                    let _ = sender.send(line);
                }
            });
        };
        read(Box::new(child.stdout.take().unwrap()));
        read(Box::new(child.stderr.take().unwrap()));
        Self {
            child,
            lines,
            all,
            temporary,
        }
    }

    /// Waits for a line that `found` wants.
    fn find<T>(&self, what: &str, mut found: impl FnMut(&str) -> Option<T>) -> T {
        let end = Instant::now() + SOON;
        loop {
            let wait = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(wait) else {
                panic!("no {what}:\n{}", self.all.lock().unwrap());
            };
            if let Some(found) = found(&line) {
                return found;
            }
        }
    }

    /// Waits for a line with this in it.
    fn line(&self, part: &str) -> String {
        self.find(part, |line| line.contains(part).then(|| line.to_owned()))
    }

    /// Returns a row of the first lines.
    fn row(&self, name: &str) -> String {
        let row = self.find(name, |line| line.strip_prefix(name).map(str::to_owned));
        row.trim().to_owned()
    }

    /// Waits for an event, of those that `--json` prints.
    fn event(&self, name: &str) -> Value {
        self.find(name, |line| {
            let event: Value = serde_json::from_str(line).ok()?;
            (event["event"] == name).then_some(event)
        })
    }

    /// Interrupts it, and sees that nothing of it is left.
    fn interrupt(mut self) {
        let started = descendants(self.child.id());
        let interrupted = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(interrupted.success());
        let status = found_blocking("its end", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}:\n{}", self.all.lock().unwrap());
        let left: Vec<_> = std::fs::read_dir(self.temporary.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        // Its own children it waited for; theirs may take a moment to go.
        for one in started {
            until_blocking(&format!("the end of {one:?}"), || !one.lives());
        }
    }

    /// Waits until a build runs in a process below it.
    fn building(&self) {
        let is_compiler = |one: &Process| ["cargo", "rustc"].contains(&&*one.name);
        until_blocking("a build", || {
            descendants(self.child.id()).iter().any(is_compiler)
        });
    }
}

/// A process, told from a later one of the same number by when it began.
#[derive(Debug)]
struct Process {
    id: u32,
    parent: u32,
    name: String,
    began: String,
}

impl Process {
    /// Returns the process with an id; none if there is none, or if it is a
    /// zombie.
    fn of(id: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (head, rest) = text.rsplit_once(") ")?;
        let fields: Vec<_> = rest.split(' ').collect();
        (fields[0] != "Z").then(|| Self {
            id,
            parent: fields[1].parse().unwrap(),
            name: head.split_once('(').unwrap().1.to_owned(),
            began: fields[19].to_owned(),
        })
    }

    fn lives(&self) -> bool {
        Self::of(self.id).is_some_and(|now| now.began == self.began)
    }
}

/// The processes below one.
fn descendants(id: u32) -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let all: Vec<_> = entries
        .filter_map(|entry| {
            let id = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Process::of(id)
        })
        .collect();
    let mut of = vec![id];
    let mut found = 0;
    while found < of.len() {
        let parent = of[found];
        of.extend(
            all.iter()
                .filter(|one| one.parent == parent)
                .map(|one| one.id),
        );
        found += 1;
    }
    of.remove(0);
    all.into_iter().filter(|one| of.contains(&one.id)).collect()
}

/// The title that a message has after the plugins.
async fn title(url: &str, token: &str) -> String {
    let sent = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = sent
        .post(format!("{url}/message"))
        .header("X-Gotify-Key", token)
        .json(&json!({ "title": "disk full", "message": "on db1" }))
        .send()
        .await
        .unwrap();
    let message = mortise_tests::server::body(answer).await;
    message["title"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_saved_runs_and_what_does_not_build_changes_nothing() {
    let project = Project::new("louder", "rust", "configurer,filter", "src/main.rs");
    std::fs::copy(guests::lock(), project.path().join("Cargo.lock")).unwrap();
    let dev = Dev::start(&project, &[]);
    let url = dev.row("server").split(',').next().unwrap().to_owned();
    assert!(dev.row("login").starts_with("admin "));
    let token = dev.row("app token");
    let curl = dev.row("to send");
    assert!(curl.contains(&url) && curl.contains(&token), "{curl}");
    dev.line("built ");
    dev.line("loaded org.example.louder 0.1.0 in ");
    dev.line("granted: filter-messages");
    assert_eq!(title(&url, &token).await, "[louder] disk full");

    project.edit("\"[louder] \"", "\"LOUD \"");
    dev.line("changed src/main.rs");
    dev.line("swapped org.example.louder 0.1.0 in ");
    assert_eq!(title(&url, &token).await, "LOUD disk full");

    // The compiler's own words, on whichever stream they come.
    project.edit("\"LOUD \"", "\"LOUD ");
    let mut told = Vec::new();
    dev.find("both", |line| {
        told.extend(
            [
                "unterminated double quote string",
                "org.example.louder 0.1.0 keeps running",
            ]
            .into_iter()
            .filter(|part| line.contains(part)),
        );
        (told.len() == 2).then_some(())
    });
    assert_eq!(title(&url, &token).await, "LOUD disk full");

    project.edit("\"LOUD ", "\"[mended] \"");
    dev.line("swapped ");
    assert_eq!(title(&url, &token).await, "[mended] disk full");

    // Also in the middle of a build.
    project.edit("[mended]", "[never]");
    dev.line("changed ");
    dev.building();
    dev.interrupt();
}

#[tokio::test]
async fn an_editor_is_told_each_event_on_a_line() {
    let project = Project::new("eventful", "python", "configurer,filter", "plugin.py");
    let config = project.folder.path().join("config.yaml");
    std::fs::write(&config, "prefix: \"1 \"\n").unwrap();
    let dev = Dev::start(
        &project,
        &["--native", "--json", "--config", config.to_str().unwrap()],
    );
    let server = dev.event("server");
    let url = server["url"].as_str().unwrap();
    let token = server["app_token"].as_str().unwrap();
    assert_eq!(server["throw_away"], true);
    assert!(Path::new(server["data_dir"].as_str().unwrap()).starts_with(dev.temporary.path()));
    dev.event("building");
    let built = dev.event("built");
    assert!(
        built["ms"].is_u64() && built["steps"][0]["ms"].is_u64(),
        "{built}"
    );
    let loaded = dev.event("loaded");
    assert_eq!(loaded["id"], "org.example.eventful");
    assert_eq!(loaded["swapped"], false);
    assert_eq!(loaded["enabled"], true);
    assert_eq!(loaded["grants"], json!(["granted: filter-messages"]));
    assert_eq!(title(url, token).await, "1 disk full");

    std::fs::write(&config, "prefix: \"2 \"\n").unwrap();
    dev.event("configured");
    assert_eq!(title(url, token).await, "2 disk full");
    std::fs::write(&config, "prefix: 3\n").unwrap();
    let failed = dev.event("failed");
    assert!(
        failed["error"].as_str().unwrap().contains("prefix"),
        "{failed}"
    );
    std::fs::write(&config, "prefix: \"4 \"\n").unwrap();
    dev.event("configured");

    // It says something, and wants something that it did not ask for.
    project.edit(
        "    def filter(self, draft):\n",
        "    def filter(self, draft):
        self.host.log(\"seen \" + draft.content.title)
        try:
            self.host.timers.set(\"tea\", m.EveryMs(60000))
        except m.Denied:
            pass
",
    );
    let changed = dev.event("changed");
    assert_eq!(changed["files"], json!(["plugin.py"]));
    let loaded = dev.event("loaded");
    assert_eq!(loaded["swapped"], true);
    assert_eq!(title(url, token).await, "4 disk full");
    let mut events = Vec::new();
    dev.find("log and denial", |line| {
        let event: Value = serde_json::from_str(line).ok()?;
        if event["text"] == "seen disk full" || event["event"] == "denied" {
            events.push(event);
        }
        (events.len() == 2).then_some(())
    });
    let of = |name: &str| events.iter().find(|event| event["event"] == name).unwrap();
    assert_eq!(of("log")["source"], "plugin");
    assert_eq!(of("denied")["permission"], "timers");
    assert!(of("denied")["fix"].as_str().unwrap().contains("manifest"));

    project.edit("m.run(Eventful)", "m.run(Eventful");
    let refused = dev.event("refused");
    for part in ["step", "expected", "found", "fix"] {
        assert!(refused["report"][part].is_string(), "{refused}");
    }
    assert!(
        refused["report"]["found"]
            .as_str()
            .unwrap()
            .contains("SyntaxError"),
        "{refused}"
    );
    assert_eq!(refused["running"], "org.example.eventful 0.1.0");
    assert_eq!(title(url, token).await, "4 disk full");
    assert!(
        !descendants(dev.child.id()).is_empty(),
        "the plugin is a process"
    );
    dev.interrupt();
}

#[tokio::test]
async fn on_a_running_server_nothing_is_granted_by_itself() {
    let data = Data::new();
    let server = data.serve().await;
    let project = Project::new("guest", "python", "filter", "plugin.py");
    let path = data.path().to_str().unwrap();
    let dev = Dev::start(&project, &["--native", "--json", "--data-dir", path]);
    assert_eq!(dev.event("server")["throw_away"], false);
    let loaded = dev.event("loaded");
    assert_eq!(loaded["enabled"], false);
    assert_eq!(loaded["grants"], json!(["not granted: filter-messages"]));
    assert_eq!(
        loaded["next"],
        json!(["mortise plugin enable org.example.guest"])
    );
    server.enable("org.example.guest", None).await;

    project.edit(
        "wants=[",
        "wants=[\n            m.Want.timers(\"to be on time\"),",
    );
    let pending = dev.event("pending");
    assert_eq!(pending["asks"], json!(["+ timers: to be on time"]));
    assert_eq!(
        pending["approve"],
        "mortise plugin approve org.example.guest"
    );
    let token = server.application("a").await;
    assert_eq!(title(server.url(), &token).await, "[guest] disk full");
    dev.interrupt();
    // It is the server's now.
    assert!(server.plugin("org.example.guest").await.is_some());
    server.stop().await;
}

#[test]
fn what_the_administrator_answers_for_may_be_left_ungranted() {
    let project = Project::new("denied", "python", "timer", "plugin.py");
    let dev = Dev::start(&project, &["--native", "--json", "--grant", "none"]);
    let failed = dev.event("failed");
    assert!(
        failed["error"].as_str().unwrap().contains("timers"),
        "{failed}"
    );
    assert_eq!(failed["running"], Value::Null);
    assert_eq!(dev.event("denied")["fix"], "`--grant none` grants nothing");
    dev.interrupt();
}
