//! The server is killed again and again, while messages pass and plugins are
//! installed, granted, swapped, configured, revoked and uninstalled. Nothing that it
//! acknowledged may be lost, no revoked grant may come back, and nothing of a plugin
//! may go on running.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio::task::JoinHandle;

use super::{
    Figures, Setting,
    dice::Dice,
    host::{Host, Sender},
    operator::{Operator, Plugin, State},
    stamps::{self, NATIVE_ID},
    usage::Remains,
};
use crate::run::say;

/// Rounds if nothing else is said.
const ROUNDS: u32 = 100;
/// The number of simultaneous senders.
const SENDERS: u64 = 2;
/// The least and the greatest time from the start of the load to the kill, in
/// milliseconds.
const LIFE_MS: [u64; 2] = [200, 1500];
/// The time in which nothing may be left of a killed server, and in which a new one
/// must have what was acknowledged.
const SOON: Duration = Duration::from_secs(60);
/// The pause between checks.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Default, Serialize)]
pub(super) struct Killed {
    name: &'static str,
    rounds: u32,
    /// Acknowledged messages.
    messages: usize,
    /// Acknowledged messages that are not stored.
    lost_messages: usize,
    /// Acknowledged changes of plugins, by their kind.
    changes: BTreeMap<&'static str, u32>,
    /// Changes under way at a kill.
    interrupted: u32,
    /// Of them, those that took effect all the same.
    completed: u32,
    /// Changes that the server rejected, each as a sentence.
    rejected: Vec<String>,
    /// Acknowledged changes that are not there after a kill.
    lost_changes: Vec<String>,
    /// Revoked grants that came back.
    returned_grants: Vec<String>,
    /// The longest time until nothing was left of a killed server's plugins.
    longest_remains_ms: u128,
    /// Processes and sockets that were left nevertheless.
    remains: Vec<String>,
    /// Files and folders in the folder for temporary files, and unfinished uploads, that
    /// the last start did not remove.
    temporary_files: Vec<String>,
    seconds: f64,
}

/// The messages and the operators of one round.
struct Load {
    over: Arc<AtomicBool>,
    senders: Vec<JoinHandle<Vec<String>>>,
    operators: Vec<JoinHandle<Operator>>,
}

pub(super) async fn run(setting: &Setting) -> Result<Killed> {
    let rounds = setting.options.rounds.unwrap_or(ROUNDS);
    let data = setting.folder.join("data");
    let temporary = setting.folder.join("tmp");
    std::fs::create_dir_all(&temporary)
        .with_context(|| format!("{} cannot be made", temporary.display()))?;
    let mut operators = operators(setting)?;
    let mut figures = Killed {
        name: "soak_kills",
        rounds,
        ..Killed::default()
    };
    // Compiled once: what counts afterwards is many changes.
    let host = Host::start_in(&setting.mortise, &data, &temporary, None).await?;
    for operator in &mut operators {
        operator.prepare(&host.interface()).await?;
    }
    let mut tokens = Some(host.stop().await?);
    let begun = Instant::now();
    let mut acknowledged: BTreeSet<String> = BTreeSet::new();
    for round in 1..=rounds {
        let host = Host::start_in(&setting.mortise, &data, &temporary, tokens.take()).await?;
        for operator in &mut operators {
            check(&host, operator, &mut figures).await?;
        }
        let load = Load::begin(&host, operators, round);
        let life = Dice::new(u64::from(round)).between(LIFE_MS[0], LIFE_MS[1]);
        tokio::time::sleep(Duration::from_millis(life)).await;
        let killed = Instant::now();
        tokens = Some(host.kill().await?);
        let sent;
        (sent, operators) = load.end().await?;
        acknowledged.extend(sent);
        wait_for_nothing(&data, &temporary, killed, &mut figures).await;
        if round % (rounds / 10).max(1) == 0 {
            say(format_args!(
                "{round:>6} of {rounds} kills  {} messages",
                acknowledged.len()
            ));
        }
    }
    let host = Host::start_in(&setting.mortise, &data, &temporary, tokens).await?;
    figures.temporary_files = left_in(&data.join("uploads"))?;
    for operator in &mut operators {
        check(&host, operator, &mut figures).await?;
    }
    figures.messages = acknowledged.len();
    for title in host.titles().await? {
        let sent = title.split('|').next().unwrap_or_default();
        acknowledged.remove(sent);
    }
    figures.lost_messages = acknowledged.len();
    host.stop().await?;
    wait_for_nothing(&data, &temporary, Instant::now(), &mut figures).await;
    for operator in operators {
        operator.count(&mut figures.changes);
        figures.rejected.extend(operator.rejected);
    }
    figures.seconds = begun.elapsed().as_secs_f64();
    figures.temporary_files.extend(left_in(&temporary)?);
    Ok(figures)
}

/// The paths in a folder.
fn left_in(folder: &Path) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        left.push(entry?.path().display().to_string());
    }
    Ok(left)
}

fn operators(setting: &Setting) -> Result<Vec<Operator>> {
    let [one, other] = stamps::LOWEST;
    let stamps = &setting.stamps;
    let mut plugins = Vec::new();
    for number in 0..3 {
        plugins.push(Plugin {
            id: stamps::id(number),
            versions: [
                stamps.component(number, one)?,
                stamps.component(number, other)?,
            ],
            has_configuration: false,
        });
    }
    plugins.push(Plugin {
        id: NATIVE_ID.to_owned(),
        versions: [stamps.native(one)?, stamps.native(other)?],
        has_configuration: true,
    });
    Ok(plugins.into_iter().map(Operator::new).collect())
}

