//! Rows that come from a Gotify server, each once: the tables `imports` and
//! `imported` know the rows that have come before.

use std::collections::{HashMap, HashSet};

use sqlx::{QueryBuilder, Sqlite, SqliteConnection, Transaction};

use super::{MessageRow, Store, StoreError, TokenHash, sort_key};

/// The kind of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImportedKind {
    /// A user.
    User,
    /// An application.
    Application,
    /// A client.
    Client,
    /// A user's plugin.
    Plugin,
}

impl ImportedKind {
    const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Application => "application",
            Self::Client => "client",
            Self::Plugin => "plugin",
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Application => "applications",
            Self::Client => "clients",
            Self::Plugin => "plugin_instances",
        }
    }
}

/// One database from which rows come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ImportRow {
    /// Unique on the server.
    pub id: i64,
    /// All messages there up to this one have come.
    pub messages_upto: i64,
}

/// An application that comes.
#[derive(Clone, Debug)]
pub struct ImportedApplication<'a> {
    /// The id to keep if it is free.
    pub id: i64,
    /// Its user here.
    pub user_id: i64,
    /// The hash of its token.
    pub token: TokenHash,
    /// See `ApplicationRow`.
    pub name: &'a str,
    /// See `ApplicationRow`.
    pub description: &'a str,
    /// See `ApplicationRow`.
    pub default_priority: i64,
    /// Behind all others if it is empty or taken.
    pub sort_key: &'a str,
    /// See `ApplicationRow`.
    pub image: Option<&'a str>,
    /// In milliseconds since the epoch.
    pub created_ms: i64,
    /// In milliseconds since the epoch.
    pub last_used_ms: Option<i64>,
}

/// A client that comes.
#[derive(Clone, Debug)]
pub struct ImportedClient<'a> {
    /// The id to keep if it is free.
    pub id: i64,
    /// Its user here.
    pub user_id: i64,
    /// The hash of its token.
    pub token: TokenHash,
    /// See `ClientRow`.
    pub name: &'a str,
    /// In milliseconds since the epoch.
    pub created_ms: i64,
    /// In milliseconds since the epoch.
    pub last_used_ms: Option<i64>,
    /// 0 for never.
    pub expires_after_seconds: i64,
}

/// A user's plugin that comes, disabled.
#[derive(Clone, Debug)]
pub struct ImportedPlugin<'a> {
    /// The id to keep if it is free.
    pub id: i64,
    /// Its user here.
    pub user_id: i64,
    /// The manifest's id.
    pub plugin: &'a str,
    /// The secret part of its webhook address.
    pub token: &'a str,
    /// Its configuration.
    pub config: Option<&'a str>,
    /// The key and value of its storage.
    pub storage: Option<(&'a str, &'a [u8])>,
    /// Its application here.
    pub application: Option<i64>,
    /// A note for its user.
    pub note: Option<&'a str>,
    /// In milliseconds since the epoch.
    pub created_ms: i64,
}

/// Rows that come, in one transaction. Dropped without [`Importing::commit`], it
/// changes nothing.
#[derive(Debug)]
pub struct Importing {
    transaction: Transaction<'static, Sqlite>,
    import: ImportRow,
    known: HashMap<(ImportedKind, i64), i64>,
}

/// Parameters of a message, and how many messages go into one statement: SQLite
/// takes 32,766 parameters.
const ROWS_AT_A_TIME: usize = 500;

