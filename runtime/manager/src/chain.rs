//! A user's filter chain: its order, and what becomes of a message when a filter
//! fails.

use std::{collections::HashSet, sync::Arc};

use mortise_runtime::Capability;

use super::{
    ControlError, Plugins, Slot,
    control::gotify_name,
    embedder::{EmbedderError, FilterPlace},
};

/// A filter's place in its user's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The user's plugin.
    pub instance: i64,
    /// True to reject a message when the filter fails.
    pub fail_closed: bool,
}

impl Plugins {
    /// A user's filters in the order in which they are asked, those that are
    /// disabled included.
    ///
    /// # Errors
    ///
    /// [`EmbedderError`].
    pub async fn filter_chain(&self, user_id: i64) -> Result<Vec<Arc<Slot>>, EmbedderError> {
        let mut chain = Vec::new();
        for slot in self.of_user(user_id).await? {
            match self.capabilities(&slot).await {
                Ok(can) if can.contains(Capability::Filter) => chain.push(slot),
                Ok(_) => {}
                Err(error) => slot.note(&error),
            }
        }
        chain.sort_by_key(|slot| (slot.state().filter_order, slot.id));
        Ok(chain)
    }

    /// The filters that a user's messages pass now.
    pub fn filters_at_work(&self, user_id: i64) -> Vec<i64> {
        let chain = self.working.filters(user_id);
        let slots = chain.iter().flat_map(|chain| chain.filters.iter());
        slots.map(|slot| slot.id).collect()
    }

    /// Has a filter asked about messages of these applications alone; none for all.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn set_filter_applications(
        &self,
        slot: &Slot,
        applications: Option<Vec<u64>>,
    ) -> Result<(), ControlError> {
        let _turn = slot.turns.take().await;
        self.supporting(slot, Capability::Filter).await?;
        self.catalogue
            .set_filter_applications(slot.id, applications.as_deref())
            .await?;
        let required = slot.change(|state| {
            state.filter_applications = applications;
            state.enabled && state.fail_closed
        });
        self.require_filter(slot, required);
        Ok(())
    }

    /// Puts a user's filters into this order. Those that are not named come
    /// after it, in the order they had.
    ///
    /// # Errors
    ///
    /// [`ControlError::NotSupported`] if one is no filter of this user's; nothing
    /// has changed then.
    pub async fn set_filter_chain(
        &self,
        user_id: i64,
        places: &[Place],
    ) -> Result<(), ControlError> {
        let chain = self.filter_chain(user_id).await?;
        let named: HashSet<i64> = places.iter().map(|place| place.instance).collect();
        let mut ordered = Vec::with_capacity(chain.len());
        for place in places {
            let slot = chain.iter().find(|slot| slot.id == place.instance);
            let slot = slot.ok_or(ControlError::NotSupported(gotify_name(Capability::Filter)))?;
            ordered.push((Arc::clone(slot), place.fail_closed));
        }
        let others = chain.iter().filter(|slot| !named.contains(&slot.id));
        ordered.extend(others.map(|slot| (Arc::clone(slot), slot.state().fail_closed)));
        // In the order of their ids, so that two of these cannot wait for each
        // other.
        let mut turns = Vec::with_capacity(chain.len());
        let mut by_id: Vec<_> = chain.iter().collect();
        by_id.sort_by_key(|slot| slot.id);
        for slot in by_id {
            turns.push(slot.turns.take().await);
        }
        let places: Vec<_> = (0_i64..)
            .zip(&ordered)
            .map(|(order, (slot, fail_closed))| FilterPlace {
                id: slot.id,
                order,
                fail_closed: *fail_closed,
            })
            .collect();
        self.catalogue.place_filters(&places).await?;
        for ((slot, _), place) in ordered.iter().zip(places) {
            let enabled = slot.change(|state| {
                state.filter_order = place.order;
                state.fail_closed = place.fail_closed;
                state.enabled
            });
            self.require_filter(slot, enabled && place.fail_closed);
        }
        self.working.sort_filters(user_id);
        Ok(())
    }
}
