//! The server that runs the plugin: an existing one, or a temporary one with
//! its own folder. Both accept the commands of the command line.
//!
//! An existing server belongs to a person: `dev` grants, approves and enables
//! nothing there, and prints the commands for it. The temporary server has no
//! other messages, so `dev` grants all permissions in the manifest there,
//! unless asked not to.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use http::Method;
use mortise_native::Settings as NativeSettings;
use mortise_runtime::Loader;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use super::{
    event::{Event, Loaded, Reached},
    follow::Follower,
};
use crate::plugin::{
    commands::{self, Own},
    remote::{Body, Refusal, Remote, Which, encoded, understood},
    status::Status,
};
use mortise_server::{Config, Server};

/// The time in which the temporary server must end.
const DOWN: Duration = Duration::from_secs(15);

/// The grants on a temporary server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Granting {
    /// It is granted.
    AsAsked,
    /// None of the administrator's permissions is granted.
    None,
}

/// The server and the plugin on it.
pub(super) struct Host {
    remote: Remote,
    throw_away: Option<ThrowAway>,
    /// The active version; none before the first one.
    running: Option<Running>,
    /// A file with the configuration.
    config: Option<PathBuf>,
    /// The last configuration.
    configured: Option<Vec<u8>>,
}

struct ThrowAway {
    server: Server,
    folder: TempDir,
    granting: Granting,
}

#[derive(Clone)]
struct Running {
    id: String,
    version: String,
    digest: String,
    /// As told last.
    grants: Vec<String>,
    webhook: Option<String>,
}

#[derive(Deserialize)]
struct Rights {
    asked: Vec<Asked>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    permission: mortise_runtime::types::Permission,
    answered_by: String,
    granted: bool,
}

/// Creates the backends of a throw-away server, where a debugger of a plugin suspends its
/// deadlines.
fn backends(
    cache: PathBuf,
    settings: NativeSettings,
) -> Result<Vec<Arc<dyn Loader>>, Box<dyn std::error::Error + Send + Sync>> {
    let settings = NativeSettings {
        debugging: true,
        ..settings
    };
    mortise_backends::of_server(cache, settings)
}

impl Host {
    /// Reaches a server that runs.
    ///
    /// # Errors
    ///
    /// It does not answer.
    pub(super) async fn reach(
        which: &Which,
        config: Option<PathBuf>,
    ) -> anyhow::Result<(Self, Reached)> {
        let remote = which.remote()?;
        let _: Value = remote.get("/version").await?;
        let reached = Reached {
            throw_away: false,
            url: which.url().map(Url::to_string),
            data_dir: which.url().is_none().then(|| which.data_dir().to_owned()),
            user: None,
            password: None,
            app_token: None,
            curl: None,
        };
        let host = Self {
            remote,
            throw_away: None,
            running: None,
            config,
            configured: None,
        };
        Ok((host, reached))
    }

    /// Starts a throw-away server with an application.
    ///
    /// # Errors
    ///
    /// What keeps it from starting.
    pub(super) async fn start(
        port: u16,
        granting: Granting,
        config: Option<PathBuf>,
    ) -> anyhow::Result<(Self, Reached)> {
        let mut folder = tempfile::Builder::new();
        folder.prefix("mortise-dev-");
        // Its logins are this user's alone.
        #[cfg(unix)]
        folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = folder
            .tempdir()
            .context("no temporary folder can be made")?;
        let mut settings = Config::on(folder.path());
        settings.listen = vec![std::net::SocketAddr::from(([127, 0, 0, 1], port)).into()];
        let server = Server::start(settings, backends).await?;
        let url = server.url();
        let first = server.first_run().context("the folder was not new")?;
        let (user, password) = (first.name.clone(), first.password.clone());
        let password = password.context("no password was made")?;
        let remote = Remote::with_password(&Url::parse(&url)?, &user, &password)?;
        let application = Body::Json(json!({ "name": "dev" }));
        let made = remote
            .send(Method::POST, "/application", application)
            .await?;
        let token = made.get("token").and_then(Value::as_str);
        let token = token.context("the application has no token")?.to_owned();
        let reached = Reached {
            throw_away: true,
            data_dir: Some(folder.path().to_owned()),
            user: Some(user),
            password: Some(password),
            curl: Some(format!(
                "curl '{url}/message?token={token}' -F title=Hello -F message=World"
            )),
            app_token: Some(token),
            url: Some(url),
        };
        let host = Self {
            remote,
            throw_away: Some(ThrowAway {
                server,
                folder,
                granting,
            }),
            running: None,
            config,
            configured: None,
        };
        Ok((host, reached))
    }

