//! The database of a Gotify server, version 2 or 3, on SQLite or PostgreSQL, or a dump of
//! one on MySQL. It is opened for reading alone, and may be in use. Columns that version 2
//! lacks are absent.
//!
//! - `address`: a PostgreSQL database, as a person names it.
//! - `sqlite`, `postgres`: opening a database of either kind.
//! - `dump`: a dump of MySQL, as a database of SQLite.
//! - `error`: the reason for which a database cannot be read.
//! - `reader`: an open database.
//! - `schema`: the columns that Gotify's versions make.
//! - `queries`: the queries, with what the two kinds write differently.
//! - `rows`: the rows.

mod address;
mod dump;
mod error;
mod postgres;
mod queries;
mod reader;
mod rows;
mod schema;
mod sqlite;

use std::path::PathBuf;

use sqlx::{Postgres, Sqlite};
use tempfile::TempDir;

use self::reader::Reader;
pub use self::{
    address::{AddressError, PostgresAddress},
    error::GotifyError,
    rows::{
        GotifyApplication, GotifyClient, GotifyEntities, GotifyMessage, GotifyPlugin, GotifyUser,
    },
};

/// The place of a database of Gotify.
#[derive(Clone, Debug)]
pub enum GotifySource {
    /// A file of SQLite, or a dump of MySQL.
    File(PathBuf),
    /// A database of a PostgreSQL server.
    Postgres(PostgresAddress),
}

impl GotifySource {
    /// The place in words, without a password.
    pub fn place(&self) -> String {
        match self {
            Self::File(path) => std::path::absolute(path)
                .unwrap_or_else(|_| path.clone())
                .display()
                .to_string(),
            Self::Postgres(address) => address.to_string(),
        }
    }
}

/// An open database of Gotify.
#[derive(Debug)]
pub struct Gotify(Kind);

#[derive(Debug)]
enum Kind {
    Sqlite {
        reader: Box<Reader<Sqlite>>,
        /// The copy that is read in place of a dump, or of a file whose server crashed.
        _copy: Option<TempDir>,
    },
    Postgres(Box<Reader<Postgres>>),
}

impl Gotify {
    /// Opens a database for reading. Columns that this version does not know are
    /// an error, unless `ignore_unknown`.
    ///
    /// # Errors
    ///
    /// [`GotifyError`].
    pub async fn open(source: &GotifySource, ignore_unknown: bool) -> Result<Self, GotifyError> {
        Ok(Self(match source {
            GotifySource::File(path) => {
                let (reader, copy) = sqlite::open(path, ignore_unknown).await?;
                Kind::Sqlite {
                    reader: Box::new(reader),
                    _copy: copy,
                }
            }
            GotifySource::Postgres(address) => {
                Kind::Postgres(Box::new(postgres::open(address, ignore_unknown).await?))
            }
        }))
    }

    /// Reads all rows but messages, as they are now.
    ///
    /// # Errors
    ///
    /// [`GotifyError::Query`].
    pub async fn entities(&mut self) -> Result<GotifyEntities, GotifyError> {
        match &mut self.0 {
            Kind::Sqlite { reader, .. } => reader.entities(None, None).await,
            Kind::Postgres(reader) => postgres::entities(reader).await,
        }
    }

    /// The number of messages behind one, up to another.
    ///
    /// # Errors
    ///
    /// [`GotifyError::Query`].
    pub async fn message_count(&mut self, after: i64, upto: i64) -> Result<u64, GotifyError> {
        let count = match &mut self.0 {
            Kind::Sqlite { reader, .. } => reader.message_count(after, upto).await?,
            Kind::Postgres(reader) => reader.message_count(after, upto).await?,
        };
        Ok(count.unsigned_abs())
    }

    /// The next messages behind one, up to another: at most `most` of them.
    ///
    /// # Errors
    ///
    /// [`GotifyError::Query`].
    pub async fn messages(
        &mut self,
        after: i64,
        upto: i64,
        most: i64,
    ) -> Result<Vec<GotifyMessage>, GotifyError> {
        match &mut self.0 {
            Kind::Sqlite { reader, .. } => reader.messages(after, upto, most).await,
            Kind::Postgres(reader) => reader.messages(after, upto, most).await,
        }
    }

    /// Closes the database.
    ///
    /// # Errors
    ///
    /// [`GotifyError::Query`].
    pub async fn close(self) -> Result<(), GotifyError> {
        match self.0 {
            Kind::Sqlite { reader, _copy } => reader.close().await,
            Kind::Postgres(reader) => reader.close().await,
        }
    }
}
