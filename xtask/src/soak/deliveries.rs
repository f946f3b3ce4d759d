//! A listener fails one time in ten, the server is killed and the listener's plugin swapped,
//! all under load. The listener receives every stored message, in order; one that it receives
//! again was under way at a kill.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{
    Figures, Setting,
    host::{Host, Sender},
};
use crate::{api::Application, python, run::say, workspace::Workspace};

/// Messages if nothing else is said.
const MESSAGES: u32 = 100_000;
/// Kills of the server, and swaps of the plugin.
const KILLS: u32 = 50;
/// The same of a short run.
const SHORT_KILLS: u32 = 4;
/// Applications, each with one sender, so that its messages have an order.
const APPLICATIONS: u32 = 8;
/// The most messages that a listener is given at once: what a kill may repeat.
const BATCH: usize = 64;
const ID: &str = "io.mortise.soak.recorder";
const SOURCE: &str = include_str!("recorder.py");
const VERSIONS: [&str; 2] = ["1.0.0", "1.1.0"];
/// The time in which all messages are delivered after the last kill, and the one between two
/// looks.
const SOON: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(20);

/// The listener's plugin in two versions, and the file that they write.
pub(super) struct Recorder {
    versions: Vec<Vec<u8>>,
    file: PathBuf,
}

impl Recorder {
    pub(super) fn build(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target.join("soak/recorded");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("{} cannot be removed", folder.display()))?;
        }
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let folder = folder.canonicalize()?;
        let path = folder.to_str().context("the folder's path is no UTF-8")?;
        let versions = VERSIONS.iter().map(|version| {
            let source = SOURCE.replace("@VERSION@", version);
            let source = source.replace("@FOLDER@", path);
            let file = python::build(workspace, &format!("recorder-{version}"), &source)?;
            std::fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))
        });
        Ok(Self {
            versions: versions.collect::<Result<_>>()?,
            file: folder.join("deliveries"),
        })
    }

    /// Writes into the record that the server was killed.
    fn note_kill(&self) -> Result<()> {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.file)
            .with_context(|| format!("{} cannot be opened", self.file.display()))?;
        file.write_all(b"kill\n")
            .with_context(|| format!("{} cannot be written", self.file.display()))
    }
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Delivered {
    name: &'static str,
    /// Stored messages.
    messages: usize,
    kills: u32,
    swaps: u32,
    /// Calls that the listener failed on purpose.
    failures: usize,
    /// Stored messages that the listener never received.
    missing: usize,
    /// Messages that it received for the first time after a later one of their application.
    out_of_order: usize,
    /// Messages that it received again, by the same number.
    repeated: usize,
    /// Of them, those that were not under way at a kill.
    repeated_otherwise: usize,
    seconds: f64,
}

/// The senders between two kills.
struct Load {
    over: Arc<AtomicBool>,
    stored: Arc<AtomicU32>,
    senders: Vec<JoinHandle<u32>>,
}

