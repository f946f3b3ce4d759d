//! Commands for scripts and people: `mortise user`, `app`, `client`, `message` and
//! `send`, as clients of a running server.

mod applications;
mod clients;
mod messages;
mod send;
mod users;

use std::process::ExitCode;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) use self::{
    applications::App, clients::Client, messages::Message, send::Send, users::User,
};
use crate::{
    output::say,
    plugin::{Which, candidates, printable, refused, table, understood},
    process::runtime,
};

/// The server, and the form of the result.
#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    which: Which,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Runs a command and prints its result.
fn carry_out(
    json: bool,
    command: impl Future<Output = anyhow::Result<String>>,
) -> miette::Result<ExitCode> {
    match runtime()?.block_on(command) {
        Ok(text) => {
            say(&text);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => refused(error, json),
    }
}

/// A list of the server's, as a table with these titles.
async fn listed<T: DeserializeOwned>(
    common: &Common,
    path: &str,
    titles: &[&str],
    row: impl Fn(T) -> Vec<String>,
) -> anyhow::Result<String> {
    let list: Value = common.which.remote()?.get(path).await?;
    if common.json {
        return Ok(format!("{list}\n"));
    }
    let list: Vec<T> = understood(list)?;
    let mut table = table(titles);
    for one in list {
        table.add_row(row(one));
    }
    Ok(format!("{table}\n"))
}

/// A part of an answer; null if it is not there.
fn part<'a>(answer: &'a Value, pointer: &str) -> &'a Value {
    answer.pointer(pointer).unwrap_or(&Value::Null)
}

/// The one of a list that has a number or a name.
fn find<'a, T>(
    all: &'a [T],
    wanted: &str,
    kind: &str,
    parts: impl Fn(&T) -> (i64, &str),
) -> anyhow::Result<&'a T> {
    let named: Vec<&T> = all.iter().filter(|one| parts(one).1 == wanted).collect();
    match named.as_slice() {
        [one] => return Ok(one),
        [] => {}
        _ => anyhow::bail!("several of your {kind}s are named `{wanted}`: give the number"),
    }
    let id: Option<i64> = wanted.parse().ok();
    all.iter()
        .find(|one| Some(parts(one).0) == id)
        .ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|one| printable(parts(one).1)).collect();
            match names.as_slice() {
                [] => anyhow::anyhow!("there is no {kind} `{wanted}`; there is none at all"),
                names => anyhow::anyhow!(
                    "there is no {kind} `{wanted}`; there are: {}",
                    candidates(names)
                ),
            }
        })
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_name_comes_before_a_number() {
        let all = [(1, "a"), (2, "1"), (3, "b"), (4, "b")];
        let found = |wanted| find(&all, wanted, "thing", |one| *one).map(|one| one.0);
        assert_eq!(found("a").unwrap(), 1);
        assert_eq!(found("1").unwrap(), 2);
        assert_eq!(found("3").unwrap(), 3);
        assert!(found("b").unwrap_err().to_string().contains("several"));
        assert!(found("c").unwrap_err().to_string().contains("a, 1, b"));
    }
}
