//! The configuration in the user's form.

use std::collections::BTreeMap;

use mortise_plugin::prelude::*;

/// The priorities of notifications, and the alerts that send one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The label with an alert's severity.
    pub(crate) severity_label: String,
    /// The priority of a notification by its worst firing alert's severity.
    pub(crate) priorities: BTreeMap<String, i32>,
    /// The priority for a severity that is not listed.
    pub(crate) priority: i32,
    /// The priority of a message that all alerts are resolved.
    pub(crate) resolved_priority: i32,
    /// True to send a message when all alerts are resolved.
    pub(crate) send_resolved: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            severity_label: "severity".to_owned(),
            priorities: [("critical", 9), ("error", 8), ("warning", 6), ("info", 3)]
                .map(|(severity, priority)| (severity.to_owned(), priority))
                .into(),
            priority: 5,
            resolved_priority: 2,
            send_resolved: true,
        }
    }
}

impl Config {
    /// Checks the rules that the type cannot express.
    pub(crate) fn check(&self) -> Result<(), Vec<Problem>> {
        let named = self
            .priorities
            .iter()
            .map(|(severity, priority)| (format!("priorities.{severity}"), *priority));
        let problems: Vec<_> = named
            .chain([
                ("priority".to_owned(), self.priority),
                ("resolved_priority".to_owned(), self.resolved_priority),
            ])
            .filter(|(_, priority)| !(0..=10).contains(priority))
            .map(|(path, _)| Problem::new(path, "a priority is 0 to 10"))
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }
}

#[cfg(test)]
mod tests {
    use mortise_plugin::config::{from_yaml, to_yaml};

    use super::Config;

    #[test]
    fn what_new_users_see_is_the_default() {
        let shown: Config = from_yaml(include_str!("default.yaml")).unwrap();
        assert_eq!(to_yaml(&shown), to_yaml(&Config::default()));
        shown.check().unwrap();
    }

    #[test]
    fn says_what_is_wrong() {
        let config: Config = from_yaml("priorities: {page: 11}").unwrap();
        assert_eq!(config.check().unwrap_err()[0].path, "priorities.page");
    }
}
