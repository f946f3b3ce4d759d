//! Faults of the host, while healthy and hostile plugins run side by side and clients
//! come and go. Outside the faults, every message is accepted and passes through each
//! healthy plugin. Nothing that was enabled is lost, and no message that was
//! acknowledged.
//!
//! A fault's time lasts from its beginning until a message passes through each
//! healthy plugin again. A message that was under way in it may be rejected, or pass
//! by a plugin. If it was acknowledged, it is stored all the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{
    Setting,
    dice::Dice,
    host::Host,
    injected::Fault,
    place::Place,
    stamps::{self, LOWEST, NATIVE_ID},
    traffic::{self, HEALTHY, Traffic},
    usage::{Remains, Usage},
    verdict::{Faulted, SHOWN, Window},
};
use crate::{escapes, python, run::say, wasm, workspace::Workspace};

/// The number of the component that is healthy.
const COMPONENT: u32 = 0;
/// The least and the greatest time between faults, in milliseconds.
const CALM_MS: [u64; 2] = [3000, 9000];
/// The same of a short run.
const SHORT_CALM_MS: [u64; 2] = [1000, 2000];
/// The length from which a run is a long one.
const LONG: Duration = Duration::from_secs(180);
/// The time in which everything works again after a fault.
const SOON: Duration = Duration::from_secs(60);
/// The longest run.
const MOST_MINUTES: u32 = 7 * 24 * 60;
/// The pause between checks.
const LOOK: Duration = Duration::from_millis(100);

/// The options of a run.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Options {
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    pub(super) json: bool,
    /// The length of the run.
    #[arg(long, value_name = "MINUTES", default_value = "60", value_parser = minutes)]
    pub(super) minutes: Duration,
    /// The choices of a run follow from it. Runs with one seed make the same ones.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Only this fault, not all of them in turn.
    #[arg(long, value_name = "FAULT")]
    pub(super) only: Option<Fault>,
}

/// Half a minute, so that each fault comes once: for `cargo xtask test`.
pub(super) const SHORT: Options = Options {
    json: false,
    minutes: Duration::from_secs(30),
    seed: 1,
    only: None,
};

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: u32 = text.parse().map_err(|_| "this is no number of minutes")?;
    if minutes == 0 || minutes > MOST_MINUTES {
        return Err(format!("a run takes 1 to {MOST_MINUTES} minutes"));
    }
    Ok(Duration::from_secs(60 * u64::from(minutes)))
}

/// The hostile plugins.
pub(super) struct Hostile {
    component: Vec<u8>,
    process: Vec<u8>,
}

impl Hostile {
    /// Builds those of `cargo xtask escapes`.
    pub(super) fn build(workspace: &Workspace, mortise: &Path) -> Result<Self> {
        let component = wasm::build(
            workspace,
            mortise,
            &workspace.root.join("tests/guests/deeds"),
        );
        let process = python::build(workspace, "deeds", escapes::PYTHON);
        let read = |file: PathBuf| {
            std::fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))
        };
        Ok(Self {
            component: read(component?)?,
            process: read(process?)?,
        })
    }
}

/// A run's parts while it goes on.
struct Run<'setting> {
    setting: &'setting Setting,
    host: Host,
    place: Place,
    traffic: Traffic,
    dice: Dice,
    faults: Vec<Fault>,
    windows: Vec<Window>,
    samples: Vec<Usage>,
    figures: Faulted,
    /// The next version of each healthy plugin.
    next: [usize; HEALTHY],
}

pub(super) async fn run(setting: &Setting, hostile: &Hostile, options: Options) -> Result<Faulted> {
    say(format_args!("seed {}", options.seed));
    let place = Place::new(&setting.folder, options.minutes)?;
    let host = Host::spawn_apart(place.command(&setting.mortise)?, &place.data).await?;
    let place = place.of(host.id()?);
    let ids = install(setting, hostile, &host).await?;
    let mut dice = Dice::new(options.seed);
    let traffic = Traffic::begin(&host, &mut dice).await?;
    let mut run = Run {
        setting,
        figures: Faulted::new(options.seed),
        host,
        place,
        traffic,
        dice,
        faults: match options.only {
            Some(fault) => vec![fault],
            None => Fault::ALL.to_vec(),
        },
        windows: Vec::new(),
        samples: Vec::new(),
        next: [1; HEALTHY],
    };
    let begun = Instant::now();
    run.go_on(begun + options.minutes, options.minutes >= LONG)
        .await?;
    let Run {
        host,
        place,
        traffic,
        windows,
        samples,
        mut figures,
        ..
    } = run;
    let sent = traffic.end(&mut figures).await?;
    figures.seconds = begun.elapsed().as_secs_f64();
    figures.judge(&sent, &windows);
    figures.compare(&samples)?;
    figures.disabled = disabled(&host, &ids).await?;
    let mut acknowledged: BTreeSet<&str> = sent
        .iter()
        .filter(|one| one.is_acknowledged())
        .map(|one| one.title.as_str())
        .collect();
    figures.messages = acknowledged.len();
    let stored = host.titles().await?;
    figures.stored = stored.len();
    for title in stored {
        acknowledged.remove(title.split('|').next().unwrap_or_default());
    }
    figures.lost_messages = acknowledged.len();
    figures.some_lost = acknowledged
        .into_iter()
        .take(SHOWN)
        .map(str::to_owned)
        .collect();
    host.stop().await?;
    figures.remains = remains(&place).await;
    Ok(figures)
}

