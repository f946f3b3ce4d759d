//! The configuration, as the user writes it.

use mortise_plugin::prelude::*;

/// What the user writes.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Tried from top to bottom; each that matches changes the message for
    /// those below it.
    pub(crate) rules: Vec<RuleConfig>,
}

/// One rule.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RuleConfig {
    /// Shown as the reason where the rule drops a message.
    pub(crate) name: String,
    /// All must hold; what is left out holds.
    pub(crate) when: When,
    /// What is done to a message that matches.
    pub(crate) then: Then,
    /// Whether the rules below are not tried for a message that matches.
    pub(crate) stop: bool,
}

/// Conditions of a rule.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct When {
    /// The exact name of the application.
    pub(crate) application: Option<String>,
    /// A regular expression that the title must have somewhere.
    pub(crate) title: Option<String>,
    /// A regular expression that the body must have somewhere.
    pub(crate) body: Option<String>,
    /// Text that the title or the body must have, whatever its case.
    pub(crate) contains: Option<String>,
    /// The lowest priority.
    pub(crate) min_priority: Option<i32>,
    /// The highest priority.
    pub(crate) max_priority: Option<i32>,
}

/// Changes by a rule.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Then {
    /// Drop the message; other changes do not matter then.
    pub(crate) drop: bool,
    /// Put this in place of the title.
    pub(crate) title: Option<String>,
    /// Put this before the title.
    pub(crate) prefix_title: Option<String>,
    /// Replace in title and body.
    pub(crate) replace: Vec<Replace>,
    /// Set the priority, 0 to 10.
    #[schemars(range(min = 0, max = 10))]
    pub(crate) priority: Option<i32>,
}

/// A replacement.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replace {
    /// A regular expression; every match is replaced.
    pub(crate) pattern: String,
    /// What takes its place; `$1` or `${name}` stands for a group.
    pub(crate) with: String,
}
