//! What the server does by itself from time to time.

use std::time::Duration;

use mortise_store::{Store, StoreError};

use crate::{pipeline::stored_trace, state::AppState};

/// The interval.
const HOUSEKEEPING: Duration = Duration::from_secs(5 * 60);
/// The time for which a message of the Gotify behind this server stays after the
/// listeners have had it, and at most, in milliseconds.
const HAD_MS: i64 = 10 * 60 * 1000;
const PASSED_BY_MS: i64 = 24 * 60 * 60 * 1000;
/// Messages that one statement deletes or changes, so that senders never wait long.
const AT_A_TIME: u32 = 1_000;

/// The interval in which messages whose time is over are deleted, in milliseconds.
const EXPIRING_MS: i64 = 15_000;

/// Keeps house for as long as the server runs.
pub(crate) async fn keep(state: AppState) {
    tokio::join!(tidy(state.clone()), expire(state));
}

/// Deletes messages whose time is over.
async fn expire(state: AppState) {
    loop {
        match state.store.delete_expired_messages(AT_A_TIME).await {
            Ok(deleted) if deleted >= u64::from(AT_A_TIME) => {
                tokio::task::yield_now().await;
                continue;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "expired messages were not deleted"),
        }
        let next = state.now_ms().saturating_add(EXPIRING_MS);
        state.config.clock.sleep_until(next).await;
    }
}

/// Removes clients that were not used for longer than they may be, and dropped
/// messages and traces of calls whose time is over. A client whose stream is open is in use.
async fn tidy(state: AppState) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING);
    loop {
        ticks.tick().await;
        for client in state.hub.connected_clients() {
            if let Err(error) = state.store.touch_client(client).await {
                tracing::warn!(%error, client, "the time of last use was not written");
            }
        }
        match state.store.delete_expired_clients().await {
            Ok(expired) => {
                for client in expired {
                    tracing::info!(client, "removed a client that was not used");
                    state.close_client(client);
                }
            }
            Err(error) => tracing::warn!(%error, "unused clients were not removed"),
        }
        if let Err(error) = state.store.forget_old_dropped().await {
            tracing::warn!(%error, "old dropped messages were not removed");
        }
        if let Err(error) = state.store.forget_old_call_traces().await {
            tracing::warn!(%error, "old traces of calls were not removed");
        }
        if state.config.upstream.is_some() {
            let now = state.now_ms();
            let forgotten = state
                .store
                .forget_passed_by(now - HAD_MS, now - PASSED_BY_MS);
            if let Err(error) = forgotten.await {
                tracing::warn!(%error, "messages that passed by were not forgotten");
            }
        }
        match retain(&state).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "deleted old messages"),
            Err(error) => tracing::warn!(%error, "old messages were not deleted"),
        }
        if let Err(error) = remove_old_traces(&state).await {
            tracing::warn!(%error, "old traces of messages were not removed");
        }
        if let Err(error) = shrink(&state.store).await {
            tracing::warn!(%error, "the database's free space was not given back");
        }
    }
}

/// Gives the space of what was deleted back, in steps between which others write.
async fn shrink(store: &Store) -> Result<(), StoreError> {
    while store.shrink().await? {
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Deletes messages that the settings or their application do not keep, and returns their
/// number.
///
/// # Errors
///
/// [`StoreError::Query`].
pub async fn retain(state: &AppState) -> Result<u64, StoreError> {
    let retention = state.settings().retention.clone();
    let store = &state.store;
    let mut deleted = 0;
    if let Some(age) = retention.keep_messages_for {
        deleted += delete_before(store, None, ago(state, age)).await?;
    }
    if let Some(most) = retention.keep_messages {
        for application in store.applications_with_more_than(most.get()).await? {
            deleted += delete_beyond(store, application, most.get()).await?;
        }
    }
    // The narrower bound counts, as a user must not keep more than the settings allow.
    for application in store.applications_with_retention().await? {
        if let Some(age) = application.keep_messages_for_ms {
            let before = state.now_ms().saturating_sub(age);
            deleted += delete_before(store, Some(application.id), before).await?;
        }
        if let Some(most) = application.keep_messages {
            deleted += delete_beyond(store, application.id, most).await?;
        }
    }
    Ok(deleted)
}

/// Deletes messages that were stored before a time, of one application or of all.
async fn delete_before(
    store: &Store,
    application: Option<i64>,
    before_ms: i64,
) -> Result<u64, StoreError> {
    in_batches(|| store.delete_messages_before(application, before_ms, AT_A_TIME)).await
}

/// Deletes messages of an application beyond its newest ones.
async fn delete_beyond(store: &Store, application: i64, most: u32) -> Result<u64, StoreError> {
    in_batches(|| store.delete_messages_beyond(application, most, AT_A_TIME)).await
}

/// Deletes messages, at most [`AT_A_TIME`] with each call, until there are none left, and
/// returns their number.
async fn in_batches<F>(mut delete: impl FnMut() -> F) -> Result<u64, StoreError>
where
    F: Future<Output = Result<u64, StoreError>>,
{
    let mut deleted = 0;
    loop {
        let now = delete().await?;
        deleted += now;
        if now < u64::from(AT_A_TIME) {
            return Ok(deleted);
        }
        tokio::task::yield_now().await;
    }
}

/// Removes the traces of messages for which the settings keep none. The messages stay.
///
/// # Errors
///
/// [`StoreError::Query`].
pub async fn remove_old_traces(state: &AppState) -> Result<(), StoreError> {
    let before = ago(state, state.settings().retention.keep_traces_for);
    let (marks, marked) = (stored_trace::CHANGED, stored_trace::UNKNOWN);
    while state
        .store
        .remove_traces_before(before, AT_A_TIME, marks, marked)
        .await?
    {
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// The time that was this long ago, in milliseconds since the epoch.
pub(crate) fn ago(state: &AppState, age: Duration) -> i64 {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    state.now_ms().saturating_sub(age)
}
