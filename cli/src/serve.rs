//! `mortise serve`: runs the server until it is asked to stop.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{ArgMatches, Args};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use mortise_runtime::trace;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry,
    filter::{FilterExt as _, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::process::{Reload, runtime, stop_signal};
use mortise_server::{
    Config, Server, StartError,
    otlp::{self, Exporter, OtlpLayer},
    settings::Settings,
};

#[derive(Debug, Args)]
#[command(after_help = "\
The first run creates an administrator and prints the generated password once.
If several sources have a setting, the first one counts: a flag, a variable MORTISE_..., a
variable GOTIFY_..., the file, the default. `mortise config show` shows the source.
On SIGHUP the server reads the file and the certificate again.
RUST_LOG=mortise=debug makes the log more detailed.

Examples:
  mortise serve
      on 127.0.0.1:8080, with its data in ./data
  mortise serve --listen 0.0.0.0:80 --data-dir /var/lib/mortise --trusted-proxy 10.0.0.0/8
      for others, behind a proxy that does TLS
  mortise serve --listen '[::]:443' --acme-domain push.example.org --acme-accept-terms
      by HTTPS, with a certificate of Let's Encrypt
  mortise serve --config /etc/mortise/mortise.toml
      with settings from a file, in which each has the name of its flag
  MORTISE_ADMIN_PASSWORD=... mortise serve
      with a password of your own for the first administrator")]
pub(super) struct Serve {
    #[command(flatten)]
    given: Given,

    /// Write one JSON line to standard output when the server is ready, and
    /// the log as JSON.
    #[arg(long)]
    json: bool,
}

/// The settings that the command line and the environment give.
#[derive(Debug, Args)]
pub(super) struct Given {
    /// File of settings [default: `mortise.toml` in the data directory, or
    /// /etc/mortise/mortise.toml].
    #[arg(long, env = "MORTISE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    settings: Config,
}

impl Given {
    /// All settings; `matches` are of the command with these arguments.
    pub(super) fn settings(&self, matches: &ArgMatches) -> miette::Result<Settings> {
        Settings::read(matches, self.config.as_deref()).map_err(|error| {
            miette!(
                help = "`mortise serve --help` lists all settings; in the file, each has the name of its flag",
                "{error}"
            )
        })
    }
}

impl Serve {
    pub(super) fn run(self, matches: &ArgMatches) -> miette::Result<ExitCode> {
        let settings = self.given.settings(matches)?;
        let (layer, exporter) = otlp::telemetry(&settings.config.otlp).unzip();
        log(self.json, settings.log_filter.unwrap_or("info"), layer);
        for note in &settings.notes {
            tracing::warn!("{note}");
        }
        runtime()?.block_on(async {
            let exporting = exporter.map(Exporter::start);
            // Listened for first: a signal during start-up is not lost.
            let stop = stop_signal()?;
            let mut reload = Reload::listen()?;
            let server = Server::start(settings.config.clone(), mortise_backends::of_server)
                .await
                .map_err(report)?;
            announce(&server, self.json)
                .into_diagnostic()
                .wrap_err("cannot write to standard output")?;
            let mut stop = std::pin::pin!(stop);
            let mut now = settings.clone();
            loop {
                tokio::select! {
                    () = &mut stop => break,
                    () = reload.asked() => {
                        if let Some(new) = self.reload(matches, &server, &settings, &now) {
                            now = new;
                        }
                    }
                }
            }
            tracing::info!("stopping");
            server.shutdown().await;
            if let Some(exporting) = exporting {
                exporting.stop().await;
            }
            Ok(ExitCode::SUCCESS)
        })
    }

    /// Reads the settings again; those before stay if they are wrong.
    fn reload(
        &self,
        matches: &ArgMatches,
        server: &Server,
        started: &Settings,
        now: &Settings,
    ) -> Option<Settings> {
        let read = self.given.settings(matches);
        let new = match read {
            Ok(new) => new,
            Err(error) => {
                tracing::error!("the settings stay as they were: {error}");
                return None;
            }
        };
        if let Err(error) = server.reload(new.config.clone()) {
            tracing::error!("the settings stay as they were: {error}");
            return None;
        }
        let changed = now.changed(&new);
        tracing::info!(changed = changed.join(", "), "read the settings again");
        let at_start: Vec<_> = started
            .changed(&new)
            .into_iter()
            .filter(|name| !RELOADED.contains(&name.as_str()))
            .collect();
        if !at_start.is_empty() {
            tracing::warn!(
                settings = at_start.join(", "),
                "these change when the server is started again"
            );
        }
        Some(new)
    }
}

/// Settings that change while the server runs.
const RELOADED: [&str; 21] = [
    "tls-cert",
    "tls-key",
    "registry-ca",
    "trusted-proxy",
    "registration",
    "token-form",
    "cors-origin",
    "cors-method",
    "cors-header",
    "response-header",
    "access-log",
    "public-metrics",
    "max-streams",
    "max-event-streams",
    "stream-ping",
    "request-timeout",
    "application-rate",
    "address-rate",
    "keep-messages-for",
    "keep-messages",
    "keep-traces-for",
];

fn report(error: StartError) -> miette::Report {
    match error.help() {
        Some(help) => miette!(help = help, "{error}"),
        None => miette!("{error}"),
    }
}

/// Sets up the log on standard error, and traces and logs for a collector. Standard
/// output is for results.
fn log(json: bool, usual: &str, telemetry: Option<OtlpLayer>) {
    subscriber(json, usual, telemetry).init();
}

/// The log, and a second layer for the collector if there is one. A layer that is
/// `None` would enable all spans, which nothing then reads. The usual filter is that
/// where RUST_LOG has none.
fn subscriber(
    json: bool,
    usual: &str,
    telemetry: Option<OtlpLayer>,
) -> Box<dyn Subscriber + Send + Sync> {
    let chosen = || EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let lines = fmt::layer::<Registry>()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let lines = if json {
        lines.json().boxed()
    } else {
        lines.boxed()
    };
    let without_trace = filter_fn(|metadata| !is_of_trace(metadata));
    let lines = lines.with_filter(chosen().and(without_trace));
    let registry = tracing_subscriber::registry().with(lines);
    match telemetry {
        Some(telemetry) => {
            let of_trace = chosen().or(filter_fn(is_of_trace));
            Box::new(registry.with(telemetry.with_filter(of_trace)))
        }
        None => Box::new(registry),
    }
}

fn is_of_trace(metadata: &Metadata<'_>) -> bool {
    metadata.target() == trace::TARGET
}

fn announce(server: &Server, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let url = server.url();
    let first = server.first_run();
    if json {
        let line = serde_json::json!({
            "url": url,
            "admin": first.map(|first| &first.name),
            "password": first.and_then(|first| first.password.as_ref()),
        });
        writeln!(out, "{line}")?;
    } else {
        if let Some(first) = first {
            writeln!(out, "created the administrator `{}`", first.name)?;
            if let Some(password) = &first.password {
                writeln!(out, "password, shown only now: {password}")?;
            }
        }
        let listens = server.listens().join(", ");
        if server.served() == Some(server.addr()) {
            writeln!(out, "listening on {listens}")?;
        } else {
            writeln!(
                out,
                "listening on {listens}, and for the command line on {url}"
            )?;
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use mortise_runtime::trace;
    use tracing::{Level, subscriber::with_default};

    use super::subscriber;

    #[test]
    fn without_a_collector_no_span_of_a_trace_is_made() {
        with_default(subscriber(false, "info", None), || {
            assert!(!tracing::enabled!(target: trace::TARGET, Level::INFO));
            assert!(tracing::enabled!(target: "mortise", Level::INFO));
            let span = tracing::info_span!(target: trace::TARGET, "request");
            assert!(span.is_disabled());
        });
    }
}
