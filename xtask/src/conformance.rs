//! `cargo xtask conformance`: the cases of `tests/conformance` against the
//! conformance plugin in each language and for each backend. Running them is
//! `mortise plugin test`; here is which plugins there are, how each is built,
//! and how it went in all.
//!
//! A plugin in a further language is a folder in `tests/conformance/plugins`
//! and an entry in [`PLUGINS`].

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};
use serde::{Deserialize, Serialize};

use crate::{
    clients, cross, go, python,
    run::{answers, print, say, shown},
    server, wasm,
    workspace::Workspace,
};

/// One plugin that the cases are run against.
pub(crate) struct Plugin {
    /// As cases name it.
    language: &'static str,
    backend: &'static str,
    /// The tool that builds it.
    pub(crate) tool: &'static str,
    /// The features that plugins of this kind lack, for the page about
    /// languages.
    pub(crate) lacks: &'static str,
    /// Makes the file, for a platform as rustc names it; for this machine if none.
    build: fn(&Workspace, Option<&str>) -> Result<PathBuf>,
}

static PLUGINS: [Plugin; 11] = [
    Plugin {
        language: "rust",
        backend: "wasm",
        tool: "cargo",
        lacks: "threads, sockets, subprocesses",
        build: rust_component,
    },
    Plugin {
        language: "rust",
        backend: "native",
        tool: "cargo, unoptimized",
        lacks: "",
        build: rust_native,
    },
    Plugin {
        language: "go",
        backend: "native",
        tool: "go, with Gotify's plugin API v1",
        lacks: "",
        build: |workspace, target| {
            let folder = workspace.root.join("tests/conformance/plugins/go-native");
            go::build_for(workspace, &folder, ".", target)
        },
    },
    Plugin {
        language: "python",
        backend: "native",
        tool: "python3",
        lacks: "",
        build: python_native,
    },
    Plugin {
        language: "go",
        backend: "wasm",
        tool: "go",
        lacks: "sockets, subprocesses; goroutines outside of calls",
        build: |workspace, _| authored(workspace, "go", ".wasm"),
    },
    Plugin {
        language: "go",
        backend: "native",
        tool: "go",
        lacks: "",
        build: go_authored,
    },
    Plugin {
        language: "c",
        backend: "wasm",
        tool: "zig cc",
        lacks: "threads, sockets, subprocesses, `setjmp`; native plugins",
        build: |workspace, _| authored(workspace, "c", ".wasm"),
    },
    Plugin {
        language: "zig",
        backend: "wasm",
        tool: "zig, without an SDK",
        lacks: "threads, sockets, subprocesses; native plugins",
        build: zig_component,
    },
    Plugin {
        language: "python",
        backend: "wasm",
        tool: "componentize-py",
        lacks: "threads, sockets, subprocesses; packages with compiled code",
        build: |workspace, _| authored(workspace, "python", ".wasm"),
    },
    Plugin {
        language: "javascript",
        backend: "wasm",
        tool: "jco, with QuickJS",
        lacks: JAVASCRIPT_LACKS,
        build: |workspace, _| authored(workspace, "javascript", ".wasm"),
    },
    Plugin {
        language: "javascript",
        backend: "wasm",
        tool: "componentize-js, with StarlingMonkey",
        lacks: JAVASCRIPT_LACKS,
        build: |workspace, _| authored(workspace, "javascript-starlingmonkey", ".wasm"),
    },
];

const JAVASCRIPT_LACKS: &str =
    "threads, sockets, subprocesses, `setInterval`, `Intl`; native plugins";

/// Builds a plugin as its author would, in a copy of its folder: a component, or
/// an executable, by how its file's name ends.
fn authored(workspace: &Workspace, name: &str, ending: &str) -> Result<PathBuf> {
    let path = clients::path_for_authors(workspace)?;
    let mortise = server::build(workspace)?;
    let from = workspace.root.join("tests/conformance/plugins").join(name);
    let copy = workspace
        .target
        .join("authored")
        .join(format!("conformance-{name}"));
    copy_folder(&from, &copy)?;
    let native = (ending != ".wasm").then_some("--native");
    crate::run::run(
        Command::new(mortise)
            .args(["plugin", "build"])
            .args(native)
            .current_dir(&copy)
            .env("PATH", path),
    )?;
    Ok(copy.join("dist").join(format!("everything-{name}{ending}")))
}

