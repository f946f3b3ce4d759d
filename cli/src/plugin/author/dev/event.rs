//! Events during development, as data: one line of JSON each for an editor,
//! text for a person. Nothing else of `dev` writes to standard output.

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use owo_colors::Style;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::super::progress::seconds;
use crate::{
    output::say,
    plugin::{
        asked::Denied,
        read::Entry,
        show::{Report, paint, printable},
    },
};

/// One thing that happened. In JSON its name is the field `event`, times are
/// milliseconds.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// There is a server; the first event, once.
    Server(Reached),
    /// Sources changed.
    Changed {
        /// Relative to the plugin's folder.
        files: Vec<PathBuf>,
    },
    /// A build begins.
    Building,
    /// It was built.
    Built {
        /// The plugin's file.
        file: PathBuf,
        bytes: u64,
        /// Each step with its time, in order.
        steps: Vec<Value>,
        #[serde(rename = "ms", serialize_with = "milliseconds")]
        took: Duration,
    },
    /// It does not build, and what ran goes on.
    BuildFailed {
        /// The output of the build, including the compiler's; none if it was
        /// shown on standard error.
        output: Option<String>,
        #[serde(rename = "ms", serialize_with = "milliseconds")]
        took: Duration,
        /// The version that runs still; none if none does.
        running: Option<String>,
    },
    /// The build result equals the active version.
    Unchanged,
    /// It was given another configuration.
    Configured {
        #[serde(rename = "ms", serialize_with = "milliseconds")]
        took: Duration,
    },
    /// It runs.
    Loaded(Loaded),
    /// It does not load, and what ran goes on.
    Refused {
        report: Report,
        running: Option<String>,
    },
    /// A command about it was refused or not answered: what ran goes on.
    Failed {
        error: String,
        running: Option<String>,
    },
    /// It asks for more than was granted and waits.
    Pending {
        id: String,
        version: String,
        /// The permissions that it asks for, one in each line.
        asks: Vec<String>,
        /// The command that lets it run.
        approve: String,
    },
    /// Its log has another entry.
    Log {
        #[serde(flatten)]
        value: Value,
        #[serde(skip)]
        entry: Entry,
    },
    /// It was refused something for want of a grant.
    Denied {
        #[serde(flatten)]
        denied: Denied,
        /// The fix.
        fix: String,
    },
    /// The server does not answer.
    Lost { error: String },
    /// The command was asked to end; the last event.
    Ended {
        /// The remains of the plugin, for a person.
        left: String,
    },
}

/// A server, and how to try the plugin on it.
#[derive(Serialize)]
pub(super) struct Reached {
    /// True if the server was started for this and ends with it.
    pub(super) throw_away: bool,
    /// Its address; none for one that is known by its data directory.
    pub(super) url: Option<String>,
    pub(super) data_dir: Option<PathBuf>,
    /// The login; none but for a throw-away server, as the following.
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    /// The token of an application.
    pub(super) app_token: Option<String>,
    /// A command that sends a message.
    pub(super) curl: Option<String>,
}

/// A plugin that runs.
#[derive(Serialize)]
pub(super) struct Loaded {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) digest: String,
    /// True if it replaced a running version.
    pub(super) swapped: bool,
    /// True if it is enabled for the administrator.
    pub(super) enabled: bool,
    /// The granted permissions as text, if they changed since the last time.
    pub(super) grants: Vec<String>,
    /// A command that calls its webhook, where that is new.
    pub(super) webhook: Option<String>,
    /// Commands that are left to the person.
    pub(super) next: Vec<String>,
    #[serde(rename = "ms", serialize_with = "milliseconds")]
    pub(super) took: Duration,
}

fn milliseconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// The reader of events.
#[derive(Clone, Copy, Debug)]
pub(super) enum Audience {
    Person,
    /// An editor or another program.
    Program,
}

impl Audience {
    /// Tells what happened.
    pub(super) fn tell(self, event: &Event) {
        // A closed output is no reason to stop: the server may be in use.
        let _heard = match self {
            Self::Person => say(&event.text()),
            // Plain data always serializes.
            Self::Program => say(&(serde_json::to_string(event).unwrap_or_default() + "\n")),
        };
    }
}

