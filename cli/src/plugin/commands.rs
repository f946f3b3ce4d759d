//! `mortise plugin install`, `reload`, `rollback`, `uninstall`, `enable` and
//! `disable`: commands to a running server.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use http::Method;
use mortise_runtime::{Digest, limits::CONFIG_BYTES, registry::versions::MOST_BYTES};
use owo_colors::Style;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    named, progress,
    registry::Version,
    remote::{Body, Remote, Which, encoded, understood},
    show::{paint, printable},
    status::Status,
};
use crate::output::say;
use mortise_server::{
    oci::Reference,
    plugins::{read_signature_file, signature_file},
};

/// The plugin to install.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
For a version in a registry, the command first shows its digest, its signer and the
permissions that it asks for. The server downloads the version. It uses the
credentials that `docker login` stored for the user that the server runs as.

The server replaces an installed plugin with the same id while it runs: calls in progress end
with the old version. If the new version does not load or start, nothing changes.

Examples:
  mortise plugin install rules.wasm
  curl -L https://example.org/rules.wasm | mortise plugin install -
  mortise plugin install https://example.org/rules.wasm --digest sha256:0123...
  mortise plugin install oci://ghcr.io/example/rules:1.2.0
  mortise plugin install - --signature rules.wasm.minisig <rules.wasm")]
pub(super) struct Install {
    /// A file, an address that begins with https:// or http://, a version in a
    /// registry that begins with oci://, or `-` for standard input.
    #[arg(value_name = "PATH|URL|-")]
    source: String,
    /// Require this digest, as `mortise plugin check --json` prints it. An
    /// address needs it. For a registry, the digest of the version's manifest.
    #[arg(long, value_name = "sha256:HEX")]
    digest: Option<Digest>,
    /// Use this signature of minisign [default: PATH.minisig if it exists].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
    /// Print one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// The plugin.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The plugin's id, or a part of it that no other has.
    pub(super) id: String,
    #[command(flatten)]
    pub(super) which: Which,
    /// Print one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Install {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let remote = self.which.remote()?;
        let answer = if Reference::is_meant(&self.source) {
            self.order_version(&remote).await?
        } else {
            self.send_command(&remote).await?
        };
        if self.json {
            return Ok(format!("{answer}\n"));
        }
        let status: Status = understood(answer)?;
        let mut text = format!(
            "{} {} {}\n",
            paint("installed", Style::new().green().bold()),
            status.id,
            status.version
        );
        match status.notice() {
            Some(notice) => writeln!(text, "{notice}")?,
            None => writeln!(
                text,
                "each user decides whether to enable it; for yours: mortise plugin enable {}",
                status.id
            )?,
        }
        Ok(text)
    }

    /// Shows the version in the registry, then installs exactly that one.
    async fn order_version(&self, remote: &Remote) -> anyhow::Result<Value> {
        let mut reference: Reference = self.source.parse()?;
        if let Some(digest) = self
            .digest
            .filter(|digest| reference.digest() != Some(*digest))
        {
            anyhow::ensure!(
                reference.digest().is_none(),
                "the address names {}, and --digest names {digest}: leave one out",
                self.source
            );
            reference = format!("{reference}@{digest}").parse()?;
        }
        let found = Version::find(remote, &reference).await?;
        if !self.json {
            say(&found.text());
        }
        let body = json!({
            "url": self.source,
            "digest": found.digest,
            "signature": self.signature(true)?,
        });
        let sending = remote.send(Method::POST, "/admin/plugins", Body::Json(body));
        progress::shown(remote, !self.json, sending).await
    }

    async fn send_command(&self, remote: &Remote) -> anyhow::Result<Value> {
        let is_url = ["https://", "http://"]
            .iter()
            .any(|scheme| self.source.starts_with(scheme));
        let mut path = "/admin/plugins".to_owned();
        let body = if is_url {
            let signature = self.signature(true)?;
            let digest = self
                .digest
                .context("an address needs the file's digest; give it with --digest")?;
            Body::Json(json!({ "url": self.source, "digest": digest, "signature": signature }))
        } else {
            // First: an error is to name the plugin's file, not the signature beside it.
            let file = read(&self.source, Purpose::Plugin)?;
            let signature = self.signature(false)?;
            let mut query = form_urlencoded::Serializer::new(String::new());
            if let Some(digest) = self.digest {
                query.append_pair("digest", &digest.to_string());
            }
            let source = (self.source != "-").then(|| Path::new(&self.source));
            describe(&mut query, source, signature.as_deref());
            write!(path, "?{}", query.finish())?;
            Body::File(file)
        };
        remote.send(Method::POST, &path, body).await
    }

    /// The text of the signature that goes along; none if there is none.
    fn signature(&self, is_url: bool) -> anyhow::Result<Option<String>> {
        let (file, is_asked_for) = match &self.signature {
            Some(file) => (file.clone(), true),
            None if is_url || self.source == "-" => return Ok(None),
            None => (signature_file(Path::new(&self.source)), false),
        };
        match read_signature_file(&file) {
            Ok(None) if is_asked_for => anyhow::bail!("{} is not there", file.display()),
            read => read.with_context(|| format!("{} cannot be read", file.display())),
        }
    }
}

