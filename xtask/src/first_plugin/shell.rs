//! A terminal for a newcomer's commands: one shell, so that `cd` and variables
//! last from one command to the next, with the program `mortise` on the path.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::run::say;

/// The line that ends what a command printed, followed by its status.
const ENDED: &str = "--mortise-command-ended--";

/// A shell.
#[derive(Debug)]
pub(super) struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    /// Opens a shell in a folder. `caches` is an empty folder for the
    /// languages' tools, if they must not use their caches.
    pub(super) fn open(mortise: &Path, folder: &Path, caches: Option<&Path>) -> Result<Self> {
        let mut path = mortise
            .parent()
            .map(Path::to_owned)
            .into_iter()
            .collect::<Vec<_>>();
        path.extend(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        ));
        let path = std::env::join_paths(path)
            .context("a folder's name has a character that no path can have")?;
        let mut command = Command::new("sh");
        command
            .current_dir(folder)
            .env("PATH", path)
            // This program's own, which is another plugin's as well.
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MORTISE_") {
                command.env_remove(name);
            }
        }
        if let Some(caches) = caches {
            empty_caches(&mut command, caches)?;
        }
        let mut child = command.spawn().context("`sh` cannot be started")?;
        let input = child.stdin.take().context("its input is not there")?;
        let output = child.stdout.take().context("its output is not there")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// Runs a command to its end, shows its standard output, and returns it.
    pub(super) fn type_in(&mut self, command: &str) -> Result<String> {
        writeln!(
            self.input,
            "{{ {command}\n}} </dev/null; printf '\\n{ENDED} %s\\n' $?"
        )
        .and_then(|()| self.input.flush())
        .context("the shell has ended")?;
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line);
            if read.context("what the shell says is no text")? == 0 {
                bail!("`{command}` ended the shell");
            }
            match line.strip_prefix(ENDED) {
                Some(status) if status.trim() == "0" => return Ok(said.trim().to_owned()),
                Some(status) => bail!("`{command}` ended with {}", status.trim()),
                None => {
                    if !line.trim().is_empty() {
                        say(format_args!("{}", line.trim_end()));
                    }
                    said.push_str(&line);
                }
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // It has nothing to do any more; that it is gone already is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Moves the caches of the languages' tools to a new folder. Cargo's own
/// settings stay, because they name the source of crates.
fn empty_caches(command: &mut Command, folder: &Path) -> Result<()> {
    let cargo = folder.join("cargo");
    fs::create_dir_all(&cargo).with_context(|| format!("{} cannot be made", cargo.display()))?;
    let home = std::env::var_os("CARGO_HOME").map(std::path::PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
    if let Some(settings) = home
        .map(|home| home.join("config.toml"))
        .filter(|file| file.is_file())
    {
        fs::copy(&settings, cargo.join("config.toml"))
            .with_context(|| format!("{} cannot be copied", settings.display()))?;
    }
    command
        .env("CARGO_HOME", &cargo)
        .env("GOCACHE", folder.join("go-build"))
        .env("GOMODCACHE", folder.join("go-mod"))
        // Its files may be removed like any others.
        .env("GOFLAGS", "-modcacherw")
        .env("npm_config_cache", folder.join("npm"))
        .env("PIP_CACHE_DIR", folder.join("pip"))
        .env("ZIG_GLOBAL_CACHE_DIR", folder.join("zig"));
    Ok(())
}
