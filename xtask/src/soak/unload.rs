//! Plugins come and go: in each round one is installed, has a message pass
//! through it, and is uninstalled. At the end the server may hold no more than
//! it did after the first rounds.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;

use super::{
    Figures, Setting,
    host::Host,
    mebibytes,
    stamps::{self, NATIVE_ID, VERSIONS, version},
    usage::Usage,
};
use crate::run::say;

/// Rounds if nothing else is said.
const ROUNDS: u32 = 10_000;
/// The round whose end is the reference.
const FIRST: u32 = 100;
/// Each so many rounds the plugin is a process: starting one, twice, takes as
/// long as some dozens of the others.
const NATIVE_EVERY: u32 = 25;
/// Each so many rounds the component is one that was never compiled before.
const NEW_EVERY: u32 = 10;
/// The largest allowed ratio of the final memory to the reference.
const GROWTH: f64 = 1.05;
/// Longer than an idle thread stays, and than the folder takes to settle.
const CALM: Duration = Duration::from_secs(15);
/// The same for a short run, which looks for no more than the coarsest leaks.
const SHORT_CALM: Duration = Duration::from_secs(3);
/// The number of checks, and the pause between them.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, Serialize)]
pub(super) struct Unloaded {
    name: &'static str,
    rounds: u32,
    /// Of them, by processes.
    native_rounds: u32,
    /// Of them, with a component that had to be compiled.
    compiled_rounds: u32,
    /// The round after which `first` was taken.
    first_round: u32,
    first: Usage,
    last: Usage,
    /// Memory, last to first.
    growth: f64,
    seconds: f64,
}

pub(super) async fn run(setting: &Setting) -> Result<Unloaded> {
    let rounds = setting.options.rounds.unwrap_or(ROUNDS);
    let first_round = FIRST.min(rounds / 2);
    let pause = if rounds < 1000 { SHORT_CALM } else { CALM };
    let host = Host::start(&setting.mortise, &setting.folder).await?;
    let (mut native_rounds, mut compiled_rounds) = (0, 0);
    let mut first = None;
    let begun = Instant::now();
    for round in 1..=rounds {
        if round % NATIVE_EVERY == 0 {
            native_rounds += 1;
            let bytes = setting.stamps.native(VERSIONS[0])?;
            once(&host, bytes, NATIVE_ID, VERSIONS[0]).await?;
        } else {
            let number = if round % NEW_EVERY == 1 {
                compiled_rounds += 1;
                VERSIONS[0] + (round / NEW_EVERY) % (VERSIONS[1] - VERSIONS[0])
            } else {
                VERSIONS[0]
            };
            let bytes = setting.stamps.component(0, number)?;
            once(&host, bytes, &stamps::id(0), number).await?;
        }
        if round == first_round {
            first = Some(calm(&host, pause).await?);
        }
        if round % (rounds / 20).max(1) == 0 {
            let now = host.usage()?;
            say(format_args!(
                "{round:>6} of {rounds} rounds  {}  {} descriptors  {} threads  {} processes",
                mebibytes(now.memory),
                now.descriptors,
                now.threads,
                now.processes,
            ));
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let mut last = calm(&host, pause).await?;
    let first = first.unwrap_or(last);
    // Parts that were busy after the first rounds may be idle later, and the
    // other way round.
    let end = Instant::now() + CALM;
    while !last.more_than(&first).is_empty() && Instant::now() < end {
        last = calm(&host, LOOK).await?;
    }
    host.stop().await?;
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let growth = last.memory as f64 / first.memory as f64;
    Ok(Unloaded {
        name: "soak_unload",
        rounds,
        native_rounds,
        compiled_rounds,
        first_round,
        first,
        last,
        growth,
        seconds,
    })
}

/// One round. The first with a plugin enables it; after that its user has it
/// enabled whenever it is there.
async fn once(host: &Host, bytes: Vec<u8>, id: &str, number: u32) -> Result<()> {
    host.install(bytes).await?;
    let stamped = format!("t|{}", version(number));
    if title(host).await? != stamped {
        host.enable(id).await?;
        let title = title(host).await?;
        if title != stamped {
            bail!("{id} made `{title}` of a title that should be `{stamped}`");
        }
    }
    host.uninstall(id).await?;
    let title = title(host).await?;
    if title != "t" {
        bail!("{id} is uninstalled and still made `{title}` of a title");
    }
    Ok(())
}

async fn title(host: &Host) -> Result<String> {
    match host.sender.send("t").await? {
        Ok(message) => Ok(message.title),
        Err(status) => bail!("a message was answered with {status}"),
    }
}

/// Returns the server's resources at rest: the smallest values of several
/// checks.
async fn calm(host: &Host, pause: Duration) -> Result<Usage> {
    tokio::time::sleep(pause).await;
    let mut least = host.usage()?;
    for _ in 0..LOOKS {
        tokio::time::sleep(LOOK).await;
        least = least.or_less(&host.usage()?);
    }
    Ok(least)
}

impl Figures for Unloaded {
    fn missed(&self) -> Vec<String> {
        let mut missed = self.last.more_than(&self.first);
        if self.growth > GROWTH {
            missed.push(format!("memory {:.3} x", self.growth));
        }
        missed
    }

    fn rows(&self) -> Vec<[String; 2]> {
        let both = |first: usize, last: usize| format!("{first} after, {last} at the end");
        let (first, last) = (&self.first, &self.last);
        vec![
            [
                "rounds".to_owned(),
                format!(
                    "{}, {} by processes, {} newly compiled, in {:.0} s",
                    self.rounds, self.native_rounds, self.compiled_rounds, self.seconds
                ),
            ],
            [
                "held against".to_owned(),
                format!("round {}", self.first_round),
            ],
            [
                "memory".to_owned(),
                format!(
                    "{} after, {} at the end: {:.3} x",
                    mebibytes(first.memory),
                    mebibytes(last.memory),
                    self.growth
                ),
            ],
            [
                "descriptors".to_owned(),
                both(first.descriptors, last.descriptors),
            ],
            ["sockets".to_owned(), both(first.sockets, last.sockets)],
            ["threads".to_owned(), both(first.threads, last.threads)],
            [
                "processes".to_owned(),
                both(first.processes, last.processes),
            ],
        ]
    }
}
