//! The table `messages`.

use std::{ops::RangeInclusive, slice, sync::LazyLock};

use futures_util::{Stream, TryStreamExt as _};
use sqlx::{SqliteExecutor, error::ErrorKind};

use super::{Store, StoreError};

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct MessageRow {
    /// Unique on the server; grows with time and is never used again.
    pub id: i64,
    /// The application it came from.
    pub application_id: i64,
    /// The user who got it.
    pub user_id: i64,
    /// May be empty.
    pub title: String,
    /// The text.
    pub body: String,
    /// 0 (silent) to 10 (urgent) by convention.
    pub priority: i64,
    /// A JSON object as text.
    pub extras: Option<String>,
    /// The time of its receipt, in milliseconds since the epoch.
    pub created_ms: i64,
    /// The time at which it is deleted, in milliseconds since the epoch; none for never.
    pub expires_ms: Option<i64>,
}

impl MessageRow {
    /// Bytes of its texts.
    fn bytes(&self) -> usize {
        self.title.len() + self.body.len() + self.extras.as_ref().map_or(0, String::len)
    }
}

/// The values of a new message.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// See [`MessageRow::application_id`]; of the same user.
    pub application_id: i64,
    /// See [`MessageRow::user_id`].
    pub user_id: i64,
    /// See [`MessageRow::title`].
    pub title: String,
    /// See [`MessageRow::body`].
    pub body: String,
    /// See [`MessageRow::priority`].
    pub priority: i64,
    /// See [`MessageRow::extras`].
    pub extras: Option<String>,
    /// See [`MessageRow::created_ms`].
    pub created_ms: i64,
    /// See [`MessageRow::expires_ms`].
    pub expires_ms: Option<i64>,
    /// The effect of each filter, as JSON.
    pub trace: Option<String>,
    /// The dropped message that it restores, which is forgotten with that.
    pub restores: Option<i64>,
    /// See [`SourcedMessage::hops`](crate::SourcedMessage::hops).
    pub hops: u8,
}

impl NewMessage {
    /// Returns the message with this id.
    pub fn into_row(self, id: i64) -> MessageRow {
        MessageRow {
            id,
            application_id: self.application_id,
            user_id: self.user_id,
            title: self.title,
            body: self.body,
            priority: self.priority,
            extras: self.extras,
            created_ms: self.created_ms,
            expires_ms: self.expires_ms,
        }
    }

    /// Bytes of its texts.
    pub fn bytes(&self) -> usize {
        self.title.len() + self.body.len() + self.extras.as_ref().map_or(0, String::len)
    }
}

/// The most messages that are stored by one statement.
pub const TOGETHER: usize = 128;
/// The step between the sizes of statements, and the largest size that is a double of
/// the one before.
const STEP: usize = 8;
const _: () = assert!(
    TOGETHER.is_multiple_of(STEP),
    "the last statement has as many places"
);

/// The statements by their places for messages: 1, 2, 4 and 8, then 8 more each until
/// [`TOGETHER`]. So few that each connection keeps them prepared, and so many that few
/// places are empty.
static INSERTIONS: LazyLock<Vec<(usize, String)>> = LazyLock::new(|| {
    let doubles = std::iter::successors(Some(1), |places| Some(places * 2));
    doubles
        .take_while(|places| *places < STEP)
        .chain((STEP..=TOGETHER).step_by(STEP))
        .map(|places| (places, insertion(places)))
        .collect()
});

/// Stores messages in their order, as SQLite reads rows of values one after the other:
/// a sort would copy each text once more. A place without an application is empty.
/// Fails if an application is not there, as the column must not be null. It returns no
/// ids: the thread that executes it would wake the one that waits for each of them.
fn insertion(places: usize) -> String {
    format!(
        "INSERT INTO messages
         (application_id, user_id, title, body, priority, extras, created_ms, expires_ms, trace,
          hops)
         SELECT (SELECT id FROM applications WHERE id = column1 AND user_id = column2), column2,
          column3, column4, column5, column6, column7, column8, column9, column10
         FROM (VALUES {}) WHERE column1 IS NOT NULL",
        vec!["(?,?,?,?,?,?,?,?,?,?)"; places].join(",")
    )
}

