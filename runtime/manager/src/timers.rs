//! Calling plugins' timers: one task for all timers of the server, which are
//! rows of the database.
//!
//! A timer is advanced before its plugin is called, so a plugin that stops the
//! server does not do so again at every start. A timer whose last call is still
//! open waits for its end. A timer that came due while the server was down or
//! the plugin disabled fires once, or not at all if its plugin has missed runs
//! skipped.
//!
//! After the clock was set back, a timer whose time is too far ahead gets its
//! first time anew ([`Timing::after_clock_change`]).

use std::{collections::HashSet, sync::Arc};

use mortise_runtime::{
    CallError, Digest,
    log::Source,
    schedule::{Timing, Zone},
    types::Level,
};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{
    Plugins, Slot,
    embedder::{EmbedderError, StoredTimer, Users},
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
    /// Its schedule and its details.
    pub timing: Timing,
    /// The next times at which it is due, in milliseconds since the epoch: one at least.
    pub next_ms: Vec<i64>,
}

/// The times of a stored timer: in its user's time zone, and put off by its jitter.
struct Times {
    timing: Timing,
    zone: Zone,
    offset_ms: u64,
}

impl Times {
    /// None for a row that cannot be read.
    async fn of(
        users: &dyn Users,
        user_id: i64,
        timer: &StoredTimer,
    ) -> Result<Option<Self>, EmbedderError> {
        let Ok(timing) = serde_json::from_str::<Timing>(&timer.schedule) else {
            return Ok(None);
        };
        Ok(Some(Self {
            zone: zone(users, user_id, &timing).await?,
            offset_ms: offset(timer.id, &timer.name, timing.options.jitter_ms),
            timing,
        }))
    }

    /// The time after one that is due; never for a timer that fires once.
    fn following(&self, due: i64, now: i64) -> Option<i64> {
        let next = self
            .timing
            .following(ms(due), ms(now), self.zone, self.offset_ms)?;
        Some(signed(next))
    }

    fn after_clock_change(&self, due: i64, now: i64) -> i64 {
        let due = self
            .timing
            .after_clock_change(ms(due), ms(now), self.zone, self.offset_ms);
        signed(due)
    }

    fn is_missed(&self, due: i64, now: i64) -> bool {
        self.timing.is_missed(ms(due), ms(now))
    }
}

/// Returns the time zone of a user's timer: the server's if neither the timer nor the user
/// has one.
///
/// A name that is no longer known counts as none: only valid ones are stored.
pub(super) async fn zone(
    users: &dyn Users,
    user_id: i64,
    timing: &Timing,
) -> Result<Zone, EmbedderError> {
    if !timing.goes_by_user_zone() {
        return Ok(Zone::Local);
    }
    let chosen = users.time_zone(user_id).await?;
    let zone = chosen.and_then(|name| name.parse().ok());
    Ok(zone.unwrap_or(Zone::Local))
}

/// Returns the duration by which a timer's times are put off, at most `jitter_ms`: chance,
/// but the same each time.
pub(super) fn offset(instance: i64, name: &str, jitter_ms: u64) -> u64 {
    let Some(range) = jitter_ms.checked_add(1) else {
        return 0;
    };
    let digits = Digest::of(format!("{instance}/{name}").as_bytes()).hex();
    let chance = digits
        .get(..16)
        .map(|digits| u64::from_str_radix(digits, 16));
    chance.and_then(Result::ok).unwrap_or_default() % range
}

