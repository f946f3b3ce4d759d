//! The payload for a message. Does not use the host.

use mortise_plugin::types::Message;
use serde_json::{Value, json};

use crate::config::{Config, Format};

/// Returns the JSON body for a message.
pub(crate) fn of(message: &Message, config: &Config) -> Value {
    let content = &message.content;
    // As everywhere in Gotify, an empty title means the application's name.
    let title = match content.title.as_str() {
        "" => &message.application.name,
        title => title,
    };
    match config.format {
        Format::Message => json!({
            "id": message.id,
            "application": message.application.name,
            "title": title,
            "message": content.body,
            "priority": content.priority,
            "extras": extras(content.extras.as_deref()),
            "created_ms": message.created_ms,
        }),
        Format::Slack => json!({
            "text": format!("*{}*\n{}", slack(title), slack(&content.body)),
        }),
        Format::Ntfy => json!({
            "topic": config.topic,
            "title": title,
            "message": content.body,
            "priority": ntfy_priority(content.priority),
        }),
    }
}

fn extras(text: Option<&str>) -> Value {
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Escapes three characters that Slack uses for markup.
fn slack(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Converts a priority of 0 to 10 to ntfy's 1 to 5. Gotify's clients ring from
/// 4 on and insist from 8 on.
const fn ntfy_priority(priority: i32) -> i32 {
    match priority {
        ..=0 => 1,
        1..=3 => 2,
        4..=7 => 3,
        8..=9 => 4,
        10.. => 5,
    }
}

#[cfg(test)]
mod tests {
    use mortise_plugin::{testing::message, types::Content};
    use serde_json::json;

    use super::of;
    use crate::config::{Config, Format};

    fn config(format: Format) -> Config {
        Config {
            format,
            topic: "alerts".to_owned(),
            ..Config::default()
        }
    }

    #[test]
    fn each_receiver_gets_its_form() {
        let mut message = message(7, "backup", Content::new("", "a < b").priority(8));
        message.content.extras = Some(r#"{"k":{"v":1}}"#.to_owned());
        assert_eq!(
            of(&message, &config(Format::Message)),
            json!({
                "id": 7, "application": "backup", "title": "backup", "message": "a < b",
                "priority": 8, "extras": {"k": {"v": 1}}, "created_ms": 0,
            })
        );
        assert_eq!(
            of(&message, &config(Format::Slack)),
            json!({"text": "*backup*\na &lt; b"})
        );
        assert_eq!(
            of(&message, &config(Format::Ntfy)),
            json!({"topic": "alerts", "title": "backup", "message": "a < b", "priority": 4})
        );
    }
}
