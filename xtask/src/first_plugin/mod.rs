//! `cargo xtask first-plugin`: runs the commands of `docs/first-plugin.md` as a
//! newcomer would, in an empty folder, and times each of them: create a plugin
//! in a language, build it, test it, install it into a server, and send a
//! message through it.
//!
//! Only three parts of the guide are replaced: the server's address, whose port
//! is a free one, and the password and the token, which a person copies from
//! the output.
//!
//! - [`guide`]: the commands in the page.
//! - [`shell`]: a terminal for them.

mod guide;
mod shell;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};
use serde::Serialize;
use serde_json::Value;

use self::{guide::Guide, shell::Shell};
use crate::{
    run::{print, say},
    server::{self, Server},
    workspace::Workspace,
};

/// The password that stands for the one that a server prints.
const PASSWORD: &str = "by-the-guide";
/// The title of the guide's message after the guide's plugin changed it.
const TITLE: &str = "[shout] disk full";

/// A way through the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    /// As in the command line.
    language: &'static str,
    /// The section of the guide.
    section: &'static str,
    native: bool,
    /// True if it is short enough for every test run: its tools are on the
    /// machine, and it builds in seconds.
    quick: bool,
}

const WAYS: [Way; 9] = [
    way("rust", "Rust", false, false),
    way("rust", "Rust", true, false),
    way("go", "Go", false, true),
    way("go", "Go", true, true),
    way("c", "C", false, false),
    way("python", "Python", false, false),
    way("python", "Python", true, false),
    way("javascript", "JavaScript", false, false),
    way("typescript", "TypeScript", false, false),
];

