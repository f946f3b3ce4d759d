//! `/metrics` for Prometheus.

use std::fmt::Write as _;

use axum::{extract::State, http::header, response::IntoResponse};
use utoipa_axum::routes;

use super::{ApiError, Routes};
use crate::{
    plugins::{PluginState, Status},
    seen::Times,
    state::AppState,
};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.metrics(routes!(metrics))
}

/// Returns metrics in the text format of Prometheus. Administrators may read them,
/// and anybody if the settings say so.
#[utoipa::path(get, path = "/metrics", tag = "info", responses(
    (status = 200, body = String, content_type = "text/plain"), (status = 401), (status = 403),
))]
async fn metrics(State(state): State<AppState>) -> Result<impl IntoResponse, ApiError> {
    let mut text = Text::default();
    server(&state, &mut text).await?;
    requests(&state, &mut text);
    plugins(&state, &mut text).await?;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text.0))
}

/// Metrics in the text format.
#[derive(Default)]
struct Text(String);

impl Text {
    fn describe(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.0.push(if index == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"{}\"", escaped(text));
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// A metric without labels.
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.describe(name, kind, help);
        self.value(name, &[], value);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

async fn server(state: &AppState, text: &mut Text) -> Result<(), ApiError> {
    text.describe("mortise_build_info", "gauge", "The version, as a label.");
    text.value(
        "mortise_build_info",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1,
    );
    text.one(
        "mortise_uptime_seconds",
        "gauge",
        "The time since the start.",
        state.seen.since.elapsed().as_secs(),
    );
    let counts = state.store.counts().await?;
    for (name, help, value) in [
        ("mortise_users", "Users.", counts.users),
        ("mortise_applications", "Applications.", counts.applications),
        ("mortise_clients", "Clients.", counts.clients),
        (
            "mortise_last_message_id",
            "The number of the newest message: it grows by one with each.",
            counts.last_message,
        ),
        (
            "mortise_database_bytes",
            "The size of the database.",
            counts.bytes,
        ),
    ] {
        text.one(name, "gauge", help, value);
    }
    text.one(
        "mortise_streams",
        "gauge",
        "Open WebSocket streams of messages.",
        state.hub.connections(),
    );
    text.one(
        "mortise_event_streams",
        "gauge",
        "Open streams of live events.",
        state.events.connections(),
    );
    Ok(())
}

/// Writes one value with these labels.
type Write<'a> = dyn FnMut(&[(&str, &str)], Times) + 'a;

fn requests(state: &AppState, text: &mut Text) {
    let all = state.seen.all_requests();
    let labelled = |write: &mut Write<'_>| {
        for ((method, route, status), times) in &all {
            let status = status.to_string();
            let labels = [
                ("method", method.as_str()),
                ("route", route.as_str()),
                ("status", status.as_str()),
            ];
            write(&labels, *times);
        }
    };
    let count = "mortise_http_requests_total";
    text.describe(count, "counter", "Requests that were answered.");
    labelled(&mut |labels, times| text.value(count, labels, times.count));
    let time = "mortise_http_request_seconds_total";
    text.describe(time, "counter", "The time for these requests together.");
    labelled(&mut |labels, times| text.value(time, labels, times.time.as_secs_f64()));
}

async fn plugins(state: &AppState, text: &mut Text) -> Result<(), ApiError> {
    let all = state.seen.all_filters();
    for (name, help, seconds) in [
        (
            "mortise_filter_calls_total",
            "Messages that a filter was given.",
            false,
        ),
        (
            "mortise_filter_seconds_total",
            "The time of a filter for these messages.",
            true,
        ),
    ] {
        text.describe(name, "counter", help);
        for ((plugin, outcome), times) in &all {
            let labels = [("plugin", plugin.as_str()), ("outcome", *outcome)];
            if seconds {
                text.value(name, &labels, times.time.as_secs_f64());
            } else {
                text.value(name, &labels, times.count);
            }
        }
    }
    let statuses = state.plugins.list();
    let up = |status: &Status| {
        u8::from(!matches!(
            status.state,
            PluginState::Missing
                | PluginState::Broken { .. }
                | PluginState::Pausing { .. }
                | PluginState::GivenUp { .. }
        ))
    };
    let crashes = |status: &Status| match status.state {
        PluginState::Pausing { crashes, .. } | PluginState::GivenUp { crashes, .. } => crashes,
        _ => 0,
    };
    text.describe(
        "mortise_plugin_up",
        "gauge",
        "1 if the plugin can serve its users.",
    );
    for status in &statuses {
        let labels = [("plugin", &*status.id), ("version", &*status.version)];
        text.value("mortise_plugin_up", &labels, up(status));
    }
    let name = "mortise_plugin_crashes";
    text.describe(name, "gauge", "Crashes of the plugin's process in a row.");
    for status in &statuses {
        text.value(name, &[("plugin", &status.id)], crashes(status));
    }
    let name = "mortise_plugin_starts_total";
    text.describe(name, "counter", "Starts of the plugin's process.");
    for status in &statuses {
        if let Some(mortise_runtime::process::State::Up { generation, .. }) = status.process {
            text.value(name, &[("plugin", &status.id)], generation);
        }
    }
    users_part(state, text, &statuses).await
}

/// What the plugins' users have, together.
async fn users_part(
    state: &AppState,
    text: &mut Text,
    statuses: &[Status],
) -> Result<(), ApiError> {
    let mut lines: [Vec<(&str, u64)>; 5] = Default::default();
    for status in statuses {
        let usage = state.store.plugin_usage(&status.id).await?;
        let slots = state.plugins.slots_of(&status.id);
        let enabled = usage.iter().filter(|row| row.enabled).count() as u64;
        let stored = usage
            .iter()
            .map(|row| row.storage_bytes.unsigned_abs())
            .sum();
        let denials = slots.iter().map(|slot| {
            let denials = slot.denials();
            denials.iter().map(|denial| denial.count).sum::<u64>()
        });
        let reached = slots.iter().flat_map(|slot| slot.reached());
        let values = [
            enabled,
            stored,
            denials.sum(),
            reached.map(|reached| reached.count).sum(),
            state.store.plugin_dead_letters(&status.id).await?,
        ];
        for (line, value) in lines.iter_mut().zip(values) {
            line.push((&status.id, value));
        }
    }
    let names = [
        (
            "mortise_plugin_enabled_users",
            "gauge",
            "Users who enabled the plugin.",
        ),
        (
            "mortise_plugin_storage_bytes",
            "gauge",
            "Bytes that the plugin stores.",
        ),
        (
            "mortise_plugin_denials_total",
            "counter",
            "Attempts that a permission was lacking for.",
        ),
        (
            "mortise_plugin_limits_reached_total",
            "counter",
            "Times that a limit was reached.",
        ),
        (
            "mortise_plugin_dead_letters",
            "gauge",
            "Messages on which the plugin's listeners failed again and again.",
        ),
    ];
    for ((name, kind, help), line) in names.into_iter().zip(lines) {
        text.describe(name, kind, help);
        for (plugin, value) in line {
            text.value(name, &[("plugin", plugin)], value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn labels_are_escaped() {
        let mut text = Text::default();
        text.value("a_total", &[("b", "c\"d\\e\nf"), ("g", "h")], 1);
        assert_eq!(text.0, "a_total{b=\"c\\\"d\\\\e\\nf\",g=\"h\"} 1\n");
    }
}