impl Load {
    fn begin(host: &Host, operators: Vec<Operator>, round: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let senders = (0..SENDERS)
            .map(|number| {
                let name = format!("{round}.{number}");
                tokio::spawn(send(host.sender.clone(), name, Arc::clone(&over)))
            })
            .collect();
        let operators = operators
            .into_iter()
            .zip(0..)
            .map(|(mut operator, number)| {
                let interface = host.interface();
                let over = Arc::clone(&over);
                let dice = Dice::new(u64::from(round) << 8 | number);
                tokio::spawn(async move {
                    operator.work(&interface, dice, &over).await;
                    operator
                })
            })
            .collect();
        Self {
            over,
            senders,
            operators,
        }
    }

    /// Waits for all to see that the server is gone.
    async fn end(self) -> Result<(Vec<String>, Vec<Operator>)> {
        self.over.store(true, Ordering::Relaxed);
        let (mut sent, mut operators) = (Vec::new(), Vec::new());
        for sender in self.senders {
            sent.extend(sender.await.context("a sender failed")?);
        }
        for operator in self.operators {
            operators.push(operator.await.context("an operator failed")?);
        }
        Ok((sent, operators))
    }
}

/// Sends messages until the server is gone; returns the acknowledged titles.
async fn send(sender: Sender, name: String, over: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        let title = format!("{name}.{number}");
        number += 1;
        match sender.send(&title).await {
            Ok(Ok(_)) => acknowledged.push(title),
            // A filter's plugin may just be taken away; that is no acknowledgement.
            Ok(Err(_)) => {}
            Err(_) => break,
        }
    }
    acknowledged
}

/// Compares a plugin with what was acknowledged. A change under way at the kill may
/// have taken effect, or not.
async fn check(host: &Host, operator: &mut Operator, figures: &mut Killed) -> Result<()> {
    let interface = host.interface();
    let id = operator.plugin.id.clone();
    let interrupted = operator.interrupted.take();
    // The grants are there from the start, and never for a moment those before.
    let hosts = interface.hosts(&id).await?;
    let expected = [Some(&operator.state), interrupted.as_ref()];
    let allowed = |host: &String| {
        let mut states = expected.iter().flatten();
        states.any(|state| state.hosts.contains(host))
    };
    for host in hosts.iter().filter(|host| !allowed(host)) {
        figures.returned_grants.push(format!("{id}: {host}"));
    }
    let end = Instant::now() + SOON;
    let found = loop {
        let found = interface.state(&id, &operator.state).await?;
        let fits = |state: &State| state.fits(&found);
        if interrupted.as_ref().is_some_and(fits) {
            figures.completed += u32::from(!operator.state.fits(&found));
            break found;
        }
        if operator.state.fits(&found) {
            break found;
        }
        if Instant::now() > end {
            figures.lost_changes.push(format!(
                "{id}: {found:?} instead of {:?} or {interrupted:?}",
                operator.state
            ));
            break found;
        }
        tokio::time::sleep(LOOK).await;
    };
    figures.interrupted += u32::from(interrupted.is_some());
    operator.resume(found);
    Ok(())
}

/// Waits until no process and no file of the server's plugins is left.
async fn wait_for_nothing(data: &Path, temporary: &Path, killed: Instant, figures: &mut Killed) {
    loop {
        let remains = Remains::of(data, temporary);
        let waited = killed.elapsed();
        if remains.is_empty() {
            figures.longest_remains_ms = figures.longest_remains_ms.max(waited.as_millis());
            return;
        }
        if waited > SOON {
            figures.remains.extend(remains);
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl Figures for Killed {
    fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        if self.lost_messages > 0 {
            missed.push(format!("{} messages were lost", self.lost_messages));
        }
        let changes: u32 = self.changes.values().sum();
        if self.messages == 0 || changes < self.rounds {
            missed.push("not everything was done under load".to_owned());
        }
        let lists = [
            ("lost", &self.lost_changes),
            ("granted again", &self.returned_grants),
            ("left", &self.remains),
            ("left", &self.temporary_files),
            ("rejected", &self.rejected),
        ];
        for (name, list) in lists {
            missed.extend(list.iter().map(|what| format!("{name}: {what}")));
        }
        missed
    }

    fn rows(&self) -> Vec<[String; 2]> {
        let changes: Vec<_> = self
            .changes
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        [
            ("kills", format!("{} in {:.0} s", self.rounds, self.seconds)),
            (
                "messages",
                format!(
                    "{} acknowledged, {} lost",
                    self.messages, self.lost_messages
                ),
            ),
            ("changes", changes.join(", ")),
            (
                "under way at a kill",
                format!("{}, {} took effect", self.interrupted, self.completed),
            ),
            (
                "after a kill",
                format!(
                    "{} changes lost, {} revoked grants back, {} rejected",
                    self.lost_changes.len(),
                    self.returned_grants.len(),
                    self.rejected.len()
                ),
            ),
            (
                "remains",
                format!(
                    "{} processes and sockets; none after at most {} ms; {} temporary files",
                    self.remains.len(),
                    self.longest_remains_ms,
                    self.temporary_files.len()
                ),
            ),
        ]
        .map(|(name, text)| [name.to_owned(), text])
        .into()
    }
}
