//! A plugin in each language that gets its SDK from the package, as its author would build
//! it: in a folder outside of the repository, by the section "The SDK as a package" of
//! `docs/writing-a-plugin.md`. The packages stand in for those of a registry.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    Packing, VERSION, c, go, javascript, python,
    rust::{self, CRATES},
};
use crate::{
    clients, go as go_tools,
    run::{output, run as run_command, say},
    server, wasm,
    workspace::Workspace,
};

/// The folder of a plugin's own copy of the SDK.
const COPY: &str = "sdk";
/// The command in the C SDK's README that compiles a plugin.
const ZIG: &str = "zig cc ";
/// Every capability that a new plugin may name.
const ALL: &str = "configurer,displayer,webhook,filter,listener,timer";

/// Packages that are being tried.
struct Trial<'a> {
    packing: &'a Packing<'a>,
    /// The program `mortise`.
    mortise: PathBuf,
    /// A path on which the languages' tools are.
    path: OsString,
    /// The folder for the plugins.
    folder: PathBuf,
}

/// Builds a plugin with each package.
pub(super) fn run(packing: &Packing<'_>) -> Result<()> {
    let workspace = packing.workspace;
    wasm::provide()?;
    go_tools::find()?;
    let trial = Trial {
        packing,
        mortise: server::build(workspace)?,
        path: clients::path_for_authors_anywhere(workspace)?,
        folder: empty_folder(workspace)?,
    };
    let attempts: [(&str, &dyn Fn() -> Result<()>); 5] = [
        ("rust", &|| trial.rust()),
        ("go", &|| trial.go()),
        ("python", &|| trial.python()),
        ("typescript", &|| trial.typescript()),
        ("c", &|| trial.c()),
    ];
    for (language, attempt) in attempts {
        say(format_args!("trying the package for {language}"));
        attempt().with_context(|| format!("{language}, in {}", trial.folder.display()))?;
    }
    fs::remove_dir_all(&trial.folder)
        .with_context(|| format!("{} cannot be removed", trial.folder.display()))
}

/// A folder outside of the repository, where no tool finds anything of ours around it.
fn empty_folder(workspace: &Workspace) -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("mortise-sdks-{}", std::process::id()));
    ensure!(
        !folder.starts_with(&workspace.root),
        "the folder for temporary files is inside the repository"
    );
    fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