/// Adds the name of a file that is sent, and its signature.
pub(super) fn describe(
    query: &mut form_urlencoded::Serializer<'static, String>,
    file: Option<&Path>,
    signature: Option<&str>,
) {
    if let Some(signature) = signature {
        query.append_pair("signature", signature);
    }
    if let Some(name) = file.and_then(Path::file_name).and_then(OsStr::to_str) {
        query.append_pair("name", name);
    }
}

/// The signature beside a file; none if there is none.
pub(super) fn signature_beside(file: &Path) -> anyhow::Result<Option<String>> {
    let signature = signature_file(file);
    read_signature_file(&signature)
        .with_context(|| format!("{} cannot be read", signature.display()))
}

/// The whole of a file or of standard input (`-`), as long as `purpose` allows.
pub(super) fn read(source: &str, purpose: Purpose) -> anyhow::Result<Vec<u8>> {
    if source == "-" {
        bounded(std::io::stdin().lock(), "standard input", purpose)
    } else {
        read_as(Path::new(source), purpose)
    }
}

/// The whole of a plugin's file.
pub(super) fn read_file(file: &Path) -> anyhow::Result<Vec<u8>> {
    read_as(file, Purpose::Plugin)
}

/// The use of a file, which bounds its size.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Plugin,
    Configuration,
}

fn read_as(file: &Path, purpose: Purpose) -> anyhow::Result<Vec<u8>> {
    let name = file.display();
    let (opened, _) =
        mortise_runtime::files::open(file).with_context(|| format!("{name} cannot be read"))?;
    bounded(opened, &name.to_string(), purpose)
}

fn bounded(from: impl std::io::Read, name: &str, purpose: Purpose) -> anyhow::Result<Vec<u8>> {
    let (most, noun) = match purpose {
        Purpose::Plugin => (MOST_BYTES, "plugin"),
        Purpose::Configuration => (CONFIG_BYTES as u64, "configuration"),
    };
    let mut bytes = Vec::new();
    from.take(most + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{name} cannot be read"))?;
    anyhow::ensure!(
        bytes.len() as u64 <= most,
        "{name} has more than {most} bytes, the most for a {noun}"
    );
    Ok(bytes)
}

/// A plugin, and the process that takes the place of its own.
#[derive(Debug, clap::Args)]
pub(super) struct Attach {
    #[command(flatten)]
    pub(super) named: Named,
    /// Print an environment file for a service. It is valid until `--end`, also after a
    /// restart of the server and with a new version of the plugin.
    #[arg(long, conflicts_with = "end")]
    lasting: bool,
    /// End the validity of the file of `--lasting`. A connected process stays
    /// until it ends.
    #[arg(long)]
    end: bool,
}

impl Attach {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Attachment {
            socket: String,
            secret: String,
        }
        let Self { named, .. } = self;
        let remote = named.which.remote()?;
        if self.end {
            remote
                .send(Method::DELETE, &named.path("/attach"), Body::None)
                .await?;
            return Ok(named.done("closed", "no process can attach to it any more"));
        }
        let path = named.path(if self.lasting {
            "/attach?lasting=true"
        } else {
            "/attach"
        });
        let answer = remote.send(Method::POST, &path, Body::None).await?;
        if named.json {
            return Ok(format!("{answer}\n"));
        }
        let Attachment { socket, secret } = understood(answer)?;
        // In quotes as a shell has them.
        let socket = socket.replace('\'', r"'\''");
        // systemd reads a file of variables, and no commands.
        let export = if self.lasting { "" } else { "export " };
        Ok(format!(
            "{export}MORTISE_SOCKET='{socket}'\n{export}MORTISE_SECRET='{secret}'\n"
        ))
    }
}

impl Named {
    /// The path of the plugin, or of something about it.
    pub(super) fn path(&self, what: &str) -> String {
        format!("/admin/plugins/{}{what}", encoded(&self.id))
    }

    pub(super) async fn reload(&self) -> anyhow::Result<String> {
        self.send_command("/reload", "reloaded").await
    }

