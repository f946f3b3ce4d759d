//! `mortise plugin grant` and `revoke`: the administrator's grants. If a server
//! runs on the data directory, the commands change its grants at once.
//! Otherwise they change the grants file for the next server.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use http::Method;
use mortise_native::Settings as NativeSettings;
use mortise_runtime::{
    Limits, Registry,
    grants::{HostGrants, HostPattern},
    types::{Directory, Manifest},
};
use serde_json::{Value, json};

use super::{
    remote::{Body, Place, Which, encoded},
    show,
};
use mortise_server::{
    hosting,
    plugins::grants::{self, GrantsFile, PluginGrants},
};

/// The permissions to grant. Earlier grants stay.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mortise plugin grant io.example.weather --as-asked
  mortise plugin grant io.example.weather --http https://api.example.org --timers
  mortise plugin grant io.example.weather --limit call-ms=2000")]
pub(super) struct Grant {
    /// The plugin's id, or a part of it that no other has.
    pub(super) id: String,
    /// Grant all permissions that the installed plugin asks of the
    /// administrator.
    #[arg(long)]
    as_asked: bool,
    #[command(flatten)]
    allowed: Allowed,
    /// Set a limit; an empty value restores its default. May be repeated.
    #[arg(long, value_name = "NAME=[VALUE]", value_parser = limit)]
    limit: Vec<(String, Option<u64>)>,
    #[command(flatten)]
    pub(super) which: Which,
    /// Use this plugins folder if no server runs [default: `plugins` in the
    /// data directory].
    #[arg(long, env = "MORTISE_PLUGINS_DIR", value_name = "DIR")]
    plugins_dir: Option<PathBuf>,
    /// Print one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// The permissions to revoke, named exactly as granted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The change takes effect at once: the server closes everything that the plugin opened with
the grant, and ends calls that use it.

Examples:
  mortise plugin revoke io.example.weather --http https://api.example.org
  mortise plugin revoke io.example.weather --all")]
pub(super) struct Revoke {
    /// The plugin's id, or a part of it that no other has.
    pub(super) id: String,
    /// Revoke all grants.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    allowed: Allowed,
    #[command(flatten)]
    pub(super) which: Which,
    /// Print one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Permissions that the administrator grants.
#[derive(Debug, clap::Args)]
struct Allowed {
    /// Send HTTP requests to `host`, `host:port`, `*.domain` or `*`. To allow only one
    /// scheme, write `http://` or `https://` before it. May be repeated.
    #[arg(long, value_name = "PATTERN")]
    http: Vec<HostPattern>,
    /// Receive HTTP requests at each user's secret address.
    #[arg(long)]
    webhook: bool,
    /// See and set this cookie of webhook requests; may be repeated.
    #[arg(long, value_name = "NAME")]
    cookie: Vec<String>,
    /// Set timers.
    #[arg(long)]
    timers: bool,
    /// Read this environment variable of the server; may be repeated.
    #[arg(long, value_name = "NAME")]
    env: Vec<String>,
    /// Send messages to the user with this name, or to all with `*`; may be repeated.
    #[arg(long, value_name = "NAME")]
    send_to_user: Vec<String>,
    /// Read this directory; with `:rw` after it, also write to it. May be repeated.
    #[arg(long, value_name = "PATH[:rw]", value_parser = directory)]
    dir: Vec<Directory>,
}

impl Allowed {
    fn grants(&self) -> HostGrants {
        HostGrants {
            webhook: self.webhook,
            cookies: self.cookie.iter().cloned().collect(),
            http: self.http.iter().cloned().collect(),
            files: self.dir.iter().cloned().collect(),
            environment: self.env.iter().cloned().collect(),
            timers: self.timers,
            send_to_users: self.send_to_user.iter().cloned().collect(),
        }
    }
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

fn limit(text: &str) -> Result<(String, Option<u64>), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write a limit as `call-ms=2000`, or `call-ms=` for its default")?;
    let value = match value {
        "" => None,
        value => Some(value.parse().map_err(|_| "a limit is a whole number")?),
    };
    Ok((name.to_owned(), value))
}

impl Grant {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let more = self.allowed.grants();
        if more == HostGrants::default() && !self.as_asked && self.limit.is_empty() {
            anyhow::bail!(
                "nothing to grant: say `--as-asked` for all that the plugin asks of the \
                 administrator, or name what to allow; `mortise plugin grant --help` lists it"
            );
        }
        match self.which.place().await? {
            Place::Server(remote) => {
                let limits: BTreeMap<_, _> = self.limit.iter().cloned().collect();
                let path = format!("/admin/plugins/{}/grant", encoded(&self.id));
                let body = json!({
                    "asAsked": self.as_asked,
                    "allow": more,
                    "limits": limits,
                });
                let rights = remote.send(Method::POST, &path, Body::Json(body)).await?;
                self.said(rights, "it has effect now")
            }
            Place::File(path) => self.write(&path, more).await,
        }
    }

