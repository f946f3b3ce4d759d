//! Databases of Gotify, with the tables as its versions 2 and 3 make them.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sqlx::{
    ConnectOptions as _, Connection as _, QueryBuilder, SqliteConnection,
    sqlite::SqliteConnectOptions,
};

/// The version of Gotify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Two,
    Three,
}

/// How much is in a database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) users: i64,
    pub(crate) applications: i64,
    pub(crate) messages: i64,
}

pub(crate) const SMALL: Size = Size {
    users: 3,
    applications: 7,
    messages: 500,
};

const TWO: &str = "
CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT,`name` varchar(180),`pass` blob,`admin` numeric);
CREATE UNIQUE INDEX `uix_users_name` ON `users`(`name`);
CREATE TABLE `applications` (`id` integer PRIMARY KEY AUTOINCREMENT,`token` varchar(180),`user_id` integer,`name` text,`description` text,`internal` numeric,`image` text,`default_priority` integer,`last_used` datetime);
CREATE UNIQUE INDEX `uix_applications_token` ON `applications`(`token`);
CREATE TABLE `messages` (`id` integer PRIMARY KEY AUTOINCREMENT,`application_id` integer,`message` text,`title` text,`priority` integer,`extras` blob,`date` datetime);
CREATE TABLE `clients` (`id` integer PRIMARY KEY AUTOINCREMENT,`token` varchar(180),`user_id` integer,`name` text,`last_used` datetime);
CREATE TABLE `plugin_confs` (`id` integer PRIMARY KEY AUTOINCREMENT,`user_id` integer,`module_path` text,`token` varchar(180),`application_id` integer,`enabled` numeric,`config` blob,`storage` blob);
";

const THREE: &str = "
CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT,`name` varchar(180),`pass` blob,`admin` numeric,`created_at` datetime,`oidc_id` text);
CREATE UNIQUE INDEX `uix_users_name` ON `users`(`name`);
CREATE UNIQUE INDEX `uix_users_oidc_id` ON `users`(`oidc_id`);
CREATE TABLE `applications` (`id` integer PRIMARY KEY AUTOINCREMENT,`token` varchar(180),`user_id` integer,`name` text,`description` text,`internal` numeric,`image` text,`default_priority` integer,`created_at` datetime,`last_used` datetime,`sort_key` bytes);
CREATE UNIQUE INDEX `uix_application_user_id_sort_key` ON `applications`(`user_id`,`sort_key`);
CREATE UNIQUE INDEX `uix_applications_token` ON `applications`(`token`);
CREATE TABLE `messages` (`id` integer PRIMARY KEY AUTOINCREMENT,`application_id` integer,`message` text,`title` text,`priority` integer,`extras` blob,`date` datetime);
CREATE TABLE `clients` (`id` integer PRIMARY KEY AUTOINCREMENT,`token` varchar(180),`user_id` integer,`name` text,`created_at` datetime,`last_used` datetime,`elevated_until` datetime,`expires_after_inactivity_seconds` integer NOT NULL DEFAULT 0,`expires_at` datetime);
CREATE TABLE `plugin_confs` (`id` integer PRIMARY KEY AUTOINCREMENT,`user_id` integer,`module_path` text,`token` varchar(180),`application_id` integer,`enabled` numeric,`created_at` datetime,`config` blob,`storage` blob);
";

/// The plugin that the first user has.
pub(crate) const PLUGIN: &str = "github.com/Someone/Weather";
/// Its configuration, with a comment.
pub(crate) const CONFIG: &str = "# mine\ncity: Bern\n";

/// The password of a user.
pub(crate) fn password(user: i64) -> String {
    format!("password of {user}")
}

/// The name of a user; the first one is the administrator.
pub(crate) fn user_name(user: i64) -> String {
    if user == 1 {
        "admin".to_owned()
    } else {
        format!("user {user}")
    }
}

fn seed(number: i64) -> [u8; 32] {
    let mut seed = [0x5a; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed
}

/// A token as its holder has it.
pub(crate) fn token(version: Version, kind: char, number: i64) -> String {
    match version {
        Version::Two => format!("{}{number:014}", kind.to_ascii_uppercase()),
        Version::Three => format!("gtfy{kind}.{}", BASE64_URL_SAFE_NO_PAD.encode(seed(number))),
    }
}

/// A token as the database has it.
fn stored_token(version: Version, kind: char, number: i64) -> String {
    if version == Version::Two {
        return token(version, kind, number);
    }
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed(number)).unwrap();
    format!(
        "gtfy{kind}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(pair.public_key())
    )
}

pub(crate) async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap()
}

