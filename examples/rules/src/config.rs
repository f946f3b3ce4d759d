//! The configuration in the user's form.

use mortise_plugin::prelude::*;

/// The rules that change or drop your messages.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The rules, applied from top to bottom. Each matching rule changes the
    /// message for the next ones.
    pub(crate) rules: Vec<RuleConfig>,
}

/// One rule.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RuleConfig {
    /// The rule's name, shown as the reason if the rule drops a message.
    pub(crate) name: String,
    /// The conditions, all of which must hold. Conditions that are left out
    /// hold.
    pub(crate) when: When,
    /// The changes to a matching message.
    pub(crate) then: Then,
    /// True to end with this rule if it matches.
    pub(crate) stop: bool,
}

/// Conditions of a rule.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct When {
    /// The exact name of the application.
    pub(crate) application: Option<String>,
    /// A regular expression with a match in the title.
    pub(crate) title: Option<String>,
    /// A regular expression with a match in the body.
    pub(crate) body: Option<String>,
    /// A text in the title or the body. Case does not matter.
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
    /// Drop the message; other changes have no effect.
    pub(crate) drop: bool,
    /// Replace the title by this.
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
    /// The replacement; `$1` or `${name}` stands for a group.
    pub(crate) with: String,
}