impl Trial<'_> {
    /// Makes a plugin, removes its copy of the SDK, and returns its folder.
    fn begin(&self, language: &str, capabilities: &str) -> Result<PathBuf> {
        let name = format!("in-{language}");
        let mut command = self.command(&self.mortise, &self.folder);
        command.args(["plugin", "new", &name, "--lang", language]);
        command.args(["--capability", capabilities]);
        run_command(&mut command)?;
        let plugin = self.folder.join(name);
        let copy = plugin.join(COPY);
        fs::remove_dir_all(&copy)
            .with_context(|| format!("{} cannot be removed", copy.display()))?;
        Ok(plugin)
    }

    /// A command in a folder, with the languages' tools.
    fn command(&self, program: impl AsRef<OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env("PATH", &self.path);
        command
    }

    /// `mortise plugin` with these arguments, in a plugin's folder.
    fn plugin(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = self.command(&self.mortise, folder);
        command.arg("plugin").args(arguments);
        command
    }

    fn rust(&self) -> Result<()> {
        let plugin = self.begin("rust", "filter")?;
        let mut patch = String::from("\n[patch.crates-io]\n");
        for name in CRATES {
            run_command(
                self.command("tar", &self.folder)
                    .args(["--extract", "--gzip", "--file"])
                    .arg(self.packing.folder.join(rust::file_name(name))),
            )?;
            patch.push_str(&format!("{name} = {{ path = \"../{name}-{VERSION}\" }}\n"));
        }
        replace(
            &plugin.join("Cargo.toml"),
            &format!("mortise-plugin = {{ path = \"{COPY}\" }}"),
            &format!("mortise-plugin = \"{VERSION}\""),
        )?;
        append(&plugin.join("Cargo.toml"), &patch)?;
        // The same versions of crates as the examples have, which are compiled already.
        let workspace = self.packing.workspace;
        let lock = workspace.guests_folder().join("Cargo.lock");
        fs::copy(&lock, plugin.join("Cargo.lock"))
            .with_context(|| format!("{} cannot be copied", lock.display()))?;
        let target = workspace.guests_target();
        run_command(
            self.plugin(&plugin, &["build"])
                .env("CARGO_TARGET_DIR", &target),
        )?;
        has_no_copy(&plugin)?;
        // The crate for native plugins is in this form only.
        run_command(
            workspace
                .cargo()
                .args(["check", "--quiet"])
                .current_dir(&plugin)
                .env("CARGO_TARGET_DIR", &target),
        )
    }

    /// Has caches of its own, because a module of one version may never change in a cache.
    fn go(&self) -> Result<()> {
        let plugin = self.begin("go", "filter")?;
        let settings = ["GOPROXY", "GOMODCACHE", "GOFLAGS"];
        let settings = output(Command::new("go").arg("env").args(settings))?;
        let mut settings = settings.lines();
        let mut next = || settings.next().unwrap_or_default();
        let (proxy, cache, flags) = (next(), next(), next());
        let ours = self.packing.folder.join(go::PROXY);
        let proxies = format!(
            "file://{},file://{cache}/cache/download,{proxy}",
            ours.display()
        );
        // The files of a cache can be removed only with this flag.
        let flags = format!("{flags} -modcacherw");
        let with_module = |mut command: Command| {
            command
                .env("GOFLAGS", flags.trim())
                .env("GOMODCACHE", self.folder.join("modules"))
                .env("GONOSUMDB", go::MODULE)
                .env("GOPROXY", &proxies);
            command
        };
        let go_command = |arguments: &[&str]| {
            let mut command = self.command("go", &plugin);
            command.args(arguments);
            run_command(&mut with_module(command))
        };
        let (module, version) = (go::MODULE, go::version());
        go_command(&[
            "mod",
            "edit",
            &format!("-dropreplace={module}"),
            &format!("-droprequire={module}"),
        ])?;
        go_command(&["get", &format!("{module}@{version}")])?;
        run_command(&mut with_module(
            self.plugin(&plugin, &["build", "--native"]),
        ))?;
        has_no_copy(&plugin)?;
        run_command(&mut self.plugin(&plugin, &["test", "dist/in-go"]))
    }

    /// The native plugin names the file of the wheel, and the component its version.
    fn python(&self) -> Result<()> {
        let plugin = self.begin("python", "configurer,filter")?;
        let required = plugin.join("requirements.txt");
        let wheel = self.packing.folder.join(python::file_name());
        let by_file = format!("mortise-plugin @ file://{}", wheel.display());
        append(&required, &format!("{by_file}\n"))?;
        let built = |arguments: &[&str]| {
            // No registry has the package yet, so none is asked.
            run_command(
                self.plugin(&plugin, arguments)
                    .env("PIP_NO_INDEX", "1")
                    .env("PIP_FIND_LINKS", &self.packing.folder),
            )
        };
        built(&["build", "--native"])?;
        replace(&required, &by_file, &format!("mortise-plugin=={VERSION}"))?;
        built(&["build"])?;
        has_no_copy(&plugin)?;
        run_command(&mut self.plugin(&plugin, &["test", "dist/in-python"]))
    }

    /// JavaScript, with the check of types.
    fn typescript(&self) -> Result<()> {
        let plugin = self.begin("typescript", "configurer,filter")?;
        // The tools in it are on the path.
        let manifest = "{ \"name\": \"in-typescript\", \"private\": true, \"type\": \"module\" }\n";
        let file = plugin.join("package.json");
        fs::write(&file, manifest)
            .with_context(|| format!("{} cannot be written", file.display()))?;
        run_command(
            self.command("npm", &plugin)
                .args(["install", "--offline", "--ignore-scripts"])
                .args(["--no-audit", "--no-fund"])
                .arg(self.packing.folder.join(javascript::file_name())),
        )?;
        replace(
            &plugin.join("plugin.ts"),
            "\"./sdk/index.js\"",
            "\"mortise-plugin\"",
        )?;
        run_command(&mut self.plugin(&plugin, &["build"]))?;
        has_no_copy(&plugin)
    }

    /// The archive takes the place of the copy.
    fn c(&self) -> Result<()> {
        let plugin = self.begin("c", ALL)?;
        let copy = plugin.join(COPY);
        fs::create_dir(&copy).with_context(|| format!("{} cannot be made", copy.display()))?;
        let archive = self.packing.folder.join(format!("{}.tar.gz", c::name()));
        run_command(
            self.command("tar", &plugin)
                .args(["--extract", "--strip-components", "1"])
                .args(["--directory", COPY, "--file"])
                .arg(archive),
        )?;
        run_command(&mut self.plugin(&plugin, &["build"]))?;
        ensure!(
            copy.join("wit/world.wit").is_file(),
            "the build replaced the SDK of the archive"
        );
        ensure!(
            world(&copy.join("wit/world.wit"))? == world(&plugin.join("wit/world.wit"))?,
            "packaging/c-sdk/world.wit is not the world of a plugin with every capability"
        );
        run_command(&mut self.plugin(&plugin, &["test"]))?;
        // As without a build by `mortise`, with the bindings that it left.
        let compile = command_of(&read(&copy.join("README.md"))?, ZIG)?;
        let script = format!("zig() {{ python3 -m ziglang \"$@\"; }}\n{compile}\n");
        run_command(self.command("sh", &plugin).args(["-e", "-c", &script]))?;
        let componentize = ["componentize", "core.wasm", "--output", "by-hand.wasm"];
        run_command(&mut self.plugin(&plugin, &componentize))
    }
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// Replaces a text that is in a file.
fn replace(file: &Path, from: &str, to: &str) -> Result<()> {
    let text = read(file)?;
    ensure!(text.contains(from), "{} lacks `{from}`", file.display());
    fs::write(file, text.replace(from, to))
        .with_context(|| format!("{} cannot be written", file.display()))
}

