//! Versions change while messages pass: each message is answered with success,
//! passes through exactly one version, and is stored exactly once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use serde::Serialize;

use super::{
    Figures, Setting,
    host::{Host, Sender},
    stamps::{self, NATIVE_ID, VERSIONS, version},
};
use crate::run::say;

/// Swaps of the component if nothing else is said, and of the process.
const SWAPS: [u32; 2] = [200, 50];
/// The number of simultaneous senders.
const SENDERS: usize = 4;
/// Messages that have to pass before the next swap.
const BETWEEN: u64 = 40;

#[derive(Debug, Serialize)]
pub(super) struct Swapped {
    name: &'static str,
    component: Half,
    native: Half,
}

/// The results for the messages while one plugin was swapped.
#[derive(Debug, Default, Serialize)]
struct Half {
    swaps: u32,
    messages: usize,
    /// By the version that they passed through.
    by_version: BTreeMap<String, usize>,
    /// Not answered with success.
    refused: usize,
    /// Answered with success, and not stored once.
    lost: usize,
    stored_twice: usize,
    /// Stored as no version leaves them, or as two do.
    unfiltered: usize,
    /// Sent and answered between two swaps, and not filtered by the version
    /// that was there then.
    by_the_wrong_version: usize,
    /// The longest that a sender waited for an answer, and the middle.
    longest_pause_ms: f64,
    median_ms: f64,
    /// The middle of how long a swap took.
    swap_ms: f64,
    seconds: f64,
}

/// A message that was sent.
struct Sent {
    number: u64,
    begin: Instant,
    end: Instant,
    answered: bool,
}

/// A version that was there from `since` on, and came after `asked`.
struct Swap {
    asked: Instant,
    since: Instant,
    version: String,
}

#[derive(Default)]
struct Load {
    next: AtomicU64,
    over: AtomicBool,
    sent: Mutex<Vec<Sent>>,
}

pub(super) async fn run(setting: &Setting) -> Result<Swapped> {
    let [components, natives] = match setting.options.rounds {
        Some(rounds) => [rounds, rounds / 4],
        None => SWAPS,
    };
    let host = Host::start(&setting.mortise, &setting.folder).await?;
    let [one, other] = [VERSIONS[0], VERSIONS[0] + 1];
    let stamps = &setting.stamps;
    let versions = [stamps.component(0, one)?, stamps.component(0, other)?];
    say(format_args!("swapping a component {components} times"));
    let component = swapped(&host, &stamps::id(0), &versions, components).await?;
    let versions = [stamps.native(one)?, stamps.native(other)?];
    say(format_args!("swapping a process {natives} times"));
    let native = swapped(&host, NATIVE_ID, &versions, natives).await?;
    host.stop().await?;
    Ok(Swapped {
        name: "soak_swap",
        component,
        native,
    })
}

/// Swaps one plugin under load.
async fn swapped(host: &Host, id: &str, versions: &[Vec<u8>; 2], swaps: u32) -> Result<Half> {
    let [first, second] = versions;
    let version = host.install(first.clone()).await?;
    host.enable(id).await?;
    let begun = Instant::now();
    let mut there = vec![Swap {
        asked: begun,
        since: begun,
        version,
    }];
    let load = Arc::new(Load::default());
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| tokio::spawn(send(host.sender.clone(), Arc::clone(&load))))
        .collect();
    for number in 1..=swaps {
        until_sent(&load, BETWEEN).await;
        let bytes = if number % 2 == 0 { first } else { second };
        let asked = Instant::now();
        let version = host.install(bytes.clone()).await?;
        let since = Instant::now();
        there.push(Swap {
            asked,
            since,
            version,
        });
        if number % (swaps / 5).max(1) == 0 {
            let sent = load.next.load(Ordering::Relaxed);
            say(format_args!(
                "{number:>6} of {swaps} swaps  {sent} messages"
            ));
        }
    }
    until_sent(&load, BETWEEN).await;
    load.over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.context("a sender failed")??;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let sent = std::mem::take(&mut *load.sent.lock());
    let stored = stored(host).await?;
    host.uninstall(id).await?;
    Ok(Half {
        seconds,
        ..judged(&sent, &stored, &there)
    })
}

/// Sends one message after the other until it is over.
async fn send(sender: Sender, load: Arc<Load>) -> Result<()> {
    while !load.over.load(Ordering::Relaxed) {
        let number = load.next.fetch_add(1, Ordering::Relaxed);
        let begin = Instant::now();
        let answer = sender.send(&number.to_string()).await;
        load.sent.lock().push(Sent {
            number,
            begin,
            end: Instant::now(),
            answered: matches!(answer, Ok(Ok(_))),
        });
        match answer {
            Ok(Ok(_)) => {}
            Ok(Err(status)) => say(format_args!("message {number} was answered {status}")),
            Err(error) => say(format_args!("message {number}: {error:#}")),
        }
    }
    Ok(())
}