/// Builds the plugin in Zig in a copy of its folder, with the commands of
/// `docs/any-language.md`.
fn zig_component(workspace: &Workspace, _: Option<&str>) -> Result<PathBuf> {
    let python = clients::zig(workspace)?;
    let mortise = server::build(workspace)?;
    let from = workspace.root.join("tests/conformance/plugins/zig");
    let copy = workspace.target.join("authored").join("conformance-zig");
    let run = |program: &Path, arguments: &[&str]| {
        crate::run::run(Command::new(program).args(arguments).current_dir(&copy))
    };
    copy_folder(&from, &copy)?;
    let all = "lifecycle,configurer,displayer,webhook,filter,listener,timer";
    run(
        &mortise,
        &["plugin", "bindings", "--lang", "c", "--capability", all],
    )?;
    run(&python, &[&["-m", "ziglang"], ZIG_BUILD].concat())?;
    let component = "everything-zig.wasm";
    let output = ["--manifest", "manifest.toml", "--output", component];
    run(
        &mortise,
        &[&["plugin", "componentize", "core.wasm"][..], &output].concat(),
    )?;
    Ok(copy.join(component))
}

/// The arguments with which Zig compiles its plugin.
const ZIG_BUILD: &[&str] = &[
    "build-exe",
    "everything.zig",
    "bindings/plugin.c",
    "bindings/plugin_component_type.o",
    "-I",
    "bindings",
    "-target",
    "wasm32-wasi",
    "-mexec-model=reactor",
    "-lc",
    "-O",
    "ReleaseSmall",
    "-femit-bin=core.wasm",
];

/// Copies a folder and its content; copies the target of a link in its place.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{} cannot be made", to.display()))?;
    let entries =
        fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("{} cannot be read", from.display()))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            fs::copy(&source, &target)
                .with_context(|| format!("{} cannot be copied", source.display()))?;
        }
    }
    Ok(())
}

/// As [`authored`]. For another platform, Go compiles the same folder once more.
fn go_authored(workspace: &Workspace, target: Option<&str>) -> Result<PathBuf> {
    let here = authored(workspace, "go", std::env::consts::EXE_SUFFIX)?;
    if target.is_none() {
        return Ok(here);
    }
    let folder = workspace.target.join("authored").join("conformance-go");
    go::build_for(workspace, &folder, ".", target)
}

fn python_native(workspace: &Workspace, _: Option<&str>) -> Result<PathBuf> {
    let folder = "tests/conformance/plugins/python-native";
    let source = fs::read_to_string(workspace.root.join(folder).join("everything.py"))
        .with_context(|| format!("{folder}/everything.py cannot be read"))?;
    python::build(workspace, "python-native", &source)
}

fn rust_component(workspace: &Workspace, _: Option<&str>) -> Result<PathBuf> {
    let mortise = server::build(workspace)?;
    let folder = workspace.root.join("tests/guests/everything");
    wasm::build(workspace, &mortise, &folder)
}

/// Not of the release profile, in which a panic is the process's end: what a
/// person gets who says `cargo build`.
fn rust_native(workspace: &Workspace, target: Option<&str>) -> Result<PathBuf> {
    let mut command = workspace.cargo();
    command
        .args(["build", "--locked", "--workspace", "--bin", "everything"])
        .current_dir(workspace.guests_folder())
        .env("CARGO_TARGET_DIR", workspace.guests_target());
    if let Some(target) = target {
        command.args(["--target", target]);
        cross::prepare(workspace, target, &mut command)?;
    }
    crate::run::run(&mut command)?;
    let name = format!("everything{}", std::env::consts::EXE_SUFFIX);
    let folder = workspace.guests_target().join(target.unwrap_or_default());
    Ok(folder.join("debug").join(name))
}

/// The cases to run, and the form of the results.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask conformance
  cargo xtask conformance --language python --backend native
  cargo xtask conformance --target aarch64-unknown-linux-musl")]
pub(crate) struct Arguments {
    /// Print one line of JSON for each case and plugin.
    #[arg(long)]
    json: bool,
    /// Only plugins in this language.
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    /// Only plugins of this backend: `wasm` or `native`.
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Build the server and the native plugins for this platform, named as rustc does, and
    /// run them; on another processor than its own, under an emulator.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

/// The outcome of a case with a plugin.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    case: String,
    backend: String,
    language: String,
    /// Neither, if it was skipped.
    passed: Option<bool>,
    /// The differences, or the reason for skipping it.
    detail: String,
}

/// The results of a plugin.
pub(crate) struct Outcome {
    pub(crate) plugin: &'static Plugin,
    /// The built file, if there is one.
    pub(crate) file: Option<PathBuf>,
    pub(crate) passed: u64,
    /// The cases that failed, each with how.
    pub(crate) failed: Vec<(String, String)>,
    /// The cases that were skipped, each with why.
    pub(crate) skipped: Vec<(String, String)>,
}

/// Runs them and tells how it went; an error if one failed.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let outcomes = outcomes(workspace, arguments)?;
    let passed: u64 = outcomes.iter().map(|one| one.passed).sum();
    let failed: usize = outcomes.iter().map(|one| one.failed.len()).sum();
    if failed > 0 {
        bail!("{failed} failed, {passed} passed");
    }
    Ok(())
}