    pub(super) async fn rollback(&self) -> anyhow::Result<String> {
        self.send_command("/rollback", "rolled back to").await
    }

    async fn send_command(&self, what: &str, done: &str) -> anyhow::Result<String> {
        let remote = self.which.remote()?;
        let answer = remote
            .send(Method::POST, &self.path(what), Body::None)
            .await?;
        if self.json {
            return Ok(format!("{answer}\n"));
        }
        let status: Status = understood(answer)?;
        let done = paint(done, Style::new().green().bold());
        let mut text = format!("{done} {} {}\n", status.id, status.version);
        if let Some(notice) = status.notice() {
            writeln!(text, "{notice}")?;
        }
        Ok(text)
    }

    /// Prints the variables for a shell to evaluate.
    pub(super) async fn uninstall(&self) -> anyhow::Result<String> {
        let remote = self.which.remote()?;
        remote
            .send(Method::DELETE, &self.path(""), Body::None)
            .await?;
        Ok(self.done("removed", "its users' data stays for its return"))
    }

    pub(super) async fn enable(&self) -> anyhow::Result<String> {
        let remote = self.which.remote()?;
        let plugin = Own::find(&remote, &self.id).await?;
        let what = if plugin.enabled && plugin.wants_more() {
            "consent"
        } else {
            "enable"
        };
        plugin.send_command(&remote, what).await?;
        let plugin = Own::find(&remote, &self.id).await?;
        let consented: Vec<_> = plugin
            .permissions
            .iter()
            .filter(|asked| asked.answered_by == "user")
            .map(|asked| format!("{} ({})", asked.name, printable(&asked.reason)))
            .collect();
        let mut note = match consented.as_slice() {
            [] => "it asks nothing of you".to_owned(),
            consented => format!("it may, with your data: {}", consented.join(", ")),
        };
        if let Some(command) = plugin.grant_command {
            write!(note, "\nit asks more of the administrator: {command}")?;
        }
        Ok(self.done("enabled", &note))
    }

    pub(super) async fn disable(&self) -> anyhow::Result<String> {
        let remote = self.which.remote()?;
        Own::find(&remote, &self.id)
            .await?
            .send_command(&remote, "disable")
            .await?;
        Ok(self.done("disabled", "its configuration and its data stay"))
    }

    pub(super) fn done(&self, what: &str, note: &str) -> String {
        if self.json {
            return json!({ "ok": true, "id": self.id }).to_string() + "\n";
        }
        let what = paint(what, Style::new().green().bold());
        format!("{what} {}\n{note}\n", self.id)
    }
}

/// A plugin as its user has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Own {
    id: i64,
    /// The secret part of its webhook address.
    token: String,
    plugin_id: String,
    pub(super) exports: Vec<String>,
    pub(super) enabled: bool,
    permissions: Vec<Asked>,
    pub(super) grant_command: Option<String>,
}

impl Own {
    /// The caller's own plugin of this id.
    pub(super) async fn find(remote: &Remote, id: &str) -> anyhow::Result<Self> {
        let mut plugins: Vec<Self> = remote.get("/plugin").await?;
        let found = plugins.iter().position(|plugin| plugin.plugin_id == id);
        found.map(|at| plugins.swap_remove(at)).with_context(|| {
            let ids: Vec<_> = plugins.iter().map(|plugin| &*plugin.plugin_id).collect();
            format!("no plugin `{id}` is installed; {}", named::instead(&ids))
        })
    }

    /// Returns true if it asks for a permission without the user's consent.
    /// This may also be true of an enabled plugin.
    pub(super) fn wants_more(&self) -> bool {
        let mut permissions = self.permissions.iter();
        permissions.any(|asked| asked.answered_by == "user" && !asked.granted)
    }

    /// The path of something about it.
    pub(super) fn path(&self, what: &str) -> String {
        format!("/plugin/{}{what}", self.id)
    }

    /// The path of its webhook.
    pub(super) fn webhook_path(&self) -> String {
        format!("/plugin/{}/custom/{}/", self.id, self.token)
    }

    /// Saves its user's configuration.
    pub(super) async fn configure(&self, remote: &Remote, text: Vec<u8>) -> anyhow::Result<()> {
        remote
            .send(Method::POST, &self.path("/config"), Body::File(text))
            .await?;
        Ok(())
    }

    /// Does one of its user's actions, such as `enable`.
    pub(super) async fn send_command(&self, remote: &Remote, what: &str) -> anyhow::Result<()> {
        let path = self.path(&format!("/{what}"));
        remote.send(Method::POST, &path, Body::None).await?;
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    name: String,
    reason: String,
    answered_by: String,
    granted: bool,
}
