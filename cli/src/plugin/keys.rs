//! `mortise plugin keys`: the keys whose signatures of plugins count.

use std::path::Path;

use anyhow::Context as _;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    commands::{self, Purpose},
    named::candidates,
    remote::{Body, Which, encoded, understood},
    show::{printable, table},
};

/// How minisign's public keys begin.
const KEY_PREFIX: &str = "RW";

/// The trusted keys.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A change takes effect when the server next loads a plugin.

Examples:
  mortise plugin keys
  mortise plugin keys --trust frank.pub
  mortise plugin keys --trust RWQf6LRCGA9i53... --name frank
  mortise plugin keys --distrust frank")]
pub(super) struct Keys {
    /// Trust this public key of minisign, or the one in this file.
    #[arg(long, value_name = "KEY|FILE")]
    trust: Option<String>,
    /// Name the key to trust [default: the file's name].
    #[arg(long, requires = "trust", value_name = "NAME")]
    name: Option<String>,
    /// Stop trusting the key of this name.
    #[arg(long, value_name = "NAME|KEY", conflicts_with = "trust")]
    distrust: Option<String>,
    #[command(flatten)]
    which: Which,
    /// Print one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Deserialize)]
struct Trusted {
    file: String,
    required: bool,
    #[serde(default)]
    problem: Option<String>,
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    key: String,
    name: String,
}

impl Keys {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        const PATH: &str = "/admin/trusted-keys";
        let trust = self.trust.as_deref().map(|trust| self.key(trust));
        let trust = trust.transpose()?;
        let remote = self.which.remote()?;
        let answer: Value = match (trust, &self.distrust) {
            (Some(key), _) => {
                let body = Body::Json(json!({ "key": key.key, "name": key.name }));
                remote.send(Method::POST, PATH, body).await?
            }
            (None, Some(name)) => {
                let known: Trusted = remote.get(PATH).await?;
                let path = format!("{PATH}/{}", encoded(&known.named(name)?.key));
                remote.send(Method::DELETE, &path, Body::None).await?
            }
            (None, None) => remote.get(PATH).await?,
        };
        if self.json {
            return Ok(format!("{answer}\n"));
        }
        Ok(understood::<Trusted>(answer)?.text())
    }

    /// The key to trust: as it is given, or the one in a file.
    fn key(&self, trust: &str) -> anyhow::Result<Key> {
        let key = if trust.starts_with(KEY_PREFIX) && !Path::new(trust).exists() {
            trust.to_owned()
        } else {
            let text = commands::read(trust, Purpose::Configuration)?;
            let text = String::from_utf8_lossy(&text);
            let line = text.lines().find(|line| line.starts_with(KEY_PREFIX));
            line.with_context(|| format!("{trust} has no public key of minisign"))?
                .trim()
                .to_owned()
        };
        let stem = Path::new(trust).file_stem().and_then(|stem| stem.to_str());
        let name = match (&self.name, stem) {
            (Some(name), _) => name.clone(),
            (None, Some(stem)) if key != trust => stem.to_owned(),
            (None, _) => anyhow::bail!("--name has to name the key"),
        };
        Ok(Key { key, name })
    }
}

impl Trusted {
    /// The key of a name, or itself.
    fn named(&self, name: &str) -> anyhow::Result<&Key> {
        let found = self
            .keys
            .iter()
            .filter(|key| key.name == name || key.key == name);
        let found: Vec<_> = found.collect();
        match (found.as_slice(), self.keys.as_slice()) {
            ([key], _) => Ok(key),
            ([], []) => anyhow::bail!("no trusted key has the name `{name}`; no key is trusted"),
            ([], trusted) => {
                let names: Vec<_> = trusted.iter().map(|key| printable(&key.name)).collect();
                anyhow::bail!(
                    "no trusted key has the name `{name}`; trusted: {}",
                    candidates(&names)
                )
            }
            (several, _) => {
                let keys: Vec<_> = several.iter().map(|key| printable(&key.key)).collect();
                anyhow::bail!(
                    "several keys have the name `{name}`; name the key itself: {}",
                    candidates(&keys)
                )
            }
        }
    }

    fn text(&self) -> String {
        if let Some(problem) = &self.problem {
            return format!("{} cannot be used: {}\n", self.file, printable(problem));
        }
        let rule = match self.required {
            true => "only plugins that one of the trusted keys signed are loaded",
            false => "plugins without a signature are loaded too",
        };
        if self.keys.is_empty() {
            return format!("no key is trusted; {rule}\n");
        }
        let mut table = table(&["name", "key"]);
        for key in &self.keys {
            table.add_row([printable(&key.name), printable(&key.key)]);
        }
        format!("{table}\n{rule}\n")
    }
}