pub(super) async fn run(setting: &Setting, recorder: &Recorder) -> Result<Delivered> {
    let messages = setting.options.rounds.unwrap_or(MESSAGES);
    let kills = match setting.options.rounds {
        None => KILLS,
        Some(_) => SHORT_KILLS,
    };
    let data = setting.folder.join("data");
    let mut figures = Delivered {
        name: "soak_deliveries",
        kills,
        swaps: kills,
        ..Delivered::default()
    };
    let mut host = Host::start(&setting.mortise, &data).await?;
    let mut version = recorder.versions.iter().cycle();
    let mut next = || version.next().context("there is no version").cloned();
    host.install(next()?).await?;
    host.interface().grant_as_asked(ID).await?;
    host.enable(ID).await?;
    let mut applications: Vec<Application> = Vec::new();
    for number in 0..APPLICATIONS {
        let name = format!("application {number}");
        applications.push(host.api.create("application", &name, host.user()).await?);
    }
    let begun = Instant::now();
    let mut first = vec![0; applications.len()];
    for round in 1..=kills {
        let load = Load::begin(&host, &applications, &first);
        load.stored_at_least(messages / kills / 2).await;
        host.install(next()?).await?;
        load.stored_at_least(messages / kills).await;
        let tokens = host.kill().await?;
        recorder.note_kill()?;
        first = load.end().await?;
        if round % (kills / 5).max(1) == 0 {
            say(format_args!("{round:>4} of {kills} kills and swaps"));
        }
        host = Host::start_again(&setting.mortise, &data, tokens).await?;
    }
    let stored = stored(&host).await?;
    let newest = stored.keys().next_back().copied().unwrap_or(0);
    let end = Instant::now() + SOON;
    while !read(&recorder.file)?.contains(&format!("message {newest} ")) {
        if Instant::now() > end {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    figures.seconds = begun.elapsed().as_secs_f64();
    host.stop().await?;
    figures.messages = stored.len();
    figures.judge(&stored, &read(&recorder.file)?)?;
    Ok(figures)
}

impl Load {
    fn begin(host: &Host, applications: &[Application], first: &[u32]) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let stored = Arc::new(AtomicU32::new(0));
        let senders = applications.iter().zip(first).map(|(application, first)| {
            let sender = host.sender.of(application.token.clone());
            tokio::spawn(send(sender, *first, Arc::clone(&over), Arc::clone(&stored)))
        });
        Self {
            senders: senders.collect(),
            over,
            stored,
        }
    }

    async fn stored_at_least(&self, messages: u32) {
        while self.stored.load(Ordering::Relaxed) < messages {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits for all senders to see that the server is gone, and returns their next numbers.
    async fn end(self) -> Result<Vec<u32>> {
        self.over.store(true, Ordering::Relaxed);
        let mut next = Vec::new();
        for sender in self.senders {
            next.push(sender.await.context("a sender failed")?);
        }
        Ok(next)
    }
}

/// Sends numbers one by one until the server is gone, and returns the first one without an
/// answer: it may be stored or not.
async fn send(sender: Sender, first: u32, over: Arc<AtomicBool>, stored: Arc<AtomicU32>) -> u32 {
    let mut number = first;
    while !over.load(Ordering::Relaxed) {
        match sender.send(&number.to_string()).await {
            Ok(Ok(_)) => {
                stored.fetch_add(1, Ordering::Relaxed);
                number += 1;
            }
            Ok(Err(_)) | Err(_) => break,
        }
    }
    number
}

/// The applications of all stored messages, by the messages' ids.
async fn stored(host: &Host) -> Result<BTreeMap<u64, u64>> {
    let mut stored = BTreeMap::new();
    let mut since = 0;
    loop {
        let page = host.api.messages_before(since, host.user()).await?;
        for message in &page {
            let number = |name: &str| message.get(name).and_then(Value::as_u64);
            let (id, application) = number("id")
                .zip(number("appid"))
                .context("a message has no id")?;
            stored.insert(id, application);
            since = id;
        }
        if page.is_empty() {
            return Ok(stored);
        }
    }
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

impl Delivered {
    /// Compares the listener's record with the stored messages.
    fn judge(&mut self, stored: &BTreeMap<u64, u64>, record: &str) -> Result<()> {
        let mut received = BTreeMap::new();
        let mut last: BTreeMap<u64, u64> = BTreeMap::new();
        // A kill lets one batch be repeated, before all that was not received yet.
        let (mut may_repeat, mut started) = (0, false);
        for line in record.lines() {
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["fail"] => self.failures += 1,
                ["kill"] => (may_repeat, started) = (BATCH, false),
                ["start", _version] => started = true,
                ["message", id, application, _title] => {
                    let (id, application) = (id.parse::<u64>()?, application.parse::<u64>()?);
                    if received.insert(id, application).is_some() {
                        self.repeated += 1;
                        self.repeated_otherwise += usize::from(may_repeat == 0);
                        may_repeat = may_repeat.saturating_sub(1);
                        continue;
                    }
                    // What the killed process still wrote came before the next start.
                    if started {
                        may_repeat = 0;
                    }
                    if last
                        .insert(application, id)
                        .is_some_and(|before| before > id)
                    {
                        self.out_of_order += 1;
                    }
                }
                _ => bail!("the plugin wrote an unexpected line: {line}"),
            }
        }
        self.missing = stored
            .keys()
            .filter(|id| !received.contains_key(id))
            .count();
        Ok(())
    }
}

impl Figures for Delivered {
    fn missed(&self) -> Vec<String> {
        [
            (self.missing == 0, "every message at the listener"),
            (self.out_of_order == 0, "the order in each application"),
            (
                self.repeated_otherwise == 0,
                "repeated messages only around kills",
            ),
            (self.failures > 0, "a listener that fails"),
        ]
        .into_iter()
        .filter(|(holds, _)| !holds)
        .map(|(_, what)| what.to_owned())
        .collect()
    }

    fn rows(&self) -> Vec<[String; 2]> {
        [
            (
                "messages",
                format!("{} stored in {:.0} s", self.messages, self.seconds),
            ),
            (
                "meanwhile",
                format!(
                    "{} kills, {} swaps, {} calls that failed",
                    self.kills, self.swaps, self.failures
                ),
            ),
            (
                "at the listener",
                format!(
                    "{} missing, {} out of order, {} repeated, {} of them not around a kill",
                    self.missing, self.out_of_order, self.repeated, self.repeated_otherwise
                ),
            ),
        ]
        .map(|(name, text)| [name.to_owned(), text])
        .into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Delivered;

    fn judged(record: &str) -> Delivered {
        let stored = BTreeMap::from([(1, 7), (2, 8), (3, 7)]);
        let mut figures = Delivered::default();
        figures.judge(&stored, record).unwrap();
        figures
    }

    #[test]
    fn messages_may_be_repeated_after_a_kill_alone() {
        let killed = judged(
            "start 1\nmessage 1 7 a\nfail\nstart 1\nkill\nmessage 2 8 a\nstart 2\nmessage 2 8 a\nmessage 3 7 b",
        );
        assert_eq!((killed.missing, killed.failures), (0, 1));
        assert_eq!((killed.repeated, killed.repeated_otherwise), (1, 0));
        let late = judged("start 1\nmessage 1 7 a\nkill\nstart 1\nmessage 2 8 a\nmessage 1 7 a");
        assert_eq!((late.repeated, late.repeated_otherwise), (1, 1));
        let swapped = judged("start 1\nmessage 1 7 a\nstart 2\nmessage 1 7 a\nmessage 2 8 a");
        assert_eq!((swapped.repeated, swapped.repeated_otherwise), (1, 1));
        assert_eq!(swapped.missing, 1);
    }

    #[test]
    fn the_order_counts_in_each_application() {
        let other = judged("start 1\nmessage 2 8 a\nmessage 1 7 a\nmessage 3 7 b");
        assert_eq!(other.out_of_order, 0);
        let same = judged("start 1\nmessage 3 7 b\nmessage 1 7 a\nmessage 2 8 a");
        assert_eq!(same.out_of_order, 1);
    }
}
