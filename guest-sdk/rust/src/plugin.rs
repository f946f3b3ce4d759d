//! What a plugin implements. The host calls one method at a time, each with a
//! deadline (10 seconds unless the administrator says otherwise) after which it
//! discards the instance and brings up a new one at the next call.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Context, config,
    types::{
        Draft, Manifest, Message, Problem, StopReason, User, Verdict, WebhookRequest,
        WebhookResponse,
    },
};

/// A plugin: who it is, and coming up and going down.
///
/// Each user who enables the plugin has an instance of their own, a value of
/// this type. It may be dropped at any time and made anew at the next call:
/// what must last belongs into [`Context::storage`].
pub trait Plugin: Sized + Send + 'static {
    /// Who the plugin is and what it asks for. Called when it is loaded, before
    /// there is any instance.
    fn manifest() -> Manifest;

    /// Makes the instance. Cheap, without side effects: the host has not been
    /// asked anything yet, and the instance may be made only to show its
    /// default configuration. What it does at the start belongs into
    /// [`Plugin::start`].
    fn new(context: Context) -> Self;

    /// Called each time the instance comes up, after its configuration was
    /// applied.
    ///
    /// # Errors
    ///
    /// Leaves the instance down; the text is shown to the user.
    fn start(&mut self, user: &User) -> Result<(), String> {
        let _ = user;
        Ok(())
    }

    /// Called before a started instance is dropped, where there is time for it.
    ///
    /// # Errors
    ///
    /// Are logged.
    fn stop(&mut self, reason: StopReason) -> Result<(), String> {
        let _ = reason;
        Ok(())
    }
}

/// A configuration that the user edits as YAML.
pub trait Configurer: Plugin {
    /// Its shape. Give fields that may be left out `#[serde(default)]`, and the
    /// type `#[serde(deny_unknown_fields)]` so that a misspelt one is told.
    type Config: Serialize + DeserializeOwned + JsonSchema + Default;

    /// Takes a configuration into use. Called before [`Plugin::start`], and
    /// again whenever the user saves.
    ///
    /// # Errors
    ///
    /// What is wrong with it; the plugin goes on with the one before.
    fn apply(&mut self, config: Self::Config) -> Result<(), Vec<Problem>>;

    /// The text a new user starts with: the default configuration, unless
    /// overridden by one with comments in it.
    fn default_text() -> String {
        config::to_yaml(&Self::Config::default())
    }

    /// The configuration's JSON Schema, for editors and forms.
    fn schema() -> Option<String> {
        serde_json::to_string(&schemars::schema_for!(Self::Config)).ok()
    }
}

/// Something to show on the plugin's page.
pub trait Displayer: Plugin {
    /// Markdown, at most 1 MiB. Called when the page is opened, perhaps before
    /// [`Plugin::start`] or while the plugin is disabled. `base_url` is the
    /// server's scheme and host as the user's browser sees them.
    fn display(&mut self, base_url: Option<&str>) -> String;
}

/// HTTP requests from outside. Needs the permission `webhook`.
pub trait Webhook: Plugin {
    /// Answers a request to the instance's secret address.
    fn handle(&mut self, request: WebhookRequest) -> WebhookResponse;
}

/// A say in every message before it is stored. Needs the permission
/// `filter-messages`.
pub trait Filter: Plugin {
    /// Decides about a message. All of a user's filters share one deadline.
    ///
    /// # Errors
    ///
    /// Skips this filter, unless the user asked for the message to be refused
    /// then.
    fn filter(&mut self, draft: Draft) -> Result<Verdict, String>;
}

/// Every stored message, after the fact. Needs the permission `read-messages`.
pub trait Listener: Plugin {
    /// Takes 1 to 64 messages, in the order they were stored.
    ///
    /// # Errors
    ///
    /// The same messages are given again later, all of them.
    fn on_messages(&mut self, messages: Vec<Message>) -> Result<(), String>;
}

/// Timers set with [`Context::timers`]. Needs the permission `timers`.
pub trait Timer: Plugin {
    /// The timer of this name came due.
    ///
    /// # Errors
    ///
    /// Are logged; the timer goes on.
    fn on_timer(&mut self, name: &str) -> Result<(), String>;
}
