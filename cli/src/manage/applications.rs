//! `mortise app`: the applications that send messages.

use std::{num::NonZeroU32, process::ExitCode, time::Duration};

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Common, carry_out, find, listed, part};
use crate::plugin::{Body, Remote, printable, understood};

/// Manage your applications, which send messages.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The commands act for the first administrator, unless --user or --token names another
user.

Examples:
  mortise app add backup
      prints the token of a new application
  mortise app list
  mortise app token backup
      replaces the token; the old one is no longer valid
  mortise app retention backup --keep-messages-for 30days
      deletes its messages that are older
  mortise app delete backup")]
pub(crate) struct App {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List your applications.
    #[command(after_help = "Examples:
  mortise app list
  mortise app list --json")]
    List(Common),
    /// Add an application, and print its token once.
    #[command(after_help = "Examples:
  mortise app add backup
  mortise app add backup --description 'the nightly backup' --priority 5")]
    Add(Add),
    /// Replace an application's token, and print the new one once.
    #[command(after_help = "Examples:
  mortise app token backup
  mortise app token 3 --json")]
    Token(One),
    /// Keep fewer messages of an application than the server's settings keep.
    #[command(after_help = "Examples:
  mortise app retention backup --keep-messages-for 30days --keep-messages 500
  mortise app retention backup
      keeps all that the server's settings keep")]
    Retention(Retention),
    /// Delete an application with its messages.
    #[command(after_help = "Examples:
  mortise app delete backup
  mortise app delete 3")]
    Delete(One),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The application's name.
    name: String,
    /// A description of its purpose.
    #[arg(long, default_value = "")]
    description: String,
    /// Priority of messages that have none.
    #[arg(long, default_value = "0")]
    priority: i64,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct One {
    /// The application's name or number.
    app: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Retention {
    /// The application's name or number.
    app: String,
    /// Delete messages of the application that are older than this, such as `30days`
    /// [default: keep them].
    #[arg(long, value_name = "TIME", value_parser = age)]
    keep_messages_for: Option<Duration>,
    /// Keep this many of its newest messages [default: all].
    #[arg(long, value_name = "COUNT")]
    keep_messages: Option<NonZeroU32>,
    #[command(flatten)]
    common: Common,
}

/// A time of whole seconds.
fn age(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a time as 12h or 90days"))?;
    match time.as_secs() {
        0 => Err("the time must be at least 1s".to_owned()),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

/// An application as the server shows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Application {
    pub(super) id: i64,
    pub(super) name: String,
    description: String,
    default_priority: i64,
    last_used: Option<String>,
    pub(super) internal: bool,
}

/// All applications of the caller.
pub(super) async fn all(remote: &Remote) -> anyhow::Result<Vec<Application>> {
    remote.get("/application").await
}

/// The application of a number or name.
pub(super) async fn named(remote: &Remote, wanted: &str) -> anyhow::Result<Application> {
    let mut all = all(remote).await?;
    let id = find(&all, wanted, "application", |one| (one.id, &one.name))?.id;
    all.retain(|one| one.id == id);
    all.pop()
        .ok_or_else(|| anyhow::anyhow!("there is no application `{wanted}`"))
}

impl App {
    pub(crate) fn run(self) -> miette::Result<ExitCode> {
        match self.command {
            Command::List(common) => carry_out(common.json, list(&common)),
            Command::Add(add) => carry_out(add.common.json, add.run()),
            Command::Token(one) => carry_out(one.common.json, one.token()),
            Command::Retention(retention) => carry_out(retention.common.json, retention.run()),
            Command::Delete(one) => carry_out(one.common.json, one.delete()),
        }
    }
}

/// Lists the caller's applications.
async fn list(common: &Common) -> anyhow::Result<String> {
    let titles = ["number", "name", "priority", "last used", "description"];
    listed(common, "/application", &titles, |one: Application| {
        vec![
            one.id.to_string(),
            printable(&one.name),
            one.default_priority.to_string(),
            one.last_used.unwrap_or_default(),
            printable(&one.description),
        ]
    })
    .await
}

impl Add {
    async fn run(&self) -> anyhow::Result<String> {
        let body = json!({
            "name": self.name,
            "description": self.description,
            "defaultPriority": self.priority,
        });
        let remote = self.common.which.remote()?;
        let added = remote
            .send(Method::POST, "/application", Body::Json(body))
            .await?;
        if self.common.json {
            return Ok(format!("{added}\n"));
        }
        token(part(&added, "/token"))
    }
}

impl Retention {
    async fn run(&self) -> anyhow::Result<String> {
        let remote = self.common.which.remote()?;
        let id = named(&remote, &self.app).await?.id;
        let path = format!("/application/{id}/retention");
        let body = json!({
            "keepMessagesForSeconds": self.keep_messages_for.map(|time| time.as_secs()),
            "keepMessages": self.keep_messages,
        });
        let changed = remote.send(Method::PUT, &path, Body::Json(body)).await?;
        if self.common.json {
            return Ok(format!("{changed}\n"));
        }
        let count = match self.keep_messages {
            Some(count) => format!("the newest {count} messages"),
            None => "all messages".to_owned(),
        };
        let time = match self.keep_messages_for {
            Some(time) => format!(" for {}", humantime::format_duration(time)),
            None => String::new(),
        };
        Ok(format!("application {id} keeps {count}{time}\n"))
    }
}

impl One {
    async fn token(&self) -> anyhow::Result<String> {
        let remote = self.common.which.remote()?;
        let id = named(&remote, &self.app).await?.id;
        let path = format!("/application/{id}/security");
        let body = Body::Json(json!({"regenerateToken": true}));
        let changed = remote.send(Method::PUT, &path, body).await?;
        let new = part(&changed, "/regenerateToken/token");
        if self.common.json {
            return Ok(format!("{}\n", json!({"id": id, "token": new})));
        }
        token(new)
    }

    async fn delete(&self) -> anyhow::Result<String> {
        let remote = self.common.which.remote()?;
        let id = named(&remote, &self.app).await?.id;
        let path = format!("/application/{id}");
        remote.send(Method::DELETE, &path, Body::None).await?;
        if self.common.json {
            return Ok(format!("{}\n", json!({"id": id})));
        }
        Ok(format!("deleted application {id} with its messages\n"))
    }
}

/// A token on a line of its own, for scripts.
pub(super) fn token(token: &Value) -> anyhow::Result<String> {
    let token: String = understood(token.clone())?;
    Ok(format!("{token}\n"))
}
