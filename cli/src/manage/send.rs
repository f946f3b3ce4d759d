//! `mortise send`: a message from a person or a script.

use std::{
    io::{self, IsTerminal as _, Read as _},
    process::ExitCode,
};

use http::Method;
use serde_json::{Map, Value};

use super::{Common, applications, carry_out, part};
use crate::plugin::{Body, Remote, candidates, printable, understood};

/// Send a message.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mortise send --app backup 'the backup is done'
  df -h | mortise send --app backup --title 'disks of nas' --priority 5
  mortise send --url https://push.example.org --token A... 'hello'
      from another machine, with an application's token
  mortise send --update 42 'the backup is at 50 %'
      changes message 42; what you leave out stays")]
pub(crate) struct Send {
    /// The text [default: standard input].
    message: Option<String>,
    /// Title [default: the application's name].
    #[arg(short, long)]
    title: Option<String>,
    /// Priority, 0 (silent) to 10 (urgent) [default: the application's].
    #[arg(short, long)]
    priority: Option<i64>,
    /// Additional data, a JSON object.
    #[arg(long, value_name = "JSON")]
    extras: Option<String>,
    /// The application, by name or number. You need it unless you have only one
    /// application, or `--token` is an application's.
    #[arg(short, long, value_name = "APP")]
    app: Option<String>,
    /// Change the message with this number instead of sending one.
    #[arg(long, value_name = "NUMBER", conflicts_with = "app")]
    update: Option<u64>,
    #[command(flatten)]
    common: Common,
}

/// The longest text that is read, in bytes.
const TEXT: u64 = 64 << 20;

impl Send {
    pub(crate) fn run(self) -> miette::Result<ExitCode> {
        carry_out(self.common.json, self.send())
    }

    async fn send(&self) -> anyhow::Result<String> {
        let mut body = Map::new();
        body.insert("message".to_owned(), self.text()?.into());
        if let Some(title) = &self.title {
            body.insert("title".to_owned(), title.clone().into());
        }
        if let Some(priority) = self.priority {
            body.insert("priority".to_owned(), priority.into());
        }
        if let Some(extras) = &self.extras {
            let extras: Value = serde_json::from_str(extras)
                .map_err(|error| anyhow::anyhow!("--extras is no JSON: {error}"))?;
            body.insert("extras".to_owned(), extras);
        }
        let remote = self.common.which.remote()?;
        let (method, path) = match self.update {
            Some(id) => (Method::PUT, format!("/message/{id}")),
            None => (Method::POST, "/message".to_owned()),
        };
        if self.update.is_none()
            && let Some(application) = self.application(&remote).await?
        {
            body.insert("appid".to_owned(), application.into());
        }
        let sent = remote.send(method, &path, Body::Json(body.into())).await?;
        if self.common.json {
            return Ok(format!("{sent}\n"));
        }
        let id: i64 = understood(part(&sent, "/id").clone())?;
        Ok(match id {
            0 => "a filter dropped it\n".to_owned(),
            id if self.update.is_some() => format!("changed message {id}\n"),
            id => format!("sent as message {id}\n"),
        })
    }

    fn text(&self) -> anyhow::Result<String> {
        if let Some(message) = &self.message {
            return Ok(message.clone());
        }
        anyhow::ensure!(
            !io::stdin().is_terminal(),
            "there is no text: give it behind the options, or on standard input"
        );
        let mut text = Vec::new();
        io::stdin().take(TEXT).read_to_end(&mut text)?;
        let text = String::from_utf8_lossy(&text).trim_end().to_owned();
        anyhow::ensure!(!text.is_empty(), "standard input has no text");
        Ok(text)
    }

    /// The application's number; none if the token is an application's own.
    async fn application(&self, remote: &Remote) -> anyhow::Result<Option<i64>> {
        if let Some(wanted) = &self.app {
            return Ok(Some(applications::named(remote, wanted).await?.id));
        }
        let Ok(all) = applications::all(remote).await else {
            return Ok(None);
        };
        let mine: Vec<_> = all.iter().filter(|one| !one.internal).collect();
        match mine.as_slice() {
            [one] => Ok(Some(one.id)),
            [] => anyhow::bail!("you have no application: add one with `mortise app add NAME`"),
            several => {
                let names: Vec<_> = several.iter().map(|one| printable(&one.name)).collect();
                anyhow::bail!(
                    "name one of your applications with --app: {}",
                    candidates(&names)
                )
            }
        }
    }
}
