//! `mortise check`: check the database of a data directory.

use std::{fmt::Write as _, path::Path, process::ExitCode};

use clap::Args;
use mortise_store::Store;
use serde_json::json;

use crate::{data_dir::DataDir, output::say, process::runtime};

/// Check the database of a data directory, also while its server runs.
///
/// The command only reads. The exit code is 0 if there is no fault, and 1 otherwise. Run
/// it as the server's user, or as root.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mortise check
  mortise check --data-dir /var/lib/mortise --json")]
pub(super) struct Check {
    #[command(flatten)]
    data_dir: DataDir,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> miette::Result<ExitCode> {
        let database = self.data_dir.path().join("mortise.db");
        match (faults(&database), self.json) {
            (Ok(faults), json) => {
                say(&if json {
                    let is_ok = faults.is_empty();
                    let line = json!({ "ok": is_ok, "database": database, "faults": faults });
                    format!("{line}\n")
                } else {
                    report(&database, &faults)
                });
                Ok(if faults.is_empty() {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                })
            }
            (Err(error), true) => {
                say(&format!("{}\n", json!({ "error": format!("{error:#}") })));
                Ok(ExitCode::FAILURE)
            }
            (Err(error), false) => Err(miette::miette!("{error:#}")),
        }
    }
}

fn faults(database: &Path) -> anyhow::Result<Vec<String>> {
    if !database.is_file() {
        let folder = database.parent().unwrap_or(database).display();
        anyhow::bail!(
            "{folder} is no data directory: it has no mortise.db; name it with --data-dir"
        );
    }
    let runtime = runtime().map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(runtime.block_on(Store::faults(database))?)
}

fn report(database: &Path, faults: &[String]) -> String {
    let shown = database.display();
    if faults.is_empty() {
        return format!("ok {shown}\n");
    }
    let mut text = format!("damaged {shown}\n");
    for fault in faults {
        _ = writeln!(text, "  fault  {fault}");
    }
    text.push_str(
        "  fix    stop the server, move its data directory away, and restore the newest backup \
         with mortise restore\n",
    );
    text
}
