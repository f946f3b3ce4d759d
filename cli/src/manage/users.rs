//! `mortise user`: the users of a server, for administrators, and one's own time zone.

use std::{
    io::{self, Read as _},
    process::ExitCode,
};

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Common, carry_out, find, listed, part};
use crate::plugin::{Body, Remote, printable};

/// Manage the users of a server, as an administrator, or set your time zone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mortise user add ann
      generates a password and prints it once
  echo 'a password' | mortise user add ann --admin --password-stdin
  mortise user password ann
  mortise user delete ann
  mortise user timezone Europe/Berlin")]
pub(crate) struct User {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List all users.
    #[command(after_help = "Examples:
  mortise user list
  mortise user list --json")]
    List(Common),
    /// Add a user.
    #[command(after_help = "Examples:
  mortise user add ann
  echo 'a password' | mortise user add ann --admin --password-stdin")]
    Add(Add),
    /// Set a user's password.
    #[command(after_help = "Examples:
  mortise user password ann
  echo 'a password' | mortise user password ann --password-stdin")]
    Password(Password),
    /// Delete a user with all of the user's data.
    #[command(after_help = "Examples:
  mortise user delete ann
  mortise user delete 3")]
    Delete(One),
    /// Show or set the time zone of your plugins' timers.
    #[command(after_help = "\
Each user has a zone; you need not be an administrator to set yours. It applies to timers
with a cron expression that have no zone of their own.

Examples:
  mortise user timezone
  mortise user timezone Europe/Berlin
  mortise user timezone ''
      goes by the server's time zone")]
    Timezone(Timezone),
}

#[derive(Debug, clap::Args)]
struct Timezone {
    /// Name of the IANA database; empty for the server's [default: show the
    /// zone].
    zone: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Login name.
    name: String,
    /// Make an administrator.
    #[arg(long)]
    admin: bool,
    #[command(flatten)]
    secret: Secret,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Password {
    /// The user's name or number.
    #[arg(value_name = "USER")]
    person: String,
    #[command(flatten)]
    secret: Secret,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct One {
    /// The user's name or number.
    #[arg(value_name = "USER")]
    person: String,
    #[command(flatten)]
    common: Common,
}

/// The source of a password.
#[derive(Debug, clap::Args)]
struct Secret {
    /// Read the password from standard input [default: generate one and print
    /// it].
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: i64,
    name: String,
    admin: bool,
    created_at: String,
}

/// The longest password that is read, in bytes.
const PASSWORD: u64 = 4096;

impl Secret {
    /// The password, and whether it was generated.
    fn get(&self) -> anyhow::Result<(String, bool)> {
        if !self.password_stdin {
            return Ok((mortise_server::auth::generate_password()?, true));
        }
        let mut text = String::new();
        io::stdin().take(PASSWORD).read_to_string(&mut text)?;
        let password = text.trim_end_matches(['\r', '\n']).to_owned();
        anyhow::ensure!(!password.is_empty(), "standard input has no password");
        Ok((password, false))
    }
}

impl User {
    pub(crate) fn run(self) -> miette::Result<ExitCode> {
        match self.command {
            Command::List(common) => carry_out(common.json, list(&common)),
            Command::Add(add) => carry_out(add.common.json, add.run()),
            Command::Password(one) => carry_out(one.common.json, one.run()),
            Command::Delete(one) => carry_out(one.common.json, one.delete()),
            Command::Timezone(one) => carry_out(one.common.json, one.run()),
        }
    }
}

async fn named(remote: &Remote, wanted: &str) -> anyhow::Result<(i64, String, bool)> {
    let all: Vec<Shown> = remote.get("/user").await?;
    let one = find(&all, wanted, "user", |one| (one.id, &one.name))?;
    Ok((one.id, one.name.clone(), one.admin))
}

/// The result with a password that was generated.
fn done(json: bool, id: &Value, text: &str, generated: Option<&str>) -> String {
    if json {
        return format!("{}\n", json!({"id": id, "password": generated}));
    }
    match generated {
        Some(password) => format!("{text}\npassword, shown only now: {password}\n"),
        None => format!("{text}\n"),
    }
}

/// Lists all users.
async fn list(common: &Common) -> anyhow::Result<String> {
    let titles = ["number", "name", "role", "created"];
    listed(common, "/user", &titles, |one: Shown| {
        let role = if one.admin { "administrator" } else { "" };
        vec![
            one.id.to_string(),
            printable(&one.name),
            role.to_owned(),
            one.created_at,
        ]
    })
    .await
}

impl Add {
    async fn run(&self) -> anyhow::Result<String> {
        let remote = self.common.which.remote()?;
        let (password, generated) = self.secret.get()?;
        let body = json!({"name": self.name, "pass": password, "admin": self.admin});
        let added = remote.send(Method::POST, "/user", Body::Json(body)).await?;
        let text = format!("added the user `{}`", printable(&self.name));
        let generated = generated.then_some(password.as_str());
        Ok(done(
            self.common.json,
            part(&added, "/id"),
            &text,
            generated,
        ))
    }
}

impl Password {
    async fn run(&self) -> anyhow::Result<String> {
        let remote = self.common.which.remote()?;
        let (id, name, admin) = named(&remote, &self.person).await?;
        let (password, generated) = self.secret.get()?;
        let body = json!({"name": name, "pass": password, "admin": admin});
        let path = format!("/user/{id}");
        remote.send(Method::POST, &path, Body::Json(body)).await?;
        let text = format!("set the password of `{}`", printable(&name));
        let generated = generated.then_some(password.as_str());
        Ok(done(self.common.json, &json!(id), &text, generated))
    }
}

impl One {
    async fn delete(&self) -> anyhow::Result<String> {
        let remote = self.common.which.remote()?;
        let (id, name, _) = named(&remote, &self.person).await?;
        let path = format!("/user/{id}");
        remote.send(Method::DELETE, &path, Body::None).await?;
        let text = format!("deleted the user `{}`", printable(&name));
        Ok(done(self.common.json, &json!(id), &text, None))
    }
}

impl Timezone {
    async fn run(&self) -> anyhow::Result<String> {
        const PATH: &str = "/current/user/timezone";
        let remote = self.common.which.remote()?;
        let zone: Value = match &self.zone {
            None => remote.get(PATH).await?,
            Some(zone) => {
                let body = Body::Json(json!({"timeZone": zone}));
                remote.send(Method::PUT, PATH, body).await?
            }
        };
        if self.common.json {
            return Ok(format!("{zone}\n"));
        }
        Ok(
            match part(&zone, "/timeZone").as_str().unwrap_or_default() {
                "" => "your timers go by the server's time zone\n".to_owned(),
                zone => format!("your timers go by the time zone {}\n", printable(zone)),
            },
        )
    }
}
