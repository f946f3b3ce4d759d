//! The configuration, as the user writes it.

use std::collections::BTreeMap;

use mortise_plugin::prelude::*;

/// What the user writes.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where to send each message as JSON with POST. Empty: nowhere.
    pub(crate) url: String,
    /// What the receiver understands.
    pub(crate) format: Format,
    /// The topic, for `ntfy` only.
    pub(crate) topic: String,
    /// Messages of a lower priority are not forwarded.
    pub(crate) min_priority: i32,
    /// Sent along.
    pub(crate) headers: BTreeMap<String, String>,
}

/// A form of JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Everything there is to know about the message.
    #[default]
    Message,
    /// As Slack, Mattermost and Rocket.Chat take it.
    Slack,
    /// As ntfy takes it at its root.
    Ntfy,
}

impl Config {
    /// Says what is wrong beyond the form.
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
                    "this is no header that HTTP has",
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
