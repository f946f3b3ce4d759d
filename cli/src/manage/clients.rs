//! `mortise client`: devices and programs that act for a user.

use std::process::ExitCode;

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Common, applications::token, carry_out, find, listed, part};
use crate::plugin::{Body, printable};

/// Manage your clients: devices and programs that read messages.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The commands act for the first administrator, unless --user or --token names another
user.

Examples:
  mortise client add phone
      prints the token of a new client
  mortise client list
  mortise client delete phone")]
pub(crate) struct Client {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List your clients.
    #[command(after_help = "Examples:
  mortise client list
  mortise client list --json")]
    List(Common),
    /// Add a client, and print its token once.
    #[command(after_help = "Examples:
  mortise client add phone
  mortise client add 'phone of ann' --json")]
    Add(Add),
    /// Delete a client.
    #[command(after_help = "Examples:
  mortise client delete phone
  mortise client delete 3")]
    Delete(One),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The client's name.
    name: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct One {
    /// The client's name or number.
    client: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: i64,
    name: String,
    created_at: String,
    last_used: Option<String>,
}

impl Client {
    pub(crate) fn run(self) -> miette::Result<ExitCode> {
        match self.command {
            Command::List(common) => carry_out(common.json, list(&common)),
            Command::Add(add) => carry_out(add.common.json, add.run()),
            Command::Delete(one) => carry_out(one.common.json, one.delete()),
        }
    }
}

/// Lists the caller's clients.
async fn list(common: &Common) -> anyhow::Result<String> {
    let titles = ["number", "name", "created", "last used"];
    listed(common, "/client", &titles, |one: Shown| {
        vec![
            one.id.to_string(),
            printable(&one.name),
            one.created_at,
            one.last_used.unwrap_or_default(),
        ]
    })
    .await
}

impl Add {
    async fn run(&self) -> anyhow::Result<String> {
        let remote = self.common.which.remote()?;
        let body = Body::Json(json!({"name": self.name}));
        let added = remote.send(Method::POST, "/client", body).await?;
        if self.common.json {
            return Ok(format!("{added}\n"));
        }
        token(part(&added, "/token"))
    }
}

impl One {
    async fn delete(&self) -> anyhow::Result<String> {
        let remote = self.common.which.remote()?;
        let all: Vec<Shown> = remote.get("/client").await?;
        let id = find(&all, &self.client, "client", |one| (one.id, &one.name))?.id;
        let path = format!("/client/{id}");
        remote.send(Method::DELETE, &path, Body::None).await?;
        if self.common.json {
            return Ok(format!("{}\n", json!({"id": id})));
        }
        Ok(format!("deleted client {id}\n"))
    }
}