fn append(file: &Path, more: &str) -> Result<()> {
    let text = read(file)? + more;
    fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

/// Checks that a build made no copy of the SDK.
fn has_no_copy(plugin: &Path) -> Result<()> {
    if plugin.join(COPY).exists() {
        bail!("the build made a copy of the SDK, though the package brings it");
    }
    Ok(())
}

/// The lines of a plugin's world without its name and the comment.
fn world(file: &Path) -> Result<Vec<String>> {
    let text = read(file)?;
    let lines = text.lines().map(str::trim);
    let mut lines: Vec<_> = lines
        .filter(|line| line.ends_with(';') && !line.starts_with("package "))
        .map(str::to_owned)
        .collect();
    lines.sort();
    Ok(lines)
}

/// The command in a text that begins with a word, with the lines that continue it.
fn command_of(text: &str, begin: &str) -> Result<String> {
    let mut command = Vec::new();
    for line in text.lines().skip_while(|line| !line.starts_with(begin)) {
        command.push(line);
        if !line.ends_with('\\') {
            break;
        }
    }
    ensure!(!command.is_empty(), "the README has no command `{begin}`");
    Ok(command.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::command_of;

    #[test]
    fn a_command_ends_with_its_last_line() {
        let text = "a b\nzig cc -c \\\n    d.c\nmore\n";
        assert_eq!(
            command_of(text, "zig cc ").unwrap(),
            "zig cc -c \\\n    d.c"
        );
        assert!(command_of(text, "clang ").is_err());
    }
}
