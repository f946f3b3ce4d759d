//! The applications whose tokens were looked up, kept in memory: another thread
//! executes each query, and waiting for it takes longer than all else that a
//! message costs but its commit.
//!
//! Within this process, memory never says anything else than the table. SQLite tells
//! the connection that writes of each row that changes, before the change is
//! committed. It does so for rows that a foreign key takes along, and, as other tables
//! refer to this one, for a deletion of all rows; it does not for rows that `REPLACE`
//! removes, which nothing here uses. From then on, until a release of the connection
//! finds the change done, lookups ask the table and nothing is kept; after it, what was
//! kept before counts no more. Another process can write too, an administrator with
//! `sqlite3` for one: its changes count after [`KEPT_MS`].

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use sqlx::{Connection as _, SqliteConnection};

use super::{ApplicationRow, TokenHash};

/// The table that is followed.
const TABLE: &str = "applications";
/// The time after which an application is looked up again, in milliseconds.
const KEPT_MS: i64 = 1_000;
/// Applications that are kept at most.
const MOST: usize = 4_096;
/// Bytes of an application's texts, beyond which it is not kept.
const TEXT_BYTES: usize = 2 << 10;

/// A state of the table, as long as it does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State(u64);

/// Applications by their tokens. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Senders {
    /// Raised before a change is committed and after it: odd between them.
    changes: Arc<AtomicU64>,
    kept: Arc<RwLock<Cache>>,
}

#[derive(Default)]
struct Cache {
    /// The value of `changes` at which all of them were read.
    at: u64,
    /// With the times at which they were read.
    applications: HashMap<TokenHash, (i64, Arc<ApplicationRow>)>,
}

impl fmt::Debug for Senders {
    /// Without hashes of tokens.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Senders")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

impl Senders {
    /// Follows what a connection writes. [`Senders::settle`] has to be called
    /// whenever the connection is released.
    pub(super) async fn follow(&self, writer: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let changes = Arc::clone(&self.changes);
        writer.lock_handle().await?.set_update_hook(move |change| {
            if change.table == TABLE {
                changes.fetch_or(1, Ordering::AcqRel);
            }
        });
        Ok(())
    }

