//! `mortise plugin grant`: the administrator's answers.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use mortise_runtime::{
    Registry,
    grants::HostPattern,
    types::{Directory, Manifest},
};

use super::show;
use crate::plugins::{
    self,
    grants::{self, Answer},
};

/// What to allow. What was allowed before stays.
#[derive(Debug, clap::Args)]
pub(super) struct Grant {
    /// The plugin's id, as `mortise plugin inspect` shows it.
    id: String,
    /// All that the installed plugin asks of the administrator.
    #[arg(long)]
    as_asked: bool,
    /// Call out by HTTP to `host`, `host:port`, `*.domain` or `*`, with
    /// `http://` or `https://` before it to allow only that; may be repeated.
    #[arg(long, value_name = "PATTERN")]
    http: Vec<HostPattern>,
    /// Be reachable by HTTP under each user's secret address.
    #[arg(long)]
    webhook: bool,
    /// See this cookie of webhook requests; may be repeated.
    #[arg(long, value_name = "NAME")]
    cookie: Vec<String>,
    /// Be woken by timers.
    #[arg(long)]
    timers: bool,
    /// Read this environment variable of the server; may be repeated.
    #[arg(long, value_name = "NAME")]
    env: Vec<String>,
    /// Read this directory, or change it too with `:rw`; may be repeated.
    #[arg(long, value_name = "PATH[:rw]", value_parser = directory)]
    dir: Vec<Directory>,
    /// The server's data directory.
    #[arg(
        long,
        env = "MORTISE_DATA_DIR",
        value_name = "DIR",
        default_value = "data"
    )]
    data_dir: PathBuf,
    /// The folder that plugins are loaded from [default: `plugins` in the data
    /// directory].
    #[arg(long, env = "MORTISE_PLUGINS_DIR", value_name = "DIR")]
    plugins_dir: Option<PathBuf>,
}

fn directory(text: &str) -> Result<Directory, String> {
    let (path, writable) = match text.strip_suffix(":rw") {
        Some(path) => (path, true),
        None => (text.strip_suffix(":ro").unwrap_or(text), false),
    };
    if !Path::new(path).is_absolute() {
        return Err("write an absolute path, with `:rw` after it to allow changes".to_owned());
    }
    Ok(Directory {
        path: path.to_owned(),
        writable,
    })
}

pub(super) async fn answer(grant: &Grant) -> anyhow::Result<String> {
    let mut answer = Answer::default();
    if grant.as_asked {
        answer = Answer::as_asked(&installed(grant).await?)?;
    }
    answer.webhook |= grant.webhook;
    answer.timers |= grant.timers;
    answer.cookies.extend(grant.cookie.iter().cloned());
    answer.http.extend(grant.http.iter().cloned());
    answer.files.extend(grant.dir.iter().cloned());
    answer.environment.extend(grant.env.iter().cloned());
    if answer == Answer::default() {
        if grant.as_asked {
            return Ok(format!(
                "{} asks nothing of the administrator; each user answers by enabling it\n",
                grant.id
            ));
        }
        anyhow::bail!(
            "nothing to grant: say `--as-asked` for all that the plugin asks of the \
             administrator, or name what to allow; `mortise plugin grant --help` lists it"
        );
    }
    let path = plugins::grants_file(&grant.data_dir);
    grants::grant(&path, &grant.id, &answer)?;
    let mut text = format!("granted to {} in {}:\n", grant.id, path.display());
    for line in lines(&answer) {
        writeln!(text, "  {line}")?;
    }
    text.push_str("a running server takes it up at once\n");
    Ok(text)
}

/// The manifest of the installed plugin of this id.
async fn installed(grant: &Grant) -> anyhow::Result<Manifest> {
    let folder = grant
        .plugins_dir
        .clone()
        .unwrap_or_else(|| plugins::default_folder(&grant.data_dir));
    let registry = Registry::open(&folder, &plugins::loaders(None)?)
        .await
        .with_context(|| format!("the plugins folder {} cannot be listed", folder.display()))?;
    if let Some(found) = registry.get(&grant.id) {
        return Ok(found.plugin.manifest().clone());
    }
    let known: Vec<_> = registry
        .plugins()
        .map(|installed| installed.plugin.manifest().id.as_str())
        .collect();
    let mut text = format!(
        "no plugin in {} has the id `{}`; ",
        folder.display(),
        grant.id
    );
    match known.as_slice() {
        [] => text.push_str("no plugin there loads"),
        known => write!(text, "there are {}", known.join(", "))?,
    }
    for failure in registry.failures() {
        write!(text, "\n{failure}")?;
    }
    anyhow::bail!(text)
}

/// What is granted, one line each.
fn lines(answer: &Answer) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, granted) in [("webhook", answer.webhook), ("timers", answer.timers)] {
        if granted {
            lines.push(name.to_owned());
        }
    }
    let texts = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>();
    let files = answer.files.iter().map(show::directory).collect();
    let http = answer.http.iter().map(ToString::to_string).collect();
    for (name, values) in [
        ("cookies", texts(&answer.cookies)),
        ("http", http),
        ("files", files),
        ("environment", texts(&answer.environment)),
    ] {
        if !values.is_empty() {
            lines.push(format!("{name}: {}", values.join(", ")));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::directory;

    #[test]
    fn a_directory_is_read_only_unless_said() {
        assert!(directory("/srv:rw").unwrap().writable);
        assert_eq!(directory("/srv:rw").unwrap().path, "/srv");
        assert!(!directory("/srv").unwrap().writable);
        assert_eq!(directory("/srv:ro").unwrap().path, "/srv");
        assert!(directory("srv").is_err());
    }
}