/// Installs and enables all plugins; returns their ids.
async fn install(setting: &Setting, hostile: &Hostile, host: &Host) -> Result<Vec<String>> {
    let mut ids = vec![stamps::id(COMPONENT), NATIVE_ID.to_owned()];
    ids.extend(traffic::HOSTILE.map(str::to_owned));
    for bytes in [
        setting.stamps.component(COMPONENT, LOWEST[0])?,
        setting.stamps.native(LOWEST[0])?,
        hostile.component.clone(),
        hostile.process.clone(),
    ] {
        host.install(bytes).await?;
    }
    for id in &ids {
        host.enable(id).await?;
    }
    Ok(ids)
}

impl Run<'_> {
    /// Injects faults until the time is over, and each of them at least once.
    async fn go_on(&mut self, end: Instant, is_long: bool) -> Result<()> {
        self.until_healthy().await.context("before any fault")?;
        let [first, last] = if is_long { CALM_MS } else { SHORT_CALM_MS };
        let mut round = Vec::new();
        let mut is_first_round = true;
        loop {
            if round.is_empty() {
                if !is_first_round && Instant::now() > end {
                    break;
                }
                round = self.faults.clone();
            }
            let calm = Duration::from_millis(self.dice.between(first, last));
            self.calm(calm).await?;
            if !is_first_round && Instant::now() > end {
                break;
            }
            let at = self.dice.between(0, round.len() as u64 - 1);
            let fault = round.swap_remove(usize::try_from(at)?);
            is_first_round &= !round.is_empty();
            self.inject(fault).await?;
        }
        Ok(())
    }

    /// Lets time pass and measures the server meanwhile.
    async fn calm(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        let mut least = self.host.usage()?;
        while Instant::now() < end {
            tokio::time::sleep(LOOK).await;
            least = least.or_less(&self.host.usage()?);
        }
        self.samples.push(least);
        Ok(())
    }

    async fn inject(&mut self, fault: Fault) -> Result<()> {
        let begin = Instant::now();
        let hold = Duration::from_millis(self.dice.between(1000, 3000));
        // A healthy plugin is replaced in the middle of it.
        let healthy = usize::try_from(self.dice.between(0, HEALTHY as u64 - 1))?;
        let bytes = self.version(healthy)?;
        let interface = self.host.interface();
        let (injected, swapped) =
            tokio::join!(fault.hold(&self.place, &self.traffic, hold), async {
                interface.install(bytes).await
            });
        injected.with_context(|| format!("the fault `{}` was not made", fault.name()))?;
        self.figures.swaps += u32::from(swapped.is_ok());
        self.figures.rejected_swaps += u32::from(swapped.is_err());
        let over = Instant::now();
        self.until_healthy()
            .await
            .with_context(|| format!("after the fault `{}`", fault.name()))?;
        let end = Instant::now();
        let counted = self.figures.faults.entry(fault.name()).or_default();
        counted.count += 1;
        counted.longest_recovery_ms = counted.longest_recovery_ms.max((end - over).as_millis());
        // Plugins that take all that they may are no excuse.
        if fault != Fault::Memory {
            self.windows.push(Window { begin, end });
        }
        let total: u32 = self.figures.faults.values().map(|fault| fault.count).sum();
        if total.is_multiple_of(10) {
            let usage = self.host.usage()?;
            say(format_args!(
                "{total:>6} faults  {}  {} descriptors",
                super::mebibytes(usage.memory),
                usage.descriptors
            ));
        }
        Ok(())
    }

    /// The next version of a healthy plugin.
    fn version(&mut self, healthy: usize) -> Result<Vec<u8>> {
        let next = self
            .next
            .get_mut(healthy)
            .context("there is no such plugin")?;
        let version = LOWEST.get(*next).copied().unwrap_or(LOWEST[0]);
        *next = 1 - *next;
        if healthy == 0 {
            self.setting.stamps.component(COMPONENT, version)
        } else {
            self.setting.stamps.native(version)
        }
    }

    /// Waits until a message passes through each healthy plugin.
    async fn until_healthy(&self) -> Result<()> {
        let end = Instant::now() + SOON;
        loop {
            let answer = self.host.sender.send("probe").await;
            if let Ok(Ok(message)) = &answer
                && message.title.matches('|').count() == HEALTHY
            {
                return Ok(());
            }
            if Instant::now() > end {
                let plugins: Vec<Value> = self.host.api.list("plugin", self.host.user()).await?;
                bail!(
                    "{} s later no message passes through both healthy plugins: {answer:?}; \
                     the plugins are {}",
                    SOON.as_secs(),
                    serde_json::to_string_pretty(&plugins)?
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Returns the plugins that are not there, or not enabled.
async fn disabled(host: &Host, ids: &[String]) -> Result<Vec<String>> {
    let plugins: Vec<Value> = host.api.list("plugin", host.user()).await?;
    let enabled: BTreeMap<_, _> = plugins
        .iter()
        .filter_map(|plugin| {
            let id = plugin.get("pluginId")?.as_str()?;
            Some((id, plugin.get("enabled")?.as_bool()?))
        })
        .collect();
    let missing = ids
        .iter()
        .filter(|id| enabled.get(id.as_str()) != Some(&true));
    Ok(missing.cloned().collect())
}

/// Waits until nothing is left of a stopped server's plugins; returns the rest.
async fn remains(place: &Place) -> Vec<String> {
    let end = Instant::now() + SOON;
    loop {
        let remains = Remains::of(&place.data, &place.temporary);
        if remains.is_empty() || Instant::now() > end {
            return remains;
        }
        tokio::time::sleep(LOOK).await;
    }
}
