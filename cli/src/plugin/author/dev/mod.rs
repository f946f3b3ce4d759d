//! `mortise plugin dev`: runs a plugin while its author writes it.
//!
//! - this module: the rounds. Each round builds the sources and loads the
//!   result. The next change begins the next round, also during a round.
//! - `event`: events as data, and their texts.
//! - `build`: one build, in a process that can be ended.
//! - `sources`: the watched files.
//! - `host`: the server that loads the plugin.
//! - `follow`: the plugin's log and denials.
//!
//! If a saved plugin does not build, load or start, the command reports it and
//! the previous version keeps running. When interrupted, it leaves no process
//! and no folder behind. It builds with `mortise plugin build`, watches as the
//! server watches its plugins folder, and uses the commands of the command
//! line.

mod build;
mod event;
mod follow;
mod host;
mod sources;

use std::{path::PathBuf, pin::pin, process::ExitCode};

use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use self::{
    build::{Outcome, Told, build},
    event::{Audience, Event},
    follow::Follow,
    host::{Granting, Host},
    sources::{Changes, Sources},
};
use crate::{plugin::remote::Which, process::stop_signal};

/// A plugin that is being written.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The temporary server grants all permissions that the manifest asks for. `--grant none`
shows the plugin without the administrator's grants. Ctrl-C ends the command and the
temporary server.

Examples:
  mortise plugin dev
      builds the plugin in the current folder, runs it on a temporary server,
      and repeats both whenever you save a file
  mortise plugin dev --native --config try.yaml
      the same for an executable for this machine, with a configuration
  mortise plugin dev --data-dir /var/lib/mortise
      installs the plugin on the running server of that directory, where it needs
      grants and users who enable it, as any plugin does")]
pub(in crate::plugin) struct Dev {
    /// The plugin's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Build an executable for this machine instead of a component.
    #[arg(long)]
    native: bool,
    /// Grant these of the requested permissions on the temporary server
    /// [default: as-asked].
    #[arg(long, value_name = "WHAT")]
    grant: Option<Granting>,
    /// Apply the configuration in this file at each load, and whenever you save
    /// the file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The temporary server's port [default: a free one].
    #[arg(long)]
    port: Option<u16>,
    #[command(flatten)]
    which: Which,
    /// Print each event as a line of JSON.
    #[arg(long)]
    json: bool,
}

impl Dev {
    pub(in crate::plugin) async fn run(self) -> anyhow::Result<ExitCode> {
        log();
        // Listened for first: a signal during start-up is not lost.
        let mut stop = pin!(stop()?);
        let audience = if self.json {
            Audience::Program
        } else {
            Audience::Person
        };
        let mut sources = Sources::watch(&self.folder, self.config.as_deref()).await?;
        let config = self.config.clone();
        let (mut host, reached) = if self.which.is_named() {
            anyhow::ensure!(
                self.grant.is_none() && self.port.is_none(),
                "--grant and --port are for a throw-away server; one that runs was named, by \
                 --data-dir, --url or their environment variables"
            );
            Host::reach(&self.which, config).await?
        } else {
            let granting = self.grant.unwrap_or(Granting::AsAsked);
            Host::start(self.port.unwrap_or(0), granting, config).await?
        };
        let throw_away = reached.throw_away;
        audience.tell(&Event::Server(reached));
        let (loaded, watched) = watch::channel(None);
        let follow = Follow::new(host.follower(), audience, throw_away);
        let outcome = tokio::select! {
            biased;
            () = &mut stop => Ok(()),
            done = self.rounds(&mut sources, &mut host, audience, &loaded) => done,
            done = follow.run(watched) => done,
        };
        let left = host.end().await;
        outcome?;
        audience.tell(&Event::Ended { left: left? });
        Ok(ExitCode::SUCCESS)
    }

    /// Builds and loads, now and after each change.
    async fn rounds(
        &self,
        sources: &mut Sources,
        host: &mut Host,
        audience: Audience,
        loaded: &watch::Sender<Option<String>>,
    ) -> anyhow::Result<()> {
        let folder = sources.folder().to_owned();
        // The sources did not change since this build.
        let mut built = None;
        loop {
            if built.is_none() {
                audience.tell(&Event::Building);
                let outcome = tokio::select! {
                    outcome = build(&folder, self.native, audience) => outcome?,
                    // The current build is outdated.
                    Changes { files, .. } = sources.changes() => {
                        audience.tell(&Event::Changed { files });
                        continue;
                    }
                };
                match outcome {
                    Outcome::Failed { output, took } => {
                        let running = host.running();
                        audience.tell(&Event::BuildFailed {
                            output,
                            took,
                            running,
                        });
                    }
                    Outcome::Built { told, took } => {
                        let Told { file, bytes, steps } = told;
                        built = Some(file.clone());
                        audience.tell(&Event::Built {
                            file,
                            bytes,
                            steps,
                            took,
                        });
                    }
                }
            }
            if let Some(file) = &built {
                audience.tell(&host.load(file).await);
                loaded.send_replace(host.id().map(str::to_owned));
            }
            let Changes { files, of_sources } = sources.changes().await;
            audience.tell(&Event::Changed { files });
            built = built.filter(|_| !of_sources);
        }
    }
}

/// Sets up the log. Events report the temporary server's entries; other errors
/// go to standard error.
fn log() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("error,mortise_server::plugins=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

/// Ends when a person interrupts the program, asks it to end, or closes its
/// terminal.
fn stop() -> anyhow::Result<impl Future<Output = ()>> {
    let stop = stop_signal().map_err(|error| anyhow::anyhow!("no signals: {error}"))?;
    #[cfg(unix)]
    let closed = {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangup = signal(SignalKind::hangup())?;
        async move {
            hangup.recv().await;
        }
    };
    #[cfg(not(unix))]
    let closed = std::future::pending::<()>();
    Ok(async {
        tokio::select! {
            () = stop => {}
            () = closed => {}
        }
    })
}
