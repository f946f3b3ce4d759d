//! Moving in from a Gotify on PostgreSQL, by a real server of a cluster of its own.
//! `cargo xtask test` installs PostgreSQL and says where it is.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::AtomicU64,
};

use mortise_server::import::{self, Choices};
use mortise_store::gotify::GotifySource;
use mortise_wait::until;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, QueryBuilder, Row as _,
    postgres::PgConnectOptions,
};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{
    Interrupted, Quiet, choices,
    database::{self, SMALL, Size, Version},
    gotify, imported,
};

/// A user of the system who owns nothing: PostgreSQL does not run as root.
pub(super) const NOBODY: u32 = 65534;
const PASSWORD: &str = "not of a person";
/// The user who reads; PostgreSQL allows it nothing else.
const READER: &str = "reader";

/// The tables as Gotify 2 makes them on PostgreSQL.
const TWO: &str = "
CREATE TABLE users (id serial PRIMARY KEY, name varchar(180), pass bytea, admin boolean);
CREATE TABLE applications (id serial PRIMARY KEY, token varchar(180), user_id bigint, name text, description text, internal boolean, image text, default_priority integer, last_used timestamp with time zone);
CREATE TABLE messages (id serial PRIMARY KEY, application_id bigint, message text, title text, priority integer, extras bytea, date timestamp with time zone);
CREATE TABLE clients (id serial PRIMARY KEY, token varchar(180), user_id bigint, name text, last_used timestamp with time zone);
CREATE TABLE plugin_confs (id serial PRIMARY KEY, user_id bigint, module_path text, token varchar(180), application_id bigint, enabled boolean, config bytea, storage bytea);
";
/// The columns that Gotify 3 adds.
const THREE: &str = "
ALTER TABLE users ADD created_at timestamp with time zone, ADD oidc_id text;
ALTER TABLE applications ADD created_at timestamp with time zone, ADD sort_key bytea;
ALTER TABLE clients ADD created_at timestamp with time zone, ADD elevated_until timestamp with time zone, ADD expires_after_inactivity_seconds integer NOT NULL DEFAULT 0, ADD expires_at timestamp with time zone;
ALTER TABLE plugin_confs ADD created_at timestamp with time zone;
";

/// A cluster in a folder of its own, which ends with the handle.
pub(super) struct Cluster {
    folder: TempDir,
    process: Child,
    port: u16,
}

impl Cluster {
    async fn start() -> Self {
        Self::start_with(5432, |_| Vec::new()).await
    }

