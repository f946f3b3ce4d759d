//! A user's actions on a plugin: enable, disable, configure, show. One action
//! at a time for each instance; a failed action leaves the state unchanged.

use std::sync::Arc;

use mortise_runtime::{
    CallError, Capabilities, Capability, Grants, Instance, Plugin as _, grants::UserGrants,
    limits::CONFIG_BYTES, types::StopReason,
};

use serde_json::{Value, json};

use super::{
    Plugins, Slot,
    actor::Actor,
    audit::Action,
    configuration,
    embedder::{EmbedderError, FilterPlace},
    host,
    idle::drop_unused,
    lease::Lease,
    listeners::{self, Wanted},
    recovery::is_rejection,
    slot::Feeding,
    turn::SlotTurn,
    working::{Active, Required},
};

/// The reason for which an action failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// It is enabled, or disabled, already. The text is Gotify's.
    #[error("config is already enabled/disabled")]
    AlreadySo,
    /// The plugin lacks the capability for the action.
    #[error("plugin does not support {0}")]
    NotSupported(&'static str),
    /// A configuration over the bound.
    #[error("the configuration has {0} bytes; at most {CONFIG_BYTES} are allowed")]
    ConfigTooLong(usize),
    /// A configuration that the plugin's schema does not allow.
    #[error("the configuration was rejected: {}", configuration::in_words(.0))]
    Invalid(Vec<configuration::Problem>),
    /// The plugin failed or refused.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The embedder failed.
    #[error(transparent)]
    Embedder(#[from] EmbedderError),
}

impl Plugins {
    /// Enables a plugin: the user agrees to what its manifest asks of them. Runs to
    /// its end, whatever becomes of the caller.
    ///
    /// # Errors
    ///
    /// [`ControlError`]; it is then as disabled as before.
    pub async fn enable(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        by: &Actor,
    ) -> Result<(), ControlError> {
        let (plugins, slot, by) = (Arc::clone(self), Arc::clone(slot), by.clone());
        self.to_its_end(async move { plugins.enable_now(&slot, &by).await })
            .await
    }

    async fn enable_now(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        by: &Actor,
    ) -> Result<(), ControlError> {
        let changed = self.apply_grants(&Actor::Folder).await;
        if !changed.is_empty() {
            let plugins = Arc::clone(self);
            self.tasks
                .spawn(async move { plugins.reconsider(&changed, &Actor::Folder).await });
        }
        let turn = slot.turns.take().await;
        if slot.is_enabled() {
            return Err(ControlError::AlreadySo);
        }
        let consented = UserGrants::as_asked(slot.plugin().manifest());
        self.hold_to_rights(slot).await;
        if let Err(error) = self.start_instance(slot).await {
            slot.note(&error);
            // It may have missed its deadline and go on: nothing runs that is
            // shown as disabled.
            let _: Result<(), _> = self.stop_instance(slot, StopReason::Disabled).await;
            if let CallError::Config(_) = error {
                self.fall_back(slot, &error).await?;
            }
            let text = error.to_string();
            self.catalogue.disable(slot.id, Some(&text)).await?;
            return Err(error.into());
        }
        let enabled = async {
            // Its listener begins with the messages stored from here on.
            let cursor = self.users.newest_message(slot.user_id()).await?;
            self.catalogue.enable(slot.id, &consented, cursor).await
        };
        if let Err(error) = enabled.await {
            self.stop_instance(slot, StopReason::Disabled).await.ok();
            return Err(error.into());
        }
        let fail_closed = slot.change(|state| {
            state.enabled = true;
            state.consented = consented;
            state.fail_closed
        });
        slot.forget_failures();
        self.require_filter(slot, fail_closed);
        self.put_started_to_work(&turn, slot).await?;
        self.audit_slot(by, Action::Enabled, slot, &json!({})).await;
        Ok(())
    }

    /// Disables a plugin. Runs to its end, whatever becomes of the caller.
    ///
    /// # Errors
    ///
    /// [`ControlError`]. A plugin that answers with an error stays enabled, as in
    /// Gotify; one that crashes or hangs is disabled all the same.
    pub async fn disable(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        by: &Actor,
    ) -> Result<(), ControlError> {
        let (plugins, slot, by) = (Arc::clone(self), Arc::clone(slot), by.clone());
        self.to_its_end(async move { plugins.disable_now(&slot, &by).await })
            .await
    }

    async fn disable_now(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        by: &Actor,
    ) -> Result<(), ControlError> {
        let turn = slot.turns.take().await;
        if !slot.is_enabled() {
            return Err(ControlError::AlreadySo);
        }
        self.deactivate(slot).await;
        if let Err(error) = self.stop_instance(slot, StopReason::Disabled).await {
            slot.note(&error);
            if let CallError::Refused(_) = error
                && self.start_instance(slot).await.is_ok()
            {
                self.put_started_to_work(&turn, slot).await?;
                return Err(error.into());
            }
        }
        slot.change(|state| state.enabled = false);
        // A failure of one that is off is the reason why it could not be enabled.
        slot.forget_failures();
        slot.set_consent(false);
        slot.set_down(false);
        self.working.unrequire(slot.user_id(), slot.id);
        self.catalogue.disable(slot.id, None).await?;
        self.audit_slot(by, Action::Disabled, slot, &json!({}))
            .await;
        Ok(())
    }

    /// Returns the capabilities of a user's plugin. If only an instance knows
    /// them and there is none, creates one, and drops it unless its user has
    /// enabled the plugin.
    ///
    /// # Errors
    ///
    /// The reason for which the plugin could not create it.
    pub async fn capabilities(&self, slot: &Slot) -> Result<Capabilities, CallError> {
        if let Some(made) = &*slot.made.lock().await {
            return Ok(made.instance().capabilities());
        }
        let plugin = slot.plugin();
        if let Some(capabilities) = plugin.capabilities() {
            return Ok(capabilities);
        }
        let capabilities = self.instance(slot).await?.capabilities();
        if !slot.is_enabled() {
            drop_unused(slot).await;
        }
        // So that it is not asked again when the server was started anew.
        let entry = self.installed.get(&plugin.manifest().id);
        if let Some(entry) = entry.filter(|entry| Arc::ptr_eq(&entry.current, &plugin)) {
            self.note_stored(&entry).await;
        }
        Ok(capabilities)
    }

    /// The configuration as the user saved it, or the plugin's defaults.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn config(&self, slot: &Slot) -> Result<String, ControlError> {
        let instance = self.supporting(slot, Capability::Configurer).await?;
        match slot.state().config {
            Some(config) => Ok(config),
            None => Ok(instance.default_config().await?),
        }
    }

    /// The JSON Schema of the configuration, if the plugin has one.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn config_schema(&self, slot: &Slot) -> Result<Option<String>, ControlError> {
        let instance = self.supporting(slot, Capability::Configurer).await?;
        Ok(instance.config_schema().await?)
    }

    /// Takes a configuration into use and stores it byte for byte. That of a plugin
    /// that is down is stored and comes into use with it. Runs to its end,
    /// whatever becomes of the caller.
    ///
    /// # Errors
    ///
    /// [`ControlError`]; the one before stays in use and stored.
    pub async fn configure(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        config: String,
        by: &Actor,
    ) -> Result<(), ControlError> {
        let (plugins, slot, by) = (Arc::clone(self), Arc::clone(slot), by.clone());
        self.to_its_end(async move { plugins.configure_now(&slot, config, &by).await })
            .await
    }

    async fn configure_now(
        &self,
        slot: &Slot,
        config: String,
        by: &Actor,
    ) -> Result<(), ControlError> {
        if config.len() > CONFIG_BYTES {
            return Err(ControlError::ConfigTooLong(config.len()));
        }
        let _turn = slot.turns.take().await;
        let instance = match self.supporting(slot, Capability::Configurer).await {
            Ok(instance) => Some(instance),
            Err(ControlError::Call(error)) if slot.can(Capability::Configurer) => {
                slot.note(&error);
                None
            }
            Err(error) => return Err(error),
        };
        if let Some(instance) = instance {
            let problems = self.config_problems(slot, config.clone()).await?;
            if !problems.is_empty() {
                return Err(ControlError::Invalid(problems));
            }
            instance.apply_config(&config).await?;
        }
        self.catalogue.set_config(slot.id, &config).await?;
        slot.change(|state| state.config = Some(config));
        self.audit_slot(by, Action::Configured, slot, &json!({}))
            .await;
        Ok(())
    }

    /// Returns the content of the plugin's page, also while the plugin is
    /// disabled.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn display(
        &self,
        slot: &Slot,
        base_url: Option<&str>,
    ) -> Result<String, ControlError> {
        let instance = self.supporting(slot, Capability::Displayer).await?;
        instance.display(base_url).await.map_err(|error| {
            slot.note(&error);
            error.into()
        })
    }

    /// Places a filter in its user's chain.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn place_filter(
        &self,
        slot: &Slot,
        order: i64,
        fail_closed: bool,
    ) -> Result<(), ControlError> {
        let _turn = slot.turns.take().await;
        self.supporting(slot, Capability::Filter).await?;
        let place = FilterPlace {
            id: slot.id,
            order,
            fail_closed,
        };
        self.catalogue.place_filters(&[place]).await?;
        let enabled = slot.change(|state| {
            state.filter_order = order;
            state.fail_closed = fail_closed;
            state.enabled
        });
        self.require_filter(slot, enabled && fail_closed);
        self.working.sort_filters(slot.user_id());
        Ok(())
    }

    /// Starts the instances that were enabled when the server stopped. If the
    /// plugin itself rejects the start, its instance is disabled, and its user
    /// gets the reason; any other instance that fails stays enabled and is
    /// retried.
    pub(super) async fn resume(self: &Arc<Self>, slot: &Arc<Slot>) {
        let turn = slot.turns.take().await;
        let state = slot.state();
        self.require_filter(slot, state.enabled && state.fail_closed);
        self.bring_up(&turn, slot).await;
    }

    /// Starts an enabled instance and puts it to its work; whether it is up.
    pub(super) async fn bring_up(self: &Arc<Self>, turn: &SlotTurn, slot: &Arc<Slot>) -> bool {
        let result = match self.start_instance(slot).await {
            Ok(()) => {
                slot.set_down(false);
                self.put_started_to_work(turn, slot).await
            }
            // Without it no message passes: it stays its user's choice.
            Err(error) if is_rejection(&error) && !slot.state().fail_closed => {
                slot.set_down(false);
                self.give_up(slot, &error).await
            }
            Err(error) => {
                self.retry(turn, slot, &error);
                return false;
            }
        };
        if let Err(error) = result {
            tracing::error!(%error, plugin = slot.plugin().manifest().id, "a plugin was not resumed");
        }
        true
    }

    /// Sets whether messages of the slot's user may pass without its filter.
    pub(super) fn require_filter(&self, slot: &Slot, required: bool) {
        if required {
            let filter = Required {
                instance: slot.id,
                plugin: slot.plugin().manifest().id.clone(),
                applications: slot.state().filter_applications,
            };
            self.working.require(slot.user_id(), filter);
        } else {
            self.working.unrequire(slot.user_id(), slot.id);
        }
    }

    /// Carries out what a user wants to its end, though the user may go away.
    pub(super) async fn to_its_end<T: Send + 'static>(
        &self,
        action: impl Future<Output = Result<T, ControlError>> + Send + 'static,
    ) -> Result<T, ControlError> {
        self.tasks.spawn(action).await.unwrap_or_else(|error| {
            let text = format!("an internal error: {error}");
            Err(CallError::Unavailable(text).into())
        })
    }

    /// The plugin refused to run: that is its decision, and disables it.
    async fn give_up(&self, slot: &Slot, error: &CallError) -> Result<(), EmbedderError> {
        slot.note(error);
        slot.change(|state| state.enabled = false);
        self.catalogue
            .disable(slot.id, Some(&error.to_string()))
            .await?;
        let details = json!({ "for": slot.user.name, "error": error.to_string() });
        self.audit_slot(&Actor::Server, Action::Disabled, slot, &details)
            .await;
        if let CallError::Config(_) = error {
            self.fall_back(slot, error).await?;
        }
        Ok(())
    }

    async fn audit_slot(&self, by: &Actor, action: Action, slot: &Slot, details: &Value) {
        let plugin = slot.plugin();
        self.audit(by, action, &plugin.manifest().id, details).await;
    }

    /// A stored configuration was refused: from here on the instance runs on
    /// its defaults, and the old text is kept where its user finds it.
    async fn fall_back(&self, slot: &Slot, refusal: &CallError) -> Result<(), EmbedderError> {
        let Some(old) = slot.change(|state| state.config.take()) else {
            return Ok(());
        };
        slot.made.lock().await.take();
        let defaults = match self.instance(slot).await {
            Ok(instance) => instance.default_config().await,
            Err(error) => Err(error),
        };
        let defaults = defaults.unwrap_or_else(|error| {
            slot.note(&error);
            String::new()
        });
        let config = refused_config(&old, &refusal.to_string(), &defaults);
        self.catalogue.set_config(slot.id, &config).await?;
        slot.change(|state| state.config = Some(config));
        Ok(())
    }

    async fn start_instance(&self, slot: &Slot) -> Result<(), CallError> {
        let already = slot.is_enabled();
        slot.set_consent(true);
        let result = match self.instance(slot).await {
            Ok(instance) => instance.start().await,
            Err(error) => Err(error),
        };
        if result.is_err() && !already {
            slot.set_consent(false);
        }
        result
    }

    /// Stops the instance, if one was made.
    pub(super) async fn stop_instance(
        &self,
        slot: &Slot,
        reason: StopReason,
    ) -> Result<(), CallError> {
        let made = slot.made.lock().await.clone();
        match made {
            Some(made) => made.instance().stop(reason).await,
            None => Ok(()),
        }
    }

    /// Puts an instance that started to its work.
    async fn put_started_to_work(
        self: &Arc<Self>,
        turn: &SlotTurn,
        slot: &Arc<Slot>,
    ) -> Result<(), EmbedderError> {
        let Some(made) = slot.made.lock().await.clone() else {
            return Ok(());
        };
        self.put_to_work(turn, slot, &**made.instance()).await
    }

    /// Puts an instance to its work, in place of the one before: what feeds a
    /// listener goes on where it may be given the same as before.
    pub(super) async fn put_to_work(
        self: &Arc<Self>,
        _turn: &SlotTurn,
        slot: &Arc<Slot>,
        instance: &dyn Instance,
    ) -> Result<(), EmbedderError> {
        let in_force = instance.guard().in_force();
        if in_force.grants.user.send_messages {
            let plugin = slot.plugin();
            host::application(&*self.users, slot.user_id(), slot.id, plugin.manifest(), "").await?;
        }
        let active = work(&in_force.grants, instance);
        let readable = &in_force.grants.user.read_messages;
        let wanted = Wanted::new(readable, slot.plugin().manifest().listens.as_ref());
        let fed = slot
            .feeding
            .lock()
            .as_ref()
            .is_some_and(|feeding| feeding.wanted == wanted);
        if !(active.listener && fed) {
            stop_feeding(slot).await;
        }
        if active.timer {
            let now = self.settings.clock.now_ms();
            self.adjust_timers(slot, now).await?;
        }
        if active.listener && !fed {
            // Read after the last change.
            let row = self.catalogue.user_plugin(slot.id).await?;
            let stop = self.stopping.child_token();
            let task = self.tasks.spawn(listeners::feed(
                Arc::clone(self),
                Arc::clone(slot),
                wanted.clone(),
                row.map_or(0, |row| row.cursor),
                stop.clone(),
            ));
            *slot.feeding.lock() = Some(Feeding { wanted, stop, task });
        }
        self.working.put(slot, active);
        if active.timer {
            self.timers.notify_one();
        }
        Ok(())
    }

    /// Takes an instance from its work; calls in flight end by themselves, but
    /// for a listener's, which is waited for.
    pub(super) async fn deactivate(&self, slot: &Slot) {
        self.working.take(slot);
        stop_feeding(slot).await;
    }

    /// The instance, if it can do this.
    pub(super) async fn supporting(
        &self,
        slot: &Slot,
        capability: Capability,
    ) -> Result<Lease, ControlError> {
        let instance = self.instance(slot).await?;
        if instance.capabilities().contains(capability) {
            Ok(instance)
        } else {
            Err(ControlError::NotSupported(gotify_name(capability)))
        }
    }
}

