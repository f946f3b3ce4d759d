//! Moving users from one version of a plugin to another while calls arrive.
//!
//! First the server creates, configures and starts the new version's instances
//! beside the old ones, for every user who has enabled the plugin. If one does
//! not start, all new ones are dropped and nothing has changed. Then it moves
//! each user's slot: calls that began with the old instance end with it, and
//! the next call goes to the new one, so no call is rejected, lost or made
//! twice. The old instance is stopped after its last call.
//!
//! A plugin that cannot run twice has the limit `versions-at-once = 1`: its old
//! instances are stopped first, and calls wait until the new ones are up. If one
//! does not start, the old version is started again.
//!
//! Slots stay: a listener continues from its cursor, and timers and storage are
//! the same. Meanwhile users cannot enable, disable or configure the plugin.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Plugins, STARTING, Slot,
    admission::Admitted,
    embedder::{EmbedderError, Selection, UserPlugin},
    installed::Entry,
    lease::InstanceHandle,
    turn::SlotTurn,
};
use futures_util::{StreamExt as _, TryStreamExt as _};
use mortise_runtime::{
    CallError, LoadError, Plugin as _, Step,
    registry::OnDemand,
    types::{Level, StopReason},
};

/// The time to wait for an instance beyond the longest call.
const MARGIN: Duration = Duration::from_secs(1);
/// The time in which a version may find that the one before, which was stopped,
/// still holds something: its process is about to end.
const LETTING_GO: Duration = Duration::from_secs(5);
/// The pause between two attempts to start it.
const PAUSE: Duration = Duration::from_millis(100);

/// A user's slot and the instance that it moves to; none where the user has the
/// plugin disabled.
struct Move {
    slot: Arc<Slot>,
    /// Keeps the user's actions out until it has moved.
    turn: SlotTurn,
    made: Option<InstanceHandle>,
}

impl Plugins {
    /// Puts `entry.current`, which was admitted, in the place of the version that runs.
    ///
    /// # Errors
    ///
    /// A report of the step `start`; the version that runs goes on.
    pub(super) async fn swap(
        self: &Arc<Self>,
        _admitted: Admitted,
        entry: Entry,
    ) -> Result<(), LoadError> {
        let id = entry.current.manifest().id.clone();
        let log = self.process_log(&id);
        self.swap_version(entry).await?;
        if let Some(log) = log {
            self.keep_log(&id, log);
        }
        Ok(())
    }

    async fn swap_version(self: &Arc<Self>, entry: Entry) -> Result<(), LoadError> {
        let new = Arc::clone(&entry.current);
        let id = new.manifest().id.clone();
        if self.grants().of(&id).limits.versions_at_once < 2 {
            return self.replace(entry).await;
        }
        let moves = self
            .bring_up_beside(&id, &new)
            .await
            .map_err(|(slot, error)| refused(&entry, &slot, &error))?;
        self.note(entry).await;
        for Move { slot, turn, made } in moves {
            self.move_over(&turn, &slot, &new, made).await;
        }
        // A slot that was loaded from its row meanwhile still has the old
        // version.
        for slot in self.slots_of(&id) {
            if !Arc::ptr_eq(&slot.plugin(), &new) {
                let turn = slot.turns.take().await;
                let made = match self.made_anew(&slot, &new).await {
                    Ok(made) => made,
                    Err(error) => {
                        slot.note(&error);
                        None
                    }
                };
                self.move_over(&turn, &slot, &new, made).await;
            }
        }
        Ok(())
    }

    /// Brings up the new version's instances, which receive no calls yet.
    async fn bring_up_beside(
        self: &Arc<Self>,
        id: &str,
        new: &Arc<OnDemand>,
    ) -> Result<Vec<Move>, (Arc<Slot>, CallError)> {
        let mut slots = Vec::new();
        for slot in self.slots_of(id) {
            let turn = slot.turns.take().await;
            slots.push((slot, turn));
        }
        let up = parking_lot::Mutex::new(Vec::new());
        let all = futures_util::stream::iter(slots)
            .map(async |(slot, turn)| {
                let made = self.made_anew(&slot, new).await;
                let made = made.map_err(|error| (Arc::clone(&slot), error))?;
                up.lock().push(Move { slot, turn, made });
                Ok(())
            })
            .buffer_unordered(STARTING)
            .try_collect::<()>()
            .await;
        let moves = up.into_inner();
        match all {
            Ok(()) => Ok(moves),
            Err(failed) => {
                for made in moves.into_iter().filter_map(|to| to.made) {
                    // Its user has the old one and needs no message.
                    let _: Result<(), _> = made.instance().stop(StopReason::Reloading).await;
                }
                Err(failed)
            }
        }
    }

