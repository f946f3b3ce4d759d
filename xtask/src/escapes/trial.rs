//! Tries every deed on one server.

use std::{collections::BTreeMap, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{
    deed::{Actor, Deed, Expected},
    lacking::LACKING,
    place::{Place, Programs, VARIABLE},
    setting::Setting,
};
use crate::{
    api::{Api, Application, As, Identified, Plugin},
    run::Tied,
    server::Server,
};

const PASSWORD: &str = "only while it runs";
const ADMIN: As<'_> = As::User("admin", PASSWORD);
const BOB: As<'_> = As::User("bob", "bob's own password");

/// A deed's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "detail", rename_all = "kebab-case")]
pub(super) enum Outcome {
    Done(String),
    /// The kernel's number of an error, and its text.
    Failed(i32, String),
    /// The plugin did not answer.
    Ended(String),
}

impl Outcome {
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// True if it failed for want of a permission, or because its target does
    /// not exist for the plugin.
    pub(super) fn is_denied(&self) -> bool {
        let denials = [
            libc::EPERM,
            libc::EACCES,
            libc::ENOENT,
            libc::ESRCH,
            libc::ENOSYS,
            libc::ENETUNREACH,
            libc::EROFS,
            libc::EXDEV,
        ];
        matches!(self, Self::Failed(number, _) if denials.contains(number))
    }

    /// True if it met a bound.
    pub(super) fn is_contained(&self) -> bool {
        let bounds = [
            libc::ENOMEM,
            libc::EMFILE,
            libc::EAGAIN,
            libc::EFBIG,
            libc::ENOSPC,
            libc::EDQUOT,
            libc::EACCES,
            libc::EPERM,
        ];
        match self {
            Self::Done(_) => false,
            Self::Failed(number, _) => bounds.contains(number),
            Self::Ended(_) => true,
        }
    }

    pub(super) fn holds(&self, expected: Expected) -> bool {
        match expected {
            Expected::Denied => self.is_denied(),
            Expected::Contained => self.is_contained(),
            Expected::Open => self.is_done(),
        }
    }

    /// For a table.
    pub(super) fn short(&self) -> String {
        match self {
            Self::Done(_) => "done".to_owned(),
            Self::Failed(number, text) => match rustix::io::Errno::from_raw_os_error(*number) {
                rustix::io::Errno::ACCESS if text.len() < 60 => text.clone(),
                other => std::io::Error::from(other)
                    .to_string()
                    .split(" (os")
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            },
            Self::Ended(_) => "ended".to_owned(),
        }
    }
}

/// A deed and its actor, by its place in the table.
pub(super) type Key = (usize, Actor);

/// A round of all deeds.
#[derive(Clone, Copy)]
enum Pass {
    /// Without grants.
    Of(Setting),
    /// With all grants that any deed needs.
    Granted,
}

impl Pass {
    fn has(self, deed: &Deed, actor: Actor) -> bool {
        match self {
            // A component's reach does not depend on the kernel.
            Self::Of(setting) if actor == Actor::Component => setting == Setting::Full,
            Self::Of(setting) => !deed.heavy || setting.has_heavy(),
            // Bounds that no grant lifts are the same then.
            Self::Granted => deed.expected == Expected::Denied || deed.grant.is_some(),
        }
    }
}

/// The outcomes on one server.
#[derive(Debug, Default)]
pub(super) struct Tried {
    pub(super) without_grants: BTreeMap<Key, Outcome>,
    /// Tried where every protection is there.
    pub(super) with_grants: BTreeMap<Key, Outcome>,
    /// The server's reports of missing protections.
    pub(super) reports: String,
    /// Signs of harm outside the plugins.
    pub(super) harm: Option<String>,
}

/// Tries the deeds in a setting.
pub(super) async fn run(
    folder: &Path,
    programs: &Programs,
    deeds: &[Deed],
    setting: Setting,
) -> Result<Tried> {
    let mut place = Place::new(folder, programs)?;
    let server = Server::spawn(command(&place, programs, setting)?).await?;
    let trial = Trial::begin(&server, &mut place).await?;
    let mut tried = Tried {
        without_grants: trial.try_all(&place, deeds, Pass::Of(setting)).await?,
        reports: doctors(&place, programs)?,
        ..Tried::default()
    };
    if setting == Setting::Full {
        tried.harm = place.unharmed().err().map(|error| error.to_string());
        grant_all(&place, programs)?;
        tried.with_grants = trial.try_all(&place, deeds, Pass::Granted).await?;
        if tried.harm.is_none() {
            tried.harm = place.unharmed().err().map(|error| error.to_string());
        }
    }
    if !trial.api.accepts(ADMIN).await? {
        bail!(
            "{}: the server does not serve its user any more",
            setting.name()
        );
    }
    server.stop().await?;
    Ok(tried)
}

fn command(
    place: &Place,
    programs: &Programs,
    setting: Setting,
) -> Result<tokio::process::Command> {
    let this = std::env::current_exe().context("this program's own file is not known")?;
    let parts: Vec<_> = setting.lacking().iter().map(|part| part.name()).collect();
    let mut command = tokio::process::Command::from(Tied::command(&this)?);
    command
        .arg(LACKING)
        .arg(parts.join(","))
        .arg(&programs.mortise)
        .args(["serve", "--json", "--listen", "127.0.0.1:0"])
        .args(["--native-sandbox", setting.mode(), "--data-dir"])
        .arg(&place.data)
        .env("MORTISE_ADMIN_PASSWORD", PASSWORD)
        .env("RUST_LOG", "off")
        .env(VARIABLE, "of the server");
    Ok(command)
}

struct Trial {
    api: Api,
    client: Client,
    /// The plugins, and the addresses of their webhooks.
    plugins: BTreeMap<Actor, (Plugin, String)>,
}

#[derive(Deserialize)]
struct Answer {
    done: Option<String>,
    #[serde(default)]
    errno: i32,
    #[serde(default)]
    text: String,
}

impl Trial {
    async fn begin(server: &Server, place: &mut Place) -> Result<Self> {
        let api = Api::new(&server.url)?;
        place.set("server", &server.id()?.to_string());
        place.set("server-address", server.url.trim_start_matches("http://"));
        let mut plugins = BTreeMap::new();
        let mut installed: Vec<Plugin> = api.list("plugin", ADMIN).await?;
        for actor in Actor::ALL {
            let found = installed.iter().position(|one| one.plugin_id == actor.id());
            let at = found.with_context(|| format!("{} was not installed", actor.id()))?;
            let plugin = installed.swap_remove(at);
            api.enable(&plugin, ADMIN).await?;
            let address = format!(
                "{}/plugin/{}/custom/{}/",
                server.url, plugin.id, plugin.token
            );
            plugins.insert(actor, (plugin, address));
        }
        let client = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .context("no HTTP client")?;
        let bob = json!({ "name": "bob", "pass": "bob's own password", "admin": false });
        let made = client.request(Method::POST, format!("{}/user", server.url));
        let made = made.basic_auth("admin", Some(PASSWORD)).json(&bob).send();
        made.await?.error_for_status().context("no second user")?;
        for (user, name) in [(ADMIN, "own-message"), (BOB, "bobs-message")] {
            let application: Application = api.create("application", "operator", user).await?;
            let message = json!({ "title": "t", "message": "private" });
            let sent: Identified = api.send(&message, As::Token(&application.token)).await?;
            place.set(name, &sent.id.to_string());
        }
        Ok(Self {
            api,
            client,
            plugins,
        })
    }

    async fn try_all(
        &self,
        place: &Place,
        deeds: &[Deed],
        pass: Pass,
    ) -> Result<BTreeMap<Key, Outcome>> {
        let mut outcomes = BTreeMap::new();
        for actor in Actor::ALL {
            for (number, deed) in deeds.iter().enumerate() {
                if !deed.actors.contains(&actor) || !pass.has(deed, actor) {
                    continue;
                }
                let told = place.request(deed)?;
                let outcome = self.ask(actor, &told).await;
                let outcome =
                    outcome.with_context(|| format!("{}: {}", actor.name(), deed.name))?;
                outcomes.insert((number, actor), outcome);
            }
        }
        Ok(outcomes)
    }

    /// Has a plugin do a deed. One that ended is enabled again, so that the next
    /// deed does not wait for its pause.
    async fn ask(&self, actor: Actor, told: &Json) -> Result<Outcome> {
        let (plugin, address) = self.plugins.get(&actor).context("it is not installed")?;
        let outcome = self.ask_once(address, told).await?;
        if matches!(outcome, Outcome::Ended(_)) {
            self.api.disable(plugin, ADMIN).await?;
            self.api.enable(plugin, ADMIN).await?;
        }
        Ok(outcome)
    }

    async fn ask_once(&self, address: &str, told: &Json) -> Result<Outcome> {
        let request = self.client.post(address).json(told);
        let response = request.send().await.context("the server does not answer")?;
        let status = response.status();
        let text = response.text().await.context("an answer broke off")?;
        if !status.is_success() {
            return Ok(Outcome::Ended(format!("{} {text}", status.as_u16())));
        }
        Ok(match serde_json::from_str(&text) {
            Ok(Answer {
                done: Some(done), ..
            }) => Outcome::Done(done),
            Ok(answer) => Outcome::Failed(answer.errno, answer.text),
            Err(_) => Outcome::Done(text.chars().take(80).collect()),
        })
    }
}

/// Grants all that any deed needs.
fn grant_all(place: &Place, programs: &Programs) -> Result<()> {
    for actor in Actor::ALL {
        let mut command = Command::new(&programs.mortise);
        command
            .args(["plugin", "grant", actor.id()])
            .args(["--dir", place.value("readable")?, "--dir"])
            .arg(format!("{}:rw", place.value("writable")?))
            .args(["--http", place.value("granted")?, "--env", VARIABLE])
            .args(["--http", place.value("redirecting")?])
            .args(["--http", place.value("named")?])
            .arg("--timers")
            .args(["--limit", "process-memory-bytes=536870912"])
            .args(["--limit", "storage-bytes=33554432"])
            .arg("--data-dir")
            .arg(&place.data);
        crate::run::output(&mut command)?;
    }
    Ok(())
}

/// The reports of `mortise plugin doctor` on the processes.
fn doctors(place: &Place, programs: &Programs) -> Result<String> {
    let mut reports = String::new();
    for actor in Actor::PROCESSES {
        let output = Command::new(&programs.mortise)
            .args(["plugin", "doctor", actor.id(), "--data-dir"])
            .arg(&place.data)
            .output()
            .context("the program does not start")?;
        reports += &String::from_utf8_lossy(&output.stdout);
        reports += &String::from_utf8_lossy(&output.stderr);
    }
    Ok(reports)
}