impl Store {
    /// Begins an import of the database in which these tokens are, or goes on
    /// with the one from which some of them have come before.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn begin_import(
        &self,
        path: &str,
        tokens: &[TokenHash],
    ) -> Result<Importing, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let mut counts: HashMap<i64, usize> = HashMap::new();
        for token in tokens {
            let of: Vec<i64> = sqlx::query_scalar("SELECT import_id FROM imported WHERE token = ?")
                .bind(token.as_bytes())
                .fetch_all(&mut *transaction)
                .await?;
            for id in of {
                *counts.entry(id).or_default() += 1;
            }
        }
        let before = counts.into_iter().max_by_key(|(_, count)| *count);
        let import: ImportRow = match before {
            Some((id, _)) => {
                sqlx::query_as(
                    "UPDATE imports SET path = ?2, finished_ms = NULL WHERE id = ?1
                     RETURNING id, messages_upto",
                )
                .bind(id)
                .bind(path)
                .fetch_one(&mut *transaction)
                .await?
            }
            None => {
                sqlx::query_as(
                    "INSERT INTO imports (path, started_ms) VALUES (?, ?)
                     RETURNING id, messages_upto",
                )
                .bind(path)
                .bind(self.now_ms())
                .fetch_one(&mut *transaction)
                .await?
            }
        };
        let mut known = HashMap::new();
        for kind in [
            ImportedKind::User,
            ImportedKind::Application,
            ImportedKind::Client,
            ImportedKind::Plugin,
        ] {
            let rows: Vec<(i64, i64)> = sqlx::query_as(
                "SELECT theirs, ours FROM imported WHERE import_id = ? AND kind = ?",
            )
            .bind(import.id)
            .bind(kind.name())
            .fetch_all(&mut *transaction)
            .await?;
            known.extend(
                rows.into_iter()
                    .map(|(theirs, ours)| ((kind, theirs), ours)),
            );
        }
        Ok(Importing {
            transaction,
            import,
            known,
        })
    }

    /// Stores messages, and notes that all up to one have come, in one
    /// transaction. A message whose application is not here is left out; the
    /// number of those that are stored is returned.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`]; nothing was stored.
    pub async fn import_messages(
        &self,
        import: i64,
        messages: &[MessageRow],
        upto: i64,
    ) -> Result<u64, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let here: HashSet<i64> = sqlx::query_scalar("SELECT id FROM applications")
            .fetch_all(&mut *transaction)
            .await?
            .into_iter()
            .collect();
        let kept: Vec<_> = messages
            .iter()
            .filter(|message| here.contains(&message.application_id))
            .collect();
        for rows in kept.chunks(ROWS_AT_A_TIME) {
            let mut query = QueryBuilder::new(
                "INSERT INTO messages
                 (id, application_id, user_id, title, body, priority, extras, created_ms) ",
            );
            query.push_values(rows, |mut row, message| {
                row.push_bind(message.id)
                    .push_bind(message.application_id)
                    .push_bind(message.user_id)
                    .push_bind(&message.title)
                    .push_bind(&message.body)
                    .push_bind(message.priority)
                    .push_bind(&message.extras)
                    .push_bind(message.created_ms);
            });
            query.build().execute(&mut *transaction).await?;
        }
        sqlx::query("UPDATE imports SET messages_upto = ? WHERE id = ?")
            .bind(upto)
            .bind(import)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(kept.len() as u64)
    }

    /// Notes that an import came to its end.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn finish_import(&self, import: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE imports SET finished_ms = ? WHERE id = ?")
            .bind(self.now_ms())
            .bind(import)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The highest id that a message has or had.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn last_message_id(&self) -> Result<i64, StoreError> {
        let mut writer = self.write().await?;
        Ok(last_id(&mut writer, "messages").await?)
    }
}

impl Importing {
    /// The import.
    pub const fn import(&self) -> ImportRow {
        self.import
    }

    /// The row here that a row there became.
    pub fn known(&self, kind: ImportedKind, theirs: i64) -> Option<i64> {
        self.known.get(&(kind, theirs)).copied()
    }

    /// The rows here that rows there became, by those.
    pub fn all(&self, kind: ImportedKind) -> Vec<(i64, i64)> {
        let known = self.known.iter();
        known
            .filter(|((known, _), _)| *known == kind)
            .map(|((_, theirs), ours)| (*theirs, *ours))
            .collect()
    }