/// Ends the feeding of a listener, if it is fed. Its cursor is stored then.
pub(super) async fn stop_feeding(slot: &Slot) {
    let feeding = slot.feeding.lock().take();
    if let Some(feeding) = feeding {
        feeding.stop.cancel();
        // It ends with its call, which has a deadline; a panic was its end.
        let _ = feeding.task.await;
    }
}

/// Returns the calls that an instance receives, by its exports and grants. A
/// plugin without the grant costs nothing per message.
fn work(grants: &Grants, instance: &dyn Instance) -> Active {
    let can = instance.capabilities();
    Active {
        filter: can.contains(Capability::Filter) && grants.user.filter_messages,
        listener: can.contains(Capability::Listener) && grants.user.reads_others(),
        timer: can.contains(Capability::Timer) && grants.host.timers,
    }
}

/// A capability by the name that Gotify's clients know it by, where there is
/// one.
pub fn gotify_name(capability: Capability) -> &'static str {
    match capability {
        Capability::Configurer => "configurer",
        Capability::Displayer => "displayer",
        Capability::Webhook => "webhooker",
        other => other.name(),
    }
}

/// The beginning of a configuration with a rejected one among its comments.
const REFUSED: &str = "# The stored configuration was refused when the plugin was started, so the plugin\n\
     # was disabled and has its defaults, which follow. Correct the old configuration\n\
     # below, put it in place of the defaults, save it, and enable the plugin.\n#\n";

/// Returns true if the server wrote the configuration in place of a rejected
/// one.
pub(super) fn was_refused(config: &str) -> bool {
    config.starts_with(REFUSED)
}

/// A configuration that was refused, kept as comments over the defaults that
/// are in use instead.
fn refused_config(old: &str, refusal: &str, defaults: &str) -> String {
    let mut text = String::from(REFUSED);
    for (title, lines) in [("Refusal", refusal), ("Old configuration", old)] {
        text.push_str("# ");
        text.push_str(title);
        text.push_str(":\n");
        for line in lines.lines() {
            text.push_str("#   ");
            text.push_str(line);
            text.push('\n');
        }
        text.push_str("#\n");
    }
    text.push('\n');
    text.push_str(defaults);
    text
}

#[cfg(test)]
mod tests {
    use super::refused_config;

    #[test]
    fn a_refused_configuration_is_kept_as_comments() {
        let text = refused_config("a: 1 # mine\n\nb: 2", "a: too small", "a: 5\n");
        let active: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .collect();
        assert_eq!(active, ["a: 5"]);
        for kept in ["#   a: 1 # mine", "#   b: 2", "#   a: too small"] {
            assert!(text.lines().any(|line| line == kept), "{text}");
        }
    }
}
