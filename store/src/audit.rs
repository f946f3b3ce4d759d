//! The table `audit`.

use super::{Store, StoreError};

/// Bounds of the log. The oldest entries go first.
#[derive(Clone, Copy)]
struct Bounds {
    /// Entries that no user made over the network.
    others: i64,
    /// Entries of all users.
    users: i64,
    /// Entries of one user, who cannot push out those of others.
    one_user: i64,
    /// Entries between two times at which the bounds are applied.
    every: i64,
}

const KEPT: Bounds = Bounds {
    others: 100_000,
    users: 100_000,
    one_user: 2_000,
    every: 50,
};

/// A change to a plugin that is recorded now.
#[derive(Clone, Copy, Debug)]
pub struct NewAudit<'a> {
    /// See [`AuditRow::actor`].
    pub actor: &'a str,
    /// The id and the name of the user, if a user made the change.
    pub user: Option<(i64, &'a str)>,
    /// See [`AuditRow::action`].
    pub action: &'a str,
    /// See [`AuditRow::plugin`].
    pub plugin: &'a str,
    /// See [`AuditRow::details`].
    pub details: &'a str,
}

/// A change to a plugin.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditRow {
    /// Grows with time.
    pub id: i64,
    /// The time, in milliseconds since the epoch.
    pub created_ms: i64,
    /// `user`, `command line`, `folder` or `server`.
    pub actor: String,
    /// The user, if a user made the change.
    pub user_id: Option<i64>,
    /// That user's name at the time.
    pub user_name: Option<String>,
    /// Such as `installed`.
    pub action: String,
    /// The manifest's id.
    pub plugin: String,
    /// A JSON object.
    pub details: String,
}

impl Store {
    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn add_audit(&self, new: NewAudit<'_>) -> Result<(), StoreError> {
        self.add_audit_within(new, KEPT).await
    }

    async fn add_audit_within(&self, new: NewAudit<'_>, kept: Bounds) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO audit (created_ms, actor, user_id, user_name, action, plugin, details)
             VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(self.now_ms())
        .bind(new.actor)
        .bind(new.user.map(|(id, _)| id))
        .bind(new.user.map(|(_, name)| name))
        .bind(new.action)
        .bind(new.plugin)
        .bind(new.details)
        .fetch_one(&mut *transaction)
        .await?;
        if id % kept.every == 0 {
            for (which, most) in [
                ("actor = 'user' AND user_id = ?1", kept.one_user),
                ("actor = 'user' AND ?1 IS ?1", kept.users),
                ("actor <> 'user' AND ?1 IS ?1", kept.others),
            ] {
                let statement = format!(
                    "DELETE FROM audit WHERE id IN (
                        SELECT id FROM audit WHERE {which} ORDER BY id DESC LIMIT -1 OFFSET ?2
                     )"
                );
                sqlx::query(sqlx::AssertSqlSafe(statement))
                    .bind(new.user.map(|(id, _)| id))
                    .bind(most)
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Entries before this one, newest first; of one plugin or of all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn audit(
        &self,
        plugin: Option<&str>,
        before: i64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT * FROM audit WHERE id < ?1 AND (?2 IS NULL OR plugin = ?2)
             ORDER BY id DESC LIMIT ?3",
        )
        .bind(before)
        .bind(plugin)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounds, NewAudit, Store};

    #[tokio::test]
    async fn a_user_does_not_push_out_others() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let kept = Bounds {
            others: 5,
            users: 10,
            one_user: 3,
            every: 1,
        };
        let add = async |actor, user| {
            let new = NewAudit {
                actor,
                user,
                action: "enabled",
                plugin: "a.b",
                details: "{}",
            };
            store.add_audit_within(new, kept).await.unwrap();
        };
        add("command line", Some((1, "admin"))).await;
        add("user", Some((1, "admin"))).await;
        for _ in 0..20 {
            add("user", Some((2, "mallory"))).await;
        }
        let of = async |actor: &str, name: &str| {
            let rows = store.audit(None, i64::MAX, 100).await.unwrap();
            let of_name = |row: &&super::AuditRow| {
                row.actor == actor && row.user_name.as_deref() == Some(name)
            };
            rows.iter().filter(of_name).count()
        };
        assert_eq!(of("command line", "admin").await, 1);
        assert_eq!(of("user", "admin").await, 1);
        assert_eq!(of("user", "mallory").await, 3);
        for _ in 0..9 {
            add("server", None).await;
        }
        let rows = store.audit(None, i64::MAX, 100).await.unwrap();
        assert_eq!(rows.iter().filter(|row| row.actor != "user").count(), 5);
        store.close().await;
    }
}
