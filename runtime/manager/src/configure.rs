//! A plugin's configuration as a text that the server reads too: its problems,
//! and its values for a form. The plugin has the last word.

use mortise_runtime::{CallError, Capability, limits::CONFIG_BYTES, types::Level};

use super::{
    ControlError, Plugins, Slot,
    configuration::{Form, Problem, Texts},
};

impl Plugins {
    /// The configuration as a form shows it: as the user saved it, or the
    /// plugin's defaults.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn config_form(&self, slot: &Slot) -> Result<Form, ControlError> {
        let text = slot.state().config;
        self.form_of(slot, text).await
    }

    /// The problems of a text that would be the configuration. Nothing is
    /// applied or stored.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn config_problems(
        &self,
        slot: &Slot,
        text: String,
    ) -> Result<Vec<Problem>, ControlError> {
        if text.len() > CONFIG_BYTES {
            return Err(ControlError::ConfigTooLong(text.len()));
        }
        Ok(self.form_of(slot, Some(text)).await?.problems)
    }

    /// Holds a text, or the plugin's defaults, against its schema.
    async fn form_of(&self, slot: &Slot, text: Option<String>) -> Result<Form, ControlError> {
        let instance = self.supporting(slot, Capability::Configurer).await?;
        let texts = Texts {
            schema: instance.config_schema().await?,
            defaults: instance.default_config().await?,
        };
        // Beside what waits for input and output.
        let form = tokio::task::spawn_blocking(move || {
            let text = text.as_deref().unwrap_or(&texts.defaults);
            texts.form(text)
        })
        .await
        .map_err(|error| CallError::Unavailable(error.to_string()))?;
        if let Some(problem) = &form.schema_problem {
            slot.note_once(Level::Warn, problem);
        }
        Ok(form)
    }
}