    /// Returns the id of the active plugin.
    pub(super) fn id(&self) -> Option<&str> {
        self.running.as_ref().map(|running| &*running.id)
    }

    /// Describes the active version for a person; none before the first one.
    pub(super) fn running(&self) -> Option<String> {
        let running = self
            .running
            .as_ref()
            .filter(|running| !running.digest.is_empty())?;
        Some(format!("{} {}", running.id, running.version))
    }

    /// Loads a plugin in place of the active version, and reports the result. A
    /// plugin that does not load or start changes nothing.
    pub(super) async fn load(&mut self, file: &Path) -> Event {
        match self.try_load(file).await {
            Ok(event) => event,
            Err(error) => match error.downcast::<Refusal>() {
                Ok(Refusal {
                    report: Some(mut report),
                    ..
                }) => {
                    // The file's name on the server is of no use here.
                    report.file = file.display().to_string();
                    Event::Refused {
                        report,
                        running: self.running(),
                    }
                }
                Ok(refusal) => self.failed(&refusal.into()),
                Err(error) => self.failed(&error),
            },
        }
    }

    fn failed(&self, error: &anyhow::Error) -> Event {
        Event::Failed {
            error: format!("{error:#}"),
            running: self.running(),
        }
    }

    async fn try_load(&mut self, file: &Path) -> anyhow::Result<Event> {
        let begin = Instant::now();
        let bytes = commands::read_file(file)?;
        let installed = self
            .remote
            .send(Method::POST, "/admin/plugins", Body::File(bytes));
        let mut status: Status = understood(installed.await?)?;
        if let Some((version, asks)) = status.pending() {
            let Some(ThrowAway { granting, .. }) = self.throw_away else {
                return Ok(Event::Pending {
                    version: version.to_owned(),
                    asks: asks.to_vec(),
                    approve: format!("mortise plugin approve {}", status.id),
                    id: status.id,
                });
            };
            let how = json!({ "without": granting == Granting::None });
            status = understood(self.send_command(&status.id, "approve", how).await?)?;
        }
        let before = self.leave_other(&status.id).await?;
        // Without its digest until all below is done: what breaks off is done
        // again.
        let mut now = Running {
            id: status.id,
            version: status.version,
            digest: String::new(),
            grants: Vec::new(),
            webhook: None,
        };
        self.running = Some(before.clone().unwrap_or_else(|| now.clone()));
        let configured = self.set_up(&now.id).await?;
        if before
            .as_ref()
            .is_some_and(|before| before.digest == status.digest)
        {
            let took = begin.elapsed();
            return Ok(if configured {
                Event::Configured { took }
            } else {
                Event::Unchanged
            });
        }
        let own = Own::find(&self.remote, &now.id).await?;
        now.digest = status.digest;
        now.grants = self.grants(&now.id, own.enabled).await?;
        now.webhook = self.webhook(&own);
        let new_grants = before
            .as_ref()
            .is_none_or(|before| before.grants != now.grants);
        let new_webhook = before
            .as_ref()
            .is_none_or(|before| before.webhook != now.webhook);
        let loaded = Loaded {
            id: now.id.clone(),
            version: now.version.clone(),
            digest: now.digest.clone(),
            swapped: before.is_some(),
            enabled: own.enabled,
            grants: if new_grants {
                now.grants.clone()
            } else {
                Vec::new()
            },
            webhook: now.webhook.clone().filter(|_| new_webhook),
            next: self.next(&own, &now.id),
            took: begin.elapsed(),
        };
        self.running = Some(now);
        Ok(Event::Loaded(loaded))
    }

    /// Returns the active version with this id. If the active plugin has
    /// another id, removes it from a temporary server.
    async fn leave_other(&self, id: &str) -> anyhow::Result<Option<Running>> {
        match &self.running {
            Some(running) if running.id == id => return Ok(Some(running.clone())),
            Some(other) if self.throw_away.is_some() => {
                let path = format!("/admin/plugins/{}", encoded(&other.id));
                self.remote.send(Method::DELETE, &path, Body::None).await?;
            }
            _ => {}
        }
        Ok(None)
    }

