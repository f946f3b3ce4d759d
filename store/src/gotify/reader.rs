//! An open database of Gotify, of either kind: the queries that both answer alike.

use sqlx::{
    AssertSqlSafe, ColumnIndex, Connection as _, Database, Decode, Encode, Executor, FromRow,
    IntoArguments, Type, query_as, query_scalar,
};

use super::{
    GotifyApplication, GotifyClient, GotifyEntities, GotifyError, GotifyMessage, GotifyPlugin,
    GotifyUser,
    queries::{LAST_MESSAGE, MESSAGE_COUNT, Queries},
};

/// A connection and the queries for its database.
#[derive(Debug)]
pub(super) struct Reader<D: Database> {
    pub(super) connection: D::Connection,
    pub(super) queries: Queries,
}

impl<D: Database> Reader<D>
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    D::Arguments: IntoArguments<D>,
    usize: ColumnIndex<D::Row>,
    for<'v> i64: Encode<'v, D> + Decode<'v, D> + Type<D>,
    for<'r> GotifyUser: FromRow<'r, D::Row>,
    for<'r> GotifyApplication: FromRow<'r, D::Row>,
    for<'r> GotifyClient: FromRow<'r, D::Row>,
    for<'r> GotifyPlugin: FromRow<'r, D::Row>,
    for<'r> GotifyMessage: FromRow<'r, D::Row>,
{
    /// Reads all rows but messages in one transaction, after a statement that sets it
    /// up. `newest` is the last message to import; none for the newest there is.
    pub(super) async fn entities(
        &mut self,
        first: Option<&'static str>,
        newest: Option<i64>,
    ) -> Result<GotifyEntities, GotifyError> {
        let mut snapshot = self.connection.begin().await?;
        if let Some(first) = first {
            sqlx::query(first).execute(&mut *snapshot).await?;
        }
        // The queries are of the names in `schema`.
        let safe = |text: &str| AssertSqlSafe(text.to_owned());
        let entities = GotifyEntities {
            users: query_as(safe(&self.queries.users))
                .fetch_all(&mut *snapshot)
                .await?,
            applications: query_as(safe(&self.queries.applications))
                .fetch_all(&mut *snapshot)
                .await?,
            clients: query_as(safe(&self.queries.clients))
                .fetch_all(&mut *snapshot)
                .await?,
            plugins: match &self.queries.plugins {
                Some(plugins) => query_as(safe(plugins)).fetch_all(&mut *snapshot).await?,
                None => Vec::new(),
            },
            last_message: match newest {
                Some(newest) => newest,
                None => query_scalar(LAST_MESSAGE).fetch_one(&mut *snapshot).await?,
            },
        };
        snapshot.rollback().await?;
        Ok(entities)
    }

    pub(super) async fn message_count(
        &mut self,
        after: i64,
        upto: i64,
    ) -> Result<i64, GotifyError> {
        Ok(query_scalar(MESSAGE_COUNT)
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
        Ok(query_as(AssertSqlSafe(self.queries.messages.clone()))
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