/// Waits until so many more messages have passed.
async fn until_sent(load: &Load, more: u64) {
    let end = load.next.load(Ordering::Relaxed) + more;
    while load.next.load(Ordering::Relaxed) < end {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The titles of all stored messages, which are removed then.
async fn stored(host: &Host) -> Result<Vec<String>> {
    let titles = host.titles().await?;
    host.api.remove_messages(host.user()).await?;
    Ok(titles)
}

/// Compares the sent messages with the stored ones.
fn judged(sent: &[Sent], stored: &[String], there: &[Swap]) -> Half {
    let known = [version(VERSIONS[0]), version(VERSIONS[0] + 1)];
    let mut half = Half {
        messages: sent.len(),
        ..Half::default()
    };
    // By its number, the versions with which a message was stored.
    let mut found: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for title in stored {
        let (number, stamp) = title.split_once('|').unwrap_or((title, ""));
        match number.parse() {
            Ok(number) => found.entry(number).or_default().push(stamp),
            Err(_) => half.unfiltered += 1,
        }
    }
    for message in sent {
        half.refused += usize::from(!message.answered);
        let stamps = found.remove(&message.number).unwrap_or_default();
        let [stamp] = stamps.as_slice() else {
            match stamps.len() {
                0 => half.lost += usize::from(message.answered),
                _ => half.stored_twice += 1,
            }
            continue;
        };
        if known.iter().any(|version| version == stamp) {
            *half.by_version.entry((*stamp).to_owned()).or_default() += 1;
        } else {
            half.unfiltered += 1;
        }
        // The last version that was there before it was sent counts, if no
        // other was asked for before it was answered.
        let before = there.partition_point(|swap| swap.since <= message.begin);
        let next = there.get(before).map(|swap| swap.asked);
        if let Some(swap) = before.checked_sub(1).and_then(|at| there.get(at))
            && next.is_none_or(|asked| asked > message.end)
            && swap.version != **stamp
        {
            half.by_the_wrong_version += 1;
        }
    }
    // Stored, and never sent.
    half.stored_twice += found.len();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let waits: Vec<f64> = sent
        .iter()
        .map(|message| milliseconds(message.end - message.begin))
        .collect();
    half.longest_pause_ms = waits.iter().copied().fold(0.0, f64::max);
    half.median_ms = super::median(waits);
    let swaps = there.iter().skip(1);
    let took = swaps
        .clone()
        .map(|swap| milliseconds(swap.since - swap.asked));
    half.swap_ms = super::median(took.collect());
    let changes = there.windows(2).filter(|pair| match pair {
        [before, after] => before.version != after.version,
        _ => false,
    });
    half.swaps = u32::try_from(changes.count()).unwrap_or(u32::MAX);
    half
}

impl Half {
    fn holds(&self) -> bool {
        let bad = [
            self.refused,
            self.lost,
            self.stored_twice,
            self.unfiltered,
            self.by_the_wrong_version,
        ];
        bad == [0; 5]
            && self.by_version.len() == 2
            && self.by_version.values().sum::<usize>() == self.messages
    }
}

impl Figures for Swapped {
    fn missed(&self) -> Vec<String> {
        [("component", &self.component), ("process", &self.native)]
            .into_iter()
            .filter(|(_, half)| !half.holds())
            .map(|(what, _)| format!("the messages of the {what}"))
            .collect()
    }

    fn rows(&self) -> Vec<[String; 2]> {
        let mut rows = Vec::new();
        for (what, half) in [("component", &self.component), ("process", &self.native)] {
            let versions: Vec<_> = half
                .by_version
                .iter()
                .map(|(version, count)| format!("{count} by {version}"))
                .collect();
            rows.extend([
                [
                    what.to_owned(),
                    format!(
                        "{} swaps of {:.0} ms each in {:.0} s",
                        half.swaps, half.swap_ms, half.seconds
                    ),
                ],
                [
                    String::new(),
                    format!("{} messages: {}", half.messages, versions.join(", ")),
                ],
                [
                    String::new(),
                    format!(
                        "{} refused, {} lost, {} stored twice, {} unfiltered, {} by the wrong version",
                        half.refused,
                        half.lost,
                        half.stored_twice,
                        half.unfiltered,
                        half.by_the_wrong_version
                    ),
                ],
                [
                    String::new(),
                    format!(
                        "longest pause of a sender {:.1} ms, median {:.1} ms",
                        half.longest_pause_ms, half.median_ms
                    ),
                ],
            ]);
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Sent, Swap, judged};

    #[test]
    fn what_went_wrong_with_a_message_is_found() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let sent = |number, begin, end, answered| Sent {
            number,
            begin: at(begin),
            end: at(end),
            answered,
        };
        let swap = |asked, since, version: &str| Swap {
            asked: at(asked),
            since: at(since),
            version: version.to_owned(),
        };
        let there = [swap(0, 0, "1.0.1000"), swap(100, 200, "1.0.1001")];
        let sent = [
            sent(0, 10, 20, true),
            sent(1, 90, 150, true),
            sent(2, 210, 220, true),
            sent(3, 210, 220, false),
            sent(4, 210, 220, true),
            sent(5, 210, 260, true),
            sent(6, 210, 220, true),
        ];
        let stored = [
            "0|1.0.1000",
            "1|1.0.1001",
            "2|1.0.1000",
            "4",
            "5|1.0.1001",
            "5|1.0.1001",
        ];
        let stored = stored.map(str::to_owned);
        let half = judged(&sent, &stored, &there);
        assert_eq!((half.swaps, half.messages), (1, 7));
        // Either version may do while it is swapped.
        assert_eq!((half.refused, half.lost), (1, 1));
        assert_eq!((half.stored_twice, half.unfiltered), (1, 1));
        assert_eq!(half.by_the_wrong_version, 2, "2, and 4 which none filtered");
        assert!((half.longest_pause_ms - 60.0).abs() < 1e-6);
        assert!(!half.holds());
        let fine = judged(&sent[..2], &stored[..2], &there);
        assert!(fine.holds(), "{fine:?}");
    }
}
