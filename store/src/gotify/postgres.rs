//! A database on a PostgreSQL server, read in transactions that cannot change it.

use std::{io, time::Duration};

use sqlx::{ConnectOptions as _, PgConnection, Postgres, postgres::PgConnectOptions};
use tokio::time::timeout;

use super::{
    GotifyEntities, GotifyError, PostgresAddress,
    queries::{Dialect, LAST_MESSAGE, Queries},
    reader::Reader,
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

/// Opens a database for reading.
pub(super) async fn open(
    address: &PostgresAddress,
    ignore_unknown: bool,
) -> Result<Reader<Postgres>, GotifyError> {
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
    Ok(Reader {
        connection,
        queries: Queries::new(&columns, Dialect::Postgres),
    })
}

/// Reads all rows but messages, as they are at one moment.
pub(super) async fn entities(reader: &mut Reader<Postgres>) -> Result<GotifyEntities, GotifyError> {
    let newest = newest_of_ended(&mut reader.connection).await?;
    reader.entities(Some(SNAPSHOT), Some(newest)).await
}

/// The newest message before which no other appears later. Numbers are given out
/// before their transactions end, so a message with a lower number may become
/// visible after one with a higher number.
async fn newest_of_ended(connection: &mut PgConnection) -> Result<i64, GotifyError> {
    let newest = sqlx::query_scalar(LAST_MESSAGE)
        .fetch_one(&mut *connection)
        .await?;
    let next: i64 = sqlx::query_scalar(NEXT_TRANSACTION)
        .fetch_one(&mut *connection)
        .await?;
    let ended = async {
        loop {
            let oldest: i64 = sqlx::query_scalar(OLDEST_TRANSACTION)
                .fetch_one(&mut *connection)
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

const UNTRUSTED: &str = "name the authority of the server's certificate by `sslrootcert`, or choose \
                         another `sslmode`";
const REACHABLE: &str = "check that the server runs, and that its address and port are right";

/// The next step after a failed connection.
fn fix(error: &sqlx::Error) -> &'static str {
    match error {
        // The handshake's errors, a rejected certificate among them, are of this kind.
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => UNTRUSTED,
        sqlx::Error::Tls(_) => UNTRUSTED,
        sqlx::Error::Io(_) => REACHABLE,
        _ => {
            "check the name of the database and of its user, and the password, which may be in \
             PGPASSWORD"
        }
    }
}
