//! Messages that passed filters, stored and dropped ones, with their traces.

use std::{collections::HashMap, slice};

use futures_util::TryStreamExt as _;

use crate::{DROPPED_KEPT_MS, Store, StoreError};

/// The number of a message that passed filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::FromRow)]
pub struct TracedKey {
    /// Unique among the stored messages, or among the dropped ones.
    pub id: i64,
    /// True for a dropped message.
    pub dropped: bool,
}

/// A message and the record of its filters.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TracedRow {
    /// Its number.
    #[sqlx(flatten)]
    pub key: TracedKey,
    /// Its application.
    pub application_id: i64,
    /// The application's name.
    pub application_name: String,
    /// The instance that sent it, if a plugin did.
    pub plugin_instance_id: Option<i64>,
    /// As it was stored, or as its last filter was given it; so are the next three.
    pub title: String,
    /// The text.
    pub body: String,
    /// 0 (silent) to 10 (urgent) by convention.
    pub priority: i64,
    /// A JSON object as text.
    pub extras: Option<String>,
    /// The time of its receipt, in milliseconds since the epoch.
    pub created_ms: i64,
    /// The effect of each filter, as JSON.
    pub trace: String,
}

/// Bytes of messages that are read at once.
const READ_BYTES: usize = 8 << 20;

impl TracedRow {
    /// Bytes of its texts.
    fn bytes(&self) -> usize {
        let extras = self.extras.as_ref().map_or(0, String::len);
        self.title.len() + self.body.len() + extras + self.trace.len()
    }
}

macro_rules! rows {
    ($dropped:literal, $table:literal) => {
        concat!(
            "SELECT m.id, ",
            $dropped,
            " AS dropped, m.application_id, a.name AS application_name,
             a.plugin_instance_id, m.title, m.body,
             m.priority, m.extras, m.created_ms, m.trace
             FROM ",
            $table,
            " m JOIN applications a ON a.id = m.application_id
             WHERE m.id IN (SELECT value FROM json_each(?)) AND m.user_id = ?
             AND m.trace IS NOT NULL"
        )
    };
}

impl Store {
    /// Returns the messages of a user that passed filters since a time, oldest first: at
    /// most the `limit` newest ones.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn traced(
        &self,
        user_id: i64,
        since_ms: i64,
        limit: u32,
    ) -> Result<Vec<TracedKey>, StoreError> {
        let mut newest: Vec<TracedKey> = sqlx::query_as(
            "SELECT id, dropped FROM (
                 SELECT id, 0 AS dropped, created_ms FROM (
                     SELECT id, created_ms FROM messages
                     WHERE user_id = ?1 AND created_ms >= ?2 AND trace IS NOT NULL
                     ORDER BY id DESC LIMIT ?4)
                 UNION ALL
                 SELECT id, 1, created_ms FROM dropped_messages
                 WHERE user_id = ?1 AND created_ms >= max(?2, ?3) AND trace IS NOT NULL)
             ORDER BY created_ms DESC, dropped DESC, id DESC LIMIT ?4",
        )
        .bind(user_id)
        .bind(since_ms)
        .bind(self.now_ms() - DROPPED_KEPT_MS)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        newest.reverse();
        Ok(newest)
    }

    /// Returns these messages of a user, in this order. Leaves out those that are gone.
    /// If they are long, it returns the first one of them alone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn traced_messages(
        &self,
        user_id: i64,
        keys: &[TracedKey],
    ) -> Result<Vec<TracedRow>, StoreError> {
        if let Some(rows) = self.traced_within(user_id, keys, READ_BYTES).await? {
            return Ok(rows);
        }
        for key in keys {
            let one = slice::from_ref(key);
            match self.traced_within(user_id, one, usize::MAX).await? {
                Some(row) if !row.is_empty() => return Ok(row),
                _ => {}
            }
        }
        Ok(Vec::new())
    }

    /// None if they are longer than this.
    async fn traced_within(
        &self,
        user_id: i64,
        keys: &[TracedKey],
        most: usize,
    ) -> Result<Option<Vec<TracedRow>>, StoreError> {
        let mut rows = HashMap::with_capacity(keys.len());
        let mut bytes = 0_usize;
        for (dropped, query) in [
            (false, rows!("0", "messages")),
            (true, rows!("1", "dropped_messages")),
        ] {
            let keys = keys.iter().filter(|key| key.dropped == dropped);
            let ids: Vec<i64> = keys.map(|key| key.id).collect();
            if ids.is_empty() {
                continue;
            }
            let mut found = sqlx::query_as::<_, TracedRow>(query)
                .bind(crate::plugins::json(&ids))
                .bind(user_id)
                .fetch(&self.readers);
            while let Some(row) = found.try_next().await? {
                bytes = bytes.saturating_add(row.bytes());
                if bytes > most {
                    return Ok(None);
                }
                rows.insert(row.key, row);
            }
        }
        Ok(Some(
            keys.iter().filter_map(|key| rows.remove(key)).collect(),
        ))
    }
}