    /// Configures it, where that is new, and on a throw-away server grants and
    /// enables it. Whether it was configured.
    async fn set_up(&mut self, id: &str) -> anyhow::Result<bool> {
        let granting = self.throw_away.as_ref().map(|own| own.granting);
        if granting == Some(Granting::AsAsked) {
            self.send_command(id, "grant", json!({ "asAsked": true }))
                .await?;
        }
        let own = Own::find(&self.remote, id).await?;
        let configured = self.configure(&own).await?;
        if granting.is_some() {
            match (own.enabled, own.wants_more()) {
                (false, _) => own.send_command(&self.remote, "enable").await?,
                (true, true) => own.send_command(&self.remote, "consent").await?,
                (true, false) => {}
            }
        }
        Ok(configured)
    }

    async fn configure(&mut self, own: &Own) -> anyhow::Result<bool> {
        let Some(file) = &self.config else {
            return Ok(false);
        };
        let text = tokio::fs::read(file)
            .await
            .with_context(|| format!("{} cannot be read", file.display()))?;
        if self.configured.as_ref() == Some(&text) {
            return Ok(false);
        }
        own.configure(&self.remote, text.clone())
            .await
            .with_context(|| format!("it did not take the configuration {}", file.display()))?;
        self.configured = Some(text);
        Ok(true)
    }

    async fn send_command(&self, id: &str, what: &str, body: Value) -> anyhow::Result<Value> {
        let path = format!("/admin/plugins/{}/{what}", encoded(id));
        self.remote
            .send(Method::POST, &path, Body::Json(body))
            .await
    }

    /// Describes the state of each requested permission.
    async fn grants(&self, id: &str, enabled: bool) -> anyhow::Result<Vec<String>> {
        let path = format!("/admin/plugins/{}/grants", encoded(id));
        let rights: Rights = self.remote.get(&path).await?;
        let lines = rights.asked.into_iter().map(|asked| {
            let granted = asked.granted && (enabled || asked.answered_by != "user");
            let word = if granted { "granted" } else { "not granted" };
            format!("{word}: {}", asked.permission)
        });
        Ok(lines.collect())
    }

    /// A command that calls its webhook on the throw-away server.
    fn webhook(&self, own: &Own) -> Option<String> {
        let there = own.exports.iter().any(|name| name == "webhook");
        let throw_away = self.throw_away.as_ref().filter(|_| there)?;
        let url = throw_away.server.url();
        let path = own.webhook_path();
        Some(format!("curl '{url}{path}' -d 'some text'"))
    }

    /// The commands that are left to the person on a running server.
    fn next(&self, own: &Own, id: &str) -> Vec<String> {
        let mut next = Vec::new();
        if self.throw_away.is_none() {
            next.extend(own.grant_command.clone());
            if !own.enabled || own.wants_more() {
                next.push(format!("mortise plugin enable {id}"));
            }
        }
        next
    }

    /// Returns a follower of the plugin's log and denials.
    pub(super) fn follower(&self) -> Follower {
        let granting = self.throw_away.as_ref().map(|own| own.granting);
        Follower {
            remote: self.remote.clone(),
            about_denial: match granting {
                Some(Granting::AsAsked) => "its manifest does not ask for that",
                Some(Granting::None) => "`--grant none` grants nothing",
                None => "`mortise plugin grants` shows the permissions that it asks for and has",
            },
        }
    }

    /// Ends the temporary server, and describes the remains of the plugin.
    ///
    /// # Errors
    ///
    /// The temporary folder cannot be removed.
    pub(super) async fn end(self) -> anyhow::Result<String> {
        let Some(ThrowAway { server, folder, .. }) = self.throw_away else {
            return Ok(match self.running {
                Some(Running { id, .. }) => {
                    format!("{id} stays installed; to remove it: mortise plugin uninstall {id}")
                }
                None => "nothing was installed".to_owned(),
            });
        };
        // One that hangs is no reason to hang, and to leave the folder.
        let ended = tokio::time::timeout(DOWN, server.shutdown()).await;
        let path = folder.path().to_owned();
        folder
            .close()
            .with_context(|| format!("{} cannot be removed", path.display()))?;
        ended.context("the throw-away server did not end in time")?;
        Ok("ended; the server and its data are gone".to_owned())
    }
}