/// Stores up to [`TOGETHER`] messages, and returns their ids in the messages' order.
/// None, and nothing is stored, if an application is not there.
async fn insert(
    new: &[NewMessage],
    to: impl SqliteExecutor<'_>,
) -> Result<Option<RangeInclusive<i64>>, sqlx::Error> {
    let fitting = INSERTIONS.iter().find(|(places, _)| *places >= new.len());
    let (places, text) =
        fitting.ok_or_else(|| sqlx::Error::Protocol("too many messages".to_owned()))?;
    let mut query = sqlx::query(text.as_str());
    for place in 0..*places {
        let new = new.get(place);
        query = query
            .bind(new.map(|new| new.application_id))
            .bind(new.map(|new| new.user_id))
            .bind(new.map(|new| &new.title))
            .bind(new.map(|new| &new.body))
            .bind(new.map(|new| new.priority))
            .bind(new.and_then(|new| new.extras.as_ref()))
            .bind(new.map(|new| new.created_ms))
            .bind(new.and_then(|new| new.expires_ms))
            .bind(new.and_then(|new| new.trace.as_ref()))
            .bind(new.map(|new| new.hops));
    }
    match query.execute(to).await {
        Ok(stored) => {
            // With AUTOINCREMENT, each row's id follows the one before.
            let last = stored.last_insert_rowid();
            let count = i64::try_from(stored.rows_affected()).unwrap_or_default();
            Ok(Some(last - count + 1..=last))
        }
        // The only column that can be null: the rest is bound, or may be null.
        Err(sqlx::Error::Database(error)) if error.kind() == ErrorKind::NotNullViolation => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Selects a part of a list, newest first.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Only messages with a smaller id.
    pub before: Option<i64>,
    /// At most this many; fewer if they are long.
    pub limit: i64,
}

/// A part of a list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The messages.
    pub messages: Vec<MessageRow>,
    /// Whether older ones follow.
    pub more: bool,
}

/// Messages that are deleted at a time.
const BATCH: i64 = 500;
/// Bytes of messages on a page; a page has one message at least.
const PAGE_BYTES: usize = 32 << 20;

impl Listing {
    /// Reads a page from the rows of a query for one message more.
    async fn read(
        mut rows: impl Stream<Item = Result<MessageRow, sqlx::Error>> + Unpin,
        limit: i64,
    ) -> Result<Self, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(0);
        let mut listing = Self::default();
        let mut bytes = 0;
        while let Some(row) = rows.try_next().await? {
            bytes += row.bytes();
            let full = listing.messages.len() >= limit
                || (bytes > PAGE_BYTES && !listing.messages.is_empty());
            if full {
                listing.more = true;
                break;
            }
            listing.messages.push(row);
        }
        Ok(listing)
    }
}

/// All columns but the trace, which is only read on its own.
macro_rules! columns {
    () => {
        "id, application_id, user_id, title, body, priority, extras, created_ms, expires_ms"
    };
}

impl Store {
    /// Stores messages in one transaction, in their order, and returns their ids; up to
    /// [`TOGETHER`] are stored by one statement. None for a message whose application is
    /// not there or another user's, or that restores a dropped message which is not
    /// there: either may have gone a moment ago.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`]; nothing was stored.
    pub async fn create_messages(
        &self,
        new: &[NewMessage],
    ) -> Result<Vec<Option<i64>>, StoreError> {
        if new.is_empty() {
            return Ok(Vec::new());
        }
        // One statement is a transaction by itself. Another thread executes it, and
        // waiting for each takes longer than the statement.
        let restores = new.iter().any(|new| new.restores.is_some());
        if !restores
            && new.len() <= TOGETHER
            && let Some(ids) = insert(new, &self.writer).await?
        {
            return Ok(ids.map(Some).collect());
        }
        self.create_one_by_one(new).await
    }

