//! Moves the data of a Gotify server in: users with their passwords, applications
//! with their tokens and images, clients, messages, and plugins' configurations
//! and storage. The server must not run on the data directory; Gotify's may run.
//!
//! Everything but messages comes in one transaction, and messages in groups, each
//! with the mark up to where they have come. An import that was interrupted goes
//! on there, and one that is repeated imports new data only.

mod entities;
mod report;

use std::{
    io,
    path::{Path, PathBuf},
};

use mortise_store::{
    MessageRow, Store, StoreError, TokenHash,
    gotify::{Gotify, GotifyEntities, GotifyError, GotifyMessage, GotifySource},
};
use tempfile::TempDir;

use self::entities::Entities;
pub use self::report::{Counts, Report};
use crate::{
    auth::PasswordError,
    private,
    server::{StartError, lock},
    time::now_ms,
};
use mortise_runtime::contract::content::check_extras;

/// Messages in one transaction.
const GROUP: i64 = 2_000;

/// The handling of a user of Gotify whose name is taken here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SameName {
    /// Import nothing.
    #[default]
    Stop,
    /// Both are one person: the user here gets the applications, clients and
    /// messages, and keeps password and role.
    Merge,
    /// They are two persons: the name of the imported one gets `-gotify` at its
    /// end.
    Rename,
}

/// The choices of an import.
#[derive(Clone, Debug)]
pub struct Choices {
    /// Gotify's database.
    pub source: GotifySource,
    /// The data directory to import to.
    pub data_dir: PathBuf,
    /// The folder of Gotify's images; none for `images` beside a database that is a
    /// file.
    pub images: Option<PathBuf>,
    /// Change nothing.
    pub dry_run: bool,
    /// See [`SameName`].
    pub same_name: SameName,
    /// Leave columns out that this version does not know.
    pub ignore_unknown: bool,
}

/// The reason for which an import fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The database of Gotify.
    #[error(transparent)]
    Gotify(#[from] GotifyError),
    /// The data directory.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database here.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A password for a user without one.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Names are taken.
    #[error("{}: {} in Mortise already", names(.0), if .0.len() == 1 { "a user with this name exists" } else { "users with these names exist" })]
    NamesTaken(Vec<String>),
    /// A token is taken.
    #[error("`{name}` cannot be imported, because {conflict} exists in Mortise already")]
    TokenTaken {
        /// Its name there.
        name: String,
        /// The conflict.
        conflict: &'static str,
    },
    /// A file cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// The action.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl ImportError {
    /// The next step.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::NamesTaken(_) => Some(
                "with --same-name merge, the user here gets the applications and messages; with \
                 --same-name rename, the imported user is named NAME-gotify; nothing was imported",
            ),
            Self::TokenTaken { .. } => Some(
                "delete the one or the other, or give it another token, and import again; nothing \
                 was imported",
            ),
            Self::Start(StartError::InUse(_)) => {
                Some("stop that server, import, and start it again")
            }
            Self::Start(error) => error.help(),
            Self::File { .. } => Some("check that you may read and write there, and import again"),
            Self::Gotify(_) | Self::Store(_) | Self::Password(_) => None,
        }
    }
}

fn names(names: &[String]) -> String {
    let mut shown: Vec<_> = names
        .iter()
        .take(5)
        .map(|name| format!("`{name}`"))
        .collect();
    if names.len() > shown.len() {
        shown.push(format!("and {} more", names.len() - shown.len()));
    }
    shown.join(", ")
}

/// Receives the number of imported messages, and the total.
pub trait Progress: Sync {
    /// Called after each group.
    fn messages(&self, done: u64, total: u64);
}

/// Imports a database of Gotify.
///
/// # Errors
///
/// [`ImportError`]. What came before an interruption stays, and the next run goes
/// on from there.
pub async fn import(choices: &Choices, progress: &dyn Progress) -> Result<Report, ImportError> {
    let mut gotify = Gotify::open(&choices.source, choices.ignore_unknown).await?;
    let theirs = gotify.entities().await?;
    let place = Place::open(choices).await?;
    let result = run(choices, &mut gotify, theirs, &place.store, progress).await;
    place.store.close().await;
    gotify.close().await?;
    result
}