    /// Notes that a connection has committed or given up all changes of the table that
    /// it began. A statement that begins only now, because its caller went away, leaves
    /// the table changing until the next call.
    pub(super) async fn settle(&self, writer: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        if self.state().is_none() {
            // What a caller that went away has left may still run. The connection
            // executes one statement after the other.
            writer.ping().await?;
            self.changes.fetch_add(1, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Returns the table's state, unless it is changing.
    pub(super) fn state(&self) -> Option<State> {
        let changes = self.changes.load(Ordering::Acquire);
        changes.is_multiple_of(2).then_some(State(changes))
    }

    /// Returns a token's application in a state, if it is kept.
    pub(super) fn get(
        &self,
        state: State,
        token: &TokenHash,
        now_ms: i64,
    ) -> Option<Arc<ApplicationRow>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        if kept.at != state.0 {
            return None;
        }
        let (read_ms, application) = kept.applications.get(token)?;
        let age_ms = now_ms.saturating_sub(*read_ms);
        (0..KEPT_MS)
            .contains(&age_ms)
            .then(|| Arc::clone(application))
    }

    /// Keeps an application that was read after the table was in a state.
    pub(super) fn keep(
        &self,
        state: State,
        token: TokenHash,
        now_ms: i64,
        application: Arc<ApplicationRow>,
    ) {
        if application.name.len() + application.description.len() > TEXT_BYTES {
            return;
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        // The table may have changed since, or while it was read.
        if self.state() != Some(state) {
            return;
        }
        if kept.at != state.0 || kept.applications.len() >= MOST {
            kept.applications.clear();
            kept.at = state.0;
        }
        kept.applications.insert(token, (now_ms, application));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

    use super::{super::*, KEPT_MS, TEXT_BYTES};

    struct Bench {
        folder: tempfile::TempDir,
        store: Store,
        now_ms: Arc<AtomicI64>,
        user: UserRow,
    }

    impl Bench {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let now_ms = Arc::new(AtomicI64::new(1_000_000));
            let clock = Arc::clone(&now_ms);
            let store = Store::open(folder.path()).await.unwrap();
            let store = store.with_clock(move || clock.load(Ordering::Relaxed));
            store.create_user("admin", "", true).await.unwrap();
            let user = store.create_user("ann", "", false).await.unwrap();
            Self {
                folder,
                store,
                now_ms,
                user,
            }
        }

        async fn application(&self, token: &TokenHash) -> ApplicationRow {
            let new = NewApplication {
                name: "door",
                ..NewApplication::default()
            };
            let user = self.user.id;
            self.store
                .create_application(user, token, new)
                .await
                .unwrap()
        }

        async fn find(&self, token: &TokenHash) -> Option<Arc<ApplicationRow>> {
            self.store.application_by_token(token).await.unwrap()
        }

        /// Finds an application until memory answers.
        async fn find_kept(&self, token: &TokenHash) -> Arc<ApplicationRow> {
            loop {
                let found = self.find(token).await.unwrap();
                let senders = &self.store.senders;
                let kept = senders
                    .state()
                    .and_then(|state| senders.get(state, token, self.store.now_ms()));
                if let Some(kept) = kept {
                    assert_eq!(kept, found);
                    return found;
                }
                tokio::task::yield_now().await;
            }
        }

        /// Deletes all applications by a connection of its own, as another process does.
        async fn delete_from_outside(&self) {
            let path = self.folder.path().join("mortise.db");
            let options = SqliteConnectOptions::new().filename(path);
            let mut outside = SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::query("DELETE FROM applications WHERE id > 0")
                .execute(&mut outside)
                .await
                .unwrap();
        }
    }

    fn token(text: &str) -> TokenHash {
        TokenHash::of_stored(text)
    }

    #[tokio::test]
    async fn a_token_ends_with_each_change_that_ends_it() {
        let bench = Bench::new().await;
        let (store, user) = (&bench.store, bench.user.id);
        let (first, second) = (token("first"), token("second"));

        let application = bench.application(&first).await;
        bench.find_kept(&first).await;
        let set = store.set_application_token(user, application.id, &second);
        assert!(set.await.unwrap());
        assert_eq!(bench.find(&first).await, None);
        assert_eq!(bench.find_kept(&second).await.id, application.id);

        let deleted = store.delete_application(user, application.id);
        assert!(deleted.await.unwrap());
        assert_eq!(bench.find(&second).await, None);

        // With its user, by the table's foreign key.
        bench.application(&first).await;
        bench.find_kept(&first).await;
        assert!(store.delete_user(user).await.unwrap());
        assert_eq!(bench.find(&first).await, None);
    }

    #[tokio::test]
    async fn each_change_to_an_application_is_seen_at_once() {
        let bench = Bench::new().await;
        let (store, user, token) = (&bench.store, bench.user.id, token("first"));
        let id = bench.application(&token).await.id;

        bench.find_kept(&token).await;
        let change = ApplicationChange {
            name: "gate",
            default_priority: Some(7),
            ..ApplicationChange::default()
        };
        store.update_application(user, id, change).await.unwrap();
        let found = bench.find_kept(&token).await;
        assert_eq!((found.name.as_str(), found.default_priority), ("gate", 7));

        store.set_image(user, id, Some("gate.png")).await.unwrap();
        let found = bench.find_kept(&token).await;
        assert_eq!(found.image.as_deref(), Some("gate.png"));

        store.touch_application(id).await.unwrap();
        let found = bench.find_kept(&token).await;
        assert_eq!(found.last_used_ms, Some(store.now_ms()));
    }

    #[tokio::test]
    async fn a_change_that_is_given_up_was_never_seen() {
        let bench = Bench::new().await;
        let token = token("first");
        bench.application(&token).await;
        bench.find_kept(&token).await;
        let mut transaction = bench.store.writer.begin().await.unwrap();
        sqlx::query("DELETE FROM applications")
            .execute(&mut *transaction)
            .await
            .unwrap();
        assert_eq!(bench.store.senders.state(), None, "the table is changing");
        assert!(bench.find(&token).await.is_some(), "not committed yet");
        drop(transaction);
        bench.find_kept(&token).await;
    }

    #[tokio::test]
    async fn a_change_of_another_process_is_seen_within_a_second() {
        let bench = Bench::new().await;
        let token = token("first");
        bench.application(&token).await;
        bench.find_kept(&token).await;
        bench.delete_from_outside().await;
        bench.now_ms.fetch_add(KEPT_MS - 1, Ordering::Relaxed);
        assert!(bench.find(&token).await.is_some(), "from memory");
        bench.now_ms.fetch_add(1, Ordering::Relaxed);
        assert_eq!(bench.find(&token).await, None);
        // A clock that is set back keeps nothing alive.
        bench.application(&token).await;
        bench.find_kept(&token).await;
        bench.delete_from_outside().await;
        bench.now_ms.fetch_sub(1, Ordering::Relaxed);
        assert_eq!(bench.find(&token).await, None);
    }

    #[tokio::test]
    async fn an_application_with_long_texts_takes_no_memory() {
        let bench = Bench::new().await;
        let token = token("first");
        let id = bench.application(&token).await.id;
        bench.find_kept(&token).await;
        let description = "x".repeat(TEXT_BYTES);
        let change = ApplicationChange {
            name: "door",
            description: Some(&description),
            ..ApplicationChange::default()
        };
        let changed = bench.store.update_application(bench.user.id, id, change);
        changed.await.unwrap();
        for _ in 0..3 {
            assert!(bench.find(&token).await.is_some());
            let kept = bench.store.senders.kept.read().unwrap();
            assert!(
                !kept
                    .applications
                    .values()
                    .any(|(_, kept)| kept.description == description)
            );
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_lookup_is_behind_a_change_that_has_returned() {
        let bench = Arc::new(Bench::new().await);
        let (mut old, user) = (token("0"), bench.user.id);
        let id = bench.application(&old).await.id;
        for round in 1..300 {
            let new = token(&round.to_string());
            let others: Vec<_> = (0..4)
                .map(|_| {
                    let bench = Arc::clone(&bench);
                    tokio::spawn(async move {
                        // Keeps what it finds, before, while and after the token changes.
                        while bench.find(&new).await.is_none() {
                            bench.find(&old).await;
                        }
                    })
                })
                .collect();
            let set = bench.store.set_application_token(user, id, &new);
            assert!(set.await.unwrap());
            assert_eq!(bench.find(&old).await, None, "round {round}");
            assert_eq!(bench.find(&new).await.map(|found| found.id), Some(id));
            for other in others {
                other.await.unwrap();
            }
            old = new;
        }
    }
}