pub(crate) async fn execute(connection: &mut SqliteConnection, sql: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

/// Writes a database. Applications go to users in turn, messages to applications.
pub(crate) async fn write(path: &Path, version: Version, size: Size) {
    let mut connection = connect(path).await;
    execute(&mut connection, "PRAGMA synchronous = OFF").await;
    let three = version == Version::Three;
    execute(&mut connection, if three { THREE } else { TWO }).await;
    execute(&mut connection, "BEGIN").await;
    for user in 1..=size.users {
        let hash = bcrypt::hash_with_salt(password(user), 4, [9; 16]).unwrap();
        let mut query = QueryBuilder::new("INSERT INTO users (id, name, pass, admin");
        query.push(if three { ", created_at)" } else { ")" });
        query.push(" VALUES (").push_bind(user);
        query.push(", ").push_bind(user_name(user));
        let hash = hash.format_for_version(bcrypt::Version::TwoA);
        query.push(", ").push_bind(hash.into_bytes());
        query.push(", ").push_bind(user == 1);
        if three {
            query.push(", '2021-02-03 04:05:06.789+01:00'");
        }
        query.push(")");
        query.build().execute(&mut connection).await.unwrap();
        client(&mut connection, version, user).await;
    }
    for number in 1..=size.applications {
        application(&mut connection, version, size, number).await;
    }
    for first in (1..=size.messages).step_by(500) {
        let mut query = QueryBuilder::new(
            "INSERT INTO messages (id, application_id, message, title, priority, extras, date) ",
        );
        let group = first..=size.messages.min(first + 499);
        query.push_values(group, |mut row, number| {
            let extras = (number % 3 == 0).then(|| format!("{{\"n\":{number}}}").into_bytes());
            row.push_bind(number)
                .push_bind((number - 1) % size.applications + 1)
                .push_bind(format!("text of {number} \u{1f680}"))
                .push_bind(format!("title {number}"))
                .push_bind(number % 11)
                .push_bind(extras)
                .push("datetime(1600000000 + ")
                .push_bind_unseparated(number)
                .push_unseparated(", 'unixepoch') || '.123456789+00:00'");
        });
        query.build().execute(&mut connection).await.unwrap();
    }
    execute(&mut connection, "COMMIT").await;
    connection.close().await.unwrap();
}

async fn client(connection: &mut SqliteConnection, version: Version, number: i64) {
    let three = version == Version::Three;
    let mut query = QueryBuilder::new("INSERT INTO clients (id, token, user_id, name");
    query.push(if three {
        ", created_at, expires_after_inactivity_seconds) VALUES ("
    } else {
        ") VALUES ("
    });
    query.push_bind(number).push(", ");
    query
        .push_bind(stored_token(version, 'c', number))
        .push(", ");
    query.push_bind(number).push(", ");
    query.push_bind(format!("phone {number}"));
    query.push(if three {
        ", '2099-02-03 04:05:06Z', 2592000)"
    } else {
        ")"
    });
    query.build().execute(connection).await.unwrap();
}

async fn application(connection: &mut SqliteConnection, version: Version, size: Size, number: i64) {
    let three = version == Version::Three;
    let plugins = number == 1;
    let mut query = QueryBuilder::new(
        "INSERT INTO applications (id, token, user_id, name, description, internal, image,
         default_priority",
    );
    query.push(if three {
        ", created_at, sort_key) VALUES ("
    } else {
        ") VALUES ("
    });
    query.push_bind(number).push(", ");
    query
        .push_bind(stored_token(version, 'a', number))
        .push(", ");
    query.push_bind((number - 1) % size.users + 1).push(", ");
    query.push_bind(format!("app {number}")).push(", ");
    query.push_bind("sends").push(", ");
    query.push_bind(plugins).push(", ");
    query.push_bind(if number == 2 { "two.png" } else { "" });
    query.push(", ").push_bind(number % 10);
    if three {
        query.push(", '2021-02-03 04:05:06.789Z', ");
        // The newest first.
        query.push_bind(format!("a{:05}", 99999 - number).into_bytes());
    }
    query.push(")");
    query.build().execute(&mut *connection).await.unwrap();
    if plugins {
        let mut query = QueryBuilder::new(
            "INSERT INTO plugin_confs (user_id, module_path, token, application_id, enabled,
             config, storage) VALUES (1, ",
        );
        query.push_bind(PLUGIN).push(", 'Pabcdefghijklmn', 1, 1, ");
        query.push_bind(CONFIG.as_bytes()).push(", ");
        query.push_bind(&b"\x00blob\xff"[..]).push(")");
        query.build().execute(connection).await.unwrap();
    }
}