    /// The user of an application here; none if it is gone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn user_of_application(&mut self, id: i64) -> Result<Option<i64>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT user_id FROM applications WHERE id = ?")
                .bind(id)
                .fetch_optional(&mut *self.transaction)
                .await?,
        )
    }

    /// The id of a user of this name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn user_by_name(&mut self, name: &str) -> Result<Option<i64>, StoreError> {
        Ok(sqlx::query_scalar("SELECT id FROM users WHERE name = ?")
            .bind(name)
            .fetch_optional(&mut *self.transaction)
            .await?)
    }

    /// Returns true if there is a row of this id.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn exists(&mut self, kind: ImportedKind, id: i64) -> Result<bool, StoreError> {
        let mut query = QueryBuilder::new("SELECT EXISTS (SELECT 1 FROM ");
        query
            .push(kind.table())
            .push(" WHERE id = ")
            .push_bind(id)
            .push(")");
        Ok(query
            .build_query_scalar()
            .fetch_one(&mut *self.transaction)
            .await?)
    }

    /// Notes that a user there is one who is here already.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn same_user(&mut self, theirs: i64, ours: i64) -> Result<(), StoreError> {
        self.note(ImportedKind::User, theirs, ours, None).await
    }

    /// Adds a user.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the name is taken.
    pub async fn user(
        &mut self,
        theirs: i64,
        name: &str,
        password_hash: &str,
        admin: bool,
        created_ms: i64,
    ) -> Result<i64, StoreError> {
        let id = self.free_id(ImportedKind::User, theirs).await?;
        let ours = sqlx::query_scalar(
            "INSERT INTO users (id, name, password_hash, admin, created_ms)
             VALUES (?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(id)
        .bind(name)
        .bind(password_hash)
        .bind(admin)
        .bind(created_ms)
        .fetch_one(&mut *self.transaction)
        .await
        .map_err(StoreError::conflict("a user of this name"))?;
        self.note(ImportedKind::User, theirs, ours, None).await?;
        Ok(ours)
    }

    /// Gives an added user an identity at an OpenID provider, unless it is another
    /// user's.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn identity(&mut self, ours: i64, identity: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO identities (identity, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(identity)
        .bind(ours)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// Adds an application.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if its token is another application's.
    pub async fn application(&mut self, new: ImportedApplication<'_>) -> Result<i64, StoreError> {
        let id = self.free_id(ImportedKind::Application, new.id).await?;
        let taken: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM applications WHERE user_id = ? AND sort_key = ?)",
        )
        .bind(new.user_id)
        .bind(new.sort_key)
        .fetch_one(&mut *self.transaction)
        .await?;
        let key = if taken || new.sort_key.is_empty() {
            let last: Option<String> =
                sqlx::query_scalar("SELECT max(sort_key) FROM applications WHERE user_id = ?")
                    .bind(new.user_id)
                    .fetch_one(&mut *self.transaction)
                    .await?;
            sort_key::after(last.as_deref())
        } else {
            new.sort_key.to_owned()
        };
        let ours = sqlx::query_scalar(
            "INSERT INTO applications (id, user_id, token_hash, name, description,
             default_priority, sort_key, image, created_ms, last_used_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(id)
        .bind(new.user_id)
        .bind(new.token.as_bytes())
        .bind(new.name)
        .bind(new.description)
        .bind(new.default_priority)
        .bind(key)
        .bind(new.image)
        .bind(new.created_ms)
        .bind(new.last_used_ms)
        .fetch_one(&mut *self.transaction)
        .await
        .map_err(StoreError::conflict("an application with this token"))?;
        self.note(ImportedKind::Application, new.id, ours, Some(new.token))
            .await?;
        Ok(ours)
    }

    /// Adds a client.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if its token is another client's.
    pub async fn client(&mut self, new: ImportedClient<'_>) -> Result<i64, StoreError> {
        let id = self.free_id(ImportedKind::Client, new.id).await?;
        let ours = sqlx::query_scalar(
            "INSERT INTO clients (id, user_id, token_hash, name, created_ms, last_used_ms,
             expires_after_seconds) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(id)
        .bind(new.user_id)
        .bind(new.token.as_bytes())
        .bind(new.name)
        .bind(new.created_ms)
        .bind(new.last_used_ms)
        .bind(new.expires_after_seconds)
        .fetch_one(&mut *self.transaction)
        .await
        .map_err(StoreError::conflict("a client with this token"))?;
        self.note(ImportedKind::Client, new.id, ours, Some(new.token))
            .await?;
        Ok(ours)
    }

    /// Adds a user's plugin with its configuration and storage. One that the user
    /// has here already stays as it is, and none is returned.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if its token is another's.
    pub async fn plugin(&mut self, new: ImportedPlugin<'_>) -> Result<Option<i64>, StoreError> {
        let there: Option<i64> =
            sqlx::query_scalar("SELECT id FROM plugin_instances WHERE user_id = ? AND plugin = ?")
                .bind(new.user_id)
                .bind(new.plugin)
                .fetch_optional(&mut *self.transaction)
                .await?;
        let token = TokenHash::of_stored(new.token);
        if let Some(ours) = there {
            self.note(ImportedKind::Plugin, new.id, ours, Some(token))
                .await?;
            return Ok(None);
        }
        let id = self.free_id(ImportedKind::Plugin, new.id).await?;
        let bytes = new
            .storage
            .map_or(0, |(key, value)| key.len() + value.len());
        let ours: i64 = sqlx::query_scalar(
            "INSERT INTO plugin_instances (id, user_id, plugin, token, config, storage_bytes,
             last_error, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(id)
        .bind(new.user_id)
        .bind(new.plugin)
        .bind(new.token)
        .bind(new.config)
        .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
        .bind(new.note)
        .bind(new.created_ms)
        .fetch_one(&mut *self.transaction)
        .await
        .map_err(StoreError::conflict("a plugin with this token"))?;
        if let Some((key, value)) = new.storage {
            sqlx::query("INSERT INTO plugin_storage (instance_id, key, value) VALUES (?, ?, ?)")
                .bind(ours)
                .bind(key)
                .bind(value)
                .execute(&mut *self.transaction)
                .await?;
        }
        if let Some(application) = new.application {
            sqlx::query(
                "UPDATE applications SET plugin_instance_id = ?, plugin_key = '' WHERE id = ?",
            )
            .bind(ours)
            .bind(application)
            .execute(&mut *self.transaction)
            .await?;
        }
        self.note(ImportedKind::Plugin, new.id, ours, Some(token))
            .await?;
        Ok(Some(ours))
    }

    /// Makes it all last.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`]; nothing has changed then.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }

    /// A row's id there, if no row here has or had it; else none, for a new one.
    async fn free_id(
        &mut self,
        kind: ImportedKind,
        theirs: i64,
    ) -> Result<Option<i64>, StoreError> {
        let last = last_id(&mut self.transaction, kind.table()).await?;
        Ok((theirs > last).then_some(theirs))
    }

    async fn note(
        &mut self,
        kind: ImportedKind,
        theirs: i64,
        ours: i64,
        token: Option<TokenHash>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO imported (import_id, kind, theirs, ours, token) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(self.import.id)
        .bind(kind.name())
        .bind(theirs)
        .bind(ours)
        .bind(token.as_ref().map(TokenHash::as_bytes))
        .execute(&mut *self.transaction)
        .await?;
        self.known.insert((kind, theirs), ours);
        Ok(())
    }
}

/// The highest id that a row of a table has or had.
async fn last_id(connection: &mut SqliteConnection, table: &str) -> Result<i64, sqlx::Error> {
    let last: Option<i64> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = ?")
        .bind(table)
        .fetch_optional(connection)
        .await?;
    Ok(last.unwrap_or(0))
}