const fn way(language: &'static str, section: &'static str, native: bool, quick: bool) -> Way {
    Way {
        language,
        section,
        native,
        quick,
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask first-plugin
  cargo xtask first-plugin python --json")]
pub(crate) struct Arguments {
    /// Only this language.
    language: Option<String>,
    /// As on a clean machine: with empty caches of the languages' tools, so that
    /// what a plugin needs is downloaded and compiled.
    #[arg(long)]
    clean: bool,
    /// Print one line of JSON for each way.
    #[arg(long)]
    json: bool,
}

/// The duration of a way.
#[derive(Debug, Serialize)]
struct Gone {
    language: &'static str,
    native: bool,
    /// Each command with its time in milliseconds, in order.
    commands: Vec<(String, u64)>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let wanted = |way: &&Way| {
        let language = arguments.language.as_deref();
        language.is_none_or(|language| language == way.language)
    };
    let ways: Vec<_> = WAYS.iter().filter(wanted).collect();
    if ways.is_empty() {
        bail!("the guide has no such language");
    }
    go_all(workspace, &ways, arguments.clean, arguments.json)
}

/// Goes the short ways, and says which are not gone.
pub(crate) fn run_quick(workspace: &Workspace) -> Result<()> {
    let (quick, others): (Vec<&Way>, Vec<&Way>) = WAYS.iter().partition(|way| way.quick);
    let others: Vec<_> = others.iter().map(|way| way.name()).collect();
    say(format_args!(
        "not gone, for they install tools or build for minutes: {}; `cargo xtask first-plugin` does",
        others.join(", ")
    ));
    go_all(workspace, &quick, false, false)
}

fn go_all(workspace: &Workspace, ways: &[&Way], clean: bool, json: bool) -> Result<()> {
    let guide = Guide::read(workspace)?;
    let mortise = server::build(workspace)?;
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_header([
        "plugin", "set up", "new", "build", "test", "install", "message", "in all",
    ]);
    let mut failed = Vec::new();
    for way in ways {
        say(format_args!("\n== {}", way.name()));
        let folder = empty_folder(workspace, way)?;
        let gone = go(&guide, way, &mortise, &folder, clean)
            .with_context(|| format!("{}, in {}", way.name(), folder.display()));
        match gone {
            Ok(gone) => {
                table.add_row(gone.row(&way.name()));
                if json {
                    print(&serde_json::to_string(&gone).context("the times are no JSON")?)?;
                }
                // Some are large.
                fs::remove_dir_all(&folder)
                    .with_context(|| format!("{} cannot be removed", folder.display()))?;
            }
            Err(error) => {
                say(format_args!("error: {error:#}"));
                failed.push(way.name());
            }
        }
    }
    if !json {
        print(&table.to_string())?;
    }
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("by the guide it does not work: {}", failed.join(", "))
    }
}

/// One for each way, outside of the repository, where no tool finds anything of
/// ours around it.
fn empty_folder(workspace: &Workspace, way: &Way) -> Result<PathBuf> {
    let name = format!(
        "mortise-first-plugin-{}-{}",
        std::process::id(),
        way.folder()
    );
    let folder = std::env::temp_dir().join(name);
    ensure!(
        !folder.starts_with(&workspace.root),
        "the folder for temporary files is inside the repository"
    );
    fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

fn go(guide: &Guide, way: &Way, mortise: &Path, folder: &Path, clean: bool) -> Result<Gone> {
    let caches = clean.then(|| folder.join("caches"));
    let work = folder.join("work");
    fs::create_dir(&work).with_context(|| format!("{} cannot be made", work.display()))?;
    let mut shell = Shell::open(mortise, &work, caches.as_deref())?;
    let mut gone = Gone {
        language: way.language,
        native: way.native,
        commands: Vec::new(),
    };
    for command in guide.of_language(way.section, way.native)? {
        gone.time(&command, || shell.type_in(&command))?;
    }
    let mut commands = guide.of_server()?.into_iter();
    for command in commands.by_ref() {
        if command == "mortise serve" {
            break;
        }
        gone.time(&command, || shell.type_in(&command))?;
    }
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot be set up")?;
    let data = work.join("data");
    let server = gone.time("mortise serve", || {
        tokio.block_on(Server::start(mortise, &data, 0, PASSWORD))
    })?;
    let outcome = through(&mut shell, commands, way, &server.url, &mut gone);
    tokio.block_on(server.stop())?;
    outcome.map(|()| gone)
}

/// Installs the plugin into the server, and sends the message.
fn through(
    shell: &mut Shell,
    commands: impl Iterator<Item = String>,
    way: &Way,
    url: &str,
    gone: &mut Gone,
) -> Result<()> {
    let (mut token, mut last) = (String::new(), String::new());
    for command in commands {
        let mut typed = command
            .replace("http://127.0.0.1:8080", url)
            .replace("PASSWORD", PASSWORD)
            .replace("TOKEN", &token);
        if way.native {
            typed = typed.replace("shout.wasm", "shout");
        }
        last = gone.time(&command, || shell.type_in(&typed))?;
        let answer = serde_json::from_str::<Value>(&last).ok();
        if let Some(told) = answer.as_ref().and_then(|value| value.get("token")) {
            token = told.as_str().unwrap_or_default().to_owned();
        }
    }
    let stored: Value = serde_json::from_str(&last)
        .with_context(|| format!("the last command answered no JSON: {last}"))?;
    let title = stored.pointer("/messages/0/title").and_then(Value::as_str);
    ensure!(
        title == Some(TITLE),
        "the message was stored as {stored}, and its title should be `{TITLE}`"
    );
    Ok(())
}

impl Way {
    fn name(&self) -> String {
        if self.native {
            format!("{} (native)", self.language)
        } else {
            self.language.to_owned()
        }
    }

    fn folder(&self) -> String {
        self.name().replace([' ', '(', ')'], "")
    }
}

impl Gone {
    fn time<T>(&mut self, command: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        say(format_args!("$ {command}"));
        let begin = Instant::now();
        let done = work()?;
        let ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.commands.push((command.to_owned(), ms));
        Ok(done)
    }

    /// The times of the commands, put together.
    fn row(&self, name: &str) -> [String; 8] {
        let mut sums = [0; 6];
        for (command, ms) in &self.commands {
            let at = match command.as_str() {
                text if text.starts_with("mortise plugin new") => 1,
                text if text.starts_with("mortise plugin build") => 2,
                text if text.starts_with("mortise plugin test") => 3,
                text if text.starts_with("mortise ") => 4,
                text if text.starts_with("curl ") => 5,
                _ => 0,
            };
            if let Some(sum) = sums.get_mut(at) {
                *sum += ms;
            }
        }
        let seconds = |ms: u64| format!("{:.1} s", Duration::from_millis(ms).as_secs_f32());
        let [set_up, new, build, test, install, message] = sums.map(seconds);
        let all = seconds(sums.iter().sum());
        [
            name.to_owned(),
            set_up,
            new,
            build,
            test,
            install,
            message,
            all,
        ]
    }
}
