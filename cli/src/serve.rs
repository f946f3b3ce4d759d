//! `mortise serve`: runs the server until it is asked to stop.

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

use clap::Args;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use tracing_subscriber::EnvFilter;

use crate::process::{runtime, stop_signal};
use mortise_server::{Config, Server, StartError};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mortise serve
      on 127.0.0.1:8080, with its data in ./data
  mortise serve --listen 0.0.0.0:80 --data-dir /var/lib/mortise --trusted-proxy 10.0.0.0/8
      for others, behind a proxy that does TLS
  MORTISE_ADMIN_PASSWORD=... mortise serve
      with a password of your own for the first administrator

The first run creates an administrator and prints the generated password once.
RUST_LOG=mortise_server=debug shows more of what the server does.")]
pub(super) struct Serve {
    #[command(flatten)]
    config: Config,

    /// Write one JSON line to standard output when the server is ready, and
    /// the log as JSON.
    #[arg(long)]
    json: bool,
}

impl Serve {
    pub(super) fn run(self) -> miette::Result<ExitCode> {
        log(self.json);
        runtime()?.block_on(async {
            // Listened for first: a signal during start-up is not lost.
            let stop = stop_signal()?;
            let server = Server::start(self.config).await.map_err(report)?;
            announce(&server, self.json)
                .into_diagnostic()
                .wrap_err("cannot write to standard output")?;
            stop.await;
            tracing::info!("stopping");
            server.shutdown().await;
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn report(error: StartError) -> miette::Report {
    match error.help() {
        Some(help) => miette!(help = help, "{error}"),
        None => miette!("{error}"),
    }
}

/// Sets up the log on standard error. Standard output is for results.
fn log(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    if json {
        builder.json().init();
    } else {
        builder.init();
    }
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
        writeln!(out, "listening on {url}")?;
    }
    out.flush()
}
