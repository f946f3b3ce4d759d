//! `mortise plugin try`: a filter's answer about a message that is not sent.

use std::fmt::Write as _;

use anyhow::Context as _;
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    application,
    commands::{self, Named, Own, Purpose},
    remote::{Body, understood},
    replay::{Answer, Effects},
    show::printable,
};

/// The filter, the message and the configuration.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The server asks the filter, and sends nothing. The filter starts with your configuration, or with
the one that you name, and with a copy of its storage. It has no HTTP, no directories and no
environment variables.

Examples:
  mortise plugin try rules --title 'Disk full' '97 %'
  mortise plugin try rules --config rules.yaml --app backup 'ERROR: no space left'")]
pub(super) struct Try {
    #[command(flatten)]
    pub(super) plugin: Named,
    /// The text of the message.
    message: String,
    /// Its title [default: the application's name].
    #[arg(short, long)]
    title: Option<String>,
    /// Its priority.
    #[arg(short, long, default_value_t = 0)]
    priority: i64,
    /// Its additional data, a JSON object.
    #[arg(long, value_name = "JSON")]
    extras: Option<String>,
    /// The application it comes from, by name or number [default: one that does not exist].
    #[arg(short, long, value_name = "APP")]
    app: Option<String>,
    /// Use this file as the configuration, or standard input if it is `-`.
    #[arg(long, value_name = "FILE|-")]
    config: Option<String>,
}

#[derive(Deserialize)]
struct Tried {
    version: String,
    result: Answer,
    micros: u64,
    #[serde(flatten)]
    effects: Effects,
}

impl Try {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let mut body = Map::new();
        body.insert("message".to_owned(), self.message.clone().into());
        body.insert("priority".to_owned(), self.priority.into());
        if let Some(title) = &self.title {
            body.insert("title".to_owned(), title.clone().into());
        }
        if let Some(extras) = &self.extras {
            let extras: Value = serde_json::from_str(extras).context("--extras is no JSON")?;
            body.insert("extras".to_owned(), extras);
        }
        if let Some(file) = &self.config {
            let text = commands::read(file, Purpose::Configuration)?;
            let text = String::from_utf8(text).with_context(|| format!("{file} is no UTF-8"))?;
            body.insert("config".to_owned(), text.into());
        }
        let remote = self.plugin.which.remote()?;
        if let Some(app) = &self.app {
            let id = application::named(&application::all(&remote).await?, app)?;
            body.insert("appid".to_owned(), id.into());
        }
        let own = Own::find(&remote, &self.plugin.id).await?;
        let answer = remote
            .send(Method::POST, &own.path("/try"), Body::Json(body.into()))
            .await?;
        if self.plugin.json {
            return Ok(format!("{answer}\n"));
        }
        understood::<Tried>(answer)?.text()
    }
}

impl Tried {
    fn text(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        writeln!(text, "{}", self.result)?;
        self.effects.write(&mut text)?;
        writeln!(
            text,
            "version {} answered in {:.2} ms",
            printable(&self.version),
            std::time::Duration::from_micros(self.micros).as_secs_f64() * 1e3
        )?;
        Ok(text)
    }
}
