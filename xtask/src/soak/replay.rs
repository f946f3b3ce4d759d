//! A replay: another version of a filter is put to the recorded calls. It finds exactly the
//! messages that this version treats otherwise, reports exactly the effects that this version
//! would have had, and changes nothing: no message comes, the storage stays, and nothing
//! connects to the receiver of its HTTP requests.

use std::{collections::BTreeSet, net::TcpListener, time::Instant};

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
const LEFT: &str = "77";
/// The other version has effects for the titles with this ending.
const PLANTED: &str = "33";
/// The counts of these effects in the result: messages, HTTP requests, and changes of the
/// storage.
const EFFECTS: [&str; 3] = ["sends", "requests", "writes"];
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
    /// Messages for which the other version has effects, one of each kind.
    effects_planted: usize,
    /// The effects of each kind that the replay reports.
    effects_suppressed: [u64; 3],
    /// Messages that changed, came or went with the replay.
    changed: usize,
    /// Bytes that the replay added to the plugin's storage, or removed.
    storage_changed: u64,
    /// Connections to the receiver of HTTP requests.
    connections: usize,
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
    let receiver = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    // Those that wait after the replay are counted.
    receiver.set_nonblocking(true)?;
    let port = receiver.local_addr()?.port();
    let other = setting.stamps.other(0, version, [LEFT, PLANTED], port)?;
    let before = host.titles().await?;
    let stored_before = host.interface().stored_bytes(&id).await?;
    say(format_args!("replaying {messages} calls"));
    let begun = Instant::now();
    let replay = host.interface().replay(&id, other).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let after = host.titles().await?;
    let stored_after = host.interface().stored_bytes(&id).await?;
    host.stop().await?;
    let number = |name: &str| {
        let number = replay.get(name).and_then(Value::as_u64);
        number.with_context(|| format!("the replay tells no number of {name}"))
    };
    let calls = number("calls")?;
    let mut effects_suppressed = [0; EFFECTS.len()];
    for (suppressed, name) in effects_suppressed.iter_mut().zip(EFFECTS) {
        *suppressed = number(name)?;
    }
    let with_ending = |ending: &str| -> BTreeSet<String> {
        let titles = (0..messages).map(|number| number.to_string());
        titles.filter(|title| title.ends_with(ending)).collect()
    };
    let planted = with_ending(LEFT);
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
        effects_planted: with_ending(PLANTED).len(),
        effects_suppressed,
        changed: changed.count() + before.len().abs_diff(after.len()),
        storage_changed: stored_before.abs_diff(stored_after),
        connections: std::iter::from_fn(|| receiver.accept().ok()).count(),
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
        let suppressed = |count: &u64| usize::try_from(*count) == Ok(self.effects_planted);
        [
            (self.calls == u64::from(self.messages), "all calls replayed"),
            (self.wrong == 0, "exactly the planted differences"),
            (
                self.effects_suppressed.iter().all(suppressed),
                "exactly the planted effects",
            ),
            (self.changed == 0, "no effect on messages"),
            (self.storage_changed == 0, "no effect on the storage"),
            (self.connections == 0, "no HTTP request"),
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
            row(
                "suppressed effects",
                format!(
                    "{} planted of each kind; {}",
                    self.effects_planted,
                    EFFECTS
                        .iter()
                        .zip(self.effects_suppressed)
                        .map(|(name, count)| format!("{count} {name}"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            ),
            row("changed messages", self.changed.to_string()),
            row("changed bytes of storage", self.storage_changed.to_string()),
            row("connections", self.connections.to_string()),
        ]
    }
}