impl Event {
    fn text(&self) -> String {
        let good = |text| paint(text, Style::new().green().bold());
        let bad = |text| paint(text, Style::new().red().bold());
        let warning = |text| paint(text, Style::new().yellow().bold());
        match self {
            Self::Server(reached) => reached.text(),
            Self::Changed { files } => {
                let names: Vec<_> = files
                    .iter()
                    .map(|file| file.display().to_string())
                    .collect();
                format!("\nchanged {}\n", printable(&names.join(", ")))
            }
            Self::Building => String::new(),
            Self::Built {
                file, bytes, took, ..
            } => format!(
                "{} {}, {} KiB, in {}\n",
                good("built"),
                file.display(),
                bytes.div_ceil(1024),
                seconds(*took)
            ),
            Self::BuildFailed {
                output,
                took,
                running,
            } => format!(
                "{}{} after {}; {}\n",
                output.as_deref().unwrap_or_default(),
                bad("not built"),
                seconds(*took),
                keeps_running(running.as_deref())
            ),
            Self::Unchanged => "the build is equal to the active version\n".to_owned(),
            Self::Configured { took } => format!("{} in {}\n", good("configured"), seconds(*took)),
            Self::Loaded(loaded) => loaded.text(),
            Self::Refused { report, running } => {
                format!("{}{}\n", report.text(), keeps_running(running.as_deref()))
            }
            Self::Failed { error, running } => format!(
                "{} {}\n{}\n",
                bad("failed"),
                printable(error),
                keeps_running(running.as_deref())
            ),
            Self::Pending {
                version,
                asks,
                approve,
                ..
            } => {
                let mut text = format!(
                    "{} version {} asks for new permissions:\n",
                    warning("pending:"),
                    printable(version)
                );
                for line in asks {
                    // Writing to a text does not fail.
                    let _ = writeln!(text, "  {}", printable(line));
                }
                text + &format!("to allow that: {approve}\n")
            }
            Self::Log { entry, .. } => entry.text(),
            Self::Denied { denied, fix } => format!(
                "{} {} {} for {}: {fix}\n",
                warning("denied"),
                denied.permission,
                printable(&denied.what),
                printable(&denied.user),
            ),
            Self::Lost { error } => format!("{} {}\n", bad("no answer:"), printable(error)),
            Self::Ended { left } => format!("\n{left}\n"),
        }
    }
}

/// Describes the version that keeps running.
fn keeps_running(running: Option<&str>) -> String {
    match running {
        Some(version) => format!(
            "{} keeps running; save a file to try again",
            printable(version)
        ),
        None => "nothing runs yet; save a file to try again".to_owned(),
    }
}

impl Reached {
    fn text(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: &str| {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{name:<10}{value}");
        };
        match (&self.url, &self.data_dir) {
            (Some(url), _) if self.throw_away => {
                row("server", &format!("{url}, for as long as this runs"));
            }
            (Some(url), _) => row("server", url),
            (None, Some(folder)) => {
                row("server", &format!("the one on {}", folder.display()));
            }
            (None, None) => {}
        }
        if let (Some(user), Some(password)) = (&self.user, &self.password) {
            row("login", &format!("{user} {password}"));
        }
        if let Some(token) = &self.app_token {
            row("app token", token);
        }
        if let Some(curl) = &self.curl {
            row("to send", curl);
        }
        if let (true, Some(folder)) = (self.throw_away, &self.data_dir) {
            row(
                "commands",
                &format!("mortise plugin list --data-dir {}", folder.display()),
            );
        }
        text + "\n"
    }
}

impl Loaded {
    fn text(&self) -> String {
        let what = if self.swapped { "swapped" } else { "loaded" };
        let state = if self.enabled {
            ""
        } else {
            "; no user has it enabled here"
        };
        let mut text = format!(
            "{} {} {} in {}{state}\n",
            paint(what, Style::new().green().bold()),
            self.id,
            printable(&self.version),
            seconds(self.took)
        );
        for (name, lines) in [("", &self.grants), ("to do: ", &self.next)] {
            for line in lines {
                // Writing to a text does not fail.
                let _ = writeln!(text, "  {name}{}", printable(line));
            }
        }
        if let Some(webhook) = &self.webhook {
            let _ = writeln!(text, "  its webhook: {webhook}");
        }
        text
    }
}
