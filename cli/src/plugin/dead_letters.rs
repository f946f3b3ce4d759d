//! `mortise plugin dead-letters`: messages on which a listener failed again and
//! again.

use std::{fmt::Write as _, process::ExitCode};

use http::Method;
use owo_colors::Style;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Refusal,
    commands::{Named, Own},
    remote::{Body, Remote},
    show::{paint, printable, table},
};

/// The plugin, and the messages to deliver again or to remove.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The server delivers the messages one by one, the oldest first. If the plugin fails on one, this
message stays a dead letter, the server tries the next one, and the command exits with 1.

Examples:
  mortise plugin dead-letters forward
  mortise plugin dead-letters forward --retry
  mortise plugin dead-letters forward --retry 42 43
  mortise plugin dead-letters forward --remove 42")]
pub(super) struct DeadLetters {
    #[command(flatten)]
    pub(super) plugin: Named,
    /// Deliver these messages again, or all dead letters.
    #[arg(long, value_name = "MESSAGE", num_args = 0..)]
    retry: Option<Vec<i64>>,
    /// Remove these messages, or all, from the dead letters. The messages stay.
    #[arg(long, value_name = "MESSAGE", num_args = 0.., conflicts_with = "retry")]
    remove: Option<Vec<i64>>,
}

/// A dead letter.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Letter {
    message_id: i64,
    title: String,
    attempts: i64,
    error: String,
    date: String,
}

/// A message, and the error if the command failed.
#[derive(Debug, Serialize)]
struct Outcome {
    message: i64,
    error: Option<String>,
}

impl DeadLetters {
    pub(super) async fn run(&self) -> anyhow::Result<(String, ExitCode)> {
        let remote = self.plugin.which.remote()?;
        let own = Own::find(&remote, &self.plugin.id).await?;
        let letters: Vec<Letter> = remote.get(&own.path("/dead-letters")).await?;
        let (command, chosen) = match (&self.retry, &self.remove) {
            (Some(chosen), _) => (Command::Retry, chosen),
            (None, Some(chosen)) => (Command::Remove, chosen),
            (None, None) => return Ok((self.list(&letters)?, ExitCode::SUCCESS)),
        };
        let mut messages = if chosen.is_empty() {
            letters.iter().map(|letter| letter.message_id).collect()
        } else {
            chosen.clone()
        };
        messages.sort_unstable();
        let mut outcomes = Vec::new();
        for message in messages {
            let error = command.carry_out(&remote, &own, message).await?;
            outcomes.push(Outcome { message, error });
        }
        let failed = outcomes.iter().any(|outcome| outcome.error.is_some());
        let code = ExitCode::from(u8::from(failed));
        Ok((self.outcome(&command, &outcomes)?, code))
    }

    fn list(&self, letters: &[Letter]) -> anyhow::Result<String> {
        if self.plugin.json {
            let all = json!({ "id": self.plugin.id, "deadLetters": letters });
            return Ok(format!("{all}\n"));
        }
        if letters.is_empty() {
            return Ok(format!("{} has no dead letters\n", self.plugin.id));
        }
        let mut table = table(&["message", "title", "attempts", "last", "error"]);
        for letter in letters {
            table.add_row([
                letter.message_id.to_string(),
                printable(&letter.title),
                letter.attempts.to_string(),
                letter.date.clone(),
                printable(&letter.error),
            ]);
        }
        Ok(format!("{table}\n"))
    }

    fn outcome(&self, command: &Command, outcomes: &[Outcome]) -> anyhow::Result<String> {
        if self.plugin.json {
            let all = json!({ "id": self.plugin.id, "messages": outcomes });
            return Ok(format!("{all}\n"));
        }
        if outcomes.is_empty() {
            return self.list(&[]);
        }
        let mut text = String::new();
        for Outcome { message, error } in outcomes {
            match error {
                None => {
                    let done = paint(command.done(), Style::new().green().bold());
                    writeln!(text, "{done} {message}")?;
                }
                Some(error) => {
                    let failed = paint("failed", Style::new().red().bold());
                    writeln!(text, "{failed} {message}: {}", printable(error))?;
                }
            }
        }
        Ok(text)
    }
}

/// The command for a dead letter.
#[derive(Debug)]
enum Command {
    Retry,
    Remove,
}

impl Command {
    const fn done(&self) -> &'static str {
        match self {
            Self::Retry => "delivered",
            Self::Remove => "removed",
        }
    }

    /// Returns the text of an error that concerns this message alone.
    async fn carry_out(
        &self,
        remote: &Remote,
        own: &Own,
        message: i64,
    ) -> anyhow::Result<Option<String>> {
        let path = own.path(&format!("/dead-letters/{message}"));
        let answer = match self {
            Self::Retry => {
                let path = format!("{path}/retry");
                remote.send(Method::POST, &path, Body::None).await
            }
            Self::Remove => remote.send(Method::DELETE, &path, Body::None).await,
        };
        match answer {
            Ok(_) => Ok(None),
            Err(error) => match error.downcast::<Refusal>() {
                Ok(refusal) => Ok(Some(refusal.error_description)),
                Err(error) => Err(error),
            },
        }
    }
}
