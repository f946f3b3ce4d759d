//! `/metrics` with plugins that are called.

use std::collections::BTreeSet;

use crate::{
    Rig, data,
    fixture::{READ_ALL, listening, plugin},
    said, until,
};

/// The metrics that the dashboard for Grafana names.
fn of_dashboard() -> BTreeSet<String> {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../packaging/grafana-dashboard.json"
    );
    let text = std::fs::read_to_string(file).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    targets
        .flat_map(|target| {
            let expression = target["expr"].as_str().unwrap().to_owned();
            let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            words.map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|word| word.starts_with("mortise_"))
        .collect()
}

#[tokio::test]
async fn the_calls_into_a_plugin_are_counted() {
    let data = data(&[("ears", plugin("ears", &[READ_ALL], &[listening('!')]))]);
    let rig = Rig::start(data.path()).await;
    let ears = rig.enable("ears").await;
    for body in ["a", "b"] {
        rig.stored("backup", body).await;
        until("it was given", async || {
            said(&ears).last().is_some_and(|text| text == body)
        })
        .await;
    }
    rig.stored("backup", "!bad").await;
    let value = async |name: &str| {
        let (status, text) = rig.get("/metrics").await;
        assert_eq!(status, 200);
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().parse::<f64>().unwrap())
    };
    let calls = |outcome: &str| {
        format!(
            "mortise_plugin_calls_total{{plugin=\"ears\",export=\"listener.on-messages\",outcome=\"{outcome}\"}}"
        )
    };
    until("the dead letter was counted", async || {
        value("mortise_plugin_dead_letters{plugin=\"ears\"}").await == Some(1.0)
    })
    .await;
    assert_eq!(value(&calls("ok")).await, Some(2.0));
    // Three attempts, and no call with another outcome.
    assert_eq!(value(&calls("rejected")).await, Some(3.0));
    assert_eq!(value(&calls("crashed")).await, None);
    let labels = "{plugin=\"ears\",export=\"listener.on-messages\"}";
    let count = format!("mortise_plugin_call_seconds_count{labels}");
    assert_eq!(value(&count).await, Some(5.0));
    let all = "{plugin=\"ears\",export=\"listener.on-messages\",le=\"+Inf\"}";
    let all = format!("mortise_plugin_call_seconds_bucket{all}");
    assert_eq!(value(&all).await, Some(5.0));
    let memory = value("mortise_plugin_memory_bytes{plugin=\"ears\"}").await;
    assert!(memory.is_some_and(|bytes| bytes >= 65536.0), "{memory:?}");
    let queue = "mortise_plugin_queue_messages{plugin=\"ears\"}";
    assert_eq!(value(queue).await, Some(0.0));

    let (_, text) = rig.get("/metrics").await;
    let named = of_dashboard();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        let metric = name.strip_suffix("_bucket").unwrap_or(&name);
        let described = format!("# TYPE {metric} ");
        assert!(text.contains(&described), "no {metric} in {text}");
    }
    rig.stop().await;
}