    async fn write(&self, path: &Path, mut more: HostGrants) -> anyhow::Result<String> {
        if self.as_asked {
            more.join(PluginGrants::as_asked(&self.installed().await?)?.grants);
        }
        grants::grant(path, &self.id, &more)?;
        if !self.limit.is_empty() {
            grants::limit(path, &self.id, &self.limit)?;
        }
        let allowed = GrantsFile::read(path)?.of(&self.id);
        let rights = json!({ "id": self.id, "allowed": allowed });
        let note = format!("it is in {} for the next server", path.display());
        self.said(rights, &note)
    }

    fn said(&self, rights: Value, note: &str) -> anyhow::Result<String> {
        if self.json {
            return Ok(format!("{rights}\n"));
        }
        allowed(&self.id, rights, note)
    }

    /// The manifest of the installed plugin of this id.
    async fn installed(&self) -> anyhow::Result<Manifest> {
        let folder = self
            .plugins_dir
            .clone()
            .unwrap_or_else(|| hosting::default_folder(self.which.data_dir()));
        let registry = Registry::open(
            &folder,
            &mortise_backends::all(None, NativeSettings::default())?,
        )
        .await
        .with_context(|| format!("the plugins folder {} cannot be listed", folder.display()))?;
        if let Some(found) = registry.get(&self.id) {
            return Ok(found.plugin.manifest().clone());
        }
        let known: Vec<_> = registry
            .plugins()
            .map(|installed| installed.plugin.manifest().id.as_str())
            .collect();
        let mut text = format!(
            "no plugin in {} has the id `{}`; ",
            folder.display(),
            self.id
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
}

impl Revoke {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let mut less = self.allowed.grants();
        if less == HostGrants::default() && !self.all {
            anyhow::bail!(
                "nothing to revoke: name the permissions, or use `--all`; `mortise plugin grants \
                 {}` lists the grants",
                self.id
            );
        }
        let (rights, note) = match self.which.place().await? {
            Place::Server(remote) => {
                let path = format!("/admin/plugins/{}/revoke", encoded(&self.id));
                let body = json!({ "all": self.all, "allow": less });
                let rights = remote.send(Method::POST, &path, Body::Json(body)).await?;
                (rights, "it has effect now".to_owned())
            }
            Place::File(path) => {
                if self.all {
                    less.join(GrantsFile::read(&path)?.of(&self.id).grants);
                }
                let changed = grants::revoke(&path, &self.id, &less)?;
                anyhow::ensure!(
                    changed,
                    "`{}` has no such grant; {} lists its grants",
                    self.id,
                    path.display()
                );
                let allowed = GrantsFile::read(&path)?.of(&self.id);
                let note = format!("it is in {} for the next server", path.display());
                (json!({ "id": self.id, "allowed": allowed }), note)
            }
        };
        if self.json {
            return Ok(format!("{rights}\n"));
        }
        allowed(&self.id, rights, &note)
    }
}

/// Shows a plugin's grants.
fn allowed(id: &str, mut rights: Value, note: &str) -> anyhow::Result<String> {
    let allowed = rights.get_mut("allowed").map(Value::take);
    let allowed: PluginGrants = super::remote::understood(allowed.unwrap_or_default())?;
    let mut text = format!("{id} is allowed now; {note}:\n");
    let lines = lines(&allowed);
    if lines.is_empty() {
        text.push_str("  no permission from the administrator\n");
    }
    for line in lines {
        writeln!(text, "  {line}")?;
    }
    Ok(text)
}

/// Returns the grants, one in each line, and the limits that differ from the
/// defaults.
pub(super) fn lines(allowed: &PluginGrants) -> Vec<String> {
    let mut lines = Vec::new();
    let granted = &allowed.grants;
    for (name, granted) in [("webhook", granted.webhook), ("timers", granted.timers)] {
        if granted {
            lines.push(name.to_owned());
        }
    }
    let texts = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>();
    let files = granted.files.iter().map(show::directory).collect();
    let http = granted.http.iter().map(ToString::to_string).collect();
    for (name, values) in [
        ("cookies", texts(&granted.cookies)),
        ("http", http),
        ("files", files),
        ("environment", texts(&granted.environment)),
        ("send-to-users", texts(&granted.send_to_users)),
        ("limits", limits(allowed)),
    ] {
        if !values.is_empty() {
            lines.push(format!("{name}: {}", values.join(", ")));
        }
    }
    lines
}

fn limits(allowed: &PluginGrants) -> Vec<String> {
    let fields = |limits: &Limits| match serde_json::to_value(limits) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let defaults = fields(&Limits::default());
    let set = fields(&allowed.limits).into_iter();
    set.filter(|(name, value)| defaults.get(name) != Some(value))
        .map(|(name, value)| format!("{name} {value}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{directory, limit};

    #[test]
    fn a_directory_is_read_only_unless_said() {
        assert!(directory("/srv:rw").unwrap().writable);
        assert_eq!(directory("/srv:rw").unwrap().path, "/srv");
        assert!(!directory("/srv").unwrap().writable);
        assert_eq!(directory("/srv:ro").unwrap().path, "/srv");
        assert!(directory("srv").is_err());
    }

    #[test]
    fn a_limit_has_a_name_and_perhaps_a_value() {
        assert_eq!(limit("timers=3"), Ok(("timers".to_owned(), Some(3))));
        assert_eq!(limit("timers="), Ok(("timers".to_owned(), None)));
        assert!(limit("timers").is_err() && limit("timers=many").is_err());
    }
}
