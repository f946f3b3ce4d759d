//! The rows of Gotify's tables.

use sqlx::{Acquire as _, AssertSqlSafe};

use super::{Gotify, GotifyError};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GotifyUser {
    /// Unique there.
    pub id: i64,
    /// Login name.
    pub name: String,
    /// The hash by bcrypt; empty for a user who has no password.
    pub pass: String,
    /// True if the user administers the server.
    pub admin: bool,
    /// In milliseconds since the epoch.
    pub created_ms: Option<i64>,
    /// The user's identity at an OpenID provider; empty for none.
    pub oidc_id: String,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GotifyApplication {
    /// Unique there.
    pub id: i64,
    /// Its user.
    pub user_id: i64,
    /// The token as the database has it.
    pub token: String,
    /// As the user named it.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// Priority of messages that bring none.
    pub default_priority: i64,
    /// Empty where the version has none.
    pub sort_key: String,
    /// File name in the images folder; empty for none.
    pub image: String,
    /// In milliseconds since the epoch.
    pub created_ms: Option<i64>,
    /// In milliseconds since the epoch.
    pub last_used_ms: Option<i64>,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GotifyClient {
    /// Unique there.
    pub id: i64,
    /// Its user.
    pub user_id: i64,
    /// The token as the database has it.
    pub token: String,
    /// As the user named it.
    pub name: String,
    /// In milliseconds since the epoch.
    pub created_ms: Option<i64>,
    /// In milliseconds since the epoch.
    pub last_used_ms: Option<i64>,
    /// 0 for never.
    pub expires_after_seconds: i64,
}

/// A user's plugin.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GotifyPlugin {
    /// Unique there.
    pub id: i64,
    /// Its user.
    pub user_id: i64,
    /// The plugin's name for itself.
    pub module_path: String,
    /// The secret part of its webhook address.
    pub token: String,
    /// Its application; 0 for none.
    pub application_id: i64,
    /// True if the user enabled it.
    pub enabled: bool,
    /// Its configuration; empty for none.
    pub config: Vec<u8>,
    /// Its storage; empty for none.
    pub storage: Vec<u8>,
    /// In milliseconds since the epoch.
    pub created_ms: Option<i64>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GotifyMessage {
    /// Unique there, growing with time.
    pub id: i64,
    /// Its application.
    pub application_id: i64,
    /// May be empty.
    pub title: String,
    /// The text.
    pub message: String,
    /// Its priority.
    pub priority: i64,
    /// A JSON object as text.
    pub extras: Option<String>,
    /// In milliseconds since the epoch.
    pub created_ms: Option<i64>,
}

/// All rows but messages, as they were at one moment.
#[derive(Clone, Debug, Default)]
pub struct GotifyEntities {
    /// Users, oldest first.
    pub users: Vec<GotifyUser>,
    /// Applications, oldest first.
    pub applications: Vec<GotifyApplication>,
    /// Clients, oldest first.
    pub clients: Vec<GotifyClient>,
    /// Plugins, oldest first.
    pub plugins: Vec<GotifyPlugin>,
    /// The newest message; 0 if there is none.
    pub last_message: i64,
}

/// A time of a column as milliseconds since the epoch; null if it is none.
fn milliseconds(column: &str) -> String {
    format!("CAST(round(unixepoch({column}, 'subsec') * 1000) AS INTEGER)")
}

impl Gotify {
    /// Reads all rows but messages, as they are now.
    ///
    /// # Errors
    ///
    /// [`GotifyError::Query`].
    pub async fn entities(&mut self) -> Result<GotifyEntities, GotifyError> {
        let columns = &self.columns;
        let time = |table, column| match columns.or(table, column, "") {
            "" => "NULL".to_owned(),
            column => milliseconds(column),
        };
        let users = format!(
            "SELECT id, coalesce(name, '') AS name, CAST(coalesce(pass, '') AS TEXT) AS pass,
             coalesce(admin, 0) <> 0 AS admin, {} AS created_ms, CAST(coalesce({}, '') AS TEXT) AS oidc_id
             FROM users ORDER BY id",
            time("users", "created_at"),
            columns.or("users", "oidc_id", "NULL"),
        );
        let applications = format!(
            "SELECT id, coalesce(user_id, 0) AS user_id, coalesce(token, '') AS token,
             coalesce(name, '') AS name, coalesce(description, '') AS description,
             coalesce({}, 0) AS default_priority, CAST(coalesce({}, '') AS TEXT) AS sort_key,
             coalesce({}, '') AS image, {} AS created_ms, {} AS last_used_ms
             FROM applications ORDER BY id",
            columns.or("applications", "default_priority", "0"),
            columns.or("applications", "sort_key", "''"),
            columns.or("applications", "image", "''"),
            time("applications", "created_at"),
            time("applications", "last_used"),
        );
        let clients = format!(
            "SELECT id, coalesce(user_id, 0) AS user_id, coalesce(token, '') AS token,
             coalesce(name, '') AS name, {} AS created_ms, {} AS last_used_ms,
             coalesce({}, 0) AS expires_after_seconds FROM clients ORDER BY id",
            time("clients", "created_at"),
            time("clients", "last_used"),
            columns.or("clients", "expires_after_inactivity_seconds", "0"),
        );
        let plugins = format!(
            "SELECT id, coalesce(user_id, 0) AS user_id, coalesce(module_path, '') AS module_path,
             coalesce(token, '') AS token, coalesce(application_id, 0) AS application_id,
             coalesce(enabled, 0) <> 0 AS enabled, CAST(coalesce(config, x'') AS BLOB) AS config,
             CAST(coalesce(storage, x'') AS BLOB) AS storage, {} AS created_ms
             FROM plugin_confs ORDER BY id",
            time("plugin_confs", "created_at"),
        );
        let has_plugins = columns.has_table("plugin_confs");
        let mut snapshot = self.connection.begin().await?;
        let entities = GotifyEntities {
            // The queries are of the names in `schema`.
            users: sqlx::query_as(AssertSqlSafe(users))
                .fetch_all(&mut *snapshot)
                .await?,
            applications: sqlx::query_as(AssertSqlSafe(applications))
                .fetch_all(&mut *snapshot)
                .await?,
            clients: sqlx::query_as(AssertSqlSafe(clients))
                .fetch_all(&mut *snapshot)
                .await?,
            plugins: if has_plugins {
                sqlx::query_as(AssertSqlSafe(plugins))
                    .fetch_all(&mut *snapshot)
                    .await?
            } else {
                Vec::new()
            },
            last_message: sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM messages")
                .fetch_one(&mut *snapshot)
                .await?,
        };
        snapshot.rollback().await?;
        Ok(entities)
    }

    /// The number of messages behind one, up to another.
    ///
    /// # Errors
    ///
    /// [`GotifyError::Query`].
    pub async fn message_count(&mut self, after: i64, upto: i64) -> Result<u64, GotifyError> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM messages WHERE id > ? AND id <= ?")
                .bind(after)
                .bind(upto)
                .fetch_one(&mut self.connection)
                .await?;
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
        let query = format!(
            "SELECT id, coalesce(application_id, 0) AS application_id,
             coalesce(title, '') AS title, coalesce(message, '') AS message,
             coalesce(priority, 0) AS priority, CAST({} AS TEXT) AS extras, {} AS created_ms
             FROM messages WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
            self.columns.or("messages", "extras", "NULL"),
            milliseconds("date"),
        );
        Ok(sqlx::query_as(AssertSqlSafe(query))
            .bind(after)
            .bind(upto)
            .bind(most)
            .fetch_all(&mut self.connection)
            .await?)
    }
}
