//! The configuration in the user's form.

use std::collections::BTreeSet;

use mortise_plugin::prelude::*;

/// The messages to send, each with its times.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The messages to send; at most 32.
    pub(crate) messages: Vec<Entry>,
}

/// One message and its times.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// A unique name, 1 to 64 characters.
    pub(crate) name: String,
    /// Minute, hour, day of month, month, day of week; with six fields the
    /// first is seconds.
    pub(crate) cron: String,
    /// Empty means the application's name.
    #[serde(default)]
    pub(crate) title: String,
    /// The message's text.
    pub(crate) text: String,
    /// 0 to 10.
    #[serde(default = "normal")]
    #[schemars(range(min = 0, max = 10))]
    pub(crate) priority: i32,
}

const fn normal() -> i32 {
    5
}

impl Config {
    /// Checks the rules that the type cannot express.
    pub(crate) fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut names = BTreeSet::new();
        for (index, entry) in self.messages.iter().enumerate() {
            let mut wrong = |field: &str, text: &str| {
                problems.push(Problem::new(format!("messages[{index}].{field}"), text));
            };
            if !(1..=64).contains(&entry.name.chars().count()) {
                wrong("name", "a name has 1 to 64 characters");
            } else if !names.insert(&entry.name) {
                wrong("name", "another message has this name");
            }
            if !matches!(entry.cron.split_whitespace().count(), 5 | 6) {
                wrong("cron", "a cron expression has five or six fields");
            }
            if entry.text.is_empty() {
                wrong("text", "a message says something");
            }
            if !(0..=10).contains(&entry.priority) {
                wrong("priority", "a priority is 0 to 10");
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }
}

#[cfg(test)]
mod tests {
    use mortise_plugin::config::from_yaml;

    use super::Config;

    #[test]
    fn the_example_shown_to_users_is_valid() {
        let text = include_str!("default.yaml");
        let (_, example) = text.split_once("#\n").unwrap();
        let example = example.replace("# ", "").replace("messages: []", "");
        let config: Config = from_yaml(&example).unwrap();
        assert_eq!(config.messages.len(), 1);
        config.check().unwrap();
    }

    #[test]
    fn says_what_is_wrong() {
        let config: Config = from_yaml(
            "messages:\n\
             - {name: a, cron: '* * * * *', text: x}\n\
             - {name: a, cron: daily, text: '', priority: 11}\n",
        )
        .unwrap();
        let paths: Vec<_> = config
            .check()
            .unwrap_err()
            .into_iter()
            .map(|problem| problem.path)
            .collect();
        assert_eq!(
            paths,
            [
                "messages[1].name",
                "messages[1].cron",
                "messages[1].text",
                "messages[1].priority"
            ]
        );
    }
}
