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
    clients, go, python,
    run::{print, say, shown},
    server, wasm,
    workspace::Workspace,
};

/// One plugin that the cases are run against.
struct Plugin {
    language: &'static str,
    backend: &'static str,
    build: fn(&Workspace) -> Result<PathBuf>,
}

static PLUGINS: [Plugin; 8] = [
    Plugin {
        language: "rust",
        backend: "wasm",
        build: rust_component,
    },
    Plugin {
        language: "rust",
        backend: "native",
        build: rust_native,
    },
    Plugin {
        language: "go",
        backend: "native",
        build: |workspace| go::build(workspace, "tests/conformance/plugins/go-native", "."),
    },
    Plugin {
        language: "python",
        backend: "native",
        build: python_native,
    },
    Plugin {
        language: "go",
        backend: "wasm",
        build: |workspace| authored(workspace, "go"),
    },
    Plugin {
        language: "c",
        backend: "wasm",
        build: |workspace| authored(workspace, "c"),
    },
    Plugin {
        language: "python",
        backend: "wasm",
        build: |workspace| authored(workspace, "python"),
    },
    Plugin {
        language: "javascript",
        backend: "wasm",
        build: |workspace| authored(workspace, "javascript"),
    },
];

/// Builds the plugin of a language as its author would, in a copy of its
/// folder.
fn authored(workspace: &Workspace, language: &str) -> Result<PathBuf> {
    let path = clients::path_for_authors(workspace)?;
    let mortise = server::build(workspace)?;
    let from = workspace
        .root
        .join("tests/conformance/plugins")
        .join(language);
    let copy = workspace
        .target
        .join("authored")
        .join(format!("conformance-{language}"));
    copy_folder(&from, &copy)?;
    crate::run::run(
        Command::new(mortise)
            .args(["plugin", "build"])
            .current_dir(&copy)
            .env("PATH", path),
    )?;
    Ok(copy
        .join("dist")
        .join(format!("everything-{language}.wasm")))
}

/// Copies a folder and what is in it; what a link leads to in its place.
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

fn python_native(workspace: &Workspace) -> Result<PathBuf> {
    let folder = "tests/conformance/plugins/python-native";
    let source = fs::read_to_string(workspace.root.join(folder).join("everything.py"))
        .with_context(|| format!("{folder}/everything.py cannot be read"))?;
    python::build(workspace, "python-native", &source)
}

fn rust_component(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = wasm::provide(workspace)?;
    let folder = workspace.root.join("tests/guests/everything");
    wasm::build(&toolchain, workspace, &folder)
}

/// Not of the release profile, in which a panic is the process's end: what a
/// person gets who says `cargo build`.
fn rust_native(workspace: &Workspace) -> Result<PathBuf> {
    crate::run::run(
        workspace
            .cargo()
            .args(["build", "--locked", "--workspace", "--bin", "everything"])
            .current_dir(workspace.guests_folder())
            .env("CARGO_TARGET_DIR", workspace.guests_target()),
    )?;
    let name = format!("everything{}", std::env::consts::EXE_SUFFIX);
    Ok(workspace.guests_target().join("debug").join(name))
}

/// Which of them, and how to tell.
#[derive(Debug, Default, clap::Args)]
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
}

/// How a case went with a plugin.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    case: String,
    backend: String,
    language: String,
    /// Neither, if it was skipped.
    passed: Option<bool>,
    /// What was not as expected, or why it was skipped.
    detail: String,
}

/// Runs them and tells how it went; an error if one failed.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let (passed, failed) = count(workspace, arguments)?;
    if failed > 0 {
        bail!("{failed} failed, {passed} passed");
    }
    Ok(())
}

/// As [`run`]; how many passed and failed.
pub(crate) fn count(workspace: &Workspace, arguments: &Arguments) -> Result<(u64, u64)> {
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
    let mortise = server::build(workspace)?;
    let mut table = Table::new();
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        .set_header(["language", "backend", "passed", "failed", "skipped"]);
    let (mut passed, mut failed) = (0, 0);
    let mut notes = Vec::new();
    for plugin in wanted {
        let lines = plugin.lines(workspace, &mortise);
        let mut counts = [0; 3];
        for line in &lines {
            let (at, word) = match line.passed {
                Some(true) => (0, None),
                Some(false) => (1, Some("FAIL")),
                None => (2, Some("skip")),
            };
            if let Some(count) = counts.get_mut(at) {
                *count += 1;
            }
            if let Some(word) = word {
                let detail = line.detail.replace('\n', "\n     ");
                notes.push(format!("{word} {}: {}: {detail}", plugin.name(), line.case));
            }
            if arguments.json {
                print(&serde_json::to_string(line)?)?;
            }
        }
        let [good, bad, skipped] = counts;
        say(format_args!(
            "{}: {good} passed, {bad} failed, {skipped} skipped",
            plugin.name()
        ));
        table.add_row([
            plugin.language.to_owned(),
            plugin.backend.to_owned(),
            good.to_string(),
            bad.to_string(),
            skipped.to_string(),
        ]);
        passed += good;
        failed += bad;
    }
    if !arguments.json {
        print(&format!("{}\n{table}", notes.join("\n")))?;
    }
    Ok((passed, failed))
}

impl Plugin {
    fn name(&self) -> String {
        format!("{} ({})", self.language, self.backend)
    }

    /// How each case went. What keeps them from running is a line too.
    fn lines(&self, workspace: &Workspace, mortise: &std::path::Path) -> Vec<Line> {
        let outcome = (self.build)(workspace).and_then(|file| {
            let mut command = Command::new(mortise);
            command
                .args(["plugin", "test", "--json", "--language", self.language])
                .arg("--cases")
                .arg(workspace.root.join("tests/conformance"))
                .arg(file);
            lines(&mut command)
        });
        outcome.unwrap_or_else(|error| {
            vec![Line {
                case: "(all)".to_owned(),
                backend: self.backend.to_owned(),
                language: self.language.to_owned(),
                passed: Some(false),
                detail: format!("{error:#}"),
            }]
        })
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
