//! The surroundings of one server: its data directory, files beside it, a
//! neighbour process, and the values of the deeds' placeholders.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value as Json, json};

use super::deed::{Actor, Deed, Value};

/// The variable of the server's environment that plugins are granted.
pub(super) const VARIABLE: &str = "MORTISE_ESCAPES";
const CONTENT: &str = "secret";

/// The programs of the plugins.
pub(super) struct Programs {
    pub(super) mortise: PathBuf,
    pub(super) component: PathBuf,
    pub(super) go: PathBuf,
    pub(super) python: PathBuf,
    pub(super) neighbour: PathBuf,
}

/// One server's folder.
pub(super) struct Place {
    pub(super) data: PathBuf,
    folder: PathBuf,
    neighbour: Child,
    values: BTreeMap<String, String>,
}

impl Drop for Place {
    fn drop(&mut self) {
        // At the end of its input it removes its files.
        drop(self.neighbour.stdin.take());
        let _ = self.neighbour.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Place {
    /// Makes everything in a new folder.
    pub(super) fn new(folder: &Path, programs: &Programs) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("{} cannot be removed", folder.display()))?;
        }
        let data = folder.join("data");
        let plugins = data.join("plugins");
        fs::create_dir_all(&plugins)
            .with_context(|| format!("{} cannot be made", plugins.display()))?;
        let (grants, settings) = ("webhook = true", "process-memory-bytes = 134217728");
        let mut text = String::new();
        for (actor, file) in [
            (Actor::Component, &programs.component),
            (Actor::Go, &programs.go),
            (Actor::Python, &programs.python),
        ] {
            let ending = if actor == Actor::Component {
                ".wasm"
            } else {
                ""
            };
            let copy = plugins.join(format!("{}{ending}", actor.name()));
            fs::copy(file, &copy)
                .with_context(|| format!("{} cannot be copied", file.display()))?;
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
            let deadline = if actor == Actor::Component {
                5000
            } else {
                20_000
            };
            text += &format!(
                "[\"{}\"]\n{grants}\n[\"{}\".limits]\n{settings}\ncall-ms = {deadline}\n",
                actor.id(),
                actor.id()
            );
        }
        fs::write(data.join("grants.toml"), text).context("the grants cannot be written")?;
        let mut values = BTreeMap::new();
        for name in ["readable", "writable", "outside"] {
            let directory = folder.join(name);
            fs::create_dir(&directory)?;
            for file in ["file", "kept"] {
                fs::write(directory.join(file), CONTENT)?;
            }
            values.insert(name.to_owned(), directory.display().to_string());
        }
        let outside = folder.join("outside/file");
        std::os::unix::fs::symlink("../outside/file", folder.join("readable/near"))?;
        std::os::unix::fs::symlink(&outside, folder.join("readable/far"))?;
        values.insert("data".to_owned(), data.display().to_string());
        let home = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
        values.insert("home".to_owned(), home);
        let groups = ["", "unified", "pids"].map(|part| Path::new("/sys/fs/cgroup").join(part));
        let group = groups.map(|folder| folder.join("cgroup.procs"));
        if let Some(group) = group.iter().find(|file| file.is_file()) {
            values.insert("control-group".to_owned(), group.display().to_string());
        }
        let (neighbour, services) = neighbour(&programs.neighbour, folder)?;
        for (name, value) in services {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            values.insert(name, text);
        }
        let mut place = Self {
            data,
            folder: folder.to_owned(),
            neighbour,
            values,
        };
        let other = place.value("other")?;
        let port = other.rsplit(':').next().unwrap_or_default().to_owned();
        let pid = place.value("pid")?.to_owned();
        place.set("other-port", &port);
        place.set("neighbour", &pid);
        Ok(place)
    }

    /// Sets the value of a placeholder.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn value(&self, name: &str) -> Result<&str> {
        let value = self.values.get(name);
        Ok(value.with_context(|| format!("there is no placeholder `{name}`"))?)
    }

    fn filled(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.values {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        filled
    }

    /// Returns the request for a deed.
    pub(super) fn request(&self, deed: &Deed) -> Result<Json> {
        let mut values = Vec::new();
        for value in deed.values {
            values.push(match value {
                Value::Number(number) => json!(number),
                Value::Named(name) => json!(self.value(name)?.parse::<i64>()?),
                Value::Text(text) if deed.verb == "call" => json!({ "text": self.filled(text) }),
                Value::Text(text) => json!(self.filled(text)),
                Value::Bytes(digits) => json!({ "hex": digits }),
            });
        }
        Ok(json!({ "verb": deed.verb, "values": values }))
    }

    /// Sees that the files beside the server are as they were.
    pub(super) fn unharmed(&self) -> Result<()> {
        let file = self.folder.join("outside/file");
        let content = fs::read_to_string(&file).context("a file outside is gone")?;
        if content != CONTENT {
            bail!("{} was changed", file.display());
        }
        let mut names: Vec<_> = fs::read_dir(self.folder.join("outside"))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        if names != ["file", "kept"] {
            bail!("the directory outside has {names:?} now");
        }
        Ok(())
    }
}

fn neighbour(program: &Path, folder: &Path) -> Result<(Child, Map<String, Json>)> {
    let mut child = Command::new("python3")
        .arg(program)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("there is no `python3`: install Python 3.11 or newer")?;
    let out = child.stdout.take().context("its output is not captured")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    let services = serde_json::from_str(&line).context("the neighbour process did not start")?;
    Ok((child, services))
}
