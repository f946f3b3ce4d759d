//! Gotify's own server, for measurements and comparisons beside ours. Its program is
//! the person's.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tokio::process::{Child, Command};

use crate::{
    api::{Api, As},
    run::Tied,
};

/// The time in which it must be ready.
const READY: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);

/// A running server of Gotify, which ends with the handle.
#[derive(Debug)]
pub(crate) struct Gotify {
    child: Child,
    /// Such as `http://127.0.0.1:8080`.
    pub(crate) url: String,
}

impl Gotify {
    /// Starts it on a folder, with `admin` and this password, and waits until it
    /// answers.
    pub(crate) async fn start(program: &Path, data: &Path, password: &str) -> Result<Self> {
        std::fs::create_dir_all(data)
            .with_context(|| format!("{} cannot be made", data.display()))?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .context("there is no free port")?
            .port();
        let program = std::path::absolute(program)?;
        let mut child = Command::from(Tied::command(&program)?)
            .current_dir(data)
            .env("GOTIFY_SERVER_LISTENADDR", "127.0.0.1")
            .env("GOTIFY_SERVER_PORT", port.to_string())
            .env("GOTIFY_DEFAULTUSER_NAME", "admin")
            .env("GOTIFY_DEFAULTUSER_PASS", password)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let url = format!("http://127.0.0.1:{port}");
        let api = Api::new(&url)?;
        let end = Instant::now() + READY;
        let admin = As::User("admin", password);
        while !api.accepts(admin).await.unwrap_or(false) {
            if let Some(status) = child.try_wait()? {
                bail!("{} ended with {status}", program.display());
            }
            if Instant::now() > end {
                bail!("{} was not ready in time", program.display());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Self { child, url })
    }

    /// Its process.
    pub(crate) fn id(&self) -> Result<u32> {
        self.child.id().context("Gotify has ended")
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}