    async fn create_one_by_one(&self, new: &[NewMessage]) -> Result<Vec<Option<i64>>, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let mut stored = Vec::with_capacity(new.len());
        for new in new {
            if let Some(dropped) = new.restores {
                let forgotten =
                    sqlx::query("DELETE FROM dropped_messages WHERE id = ? AND user_id = ?")
                        .bind(dropped)
                        .bind(new.user_id)
                        .execute(&mut *transaction)
                        .await?;
                if forgotten.rows_affected() == 0 {
                    stored.push(None);
                    continue;
                }
            }
            let ids = insert(slice::from_ref(new), &mut *transaction).await?;
            stored.push(ids.map(|ids| *ids.end()));
        }
        transaction.commit().await?;
        Ok(stored)
    }

    /// Gives a message new texts, priority, extras and trace, and if `expires` is given,
    /// a new time at which it is deleted, none for never. Its application, the time at
    /// which it was sent and its count of plugins stay. None if the user has no such message
    /// of this application.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn update_message(
        &self,
        id: i64,
        new: &NewMessage,
        expires: Option<Option<i64>>,
    ) -> Result<Option<MessageRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "UPDATE messages SET title = ?, body = ?, priority = ?, extras = ?, trace = ?,
             expires_ms = CASE WHEN ? THEN ? ELSE expires_ms END
             WHERE id = ? AND user_id = ? AND application_id = ? RETURNING ",
            columns!()
        ))
        .bind(&new.title)
        .bind(&new.body)
        .bind(new.priority)
        .bind(&new.extras)
        .bind(&new.trace)
        .bind(expires.is_some())
        .bind(expires.flatten())
        .bind(id)
        .bind(new.user_id)
        .bind(new.application_id)
        .fetch_optional(&self.writer)
        .await?)
    }

    /// Sets the time at which a message is deleted; none for never. None if the user has
    /// no such message.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_message_expiry(
        &self,
        user_id: i64,
        id: i64,
        expires_ms: Option<i64>,
    ) -> Result<Option<MessageRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "UPDATE messages SET expires_ms = ? WHERE id = ? AND user_id = ? RETURNING ",
            columns!()
        ))
        .bind(expires_ms)
        .bind(id)
        .bind(user_id)
        .fetch_optional(&self.writer)
        .await?)
    }

    /// One message of a user.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn message(&self, user_id: i64, id: i64) -> Result<Option<MessageRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM messages WHERE id = ? AND user_id = ?"
        ))
        .bind(id)
        .bind(user_id)
        .fetch_optional(&self.readers)
        .await?)
    }

    /// Returns the effect of each filter on a user's message, as JSON. The
    /// outer option is none if there is no such message, the inner one if no
    /// filters ran.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn message_trace(
        &self,
        user_id: i64,
        id: i64,
    ) -> Result<Option<Option<String>>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT trace FROM messages WHERE id = ? AND user_id = ?")
                .bind(id)
                .bind(user_id)
                .fetch_optional(&self.readers)
                .await?,
        )
    }

    /// Messages of a user, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn messages(&self, user_id: i64, page: Page) -> Result<Listing, StoreError> {
        let rows = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM messages WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?"
        ))
        .bind(user_id)
        .bind(page.before.unwrap_or(i64::MAX))
        .bind(page.limit.saturating_add(1))
        .fetch(&self.readers);
        Listing::read(rows, page.limit).await
    }

    /// Messages of one application of a user, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn application_messages(
        &self,
        user_id: i64,
        application_id: i64,
        page: Page,
    ) -> Result<Listing, StoreError> {
        let rows = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM messages WHERE application_id = ? AND user_id = ? AND id < ?
             ORDER BY id DESC LIMIT ?"
        ))
        .bind(application_id)
        .bind(user_id)
        .bind(page.before.unwrap_or(i64::MAX))
        .bind(page.limit.saturating_add(1))
        .fetch(&self.readers);
        Listing::read(rows, page.limit).await
    }

    /// Deletes a message of a user. False if there is no such message.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_message(&self, user_id: i64, id: i64) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM messages WHERE id = ? AND user_id = ?")
            .bind(id)
            .bind(user_id)
            .execute(&self.writer)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }

    /// Deletes all messages of a user.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_messages(&self, user_id: i64) -> Result<(), StoreError> {
        self.delete_in_batches(user_id, None).await
    }

    /// Deletes all messages of one application of a user.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_application_messages(
        &self,
        user_id: i64,
        application_id: i64,
    ) -> Result<(), StoreError> {
        self.delete_in_batches(user_id, Some(application_id)).await
    }

    /// Deletes the messages that there are now, a batch at a time: others write in
    /// between. It goes on to its end if the caller goes away.
    pub(super) async fn delete_in_batches(
        &self,
        user_id: i64,
        application_id: Option<i64>,
    ) -> Result<(), StoreError> {
        let store = self.clone();
        let deleting = tokio::spawn(async move {
            let newest: Option<i64> =
                sqlx::query_scalar("SELECT MAX(id) FROM messages WHERE user_id = ?")
                    .bind(user_id)
                    .fetch_one(&store.readers)
                    .await?;
            let Some(newest) = newest else {
                return Ok(());
            };
            loop {
                let deleted = sqlx::query(
                    "DELETE FROM messages WHERE id IN (
                        SELECT id FROM messages
                        WHERE user_id = ?1 AND (?2 IS NULL OR application_id = ?2) AND id <= ?3
                        LIMIT ?4
                     )",
                )
                .bind(user_id)
                .bind(application_id)
                .bind(newest)
                .bind(BATCH)
                .execute(&store.writer)
                .await?;
                if deleted.rows_affected() < BATCH.unsigned_abs() {
                    return Ok(());
                }
            }
        });
        match deleting.await {
            Ok(result) => result,
            Err(error) => Err(StoreError::Query(sqlx::Error::Protocol(error.to_string()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH, NewMessage, Page, Store};
    use crate::{NewApplication, TokenHash};

    /// A user, and two applications of theirs.
    async fn people(store: &Store) -> (i64, Vec<i64>) {
        let user = store.create_user("ann", "hash", true).await.unwrap();
        let mut applications = Vec::new();
        for name in ["one", "two"] {
            let new = NewApplication {
                name,
                description: "",
                default_priority: 0,
                sort_key: None,
            };
            let token = TokenHash::of_stored(name);
            let made = store.create_application(user.id, &token, new).await;
            applications.push(made.unwrap().id);
        }
        (user.id, applications)
    }

    fn message(user_id: i64, application_id: i64, body: &str) -> NewMessage {
        NewMessage {
            application_id,
            user_id,
            title: "t".to_owned(),
            body: body.to_owned(),
            priority: 7,
            extras: Some("{}".to_owned()),
            created_ms: 5,
            expires_ms: None,
            trace: None,
            restores: None,
            hops: 0,
        }
    }

    #[tokio::test]
    async fn messages_are_stored_together_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let (user, applications) = people(&store).await;
        let mut all = Vec::new();
        for count in (0..=64_usize).chain([127, 128, 129, 300]) {
            let new: Vec<_> = (0..count)
                .map(|n| NewMessage {
                    expires_ms: (n % 3 == 0).then_some(9),
                    hops: u8::try_from(n % 17).unwrap(),
                    ..message(user, applications[n % 2], &format!("{count}, {n}"))
                })
                .collect();
            let ids = store.create_messages(&new).await.unwrap();
            assert_eq!(ids.len(), count);
            for (id, new) in ids.iter().zip(&new) {
                let row = &new.clone().into_row(id.unwrap());
                let found = store.message(user, row.id).await.unwrap();
                assert_eq!(found.as_ref(), Some(row));
                assert_eq!(
                    (&row.body, row.application_id),
                    (&new.body, new.application_id)
                );
                let sourced = store.sourced_message(user, row.id).await.unwrap();
                assert_eq!(sourced.unwrap().hops, new.hops);
                all.push(row.id);
            }
        }
        assert!(all.is_sorted(), "{all:?}");
        store.close().await;
    }

    #[tokio::test]
    async fn old_traces_are_removed_a_batch_at_a_time_and_the_messages_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let (user, applications) = people(&store).await;
        let traces = ["[kept]", "[changed]", "?", "[replaced]", "[kept]"];
        let new: Vec<_> = traces
            .iter()
            .zip(0..)
            .map(|(trace, created_ms)| NewMessage {
                created_ms,
                trace: Some((*trace).to_owned()),
                ..message(user, applications[0], "b")
            })
            .collect();
        store.create_messages(&new).await.unwrap();
        let remove = async |before_ms: i64, most: u32| {
            let removed = store.remove_traces_before(before_ms, most, ["changed", "replaced"], "?");
            removed.await.unwrap()
        };
        let left = async || {
            let mut left = Vec::new();
            for id in 1..=5 {
                left.push(store.message_trace(user, id).await.unwrap().unwrap());
            }
            left
        };
        let (kept, marked) = (Some("[kept]".to_owned()), Some("?".to_owned()));
        assert!(remove(3, 2).await);
        let replaced = Some("[replaced]".to_owned());
        let first = [&None, &marked, &marked, &replaced, &kept];
        assert_eq!(left().await.iter().collect::<Vec<_>>(), first);
        // The fourth is new.
        assert!(!remove(3, 2).await);
        assert_eq!(left().await.iter().collect::<Vec<_>>(), first);
        assert!(remove(9, 2).await);
        assert!(!remove(9, 2).await);
        let last = [&None, &marked, &marked, &marked, &None];
        assert_eq!(left().await.iter().collect::<Vec<_>>(), last);
        store.close().await;
    }

    /// Long messages are written anew in several batches.
    #[tokio::test]
    async fn traces_of_long_messages_are_removed_few_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let (user, applications) = people(&store).await;
        let long = NewMessage {
            trace: Some("[]".to_owned()),
            ..message(user, applications[0], &"b".repeat(5 << 20))
        };
        let new = [long.clone(), long.clone(), long];
        store.create_messages(&new).await.unwrap();
        for more in [true, true, false] {
            let removed = store.remove_traces_before(9, 100, ["changed", "replaced"], "?");
            assert_eq!(removed.await.unwrap(), more);
        }
        for id in 1..=3 {
            assert_eq!(store.message_trace(user, id).await.unwrap(), Some(None));
        }
        store.close().await;
    }

    #[tokio::test]
    async fn a_reader_is_given_the_priorities_that_it_wants() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let (user_id, applications) = people(&store).await;
        let new = [2, 7, 5].map(|priority| NewMessage {
            priority,
            ..message(user_id, applications[0], "b")
        });
        store.create_messages(&new).await.unwrap();
        for (min_priority, expected) in [(None, &[2, 7, 5][..]), (Some(5), &[7, 5]), (Some(8), &[])]
        {
            let readable = crate::Readable {
                instance: 1,
                user_id,
                applications: None,
                min_priority,
            };
            let after = store.messages_after(readable, 0, 10).await.unwrap();
            let after: Vec<_> = after.iter().map(|given| given.priority).collect();
            assert_eq!(after, expected, "{min_priority:?}");
            let received = store
                .messages_received(readable, i64::MAX, 10)
                .await
                .unwrap();
            assert_eq!(received.len(), expected.len());
        }
        store.close().await;
    }

    #[tokio::test]
    async fn a_message_without_an_application_takes_no_other_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let (user, applications) = people(&store).await;
        let here = applications[0];
        for count in [1, 2, 37] {
            for lost in [0, count / 2, count - 1] {
                let mut new: Vec<_> = (0..count)
                    .map(|n| message(user, here, &n.to_string()))
                    .collect();
                new[lost].application_id = 99;
                let ids = store.create_messages(&new).await.unwrap();
                let found: Vec<_> = ids.iter().map(Option::is_some).collect();
                let expected: Vec<_> = (0..count).map(|n| n != lost).collect();
                assert_eq!(found, expected);
                let page = Page {
                    before: None,
                    limit: 1000,
                };
                let listing = store.messages(user, page).await.unwrap();
                assert_eq!(listing.messages.len(), count - 1, "nothing is there twice");
                store.delete_messages(user).await.unwrap();
            }
        }
        store.close().await;
    }

    #[tokio::test]
    async fn all_messages_are_deleted_a_batch_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let (user, applications) = people(&store).await;
        let of = |application| message(user, application, "b");
        let count = usize::try_from(BATCH).unwrap() * 2 + 1;
        for application in &applications {
            let new: Vec<_> = (0..count).map(|_| of(*application)).collect();
            store.create_messages(&new).await.unwrap();
        }
        let left = async || {
            let page = Page {
                before: None,
                limit: 10_000,
            };
            store.messages(user, page).await.unwrap().messages.len()
        };
        let first = applications[0];
        store
            .delete_application_messages(user, first)
            .await
            .unwrap();
        assert_eq!(left().await, count);
        store.delete_messages(user).await.unwrap();
        assert_eq!(left().await, 0);
        store.close().await;
    }
}
