//! The server under load: ours, or Gotify's.

use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    api::{Api, Application, As, Plugin, Token},
    gotify::Gotify,
    server::Server,
};

/// Only for the time of a run, on loopback.
const PASSWORD: &str = "only while it runs";
/// The settings of our server: Gotify's has no such bounds.
const SETTINGS: &str = "max-streams = 0\nmax-connections = 40000\n";
/// The time in which a server or a plugin must be ready.
const READY: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);

/// A running server.
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    pub(super) application: String,
    pub(super) client: String,
    process: Process,
}

enum Process {
    Mortise(Server),
    Gotify(Gotify),
}

impl Target {
    /// Starts ours on a folder, with a filter or without, and with more settings.
    pub(super) async fn mortise(
        program: &Path,
        data: &Path,
        filter: Option<&Path>,
        more: &str,
    ) -> Result<Self> {
        raise_descriptors();
        let plugins = data.join("plugins");
        std::fs::create_dir_all(&plugins)
            .with_context(|| format!("{} cannot be made", plugins.display()))?;
        let settings = data.join("mortise.toml");
        std::fs::write(&settings, format!("{SETTINGS}{more}"))
            .with_context(|| format!("{} cannot be written", settings.display()))?;
        if let Some(filter) = filter {
            std::fs::copy(filter, plugins.join("filter.wasm"))
                .with_context(|| format!("{} cannot be copied", filter.display()))?;
        }
        let server = Server::start(program, data, 0, PASSWORD).await?;
        let url = server.url.clone();
        let target = Self::with("mortise", &url, Process::Mortise(server), PASSWORD).await?;
        if filter.is_some() {
            enable(&Api::new(&url)?, As::Token(&target.client)).await?;
        }
        Ok(target)
    }

    /// Starts Gotify's on a folder.
    pub(super) async fn gotify(program: &Path, data: &Path) -> Result<Self> {
        raise_descriptors();
        let gotify = Gotify::start(program, data, PASSWORD).await?;
        let url = gotify.url.clone();
        Self::with("gotify", &url, Process::Gotify(gotify), PASSWORD).await
    }

    async fn with(name: &'static str, url: &str, process: Process, password: &str) -> Result<Self> {
        let api = Api::new(url)?;
        let admin = As::User("admin", password);
        let application: Application = api.create("application", "load", admin).await?;
        let client: Token = api.create("client", "load", admin).await?;
        let address = url.trim_start_matches("http://");
        Ok(Self {
            name,
            address: address.parse().context("the server's address is none")?,
            application: application.token,
            client: client.token,
            process,
        })
    }

    /// The resident memory of its process, in MiB.
    pub(super) fn memory_mib(&self) -> Result<f64> {
        let process = match &self.process {
            Process::Mortise(server) => server.id()?,
            Process::Gotify(gotify) => gotify.id()?,
        };
        let path = format!("/proc/{process}/status");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        let kibibytes: f64 = number.context("it shows no VmRSS")?.parse()?;
        Ok(kibibytes / 1024.0)
    }

    pub(super) async fn stop(self) -> Result<()> {
        match self.process {
            Process::Mortise(server) => server.stop().await,
            Process::Gotify(gotify) => gotify.stop().await,
        }
    }
}

/// Enables the one plugin, once it is there.
async fn enable(api: &Api, user: As<'_>) -> Result<()> {
    let end = Instant::now() + READY;
    loop {
        let plugins: Vec<Plugin> = api.list("plugin", user).await?;
        if let Some(plugin) = plugins.first() {
            return api.enable(plugin, user).await;
        }
        if Instant::now() > end {
            bail!("the filter was not loaded in time");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Raises this process's bound of descriptors, and with it the servers', to the
/// highest that the system allows.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Opening the streams tells if it was too low.
    let _ = setrlimit(Resource::Nofile, raised);
}