    /// A started instance of a version for a slot, where it is enabled.
    async fn made_anew(
        &self,
        slot: &Slot,
        new: &OnDemand,
    ) -> Result<Option<InstanceHandle>, CallError> {
        if !slot.is_enabled() {
            return Ok(None);
        }
        let made = async {
            let made = self.make(slot, new).await?;
            made.instance().start().await?;
            Ok(made)
        };
        match made.await {
            Ok(made) => Ok(Some(made)),
            // It is retried with the new version; the others need not wait.
            Err(_) if slot.is_down() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Stops the version that runs, and starts `entry.current` in its place. Calls
    /// wait meanwhile.
    async fn replace(self: &Arc<Self>, entry: Entry) -> Result<(), LoadError> {
        let new = Arc::clone(&entry.current);
        let old = self.installed.current(&new.manifest().id);
        let slots = self.slots_of(&new.manifest().id);
        let mut held = Vec::new();
        for slot in &slots {
            // Keeps the user's actions out, and calls waiting.
            let turn = slot.turns.take().await;
            held.push((slot, turn, slot.made.lock().await));
        }
        for (slot, _, current) in &mut held {
            if let Some(running) = current.take() {
                self.retire(slot, running, StopReason::Reloading).await;
            }
        }
        if let Some(old) = &old {
            old.release();
        }
        let started = async {
            for (slot, _, current) in &mut held {
                let made = self.made_in_place(slot, &new).await;
                **current = made.map_err(|error| refused(&entry, slot, &error))?;
            }
            Ok(())
        };
        if let Err(report) = started.await {
            for (slot, _, current) in &mut held {
                if let Some(failed) = current.take() {
                    self.retire(slot, failed, StopReason::Reloading).await;
                }
            }
            new.release();
            for (slot, _, current) in &mut held {
                // A slot's plugin is still the version before.
                match self.made_in_place(slot, &slot.plugin()).await {
                    Ok(made) => **current = made,
                    Err(error) => {
                        // It is retried.
                        slot.note(&error);
                        slot.set_down(true);
                    }
                }
            }
            return Err(report);
        }
        self.note(entry).await;
        for (slot, turn, current) in held {
            slot.set_plugin(Arc::clone(&new));
            let made = current.clone();
            drop(current);
            self.settle(&turn, slot, &new, made).await;
        }
        Ok(())
    }

    /// A started instance, once the version before has let go of everything.
    async fn made_in_place(
        &self,
        slot: &Slot,
        version: &OnDemand,
    ) -> Result<Option<InstanceHandle>, CallError> {
        let end = Instant::now() + LETTING_GO;
        loop {
            match self.made_anew(slot, version).await {
                Err(_) if Instant::now() < end => tokio::time::sleep(PAUSE).await,
                outcome => return outcome,
            }
        }
    }

    /// Has a slot's next call go to another version.
    async fn move_over(
        self: &Arc<Self>,
        turn: &SlotTurn,
        slot: &Arc<Slot>,
        new: &Arc<OnDemand>,
        made: Option<InstanceHandle>,
    ) {
        let old = {
            let mut current = slot.made.lock().await;
            slot.set_plugin(Arc::clone(new));
            let old = std::mem::replace(&mut *current, made.clone());
            if let Some(old) = &old {
                slot.retires(old.instance());
            }
            old
        };
        self.settle(turn, slot, new, made).await;
        if let Some(old) = old {
            let (plugins, slot) = (Arc::clone(self), Arc::clone(slot));
            self.tasks.spawn(async move {
                plugins.retire(&slot, old, StopReason::Reloading).await;
            });
        }
    }

    /// Has a slot's new instance do what its user wants of the plugin.
    async fn settle(
        self: &Arc<Self>,
        turn: &SlotTurn,
        slot: &Arc<Slot>,
        new: &OnDemand,
        made: Option<InstanceHandle>,
    ) {
        // Its rights may have changed since it was made.
        self.hold_to_rights(slot).await;
        if let Some(made) = made {
            slot.set_down(false);
            if let Err(error) = self.put_to_work(turn, slot, &**made.instance()).await {
                tracing::error!(%error, plugin = new.manifest().id, "a plugin was not put to work");
            }
        }
    }

    /// Stops an instance that no new call can reach, once its last call has
    /// ended.
    pub(super) async fn retire(&self, slot: &Slot, old: InstanceHandle, reason: StopReason) {
        let longest = old.instance().guard().call_deadline() + MARGIN;
        // A caller that takes longer finds it stopped.
        let _: Result<(), _> = tokio::time::timeout(longest, old.drained()).await;
        if let Err(error) = old.instance().stop(reason).await {
            slot.log.write(
                Level::Warn,
                mortise_runtime::log::Source::Host,
                &format!("the instance that was replaced did not stop in order: {error}"),
            );
        }
    }

    /// Takes a plugin from all its users; their rows stay as they are. Returns
    /// when nothing of it is called any more and its instances are stopped.
    pub(super) async fn unload(self: &Arc<Self>, id: &str) {
        self.let_go(
            |slot| slot.plugin().manifest().id == id,
            StopReason::Reloading,
        )
        .await;
    }

    /// Stops and forgets instances; their rows stay as they are.
    pub(super) async fn let_go(&self, which: impl Fn(&Slot) -> bool, reason: StopReason) {
        let gone: Vec<_> = {
            let mut slots = self.slots.write();
            let gone: Vec<_> = slots.by_id.values().filter(|s| which(s)).cloned().collect();
            for slot in &gone {
                slots.by_id.remove(&slot.id);
                slots.by_token.remove(&slot.token);
            }
            gone
        };
        let all = gone.iter().map(async |slot| {
            let _turn = slot.turns.take().await;
            self.deactivate(slot).await;
            let made = {
                let mut made = slot.made.lock().await;
                slot.set_gone();
                made.take()
            };
            if let Some(made) = made {
                self.retire(slot, made, reason).await;
            }
            slot.set_consent(false);
        });
        futures_util::future::join_all(all).await;
    }

    /// A plugin that came, or came back, and was admitted: every user has it, and
    /// those who had it enabled have it running.
    pub(super) async fn arrive(self: &Arc<Self>, _admitted: Admitted, id: &str) {
        if self.opened.get().is_none() {
            // The start brings up all together, and keeps no unused code in
            // memory: there may be many new files.
            let enabled = self.enabled_of(id).await;
            if enabled.is_ok_and(|rows| rows.is_empty())
                && let Some(unused) = self.installed.current(id)
            {
                unused.release();
            }
            return;
        }
        let arrived = async {
            self.add_instances(&self.users.list().await?).await?;
            let rows = self.enabled_of(id).await?;
            self.resume_all(rows).await
        };
        if let Err(error) = arrived.await {
            tracing::error!(%error, plugin = id, "a plugin was not started");
        }
    }

    /// Returns the rows of the users who have a plugin enabled.
    async fn enabled_of(&self, id: &str) -> Result<Vec<UserPlugin>, EmbedderError> {
        let mut rows = self.catalogue.user_plugins(Selection::OfPlugin(id)).await?;
        rows.retain(|row| row.enabled);
        Ok(rows)
    }

    /// Returns a plugin's slots in memory.
    pub fn slots_of(&self, id: &str) -> Vec<Arc<Slot>> {
        let slots = self.slots.read();
        let of_plugin = slots
            .by_id
            .values()
            .filter(|s| s.plugin().manifest().id == id);
        of_plugin.cloned().collect()
    }
}

/// The report of a version that does not come up for a user.
fn refused(entry: &Entry, slot: &Slot, error: &CallError) -> LoadError {
    let id = &entry.current.manifest().id;
    LoadError {
        file: entry.file.clone(),
        step: match error {
            CallError::Unavailable(_)
            | CallError::DeadlineExceeded { .. }
            | CallError::BackingOff { .. }
            | CallError::Busy { .. } => Step::Unstarted,
            _ => Step::Start,
        },
        expected: "version to start for every user who has the plugin enabled".to_owned(),
        found: format!("for the user `{}`: {}", slot.user.name, error.full()),
        fix: format!(
            "the previous version keeps running; correct the new one, or disable the plugin for that user, \
             and then: mortise plugin reload {id}. If the plugin cannot run twice, because of a lock \
             or a port: mortise plugin grant {id} --limit versions-at-once=1"
        ),
    }
}
