//! `mortise import`: moves the data of a Gotify server in.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::Mutex,
    time::{Duration, Instant},
};

use clap::Args;
use miette::miette;
use mortise_server::import::{self, Choices, ImportError, Progress, Report, SameName};
use mortise_store::gotify::{AddressError, GotifySource, PostgresAddress};

use crate::{
    data_dir::DataDir,
    output::say,
    plugin::{printable, table},
    process::runtime,
};

/// Import the data of a Gotify server.
#[derive(Debug, Args)]
#[command(after_help = "\
The command reads databases of Gotify 2 and 3 in SQLite and PostgreSQL, and dumps of
MySQL. It does not change them.
Gotify may run meanwhile. Mortise must not run on the data directory, which the command
creates if it does not exist. You can repeat the import at any time: it adds only new
data, and continues after an interruption.

Examples:
  mortise import /var/lib/gotify/data/gotify.db --dry-run
      shows the data that would be imported, and changes nothing
  mortise import /var/lib/gotify/data/gotify.db --data-dir /var/lib/mortise
      imports everything: users with their passwords, applications with their
      tokens and images, clients, messages, plugins' configurations and storage
  mortise import gotify.db --images /backup/gotify/images
      with the images from another folder
  PGPASSWORD=... mortise import postgres://gotify@db.example/gotify --images /var/lib/gotify/data/images
      from PostgreSQL; `\"$GOTIFY_DATABASE_CONNECTION\"` works too
  mysqldump --single-transaction gotify > gotify.sql; mortise import gotify.sql
      from MySQL or MariaDB, by a dump")]
pub(super) struct Import {
    /// Gotify's database: a file, by default `data/gotify.db` in Gotify's folder; the
    /// address of a PostgreSQL database; or a dump of MySQL.
    #[arg(value_name = "DATABASE", value_parser = source)]
    database: GotifySource,
    #[command(flatten)]
    data_dir: DataDir,
    /// Gotify's folder of images [default: `images` beside the database's file].
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Show the data that would be imported, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Choose what happens if a user of the same name exists in Mortise.
    #[arg(long, value_name = "WAY", default_value = "stop")]
    same_name: SameName,
    /// Leave out unknown columns of a Gotify that is newer than this version of Mortise
    /// knows.
    #[arg(long)]
    ignore_unknown: bool,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) fn run(self) -> miette::Result<ExitCode> {
        let choices = Choices {
            source: self.database,
            data_dir: self.data_dir.path().to_owned(),
            images: self.images,
            dry_run: self.dry_run,
            same_name: self.same_name,
            ignore_unknown: self.ignore_unknown,
        };
        let bar = Bar::new();
        let started = Instant::now();
        let result = runtime()?.block_on(import::import(&choices, &bar));
        bar.clear();
        match result {
            Ok(report) if self.json => {
                let line = serde_json::to_string(&report).map_err(|error| miette!("{error}"))?;
                say(&format!("{line}\n"));
                Ok(ExitCode::SUCCESS)
            }
            Ok(report) => {
                say(&text(&report, started.elapsed()));
                Ok(ExitCode::SUCCESS)
            }
            Err(error) if self.json => {
                let line = serde_json::json!({"error": error.to_string(), "help": error.help()});
                say(&format!("{line}\n"));
                Ok(ExitCode::FAILURE)
            }
            Err(error) => Err(refusal(&error)),
        }
    }
}

/// Reads the place of a database.
fn source(text: &str) -> Result<GotifySource, String> {
    if !PostgresAddress::is_one(text) {
        return Ok(GotifySource::File(PathBuf::from(text)));
    }
    let address = text.parse().map(GotifySource::Postgres);
    address.map_err(|error: AddressError| error.to_string())
}

fn refusal(error: &ImportError) -> miette::Report {
    match error.help() {
        Some(help) => miette!(help = help, "{error}"),
        None => miette!("{error}"),
    }
}

fn text(report: &Report, time: Duration) -> String {
    let mut table = table(&["", "in Gotify", "added", "here already", "left out"]);
    for (name, counts) in report.kinds() {
        table.add_row([
            name.to_owned(),
            counts.found.to_string(),
            counts.added.to_string(),
            counts.present.to_string(),
            counts.left_out.to_string(),
        ]);
    }
    let mut text = format!("{table}\n");
    for note in &report.notes {
        text.push_str(&format!("- {}\n", printable(note)));
    }
    if report.dry_run {
        text.push_str("nothing was changed; import without --dry-run\n");
    } else {
        text.push_str(&format!("imported in {:.1} s\n", time.as_secs_f32()));
    }
    text
}

/// The cells of the bar.
const CELLS: usize = 30;
/// The bar is drawn at most this often.
const PAUSE: Duration = Duration::from_millis(100);

/// A bar on standard error for a person who looks on.
struct Bar {
    shown: bool,
    drawn: Mutex<Option<Instant>>,
}

impl Bar {
    fn new() -> Self {
        Self {
            shown: io::stderr().is_terminal(),
            drawn: Mutex::default(),
        }
    }

    fn clear(&self) {
        if self.shown {
            // A closed output is no reason to stop.
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

impl Progress for Bar {
    fn messages(&self, done: u64, total: u64) {
        let Ok(mut drawn) = self.drawn.lock() else {
            return;
        };
        let recent = drawn.is_some_and(|at| at.elapsed() < PAUSE);
        if !self.shown || (recent && done < total) {
            return;
        }
        *drawn = Some(Instant::now());
        let _ = write!(io::stderr().lock(), "\r{}\x1b[K", line(done, total));
    }
}

fn line(done: u64, total: u64) -> String {
    let total = total.max(1);
    let filled = usize::try_from(done.saturating_mul(CELLS as u64) / total).unwrap_or(CELLS);
    let filled = filled.min(CELLS);
    format!(
        "messages [{}{}] {done} of {total}",
        "#".repeat(filled),
        " ".repeat(CELLS - filled)
    )
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn the_bar_fills() {
        assert_eq!(line(0, 0), format!("messages [{}] 0 of 1", " ".repeat(30)));
        assert_eq!(
            line(50, 100),
            format!("messages [{}{}] 50 of 100", "#".repeat(15), " ".repeat(15))
        );
        assert_eq!(line(9, 9), format!("messages [{}] 9 of 9", "#".repeat(30)));
    }
}