async fn run(
    choices: &Choices,
    gotify: &mut Gotify,
    theirs: GotifyEntities,
    store: &Store,
    progress: &dyn Progress,
) -> Result<Report, ImportError> {
    let importing = store
        .begin_import(&choices.source.place(), &tokens(&theirs))
        .await?;
    let import = importing.import();
    let upto = theirs.last_message;
    let mut entities = Entities::new(choices, importing);
    entities.add(&theirs).await?;
    let here = entities.finish().await?;
    let mut report = here.report;
    report.dry_run = choices.dry_run;

    let total = gotify.message_count(import.messages_upto, upto).await?;
    report.messages.present = gotify.message_count(0, import.messages_upto).await?;
    report.messages.found = report.messages.present + total;
    let offset = (store.last_message_id().await? - import.messages_upto).max(0);
    let mut after = import.messages_upto;
    let mut done = 0;
    let mut bad_extras = 0;
    while after < upto {
        let group = gotify.messages(after, upto, GROUP).await?;
        let Some(last) = group.last() else { break };
        after = last.id;
        done += group.len() as u64;
        let mut rows = Vec::with_capacity(group.len());
        for message in group {
            let Some((application, user)) = here.applications.get(&message.application_id) else {
                continue;
            };
            rows.push(message_here(
                message,
                offset,
                *application,
                *user,
                &mut bad_extras,
            ));
        }
        report.messages.added += if choices.dry_run {
            rows.len() as u64
        } else {
            store.import_messages(import.id, &rows, after).await?
        };
        progress.messages(done, total);
    }
    report.messages.left_out = done - report.messages.added;
    if report.messages.left_out > 0 {
        report.notes.push(format!(
            "{} messages are left out, because their applications were deleted",
            report.messages.left_out
        ));
    }
    if bad_extras > 0 {
        report.notes.push(format!(
            "the extras of {bad_extras} messages are left out, because they are no JSON objects"
        ));
    }
    if offset > 0 && report.messages.added > 0 {
        report.notes.push(
            "messages have new numbers in the same order, because there are messages here already"
                .to_owned(),
        );
    }
    if !choices.dry_run {
        store.finish_import(import.id).await?;
    }
    Ok(report)
}

fn message_here(
    message: GotifyMessage,
    offset: i64,
    application_id: i64,
    user_id: i64,
    bad_extras: &mut u64,
) -> MessageRow {
    let extras = match String::from_utf8(message.extras) {
        Ok(extras) if ["", "null"].contains(&extras.trim_ascii()) => None,
        Ok(extras) if check_extras(&extras).is_ok() => Some(extras),
        _ => {
            *bad_extras += 1;
            None
        }
    };
    MessageRow {
        id: message.id.saturating_add(offset),
        application_id,
        user_id,
        title: message.title,
        body: message.message,
        priority: message.priority,
        extras,
        created_ms: message.created_ms.unwrap_or_else(now_ms),
        expires_ms: None,
    }
}

/// The tokens by which a database is known again.
fn tokens(theirs: &GotifyEntities) -> Vec<TokenHash> {
    let applications = theirs.applications.iter().map(|one| &one.token);
    let clients = theirs.clients.iter().map(|one| &one.token);
    let plugins = theirs.plugins.iter().map(|one| &one.token);
    applications
        .chain(clients)
        .chain(plugins)
        .filter(|token| !token.is_empty())
        .map(|token| TokenHash::of_stored(token))
        .collect()
}

/// The database to import to, and what keeps it ours.
struct Place {
    store: Store,
    _lock: Option<std::fs::File>,
    _copy: Option<TempDir>,
}

impl Place {
    async fn open(choices: &Choices) -> Result<Self, ImportError> {
        if !choices.dry_run {
            Store::make_directory(&choices.data_dir)?;
            private::close_to_others(&choices.data_dir);
            let lock = lock(&choices.data_dir)?;
            return Ok(Self {
                store: Store::open(&choices.data_dir).await?,
                _lock: Some(lock),
                _copy: None,
            });
        }
        let copy = TempDir::new().map_err(|source| ImportError::File {
            doing: "make a folder in",
            path: std::env::temp_dir(),
            source,
        })?;
        if choices.data_dir.join("mortise.db").exists() {
            copy_database(&choices.data_dir, copy.path()).await?;
        }
        Ok(Self {
            store: Store::open(copy.path()).await?,
            _lock: None,
            _copy: Some(copy),
        })
    }
}

/// Copies the database of a data directory, which a server may use, to another
/// directory.
async fn copy_database(data_dir: &Path, to: &Path) -> Result<(), StoreError> {
    Store::copy_database(&data_dir.join("mortise.db"), &to.join("mortise.db")).await
}
