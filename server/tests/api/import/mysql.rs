//! Moving in from a Gotify on MySQL, by a dump of a real server, MariaDB. `cargo xtask
//! test` installs it and says where it is.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use mortise_server::import::{self, Choices};
use mortise_wait::until;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::{AssertSqlSafe, Row as _};
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
};

use super::{
    Quiet, choices,
    database::{self, SMALL, Version},
    gotify, imported,
    postgres::{Kind, TABLES, rows},
};

/// The tables as Gotify 3 makes them on MariaDB.
const THREE: &str = "
CREATE TABLE users (id bigint unsigned NOT NULL AUTO_INCREMENT, name varchar(180), pass longblob, admin tinyint(1), created_at datetime(3), oidc_id text, PRIMARY KEY (id), UNIQUE KEY uix_users_name (name), UNIQUE KEY uix_users_oidc_id (oidc_id(512)));
CREATE TABLE applications (id bigint unsigned NOT NULL AUTO_INCREMENT, token varchar(180), user_id bigint unsigned, name text, description text, internal tinyint(1), image text, default_priority bigint, created_at datetime(3), last_used datetime(3), sort_key longblob, PRIMARY KEY (id), UNIQUE KEY uix_applications_token (token), KEY idx_applications_user_id (user_id));
CREATE TABLE messages (id bigint unsigned NOT NULL AUTO_INCREMENT, application_id bigint unsigned, message text, title text, priority bigint, extras longblob, date datetime(3), PRIMARY KEY (id), KEY idx_messages_id (id));
CREATE TABLE clients (id bigint unsigned NOT NULL AUTO_INCREMENT, token varchar(180), user_id bigint unsigned, name text, created_at datetime(3), last_used datetime(3), elevated_until datetime(3), expires_after_inactivity_seconds bigint unsigned NOT NULL DEFAULT 0, expires_at datetime(3), PRIMARY KEY (id));
CREATE TABLE plugin_confs (id bigint unsigned NOT NULL AUTO_INCREMENT, user_id bigint unsigned, module_path text, token varchar(180), application_id bigint unsigned, enabled tinyint(1), created_at datetime(3), config longblob, storage longblob, PRIMARY KEY (id));
CREATE TABLE other (id int, words text);
INSERT INTO other VALUES (1, ';)\\'INSERT INTO `users` VALUES (9)');
";
/// The columns that version 2 lacks.
const TWO: &str = "
ALTER TABLE users DROP created_at, DROP oidc_id;
ALTER TABLE applications DROP created_at, DROP sort_key;
ALTER TABLE clients DROP created_at, DROP elevated_until, DROP expires_after_inactivity_seconds, DROP expires_at;
ALTER TABLE plugin_confs DROP created_at;
";
/// A message that an escape of a dump would change.
const ODD: &str = "it's \"so\" \\n `x` %_ \u{1a}\r\n\t\u{8} \0 ; -- /* \u{1f680}";

/// A server in a folder of its own, which ends with the handle.
struct MariaDb {
    folder: TempDir,
    process: Child,
}

/// A program of MariaDB, without the settings of this machine.
fn program(name: &str, folder: &Path) -> Command {
    let server = std::env::var_os("MORTISE_TEST_MARIADB").expect(
        "MORTISE_TEST_MARIADB is not set: run `cargo xtask test`, which installs MariaDB and sets it",
    );
    let program = if name == "mariadbd" {
        PathBuf::from(server)
    } else {
        PathBuf::from(name)
    };
    let mut command = Command::new(program);
    command
        .arg("--no-defaults")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

impl MariaDb {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = format!("--datadir={}", folder.path().join("data").display());
        let user = geteuid().is_root().then_some("--user=root");
        let made = program("mariadb-install-db", folder.path())
            .args([
                &data,
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ])
            .args(user)
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let process = program("mariadbd", folder.path())
            .args([&data, "--skip-networking", "--skip-name-resolve"])
            .arg(format!(
                "--socket={}",
                folder.path().join("socket").display()
            ))
            .args(user)
            .spawn()
            .unwrap();
        let server = Self { folder, process };
        until("MariaDB answers", async || server.run("SELECT 1", "").await).await;
        server
    }

    fn client(&self, name: &str) -> Command {
        let mut command = program(name, self.folder.path());
        command.args(["--socket=socket", "--user=root"]);
        command
    }

    /// Runs statements. True if all of them worked.
    async fn run(&self, statements: &str, database: &str) -> bool {
        let mut client = self.client("mariadb");
        client.arg("--default-character-set=utf8mb4");
        if !database.is_empty() {
            client.arg(database);
        }
        let mut client = client.stdin(Stdio::piped()).spawn().unwrap();
        let mut input = client.stdin.take().unwrap();
        // One that cannot connect reads nothing.
        let _ = input.write_all(statements.as_bytes()).await;
        drop(input);
        client.wait().await.unwrap().success()
    }

    /// A database of Gotify with the rows of another.
    async fn copy_of(&self, name: &str, file: &Path, version: Version) {
        let create = format!("CREATE DATABASE {name} CHARACTER SET utf8mb4");
        assert!(self.run(&create, "").await);
        let mut statements = THREE.to_owned();
        if version == Version::Two {
            statements.push_str(TWO);
        }
        for (table, columns) in TABLES {
            let columns = columns.iter();
            let columns: Vec<_> = columns
                .filter(|(_, _, three)| version == Version::Three || !three)
                .map(|(name, kind, _)| (*name, *kind))
                .collect();
            insert(&mut statements, file, table, &columns).await;
        }
        assert!(self.run(&statements, name).await);
    }

    async fn dump(&self, name: &str, options: &[&str]) -> PathBuf {
        let file = self.folder.path().join(format!("{name}.sql"));
        let dumped = self
            .client("mariadb-dump")
            .args(options)
            .arg(name)
            .stdout(fs::File::create(&file).unwrap())
            .status()
            .await
            .unwrap();
        assert!(dumped.success());
        file
    }

    /// Ends it in good order.
    async fn stop(mut self) {
        let pid = Pid::from_raw(self.process.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert!(self.process.wait().await.unwrap().success());
    }
}

/// The statement for the rows of a table. Times have the zone of this machine, as
/// Gotify's have.
async fn insert(statements: &mut String, file: &Path, table: &str, columns: &[(&str, Kind)]) {
    let expressions: Vec<_> = columns
        .iter()
        .map(|(name, kind)| match kind {
            Kind::Number | Kind::Flag => format!("CAST({name} AS TEXT)"),
            Kind::Text => {
                format!("'CONVERT(X''' || hex(CAST({name} AS BLOB)) || ''' USING utf8mb4)'")
            }
            Kind::Bytes => format!("'X''' || hex({name}) || ''''"),
            Kind::Time => {
                format!("'''' || strftime('%Y-%m-%d %H:%M:%f', {name}, 'localtime') || ''''")
            }
        })
        .map(|value| format!("coalesce({value}, 'NULL')"))
        .collect();
    let query = format!("SELECT {} FROM {table}", expressions.join(" || ',' || "));
    let mut from = database::connect(file).await;
    let found = sqlx::query(AssertSqlSafe(query)).fetch_all(&mut from).await;
    let found: Vec<String> = found.unwrap().iter().map(|row| row.get(0)).collect();
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let rows = found.join("),\n(");
    writeln!(
        statements,
        "INSERT INTO {table} ({}) VALUES ({rows});",
        names.join(",")
    )
    .unwrap();
}

/// The choices of an import of a dump.
fn of_dump(dump: &Path, data_dir: &Path, images: &Path) -> Choices {
    Choices {
        images: Some(images.to_owned()),
        ..choices(dump, data_dir)
    }
}

#[tokio::test]
async fn everything_moves_in_by_a_dump() {
    let server = MariaDb::start().await;
    for (version, name, options) in [
        (Version::Two, "two", &[][..]),
        (
            Version::Three,
            "three",
            &[
                "--hex-blob",
                "--complete-insert",
                "--skip-extended-insert",
                "--skip-comments",
            ][..],
        ),
    ] {
        let (theirs, file) = gotify(version, SMALL).await;
        let mut source = database::connect(&file).await;
        sqlx::query("UPDATE messages SET message = $1, title = '' WHERE id IN (7, 8)")
            .bind(ODD)
            .execute(&mut source)
            .await
            .unwrap();
        server.copy_of(name, &file, version).await;
        let dump = server.dump(name, options).await;
        let images = theirs.path().join("images");
        let here = tempfile::tempdir().unwrap();
        let chosen = of_dump(&dump, here.path(), &images);
        let report = import::import(&chosen, &Quiet).await.unwrap();
        let of_file = tempfile::tempdir().unwrap();
        let expected = imported(&file, of_file.path()).await.unwrap();
        assert_eq!(report, expected);
        let found = rows(here.path(), version).await;
        assert_eq!(found, rows(of_file.path(), version).await);

        // Another dump brings the new messages.
        assert!(
            server
                .run(
                    "INSERT INTO messages (id, application_id, message, title, priority, date) \
                      VALUES (501, 1, 'new', '', 1, now(3))",
                    name
                )
                .await
        );
        server.dump(name, &[]).await;
        let again = import::import(&chosen, &Quiet).await.unwrap();
        assert_eq!((again.messages.added, again.messages.present), (1, 500));
        assert_eq!((again.users.added, again.applications.added), (0, 0));
    }
    server.stop().await;
}

#[tokio::test]
async fn dumps_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = async |text: &str| {
        let file = folder.path().join("dump.sql");
        fs::write(&file, format!("-- MariaDB dump\n{text}")).unwrap();
        let here = tempfile::tempdir().unwrap();
        let error = imported(&file, here.path()).await.unwrap_err().to_string();
        assert!(error.contains("dump.sql"), "{error}");
        error
    };
    let users = "CREATE TABLE `users` (`id` int, `name` text, `pass` blob, `admin` tinyint(1));\n";
    for (text, says) in [
        ("", "lacks the table `users`"),
        (
            "CREATE TABLE `posts` (`id` int);",
            "lacks the table `users`",
        ),
        (users, "lacks the table `applications`"),
        (
            "INSERT INTO `users` VALUES (1);",
            "without --no-create-info",
        ),
        (
            "\nCREATE TABLE `users` (`id` int",
            "line 3: it ends within a statement",
        ),
        ("CREATE TABLE `users` (PRIMARY KEY (`id`));", "no columns"),
        ("INSERT INTO `users", "ends within a name"),
        (
            &format!("{users}{users}"),
            "a dump of Gotify's database alone",
        ),
        (
            &format!("{users}INSERT INTO users VALUES (1,'a"),
            "ends within a text",
        ),
        (
            &format!("{users}INSERT INTO users VALUES (1,'a');"),
            "expected `,`",
        ),
        (
            &format!("{users}INSERT INTO users (`id`, `x`) VALUES"),
            "no column `x`",
        ),
        (
            &format!("{users}INSERT INTO users (`id`) VALUES (now());"),
            "`now` is no value",
        ),
        (
            &format!("{users}INSERT INTO users (`id`) VALUES (1) (2);"),
            "expected another row",
        ),
        (
            &format!("{users}INSERT INTO users SELECT 1;"),
            "expected the values",
        ),
    ] {
        let error = refusal(text).await;
        assert!(error.contains(says), "{text}: {error}");
    }
}
