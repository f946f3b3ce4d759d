//! A replay: another version of a filter is put to the recorded calls. It finds exactly the
//! messages that this version treats otherwise, and changes nothing.

use std::{collections::BTreeSet, time::Instant};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde_json::Value;

use super::{
    Figures, Setting,
    host::{Host, Sender},
    stamps::{self, VERSIONS},
};
use crate::run::say;

/// Messages if nothing else is said: as many as one replay takes.
const MESSAGES: u32 = 10_000;
/// The number of simultaneous senders.
const SENDERS: u32 = 16;
/// The other version leaves the titles with this ending as they are.
const ENDING: &str = "77";
/// The least number of calls in a second.
const BAR: f64 = 20_000.0;

#[derive(Debug, Serialize)]
pub(super) struct Replayed {
    name: &'static str,
    messages: u32,
    calls: u64,
    /// Messages that the other version treats otherwise.
    planted: usize,
    found: usize,
    /// Found without a reason, or not found.
    wrong: usize,
    /// Messages that changed, came or went with the replay.
    changed: usize,
    seconds: f64,
    per_second: f64,
    /// None in a run in short, which is built without optimisation.
    bar: Option<f64>,
}

pub(super) async fn run(setting: &Setting) -> Result<Replayed> {
    let messages = setting.options.rounds.unwrap_or(MESSAGES);
    let host = Host::start(&setting.mortise, &setting.folder).await?;
    let (id, version) = (stamps::id(0), VERSIONS[0]);
    host.install(setting.stamps.component(0, version)?).await?;
    host.enable(&id).await?;
    say(format_args!("sending {messages} messages"));
    let senders: Vec<_> = (0..SENDERS)
        .map(|first| tokio::spawn(send(host.sender.clone(), first, messages)))
        .collect();
    for sender in senders {
        sender.await.context("a sender failed")??;
    }
    let before = host.titles().await?;
    let other = setting.stamps.leaving(0, version, ENDING)?;
    say(format_args!("replaying {messages} calls"));
    let begun = Instant::now();
    let replay = host.interface().replay(&id, other).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let after = host.titles().await?;
    host.stop().await?;
    let calls = replay.get("calls").and_then(Value::as_u64);
    let calls = calls.context("the replay tells no number of calls")?;
    let planted = (0..messages).map(|number| number.to_string());
    let planted: BTreeSet<_> = planted.filter(|title| title.ends_with(ENDING)).collect();
    let found = replay.get("differences").and_then(Value::as_array);
    let found = found.context("the replay tells no differences")?;
    let found = found.iter().filter_map(|one| one.get("title")?.as_str());
    let found: BTreeSet<_> = found.map(str::to_owned).collect();
    let changed = before
        .iter()
        .zip(&after)
        .filter(|(one, other)| one != other);
    Ok(Replayed {
        name: "soak_replay",
        messages,
        calls,
        wrong: planted.symmetric_difference(&found).count(),
        planted: planted.len(),
        found: found.len(),
        changed: changed.count() + before.len().abs_diff(after.len()),
        seconds,
        per_second: f64::from(messages) / seconds,
        bar: setting.options.rounds.is_none().then_some(BAR),
    })
}

/// Sends a sender's share of the messages.
async fn send(sender: Sender, first: u32, messages: u32) -> Result<()> {
    for number in (first..messages).step_by(SENDERS as usize) {
        if let Err(status) = sender.send(&number.to_string()).await? {
            bail!("message {number} was answered {status}");
        }
    }
    Ok(())
}

impl Figures for Replayed {
    fn missed(&self) -> Vec<String> {
        [
            (self.calls == u64::from(self.messages), "all calls replayed"),
            (self.wrong == 0, "exactly the planted differences"),
            (self.changed == 0, "no effect"),
            (
                self.bar.is_none_or(|bar| self.per_second >= bar),
                "the calls in a second",
            ),
        ]
        .into_iter()
        .filter(|(holds, _)| !holds)
        .map(|(_, what)| what.to_owned())
        .collect()
    }

    fn rows(&self) -> Vec<[String; 2]> {
        let row = |what: &str, text: String| [what.to_owned(), text];
        let bar = self.bar.map(|bar| format!(", bar {bar:.0}"));
        vec![
            row(
                "calls",
                format!(
                    "{} of {} messages in {:.2} s: {:.0} in a second{}",
                    self.calls,
                    self.messages,
                    self.seconds,
                    self.per_second,
                    bar.unwrap_or_default()
                ),
            ),
            row(
                "differences",
                format!(
                    "{} planted, {} found, {} wrong",
                    self.planted, self.found, self.wrong
                ),
            ),
            row("changed messages", self.changed.to_string()),
        ]
    }
}
