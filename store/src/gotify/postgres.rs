//! A database on a PostgreSQL server, read in transactions that cannot change it.

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions,
};
use tokio::time::timeout;

use super::{
    GotifyEntities, GotifyError, GotifyMessage, PostgresAddress,
    queries::{Dialect, LAST_MESSAGE, MESSAGE_COUNT, Queries},
    schema::{Columns, Found},
};

/// The time for a connection.
const WAIT: Duration = Duration::from_secs(10);
/// Settings of the session: nothing is changed, and no query runs for ever.
const OPTIONS: [(&str, &str); 2] = [
    ("default_transaction_read_only", "on"),
    ("statement_timeout", "300000"),
];
/// Makes all queries of a transaction read the same moment.
const SNAPSHOT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// The number of the next transaction, and of the oldest that has not ended.
const NEXT_TRANSACTION: &str = "SELECT txid_snapshot_xmax(txid_current_snapshot())";
const OLDEST_TRANSACTION: &str = "SELECT txid_snapshot_xmin(txid_current_snapshot())";
/// The pause between two looks at transactions.
const PAUSE: Duration = Duration::from_millis(20);

/// An open database of Gotify on PostgreSQL.
#[derive(Debug)]
pub struct PostgresGotify {
    connection: PgConnection,
    queries: Queries,
}

impl PostgresGotify {
    pub(super) async fn open(
        address: &PostgresAddress,
        ignore_unknown: bool,
    ) -> Result<Self, GotifyError> {
        let options: PgConnectOptions = address.options().clone();
        let options = options
            .application_name("mortise import")
            .options(OPTIONS)
            .disable_statement_logging();
        let failed = |cause: String, fix| GotifyError::Connect {
            place: address.to_string(),
            cause,
            fix,
        };
        let mut connection = timeout(WAIT, options.connect())
            .await
            .map_err(|_| failed("it does not answer".to_owned(), REACHABLE))?
            .map_err(|error| failed(error.to_string(), fix(&error)))?;
        let found: Vec<Found> = sqlx::query_as(
            "SELECT CAST(c.relname AS text) AS table_name, CAST(a.attname AS text) AS column_name,
             a.atttypid = CAST('bytea' AS regtype) AS is_bytes
             FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
             WHERE pg_table_is_visible(c.oid) AND c.relkind IN ('r', 'p', 'v')
             AND a.attnum > 0 AND NOT a.attisdropped
             AND c.relnamespace <> CAST('pg_catalog' AS regnamespace)",
        )
        .fetch_all(&mut connection)
        .await?;
        let columns = Columns::check(found, &address.to_string(), ignore_unknown)?;
        Ok(Self {
            connection,
            queries: Queries::new(&columns, Dialect::Postgres),
        })
    }

    pub(super) async fn entities(&mut self) -> Result<GotifyEntities, GotifyError> {
        let newest = self.newest_of_ended().await?;
        let mut snapshot = self.connection.begin().await?;
        sqlx::query(SNAPSHOT).execute(&mut *snapshot).await?;
        // The queries are of the names in `schema`.
        let query = |text: &str| AssertSqlSafe(text.to_owned());
        let entities = GotifyEntities {
            users: sqlx::query_as(query(&self.queries.users))
                .fetch_all(&mut *snapshot)
                .await?,
            applications: sqlx::query_as(query(&self.queries.applications))
                .fetch_all(&mut *snapshot)
                .await?,
            clients: sqlx::query_as(query(&self.queries.clients))
                .fetch_all(&mut *snapshot)
                .await?,
            plugins: match &self.queries.plugins {
                Some(plugins) => {
                    sqlx::query_as(query(plugins))
                        .fetch_all(&mut *snapshot)
                        .await?
                }
                None => Vec::new(),
            },
            last_message: newest,
        };
        snapshot.rollback().await?;
        Ok(entities)
    }

    /// The newest message before which no other appears later. Numbers are given out
    /// before their transactions end, so a message with a lower number may become
    /// visible after one with a higher number.
    async fn newest_of_ended(&mut self) -> Result<i64, GotifyError> {
        let newest = sqlx::query_scalar(LAST_MESSAGE)
            .fetch_one(&mut self.connection)
            .await?;
        let next: i64 = sqlx::query_scalar(NEXT_TRANSACTION)
            .fetch_one(&mut self.connection)
            .await?;
        let ended = async {
            loop {
                let oldest: i64 = sqlx::query_scalar(OLDEST_TRANSACTION)
                    .fetch_one(&mut self.connection)
                    .await?;
                if oldest >= next {
                    return Ok::<_, sqlx::Error>(());
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        // Gotify's transactions are short: a longer one is another program's.
        match timeout(WAIT, ended).await {
            Ok(Err(error)) => Err(GotifyError::Query(error)),
            _ => Ok(newest),
        }
    }

    pub(super) async fn message_count(
        &mut self,
        after: i64,
        upto: i64,
    ) -> Result<i64, GotifyError> {
        Ok(sqlx::query_scalar(MESSAGE_COUNT)
            .bind(after)
            .bind(upto)
            .fetch_one(&mut self.connection)
            .await?)
    }

    pub(super) async fn messages(
        &mut self,
        after: i64,
        upto: i64,
        most: i64,
    ) -> Result<Vec<GotifyMessage>, GotifyError> {
        Ok(sqlx::query_as(AssertSqlSafe(self.queries.messages.clone()))
            .bind(after)
            .bind(upto)
            .bind(most)
            .fetch_all(&mut self.connection)
            .await?)
    }

    pub(super) async fn close(self) -> Result<(), GotifyError> {
        Ok(self.connection.close().await?)
    }
}

const REACHABLE: &str = "check that the server runs, and that its address and port are right";

/// The next step after a failed connection.
fn fix(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Io(_) => REACHABLE,
        sqlx::Error::Tls(_) => {
            "the server's certificate is not trusted; see `sslmode` and `sslrootcert`"
        }
        _ => {
            "check the name of the database and of its user, and the password, which may be in \
             PGPASSWORD"
        }
    }
}