    /// Starts one at this port, which names its socket too, with more settings. They may
    /// be of files in its folder.
    pub(super) async fn start_with(port: u16, prepare: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = geteuid().is_root();
        if root {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let word = folder.path().join("word");
        fs::write(&word, PASSWORD).unwrap();
        if root {
            chown(&word, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let made = program("initdb", root, folder.path())
            .args([
                "--username=gotify",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
            ])
            .args(["--locale=C", "--no-sync", "--pgdata=data", "--pwfile=word"])
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let process = program("postgres", root, folder.path())
            .args(["-D", "data", "-c", "listen_addresses=", "-c", "fsync=off"])
            .args(["-p", &port.to_string()])
            .arg("-k")
            .arg(folder.path())
            .args(prepare(folder.path()))
            .spawn()
            .unwrap();
        let cluster = Self {
            folder,
            process,
            port,
        };
        until("PostgreSQL answers", async || {
            cluster.options("postgres").connect().await.is_ok()
        })
        .await;
        cluster
    }

    fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new()
            .host(self.folder.path().to_str().unwrap())
            .port(self.port)
            .username("gotify")
            .password(PASSWORD)
            .database(database)
            .disable_statement_logging()
    }

    async fn connect(&self, database: &str) -> PgConnection {
        self.options(database).connect().await.unwrap()
    }

    /// A database of Gotify with the rows of another.
    pub(super) async fn copy_of(&self, name: &str, file: &Path, version: Version) {
        let mut server = self.connect("postgres").await;
        execute(&mut server, &format!("CREATE DATABASE {name}")).await;
        let mut copy = self.connect(name).await;
        execute(&mut copy, TWO).await;
        if version == Version::Three {
            execute(&mut copy, THREE).await;
        }
        let mut from = database::connect(file).await;
        for (table, columns) in TABLES {
            copy_rows(&mut from, &mut copy, table, columns, version).await;
        }
        execute(
            &mut copy,
            &format!(
                "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{READER}') THEN
                 CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'; END IF; END $$;
                 GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}"
            ),
        )
        .await;
    }

    /// The choices of an import by the user who only reads.
    fn choices(&self, database: &str, data_dir: &Path, images: &Path) -> Choices {
        let host = format!("host={}", self.folder.path().display());
        choices_at(&host, database, data_dir, images)
    }

    /// Ends it in good order.
    pub(super) async fn stop(mut self) {
        let pid = Pid::from_raw(self.process.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        assert!(self.process.wait().await.unwrap().success());
    }
}

/// The choices of an import by the user who only reads, by this way to the server.
pub(super) fn choices_at(way: &str, database: &str, data_dir: &Path, images: &Path) -> Choices {
    let words = format!("{way} user={READER} password='{PASSWORD}' dbname={database}");
    Choices {
        source: GotifySource::Postgres(words.parse().unwrap()),
        images: Some(images.to_owned()),
        ..choices(Path::new(""), data_dir)
    }
}

/// A program of PostgreSQL, as a user who is not root.
fn program(name: &str, root: bool, folder: &Path) -> Command {
    let programs = std::env::var_os("MORTISE_TEST_POSTGRES").expect(
        "MORTISE_TEST_POSTGRES is not set: run `cargo xtask test`, which installs PostgreSQL and \
         sets it",
    );
    let program = PathBuf::from(programs).join(name);
    let mut command = if root {
        let mut command = Command::new("setpriv");
        command
            .args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")])
            .arg("--clear-groups")
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .current_dir(folder)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

/// The type of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Text,
    Bytes,
    Flag,
    Time,
}

use Kind::{Bytes, Flag, Number, Text, Time};

/// A column, and whether only version 3 has it.
pub(super) type Column = (&'static str, Kind, bool);

pub(super) const TABLES: [(&str, &[Column]); 5] = [
    (
        "users",
        &[
            ("id", Number, false),
            ("name", Text, false),
            ("pass", Bytes, false),
            ("admin", Flag, false),
            ("created_at", Time, true),
        ],
    ),
    (
        "applications",
        &[
            ("id", Number, false),
            ("token", Text, false),
            ("user_id", Number, false),
            ("name", Text, false),
            ("description", Text, false),
            ("internal", Flag, false),
            ("image", Text, false),
            ("default_priority", Number, false),
            ("created_at", Time, true),
            ("sort_key", Bytes, true),
        ],
    ),
    (
        "messages",
        &[
            ("id", Number, false),
            ("application_id", Number, false),
            ("message", Text, false),
            ("title", Text, false),
            ("priority", Number, false),
            ("extras", Bytes, false),
            ("date", Time, false),
        ],
    ),
    (
        "clients",
        &[
            ("id", Number, false),
            ("token", Text, false),
            ("user_id", Number, false),
            ("name", Text, false),
            ("created_at", Time, true),
            ("expires_after_inactivity_seconds", Number, true),
        ],
    ),
    (
        "plugin_confs",
        &[
            ("id", Number, false),
            ("user_id", Number, false),
            ("module_path", Text, false),
            ("token", Text, false),
            ("application_id", Number, false),
            ("enabled", Flag, false),
            ("config", Bytes, false),
            ("storage", Bytes, false),
        ],
    ),
];

async fn copy_rows(
    from: &mut sqlx::SqliteConnection,
    to: &mut PgConnection,
    table: &str,
    columns: &[Column],
    version: Version,
) {
    let columns: Vec<_> = columns
        .iter()
        .filter(|(_, _, three)| version == Version::Three || !three)
        .collect();
    let names: Vec<_> = columns.iter().map(|(name, _, _)| *name).collect();
    let names = names.join(", ");
    let rows = sqlx::query(AssertSqlSafe(format!("SELECT {names} FROM {table}")))
        .fetch_all(from)
        .await
        .unwrap();
    for rows in rows.chunks(500) {
        let mut insert = QueryBuilder::new(format!("INSERT INTO {table} ({names}) "));
        insert.push_values(rows, |mut values, row| {
            for (at, (_, kind, _)) in columns.iter().enumerate() {
                match kind {
                    Number => values.push_bind(row.get::<Option<i64>, _>(at)),
                    Text => values.push_bind(row.get::<Option<String>, _>(at)),
                    Bytes => values.push_bind(row.get::<Option<Vec<u8>>, _>(at)),
                    Flag => values.push_bind(row.get::<Option<bool>, _>(at)),
                    Time => values
                        .push("CAST(")
                        .push_bind_unseparated(row.get::<Option<String>, _>(at))
                        .push_unseparated(" AS timestamp with time zone)"),
                };
            }
        });
        insert.build().execute(&mut *to).await.unwrap();
    }
}

async fn execute(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

/// All rows of the tables that an import fills.
pub(super) async fn rows(data_dir: &Path, version: Version) -> Vec<String> {
    let mut connection = database::connect(&data_dir.join("mortise.db")).await;
    let mut all = Vec::new();
    for (table, columns) in [
        ("users", "id, name, password_hash, admin, created_ms"),
        (
            "applications",
            "id, user_id, hex(token_hash), name, description, default_priority, sort_key, image,
             created_ms, plugin_instance_id",
        ),
        (
            "clients",
            "id, user_id, hex(token_hash), name, created_ms, expires_after_seconds",
        ),
        (
            "messages",
            "id, application_id, user_id, title, body, priority, extras, created_ms",
        ),
        (
            "plugin_instances",
            "id, user_id, plugin, token, config, enabled",
        ),
        ("plugin_storage", "instance_id, key, hex(value)"),
    ] {
        // Version 2 has no times but those of messages.
        let columns = match version {
            Version::Two if table != "messages" => columns.replace("created_ms", "NULL"),
            _ => columns.to_owned(),
        };
        let query = format!("SELECT json_array('{table}', {columns}) FROM {table} ORDER BY 1");
        let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        assert_ne!(found.len(), 0, "{table}");
        all.extend(found);
    }
    all
}

#[tokio::test]
async fn everything_moves_in_as_from_a_file() {
    let cluster = Cluster::start().await;
    for (version, name) in [(Version::Two, "two"), (Version::Three, "three")] {
        let (theirs, file) = gotify(version, SMALL).await;
        cluster.copy_of(name, &file, version).await;
        let images = theirs.path().join("images");
        let here = tempfile::tempdir().unwrap();
        let data_dir = here.path().join("data");

        let mut chosen = cluster.choices(name, &data_dir, &images);
        chosen.dry_run = true;
        let dry = import::import(&chosen, &Quiet).await.unwrap();
        assert!(!data_dir.exists());
        chosen.dry_run = false;
        let report = import::import(&chosen, &Quiet).await.unwrap();
        let of_file = tempfile::tempdir().unwrap();
        let expected = imported(&file, of_file.path()).await.unwrap();
        assert_eq!(report, expected);
        assert_eq!(dry.kinds(), expected.kinds());
        let found = rows(&data_dir, version).await;
        assert_eq!(found, rows(of_file.path(), version).await);

        let again = import::import(&chosen, &Quiet).await.unwrap();
        for (name, counts) in again.kinds() {
            assert_eq!((counts.added, counts.present), (0, counts.found), "{name}");
        }
        let mut owner = cluster.connect(name).await;
        execute(
            &mut owner,
            "INSERT INTO messages (id, application_id, message, title, priority, date, extras)
             VALUES (501, 1, 'new', '', 1, now(), '\\xff')",
        )
        .await;
        let news = import::import(&chosen, &Quiet).await.unwrap();
        assert_eq!(news.messages.added, 1);
        assert!(news.notes.iter().any(|note| note.contains("extras of 1")));
    }
    cluster.stop().await;
}

#[tokio::test]
async fn a_message_that_is_late_is_not_lost() {
    let cluster = Cluster::start().await;
    let (theirs, file) = gotify(Version::Three, SMALL).await;
    cluster.copy_of("three", &file, Version::Three).await;
    let insert = |id: i64| {
        format!(
            "INSERT INTO messages (id, application_id, message, title, priority, date)
             VALUES ({id}, 1, 'late', '', 1, now())"
        )
    };
    // Its number is lower than that of a message which is there already.
    let mut late = cluster.connect("three").await;
    execute(&mut late, &format!("BEGIN; {}", insert(501))).await;
    let mut owner = cluster.connect("three").await;
    execute(&mut owner, &insert(502)).await;
    let here = tempfile::tempdir().unwrap();
    let chosen = cluster.choices("three", here.path(), theirs.path());
    let import = tokio::spawn(async move { import::import(&chosen, &Quiet).await });
    until("the import waits for it", async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity
             WHERE application_name = 'mortise import' AND query LIKE '%snapshot_xmin%'";
        let count: i64 = sqlx::query_scalar(waiting)
            .fetch_one(&mut owner)
            .await
            .unwrap();
        count == 1
    })
    .await;
    execute(&mut late, "COMMIT").await;
    let report = import.await.unwrap().unwrap();
    assert_eq!(report.messages.added, 502);
    late.close().await.unwrap();
    owner.close().await.unwrap();
    cluster.stop().await;
}

#[tokio::test]
async fn an_interrupted_run_goes_on() {
    let cluster = Cluster::start().await;
    let size = Size {
        messages: 5000,
        ..SMALL
    };
    let (theirs, file) = gotify(Version::Three, size).await;
    cluster.copy_of("three", &file, Version::Three).await;
    let here = tempfile::tempdir().unwrap();
    let chosen = cluster.choices("three", here.path(), theirs.path());
    let first = chosen.clone();
    let interrupted = tokio::spawn(async move {
        let progress = Interrupted(AtomicU64::new(0));
        import::import(&first, &progress).await.map(drop)
    });
    assert!(interrupted.await.unwrap_err().is_panic());
    let report = import::import(&chosen, &Quiet).await.unwrap();
    assert_eq!(report.messages.present, 2000);
    assert_eq!(report.messages.added, 3000);
    cluster.stop().await;
}

#[tokio::test]
async fn databases_that_cannot_be_read() {
    let cluster = Cluster::start().await;
    let refusal = async |words: String| {
        let here = tempfile::tempdir().unwrap();
        let mut chosen = choices(Path::new(""), here.path());
        chosen.source = GotifySource::Postgres(words.parse().unwrap());
        let error = import::import(&chosen, &Quiet).await.unwrap_err();
        assert!(!error.to_string().contains(PASSWORD), "{error}");
        error.to_string()
    };
    let host = cluster.folder.path().display().to_string();
    let with = |password: &str, database: &str| {
        format!("host={host} user=gotify password='{password}' dbname={database}")
    };
    let wrong = refusal(with("wrong", "postgres")).await;
    assert!(wrong.contains("PGPASSWORD"), "{wrong}");
    let missing = refusal(with(PASSWORD, "missing")).await;
    assert!(missing.contains("\"missing\" does not exist"), "{missing}");
    let foreign = refusal(with(PASSWORD, "postgres")).await;
    assert!(foreign.contains("lacks the table `users`"), "{foreign}");
    let mut server = cluster.connect("postgres").await;
    let newer = format!("{TWO}{THREE}ALTER TABLE messages ADD colour text");
    execute(&mut server, &newer).await;
    let newer = refusal(with(PASSWORD, "postgres")).await;
    assert!(newer.contains("messages.colour"), "{newer}");
    server.close().await.unwrap();
    cluster.stop().await;
    // Its socket is gone.
    let gone = refusal(with(PASSWORD, "postgres")).await;
    assert!(gone.contains("check that the server runs"), "{gone}");
}
