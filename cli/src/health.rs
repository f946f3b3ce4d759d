//! `mortise health`: ask a server for its health, for health checks and scripts.

use std::{io::ErrorKind, process::ExitCode, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use mortise_server::{client, local::LocalServer};
use serde_json::{Value, json};
use url::Url;

use crate::{data_dir::DataDir, output::say, process::runtime};

/// The longest time for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes.
const ANSWER: usize = 64 << 10;

/// Ask a server for its health.
#[derive(Debug, Args)]
#[command(after_help = "\
The exit code is 0 if the server and its database answer, and 1 otherwise. On the data
directory, run this as the server's user, or as root.

Examples:
  mortise health
  mortise health --data-dir /var/lib/mortise
  mortise health --url https://push.example.org --json")]
pub(super) struct Health {
    #[command(flatten)]
    data_dir: DataDir,
    /// Ask the server at this address instead. It needs no login.
    #[arg(long, env = "MORTISE_URL", value_name = "URL")]
    url: Option<Url>,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

impl Health {
    pub(super) fn run(self) -> miette::Result<ExitCode> {
        let asked = runtime()?.block_on(async {
            let asked = tokio::time::timeout(PATIENCE, self.ask()).await;
            asked.unwrap_or_else(|_| {
                anyhow::bail!("no answer within {} s", PATIENCE.as_secs());
            })
        });
        match asked {
            Ok(answer) if self.json => {
                say(&format!("{answer}\n"));
                Ok(ExitCode::SUCCESS)
            }
            Ok(_) => {
                say("healthy: the server and its database answer\n");
                Ok(ExitCode::SUCCESS)
            }
            Err(error) if self.json => {
                say(&format!("{}\n", json!({ "error": format!("{error:#}") })));
                Ok(ExitCode::FAILURE)
            }
            Err(error) => Err(miette::miette!("{error:#}")),
        }
    }

    async fn ask(&self) -> anyhow::Result<Value> {
        let url = self.address()?;
        let request = Request::builder()
            .method(Method::GET)
            .uri(client::path(&url)?)
            .body(Full::new(Bytes::new()))?;
        let response = client::send(&url, request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER).collect().await;
        let body = body
            .map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?
            .to_bytes();
        let answer: Value = serde_json::from_slice(&body)
            .ok()
            .filter(|answer: &Value| answer.get("health").is_some())
            .with_context(|| {
                format!(
                    "{} answered {status}, which is no health of Mortise",
                    client::origin(&url)
                )
            })?;
        if !status.is_success() {
            anyhow::bail!("the server is unhealthy: {answer}");
        }
        Ok(answer)
    }

    /// The address of the server's health.
    fn address(&self) -> anyhow::Result<Url> {
        let mut url = match &self.url {
            Some(url) => url.clone(),
            None => {
                let server = LocalServer::find(self.data_dir.path()).map_err(|error| {
                    let folder = self.data_dir.path().display();
                    if error.kind() == ErrorKind::NotFound {
                        anyhow::anyhow!(
                            "no server runs on the data directory {folder}: start it with \
                             `mortise serve`, or name its directory with --data-dir or its \
                             address with --url"
                        )
                    } else {
                        anyhow::anyhow!(
                            "the server's address in {folder} cannot be read: {error}; run this \
                             as the server's user, or name its address with --url"
                        )
                    }
                })?;
                Url::parse(&format!("http://{}", server.address))?
            }
        };
        let path = format!("{}/health", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(url)
    }
}
