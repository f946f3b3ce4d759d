//! The configuration in the user's form.

use std::collections::BTreeMap;

use mortise_plugin::prelude::*;

/// The receiver of your messages, and the messages for it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The address for each message, as JSON with POST. Empty sends nothing.
    pub(crate) url: String,
    /// The receiver's format.
    pub(crate) format: Format,
    /// The topic, for `ntfy` only.
    pub(crate) topic: String,
    /// Messages of a lower priority are not forwarded.
    pub(crate) min_priority: i32,
    /// Additional headers.
    pub(crate) headers: BTreeMap<String, String>,
}

/// A JSON format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// All fields of the message.
    #[default]
    Message,
    /// The format of Slack, Mattermost and Rocket.Chat.
    Slack,
    /// The format of ntfy at its root.
    Ntfy,
}

impl Config {
    /// Returns true if the user has set this header.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.headers
            .keys()
            .any(|header| header.eq_ignore_ascii_case(name))
    }

    /// Checks the rules that the type cannot express.
    pub(crate) fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let host = ["http://", "https://"]
            .iter()
            .find_map(|scheme| self.url.strip_prefix(scheme));
        if !self.url.is_empty() && host.is_none_or(|host| host.is_empty() || host.starts_with('/'))
        {
            problems.push(Problem::new(
                "url",
                "an address begins with `http://` or `https://` and a host",
            ));
        }
        if self.format == Format::Ntfy && !self.url.is_empty() && self.topic.is_empty() {
            problems.push(Problem::new("topic", "ntfy needs a topic"));
        }
        for (name, value) in &self.headers {
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(token) || value.contains(['\r', '\n', '\0']) {
                problems.push(Problem::new(
                    format!("headers.{name}"),
                    "HTTP does not allow this header",
                ));
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

    fn paths(yaml: &str) -> Vec<String> {
        let config: Config = from_yaml(yaml).unwrap();
        config.check().map_or_else(
            |problems| problems.into_iter().map(|problem| problem.path).collect(),
            |()| Vec::new(),
        )
    }

    #[test]
    fn what_new_users_see_is_valid() {
        assert!(paths(include_str!("default.yaml")).is_empty());
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(paths("url: ftp://x"), ["url"]);
        assert_eq!(paths("url: https:///x"), ["url"]);
        assert_eq!(paths("{url: 'https://x', format: ntfy}"), ["topic"]);
        assert_eq!(
            paths(r#"headers: {a b: c, d: "e\nf"}"#),
            ["headers.a b", "headers.d"]
        );
    }
}
