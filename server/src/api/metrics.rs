//! `/metrics` for Prometheus.

mod plugins;

use std::fmt::Write as _;

use axum::{extract::State, http::header, response::IntoResponse};
use utoipa_axum::routes;

use super::{ApiError, Routes};
use crate::{otlp::Signal, seen::Times, state::AppState, tls::Tls};

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
    plugins::write(&state, &mut text).await?;
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
    if let Some(tls) = &state.tls {
        certificate(tls, text);
    }
    if state.config.otlp.endpoint.is_some() {
        telemetry(text);
    }
    Ok(())
}

fn certificate(tls: &Tls, text: &mut Text) {
    if let Some([_, until]) = tls.validity() {
        text.one(
            "mortise_certificate_expires_timestamp_seconds",
            "gauge",
            "The time at which the certificate for HTTPS expires, in seconds since 1970.",
            until / 1000,
        );
    }
    if let Some([good, bad]) = tls.attempts() {
        let name = "mortise_acme_attempts_total";
        let help = "Attempts to get a certificate from the authority, by their outcome.";
        text.describe(name, "counter", help);
        for (outcome, count) in [("succeeded", good), ("failed", bad)] {
            text.value(name, &[("outcome", outcome)], count);
        }
    }
}

fn telemetry(text: &mut Text) {
    let name = "mortise_otlp_records_total";
    let help = "Spans and log lines for the collector that were sent, and that were dropped.";
    text.describe(name, "counter", help);
    for signal in Signal::ALL {
        let (sent, dropped) = signal.counted();
        for (outcome, count) in [("sent", sent), ("dropped", dropped)] {
            let labels = [("signal", signal.name()), ("outcome", outcome)];
            text.value(name, &labels, count);
        }
    }
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
