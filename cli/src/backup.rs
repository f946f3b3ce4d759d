//! `mortise backup` and `mortise restore`: copies of a data directory.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use miette::miette;
use mortise_server::backup::{self, BackupError};
use serde_json::json;

use crate::{data_dir::DataDir, output::say, process::runtime};

/// Copy a data directory while its server runs.
#[derive(Debug, Args)]
#[command(after_help = "\
A backup has the database as it is at one moment, images, plugins, grants and settings.
Run this as the server's user, or as root. A backup contains hashes of passwords and
secrets of plugins: keep it as safe as the data directory.

Examples:
  mortise backup /backup/mortise-$(date +%F)
  mortise backup --data-dir /var/lib/mortise /backup/mortise --json
  mortise backup --check /backup/mortise
      checks that a backup is complete")]
pub(super) struct Backup {
    /// The backup's folder, which the command creates.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    data_dir: DataDir,
    /// Check that the folder is a complete backup, and copy nothing.
    #[arg(long)]
    check: bool,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Restore a backup to a new or empty data directory.
#[derive(Debug, Args)]
#[command(after_help = "\
The data directory must be new or empty. The command checks each file of the backup
first.

Examples:
  mortise restore /backup/mortise-2026-11-28 --data-dir /var/lib/mortise
  mortise restore /backup/mortise-2026-11-28
      restores to ./data")]
pub(super) struct Restore {
    /// The backup.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    data_dir: DataDir,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(super) fn run(self) -> miette::Result<ExitCode> {
        let done = if self.check {
            backup::check(&self.folder)
        } else {
            runtime()?.block_on(backup::backup(self.data_dir.path(), &self.folder))
        };
        let verb = if self.check { "checked" } else { "copied" };
        told(done, verb, self.json)
    }
}

impl Restore {
    pub(super) fn run(self) -> miette::Result<ExitCode> {
        let done = runtime()?.block_on(backup::restore(&self.folder, self.data_dir.path()));
        told(done, "restored", self.json)
    }
}

fn told(
    done: Result<backup::Backup, BackupError>,
    verb: &str,
    json: bool,
) -> miette::Result<ExitCode> {
    match done {
        Ok(list) if json => {
            let line = json!({
                "version": list.version,
                "createdMs": list.created_ms,
                "files": list.files.len(),
            });
            say(&format!("{line}\n"));
            Ok(ExitCode::SUCCESS)
        }
        Ok(list) => {
            say(&format!("{verb} {} files\n", list.files.len()));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if json => {
            say(&format!("{}\n", json!({"error": error.to_string()})));
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(miette!("{error}")),
    }
}