/// As [`run`]; how it went with each.
pub(crate) fn outcomes(workspace: &Workspace, arguments: &Arguments) -> Result<Vec<Outcome>> {
    let fits = |wanted: &Option<String>, is| wanted.as_deref().is_none_or(|wanted| wanted == is);
    let wanted: Vec<_> = PLUGINS
        .iter()
        .filter(|plugin| fits(&arguments.language, plugin.language))
        .filter(|plugin| fits(&arguments.backend, plugin.backend))
        .collect();
    if wanted.is_empty() {
        let known: Vec<_> = PLUGINS.iter().map(Plugin::name).collect();
        bail!("there is no such plugin; there are {}", known.join(", "));
    }
    let target = arguments.target.as_deref();
    let mortise = server::build_for_tests(workspace, target)?;
    if !answers(Command::new(&mortise).arg("--version")) {
        bail!(
            "{} does not run on this machine: for another processor, install an emulator that the \
             kernel starts by itself (Debian's packages `qemu-user-static` and `binfmt-support`)",
            mortise.display()
        );
    }
    let mut table = Table::new();
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        .set_header(["language", "backend", "tool", "passed", "failed", "skipped"]);
    let mut outcomes = Vec::new();
    let mut notes = Vec::new();
    for plugin in wanted {
        let (file, lines) = plugin.lines(workspace, target, &mortise);
        let mut outcome = Outcome {
            plugin,
            file,
            passed: 0,
            failed: Vec::new(),
            skipped: Vec::new(),
        };
        for line in lines {
            if arguments.json {
                print(&serde_json::to_string(&line)?)?;
            }
            let mut note = |word| {
                let detail = line.detail.replace('\n', "\n     ");
                notes.push(format!("{word} {}: {}: {detail}", plugin.name(), line.case));
            };
            match line.passed {
                Some(true) => outcome.passed += 1,
                Some(false) => {
                    note("FAIL");
                    outcome.failed.push((line.case, line.detail));
                }
                None => {
                    note("skip");
                    outcome.skipped.push((line.case, line.detail));
                }
            }
        }
        let skipped = outcome.skipped.len();
        say(format_args!(
            "{}: {} passed, {} failed, {skipped} skipped",
            plugin.name(),
            outcome.passed,
            outcome.failed.len(),
        ));
        table.add_row([
            plugin.language.to_owned(),
            plugin.backend.to_owned(),
            plugin.tool.to_owned(),
            outcome.passed.to_string(),
            outcome.failed.len().to_string(),
            skipped.to_string(),
        ]);
        outcomes.push(outcome);
    }
    if !arguments.json {
        print(&format!("{}\n{table}", notes.join("\n")))?;
    }
    Ok(outcomes)
}

impl Plugin {
    pub(crate) fn name(&self) -> String {
        format!("{} ({}, {})", self.language, self.backend, self.tool)
    }

    /// The language for people; TypeScript is JavaScript once it is built.
    pub(crate) fn title(&self) -> &'static str {
        match self.language {
            "rust" => "Rust",
            "go" => "Go",
            "c" => "C",
            "zig" => "Zig",
            "python" => "Python",
            "javascript" => "JavaScript, TypeScript",
            other => other,
        }
    }

    /// Describes its backend for people.
    pub(crate) fn kind(&self) -> &'static str {
        if self.backend == "wasm" {
            "component"
        } else {
            "native"
        }
    }

    /// Its file, and how each case went. What keeps them from running is a line
    /// too.
    fn lines(
        &self,
        workspace: &Workspace,
        target: Option<&str>,
        mortise: &Path,
    ) -> (Option<PathBuf>, Vec<Line>) {
        let built = (self.build)(workspace, target);
        let outcome = built.as_ref().map_err(|error| format!("{error:#}"));
        let outcome = outcome.and_then(|file| {
            let mut command = Command::new(mortise);
            command
                .args(["plugin", "test", "--json", "--language", self.language])
                .arg("--cases")
                .arg(workspace.root.join("tests/conformance"))
                .arg(file);
            lines(&mut command).map_err(|error| format!("{error:#}"))
        });
        let lines = outcome.unwrap_or_else(|detail| {
            vec![Line {
                case: "(all)".to_owned(),
                backend: self.backend.to_owned(),
                language: self.language.to_owned(),
                passed: Some(false),
                detail,
            }]
        });
        (built.ok(), lines)
    }
}

/// Runs `mortise plugin test`, which fails where a case does.
fn lines(command: &mut Command) -> Result<Vec<Line>> {
    let text = shown(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("`{text}` cannot be started"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Result<Vec<Line>, _> = said.lines().map(serde_json::from_str).collect();
    let lines = lines.with_context(|| format!("`{text}` said something else: {said}"))?;
    let failed = lines.iter().any(|line| line.passed == Some(false));
    if lines.is_empty() || output.status.success() == failed {
        bail!(
            "`{text}` ended with {} after {} cases",
            output.status,
            lines.len()
        );
    }
    Ok(lines)
}