fn ms(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
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
        let mut timers = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(times) = Times::of(&*self.users, slot.user_id(), &row).await? else {
                continue;
            };
            let next_ms =
                std::iter::successors(Some(row.next_ms), |due| times.following(*due, *due));
            timers.push(Timer {
                name: row.name,
                next_ms: next_ms.take(TOLD).collect(),
                timing: times.timing,
            });
        }
        Ok(timers)
    }

    /// Has the timers of a user's plugins go by the time zone that the user has chosen
    /// now.
    ///
    /// # Errors
    ///
    /// [`EmbedderError`].
    pub async fn time_zone_changed(&self, user_id: i64) -> Result<(), EmbedderError> {
        let now = self.settings.clock.now_ms();
        for slot in self.of_user(user_id).await? {
            self.reschedule(&slot, |times, due| {
                // One that is due fires first, and goes by the new zone then.
                let moves = times.timing.goes_by_user_zone() && due > now;
                moves.then(|| times.following(now, now)).flatten()
            })
            .await?;
        }
        self.timers.notify_one();
        Ok(())
    }

    /// Gives the timers of a user's plugin that are too far ahead their first time from
    /// now: the clock may have been set back while the plugin was disabled.
    pub(super) async fn adjust_timers(&self, slot: &Slot, now: i64) -> Result<(), EmbedderError> {
        self.reschedule(slot, |times, due| {
            Some(times.after_clock_change(due, now)).filter(|first| *first != due)
        })
        .await
    }

    /// Moves timers of a user's plugin to other times; those without one stay.
    async fn reschedule(
        &self,
        slot: &Slot,
        time: impl Fn(&Times, i64) -> Option<i64> + Send + Sync,
    ) -> Result<(), EmbedderError> {
        for timer in self.catalogue.next_timers(&[slot.id], PAGE).await? {
            let times = Times::of(&*self.users, slot.user_id(), &timer).await?;
            let next = times.and_then(|times| time(&times, timer.next_ms));
            if next.is_some() {
                self.catalogue.advance_timer(&timer, next).await?;
            }
        }
        Ok(())
    }
}

/// Timers whose call has not ended, by instance and name.
type Running = Arc<Mutex<HashSet<(i64, String)>>>;

/// Fires timers until asked to stop.
pub(super) async fn run(plugins: Arc<Plugins>, stop: CancellationToken) {
    let running = Running::default();
    let clock = plugins.settings.clock.clone();
    // The clock may have been set back while the server was down.
    let mut before = i64::MAX;
    loop {
        let now = clock.now_ms();
        if now < before
            && let Err(error) = clock_set_back(&plugins, now).await
        {
            tracing::error!(%error, "timers could not be adjusted to the clock");
        }
        before = now;
        let latest = now.saturating_add(LONGEST_MS);
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

/// Gives the timers that are too far ahead their first time from now.
async fn clock_set_back(plugins: &Plugins, now: i64) -> Result<(), EmbedderError> {
    for instance in plugins.working.with_timers() {
        if let Some(slot) = plugins.slot_in_memory(instance) {
            plugins.adjust_timers(&slot, now).await?;
        }
    }
    Ok(())
}

/// Fires the due timers and returns the time of the next one.
async fn fire(plugins: &Arc<Plugins>, running: &Running) -> Result<Option<i64>, EmbedderError> {
    let instances = plugins.working.with_timers();
    if instances.is_empty() {
        return Ok(None);
    }
    let timers = plugins.catalogue.next_timers(&instances, PAGE).await?;
    let more = timers.len() >= PAGE as usize;
    let now = plugins.settings.clock.now_ms();
    // Whether one was advanced that no call's end will look at again.
    let mut advanced = false;
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
        let times = Times::of(&*plugins.users, slot.user_id(), &timer).await?;
        let next = times
            .as_ref()
            .and_then(|times| times.following(timer.next_ms, now));
        // Not if it was set anew or cancelled meanwhile.
        if !plugins.catalogue.advance_timer(&timer, next).await? {
            continue;
        }
        if times.is_some_and(|times| times.is_missed(timer.next_ms, now)) {
            let text = format!("the timer `{}` missed its time, and is skipped", timer.name);
            slot.log.write(Level::Info, Source::Host, &text);
            let subject = Subject::Timer { timer: timer.name };
            plugins.trace_skipped(&slot, subject, "it missed its time, and is skipped");
            advanced = true;
            continue;
        }
        advanced |= more;
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
    Ok(advanced.then_some(now))
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
