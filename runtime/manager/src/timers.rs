//! Calling plugins' timers: one task for all timers of the server, which are
//! rows of the database.
//!
//! A timer is advanced before its plugin is called, so a plugin that stops the
//! server does not do so again at every start. A timer whose last call is still
//! open waits for its end. A timer that came due while the server was down or
//! the plugin disabled fires once.

use std::{collections::HashSet, sync::Arc};

use mortise_runtime::{CallError, schedule, types::Schedule};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{
    Plugins, Slot,
    embedder::{EmbedderError, StoredTimer},
    trace::Subject,
};

/// Timers looked at in one go.
const PAGE: u32 = 256;
/// The longest sleep, in milliseconds: the wall clock may be set meanwhile.
const LONGEST_MS: i64 = 60_000;

/// Coming times of a timer that are told.
const TOLD: usize = 3;

/// A timer of a user's plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// The plugin's name for it.
    pub name: String,
    /// Its schedule.
    pub schedule: Schedule,
    /// The next times at which it is due, in milliseconds since the epoch: one at least.
    pub next_ms: Vec<i64>,
}

impl Timer {
    /// None for a row that cannot be read.
    fn of(row: StoredTimer) -> Option<Self> {
        let schedule: Schedule = serde_json::from_str(&row.schedule).ok()?;
        let next_ms =
            std::iter::successors(Some(row.next_ms), |due| following(&schedule, *due, *due));
        Some(Self {
            name: row.name,
            next_ms: next_ms.take(TOLD).collect(),
            schedule,
        })
    }
}

impl Plugins {
    /// Returns the timers of a user's plugin, the one that is due first at the front.
    /// They fire while the plugin is enabled.
    ///
    /// # Errors
    ///
    /// [`EmbedderError`].
    pub async fn timers(&self, slot: &Slot) -> Result<Vec<Timer>, EmbedderError> {
        let rows = self.catalogue.next_timers(&[slot.id], PAGE).await?;
        Ok(rows.into_iter().filter_map(Timer::of).collect())
    }
}

/// Timers whose call has not ended, by instance and name.
type Running = Arc<Mutex<HashSet<(i64, String)>>>;

/// Fires timers until asked to stop.
pub(super) async fn run(plugins: Arc<Plugins>, stop: CancellationToken) {
    let running = Running::default();
    let clock = plugins.settings.clock.clone();
    loop {
        let latest = clock.now_ms().saturating_add(LONGEST_MS);
        let next = match fire(&plugins, &running).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "timers could not be read");
                None
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = plugins.timers.notified() => {}
            () = clock.sleep_until(next.map_or(latest, |next| next.min(latest))) => {}
        }
    }
}

/// Fires the due timers and returns the time of the next one.
async fn fire(plugins: &Arc<Plugins>, running: &Running) -> Result<Option<i64>, EmbedderError> {
    let instances = plugins.working.with_timers();
    if instances.is_empty() {
        return Ok(None);
    }
    let timers = plugins.catalogue.next_timers(&instances, PAGE).await?;
    let now = plugins.settings.clock.now_ms();
    for timer in timers {
        let key = (timer.id, timer.name.clone());
        if running.lock().contains(&key) {
            continue;
        }
        if timer.next_ms > now {
            return Ok(Some(timer.next_ms));
        }
        let Some(slot) = plugins.slot_in_memory(timer.id) else {
            continue;
        };
        if !advance(plugins, &timer, now).await? {
            continue;
        }
        running.lock().insert(key.clone());
        let (running, waker) = (Arc::clone(running), Arc::clone(plugins));
        plugins.tasks.spawn(async move {
            if let Err(error) = call(&waker, &slot, &timer.name).await {
                slot.note(&error);
            }
            running.lock().remove(&key);
            waker.timers.notify_one();
        });
    }
    Ok(None)
}

async fn call(plugins: &Plugins, slot: &Slot, name: &str) -> Result<(), CallError> {
    let subject = Subject::Timer {
        timer: name.to_owned(),
    };
    let call = plugins.with_trace(slot, subject, async {
        plugins.instance(slot).await?.on_timer(name).await
    });
    call.await
}

/// Moves a timer on. False if it was set anew or cancelled meanwhile.
async fn advance(plugins: &Plugins, timer: &StoredTimer, now: i64) -> Result<bool, EmbedderError> {
    let schedule = serde_json::from_str::<Schedule>(&timer.schedule).ok();
    let next = schedule.and_then(|schedule| following(&schedule, timer.next_ms, now));
    plugins.catalogue.advance_timer(timer, next).await
}

/// The time after one that is due, in milliseconds since the epoch; never for a timer that
/// fires once.
fn following(schedule: &Schedule, due: i64, now: i64) -> Option<i64> {
    let ms = |ms: i64| u64::try_from(ms).unwrap_or(0);
    let next = schedule::following(schedule, ms(due), ms(now), schedule::Zone::Local)?;
    Some(i64::try_from(next).unwrap_or(i64::MAX))
}
