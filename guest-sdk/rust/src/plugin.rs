//! The traits that a plugin implements. The host calls one method at a time,
//! each with a deadline of 10 seconds by default. After a missed deadline the
//! host discards the instance and creates a new one at the next call.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Context, config,
    types::{
        Draft, Manifest, Message, Problem, StopReason, User, Verdict, WebhookRequest,
        WebhookResponse,
    },
};

/// A plugin: its manifest, its start and its stop.
///
/// Each user who enables the plugin has an instance, a value of this type. The
/// host may drop it at any time and recreates it at the next call. Keep lasting
/// values in [`Context::storage`].
pub trait Plugin: Sized + Send + 'static {
    /// Returns the manifest. The host calls it when it loads the plugin, before
    /// any instance exists.
    fn manifest() -> Manifest;

    /// Creates the instance. Keep it cheap and without side effects: the host
    /// cannot be called yet, and may need the instance only for its default
    /// configuration. Put the work of a start into [`Plugin::start`].
    fn new(context: Context) -> Self;

    /// Starts the instance, after its configuration was applied.
    ///
    /// # Errors
    ///
    /// The instance stays stopped, and the user sees the text.
    fn start(&mut self, user: &User) -> Result<(), String> {
        let _ = user;
        Ok(())
    }

    /// Stops a started instance before it is dropped, if there is time.
    ///
    /// # Errors
    ///
    /// The host logs them.
    fn stop(&mut self, reason: StopReason) -> Result<(), String> {
        let _ = reason;
        Ok(())
    }
}

/// A configuration that the user edits as YAML.
pub trait Configurer: Plugin {
    /// The type of the configuration. Give optional fields `#[serde(default)]`,
    /// and the type `#[serde(deny_unknown_fields)]`, which reports misspelt
    /// names.
    type Config: Serialize + DeserializeOwned + JsonSchema + Default;

    /// Applies a configuration. The host calls it before [`Plugin::start`], and
    /// again whenever the user saves.
    ///
    /// # Errors
    ///
    /// The configuration's problems; the previous configuration stays in use.
    fn apply(&mut self, config: Self::Config) -> Result<(), Vec<Problem>>;

    /// Returns the text for a new user: the default configuration. Override it
    /// to add comments.
    fn default_text() -> String {
        config::to_yaml(&Self::Config::default())
    }

    /// Returns the configuration's JSON Schema, for editors and forms.
    fn schema() -> Option<String> {
        serde_json::to_string(&schemars::schema_for!(Self::Config)).ok()
    }
}

/// Content of the plugin's page.
pub trait Displayer: Plugin {
    /// Returns Markdown, at most 1 MiB. The host calls it when a user opens the
    /// page, possibly before [`Plugin::start`] or while the plugin is disabled.
    /// `base_url` has the server's scheme and host as the user's browser sees
    /// them.
    fn display(&mut self, base_url: Option<&str>) -> String;
}

/// HTTP requests from outside. Needs the permission `webhook`.
pub trait Webhook: Plugin {
    /// Answers a request to the instance's secret address.
    fn handle(&mut self, request: WebhookRequest) -> WebhookResponse;
}

/// Decides about every message before it is stored. Needs the permission
/// `filter-messages`.
pub trait Filter: Plugin {
    /// Decides about a message. All filters of a user share one deadline.
    ///
    /// # Errors
    ///
    /// The server skips this filter, or rejects the message if the user chose
    /// that.
    fn filter(&mut self, draft: Draft) -> Result<Verdict, String>;
}

/// Receives every stored message that [`Manifest::listens`] names; without it, all that
/// the plugin may read. Needs the permission `read-messages`.
pub trait Listener: Plugin {
    /// Receives 1 to 64 messages, in the order in which they were stored.
    ///
    /// # Errors
    ///
    /// The host passes all of these messages again later.
    fn on_messages(&mut self, messages: Vec<Message>) -> Result<(), String>;
}

/// Timers set with [`Context::timers`]. Needs the permission `timers`.
pub trait Timer: Plugin {
    /// Handles the timer with this name, which came due.
    ///
    /// # Errors
    ///
    /// The host logs them, and the timer stays set.
    fn on_timer(&mut self, name: &str) -> Result<(), String>;
}
