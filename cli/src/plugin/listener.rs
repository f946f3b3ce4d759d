//! `mortise plugin listener`: the position of a listener among the messages.

use std::str::FromStr;

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    commands::{Named, Own},
    remote::{Body, understood},
};

/// The plugin, and the messages that it receives next.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A listener receives each message once, in order, from the time at which you enable it. With
--from, it receives messages again, or skips waiting ones.

Examples:
  mortise plugin listener forward
  mortise plugin listener forward --from beginning
  mortise plugin listener forward --from 42
  mortise plugin listener forward --from now")]
pub(super) struct Listener {
    #[command(flatten)]
    pub(super) plugin: Named,
    /// Continue with this message, with the first stored one (`beginning`), or with new
    /// ones only (`now`).
    #[arg(long, value_name = "MESSAGE|beginning|now")]
    from: Option<From>,
}

/// The first message that a listener receives.
#[derive(Clone, Copy, Debug)]
enum From {
    Beginning,
    Now,
    Message(i64),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "beginning" => Ok(Self::Beginning),
            "now" => Ok(Self::Now),
            number => match number.parse() {
                Ok(message) if message > 0 => Ok(Self::Message(message)),
                _ => Err("neither the number of a message, nor `beginning` or `now`".to_owned()),
            },
        }
    }
}

#[derive(Deserialize)]
struct Position {
    after: i64,
    waiting: u64,
}

impl Listener {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let remote = self.plugin.which.remote()?;
        let own = Own::find(&remote, &self.plugin.id).await?;
        let path = own.path("/listener");
        let answer = match self.from {
            None => remote.get(&path).await?,
            Some(from) => {
                let after = match from {
                    From::Beginning => Some(0),
                    From::Message(message) => Some(message - 1),
                    From::Now => None,
                };
                let body = Body::Json(json!({ "after": after }));
                remote.send(Method::PUT, &path, body).await?
            }
        };
        if self.plugin.json {
            return Ok(format!("{answer}\n"));
        }
        let Position { after, waiting } = understood(answer)?;
        let waiting = match waiting {
            0 => "no message waits".to_owned(),
            1 => "1 message waits".to_owned(),
            several => format!("{several} messages wait"),
        };
        Ok(match after {
            0 => format!("it begins with the first stored message; {waiting}\n"),
            after => format!("the next message is the one after {after}; {waiting}\n"),
        })
    }
}
