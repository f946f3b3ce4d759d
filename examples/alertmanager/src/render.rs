//! Turns a notification into a message. Does not use the host.

use mortise_plugin::types::Content;
use serde_json::{Map, Value, json};

use crate::{
    config::Config,
    notification::{Alert, Notification, Pairs, Status},
};

/// The most alerts that are listed in one message.
const LISTED: usize = 20;
/// The longest text of one alert, in characters.
const ALERT_CHARS: usize = 1000;
/// The longest title, in characters.
const TITLE_CHARS: usize = 200;

/// Returns the message for a notification; none if the user wants none.
pub(crate) fn message(notification: &Notification, config: &Config) -> Option<Content> {
    let firing = notification.of(Status::Firing).count();
    if notification.alerts.is_empty() || (firing == 0 && !config.send_resolved) {
        return None;
    }
    let state = match firing {
        0 => "RESOLVED".to_owned(),
        count => format!("FIRING:{count}"),
    };
    let title = short(&format!("[{state}] {}", name(notification)), TITLE_CHARS);
    let priority = notification
        .of(Status::Firing)
        .map(|alert| priority(alert, config))
        .max()
        .unwrap_or(config.resolved_priority);
    Some(
        Content::new(title, body(notification))
            .priority(priority)
            .extras(&extras(notification)),
    )
}

/// Returns the subject of the alerts: their common name, followed by the other
/// labels of the group.
fn name(notification: &Notification) -> String {
    let Notification {
        common_labels,
        group_labels,
        ..
    } = notification;
    let alert = common_labels
        .get("alertname")
        .map_or("alerts", String::as_str);
    let others: Vec<&str> = group_labels
        .iter()
        .filter(|(label, _)| *label != "alertname")
        .map(|(_, value)| value.as_str())
        .collect();
    if others.is_empty() {
        alert.to_owned()
    } else {
        format!("{alert} ({})", others.join(" "))
    }
}

fn priority(alert: &Alert, config: &Config) -> i32 {
    alert
        .labels
        .get(&config.severity_label)
        .and_then(|severity| config.priorities.get(severity))
        .copied()
        .unwrap_or(config.priority)
}

/// Returns Markdown: a list of the alerts, firing ones first.
fn body(notification: &Notification) -> String {
    let mut lines: Vec<String> = notification
        .of(Status::Firing)
        .map(|alert| line(alert, "**firing**", &notification.common_labels))
        .chain(
            notification
                .of(Status::Resolved)
                .map(|alert| line(alert, "resolved", &notification.common_labels)),
        )
        .take(LISTED)
        .collect();
    let more = notification.alerts.len().saturating_sub(LISTED) as u64;
    let more = more.saturating_add(notification.truncated_alerts);
    if more > 0 {
        lines.push(format!("- and {more} more"));
    }
    lines.join("\n")
}

fn line(alert: &Alert, state: &str, common: &Pairs) -> String {
    let told = |name: &str| {
        alert
            .annotations
            .get(name)
            .map(|text| text.trim())
            .filter(|text| !text.is_empty())
    };
    let text = match (told("summary"), told("description").or(told("message"))) {
        (Some(summary), Some(description)) if summary != description => {
            format!("{summary}: {description}")
        }
        (Some(text), _) | (None, Some(text)) => text.to_owned(),
        (None, None) => alert
            .labels
            .get("alertname")
            .cloned()
            .unwrap_or_else(|| "an alert without a name".to_owned()),
    };
    // The labels that distinguish it in the list.
    let own: Vec<String> = alert
        .labels
        .iter()
        .filter(|(label, value)| common.get(*label) != Some(value))
        .map(|(label, value)| format!("{label}={value}"))
        .collect();
    let own = if own.is_empty() {
        String::new()
    } else {
        format!(" ({})", own.join(", "))
    };
    // A line break would end the list's entry.
    let text = format!("- {state} {text}{own}").replace(['\r', '\n'], " ");
    short(&text, ALERT_CHARS)
}

/// Returns the extras: Markdown, and the link. The link leads to the expression
/// of a single alert, and otherwise to Alertmanager.
fn extras(notification: &Notification) -> Map<String, Value> {
    let single = match notification.alerts.as_slice() {
        [alert] if !alert.generator_url.is_empty() => Some(&alert.generator_url),
        _ => None,
    };
    let url = single.unwrap_or(&notification.external_url);
    let mut extras = Map::new();
    extras.insert(
        "client::display".to_owned(),
        json!({"contentType": "text/markdown"}),
    );
    if url.starts_with("http://") || url.starts_with("https://") {
        extras.insert(
            "client::notification".to_owned(),
            json!({"click": {"url": url}}),
        );
    }
    extras
}

fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::message;
    use crate::{config::Config, notification::Notification};

    fn sample() -> Value {
        serde_json::from_str(include_str!("../sample.json")).unwrap()
    }

    fn rendered(notification: Value) -> Option<mortise_plugin::types::Content> {
        let notification: Notification = serde_json::from_value(notification).unwrap();
        message(&notification, &Config::default())
    }

    #[test]
    fn the_worst_firing_alert_decides() {
        let content = rendered(sample()).unwrap();
        assert_eq!(content.title, "[FIRING:2] HostOutOfDiskSpace (db)");
        assert_eq!(content.priority, 9);
        assert_eq!(
            content.body,
            "- **firing** Disk almost full: / on db-1 is 97 % full (instance=db-1:9100, severity=critical)\n\
             - **firing** Disk almost full: / on db-2 is 91 % full (instance=db-2:9100, severity=warning)\n\
             - resolved Disk almost full: / on db-3 is 40 % full (instance=db-3:9100, severity=warning)"
        );
        let extras: Value = serde_json::from_str(content.extras.as_deref().unwrap()).unwrap();
        assert_eq!(
            extras["client::notification"]["click"]["url"],
            "https://alerts.example.org"
        );
    }

    #[test]
    fn all_resolved_is_quiet_and_can_be_silenced() {
        let mut resolved = sample();
        for alert in resolved["alerts"].as_array_mut().unwrap() {
            alert["status"] = json!("resolved");
        }
        let content = rendered(resolved.clone()).unwrap();
        assert_eq!(content.title, "[RESOLVED] HostOutOfDiskSpace (db)");
        assert_eq!(content.priority, 2);

        let config = Config {
            send_resolved: false,
            ..Config::default()
        };
        let notification = serde_json::from_value(resolved).unwrap();
        assert_eq!(message(&notification, &config), None);
    }

    #[test]
    fn a_single_alert_leads_to_its_expression() {
        let content = rendered(json!({"alerts": [{
            "status": "firing",
            "labels": {"alertname": "Watchdog"},
            "generatorURL": "https://prometheus.example.org/graph?g0.expr=up",
        }]}))
        .unwrap();
        assert_eq!(content.body, "- **firing** Watchdog (alertname=Watchdog)");
        assert_eq!(content.priority, 5);
        assert!(content.extras.unwrap().contains("g0.expr=up"));
    }

    #[test]
    fn a_flood_of_alerts_stays_one_short_message() {
        let mut flood = sample();
        let alert = json!({
            "status": "firing",
            "annotations": {"summary": "ä".repeat(100_000), "description": "two\nlines"},
        });
        flood["alerts"] = Value::Array(vec![alert; 500]);
        flood["truncatedAlerts"] = json!(7);
        let content = rendered(flood).unwrap();
        assert!(content.body.len() < 64 << 10);
        assert_eq!(content.body.lines().count(), super::LISTED + 1);
        assert!(content.body.ends_with("- and 487 more"));
    }
}
