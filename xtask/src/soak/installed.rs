//! Unused plugins: a server with many plugins starts as fast and is as large as
//! one with few, if it uses the same number.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::{
    Figures, Setting,
    host::{Host, Tokens},
    mebibytes, median,
    stamps::{self, VERSIONS},
    usage,
};
use crate::run::say;

/// Plugins that are used.
const USED: u32 = 10;
/// Plugins that are installed if nothing else is said.
const MANY: u32 = 1000;
/// Starts of each server, in turn.
const STARTS: usize = 5;
/// The largest allowed ratio of many to few.
const BAR: f64 = 1.5;
/// The time for each plugin at the first start, which compiles it.
const EACH: Duration = Duration::from_secs(2);
/// After which the server has come to rest.
const CALM: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize)]
pub(super) struct Installed {
    name: &'static str,
    used: u32,
    few: Measured,
    many: Measured,
    boot_ratio: f64,
    memory_ratio: f64,
    bar: f64,
}

/// Medians of all starts.
#[derive(Debug, Serialize)]
struct Measured {
    installed: u32,
    /// From the start of the program until it listens.
    boot_ms: f64,
    /// Resident, once a message passed through all that are used.
    memory: f64,
    /// Read from files by then.
    read: f64,
}

/// A server's folder, and its measurements.
struct Place {
    installed: u32,
    data: std::path::PathBuf,
    tokens: Option<Tokens>,
    boots: Vec<f64>,
    memory: Vec<f64>,
    read: Vec<f64>,
}

pub(super) async fn run(setting: &Setting) -> Result<Installed> {
    let many = setting.options.rounds.unwrap_or(MANY);
    let mut places = Vec::new();
    for installed in [USED, many] {
        let data = setting.folder.join(installed.to_string());
        let tokens = prepare(setting, &data, installed).await?;
        places.push(Place {
            installed,
            data,
            tokens: Some(tokens),
            boots: Vec::new(),
            memory: Vec::new(),
            read: Vec::new(),
        });
    }
    for start in 1..=STARTS {
        for place in &mut places {
            place.measure(&setting.mortise).await?;
        }
        say(format_args!("{start} of {STARTS} starts"));
    }
    let mut measured = places.into_iter().map(Place::medians);
    let (Some(few), Some(many)) = (measured.next(), measured.next()) else {
        bail!("nothing was measured");
    };
    Ok(Installed {
        name: "soak_installed",
        used: USED,
        boot_ratio: many.boot_ms / few.boot_ms,
        memory_ratio: many.memory / few.memory,
        bar: BAR,
        few,
        many,
    })
}

/// Installs plugins by the folder and enables those that are used.
async fn prepare(setting: &Setting, data: &Path, installed: u32) -> Result<Tokens> {
    say(format_args!("installing {installed} plugins"));
    let host = Host::start(&setting.mortise, data).await?;
    for number in 0..installed {
        let bytes = setting.stamps.component(number, VERSIONS[0])?;
        let file = data.join(format!("plugins/{number:04}.wasm"));
        std::fs::write(&file, bytes)
            .with_context(|| format!("{} cannot be written", file.display()))?;
    }
    let end = Instant::now() + EACH * installed;
    loop {
        let (there, problems) = host.installed().await?;
        if there == installed as usize && problems.is_empty() {
            break;
        }
        if Instant::now() > end {
            bail!("{there} of {installed} plugins are installed; problems: {problems:?}");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    for number in 0..USED {
        host.enable(&stamps::id(number)).await?;
    }
    host.stop().await
}

impl Place {
    async fn measure(&mut self, mortise: &Path) -> Result<()> {
        let tokens = self.tokens.take().context("no start before this one")?;
        let begun = Instant::now();
        let host = Host::start_again(mortise, &self.data, tokens).await?;
        self.boots.push(begun.elapsed().as_secs_f64() * 1e3);
        let Ok(message) = host.sender.send("t").await? else {
            bail!("a message was refused");
        };
        let passed = message.title.matches('|').count();
        if passed != USED as usize {
            bail!("a message passed through {passed} plugins instead of {USED}");
        }
        tokio::time::sleep(CALM).await;
        #[expect(clippy::cast_precision_loss, reason = "figures, for a ratio")]
        {
            self.memory.push(host.usage()?.memory as f64);
            self.read.push(usage::bytes_read(host.id()?)? as f64);
        }
        self.tokens = Some(host.stop().await?);
        Ok(())
    }

    fn medians(self) -> Measured {
        Measured {
            installed: self.installed,
            boot_ms: median(self.boots),
            memory: median(self.memory),
            read: median(self.read),
        }
    }
}

impl Figures for Installed {
    fn missed(&self) -> Vec<String> {
        [("boot", self.boot_ratio), ("memory", self.memory_ratio)]
            .into_iter()
            .filter(|(_, ratio)| *ratio > self.bar)
            .map(|(what, ratio)| format!("{what} {ratio:.2} x"))
            .collect()
    }

    fn rows(&self) -> Vec<[String; 2]> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is a number of bytes"
        )]
        let bytes = |bytes: f64| mebibytes(bytes as u64);
        let mut rows = Vec::new();
        for measured in [&self.few, &self.many] {
            rows.push([
                format!("{} installed", measured.installed),
                format!(
                    "{} used: boot {:.0} ms, memory {}, {} read",
                    self.used,
                    measured.boot_ms,
                    bytes(measured.memory),
                    bytes(measured.read)
                ),
            ]);
        }
        rows.push([
            "ratio".to_owned(),
            format!(
                "boot {:.2}, memory {:.2}; bar {:.2}",
                self.boot_ratio, self.memory_ratio, self.bar
            ),
        ]);
        rows
    }
}
