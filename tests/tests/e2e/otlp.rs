//! Traces and logs at a collector that speaks OTLP over HTTP, on loopback.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use mortise_tests::{
    guests, natives,
    server::{Data, Server, body},
};
use mortise_wait::{found, until};
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::AbortHandle};

const FORWARD: &str = "io.mortise.forward";
const RULES: &str = "io.mortise.rules";
/// A sender's span.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// A collector, and the receiver of a plugin's requests.
#[derive(Clone, Default)]
struct Received {
    spans: Arc<Mutex<Vec<Value>>>,
    logs: Arc<Mutex<Vec<Value>>>,
    hooks: Arc<Mutex<Vec<HeaderMap>>>,
}

struct Collector {
    received: Received,
    url: String,
    task: AbortHandle,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Collector {
    async fn start() -> Self {
        let received = Received::default();
        let router = Router::new()
            .route("/otlp/v1/traces", post(traces))
            .route("/otlp/v1/logs", post(logs))
            .route("/hook", post(hook))
            .with_state(received.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            received,
            url,
            task: serving.abort_handle(),
        }
    }

    /// The first span of this name with these attributes.
    async fn span(&self, name: &str, attributes: &[(&str, Value)]) -> Value {
        found(&format!("the span {name} comes"), async || {
            let spans = self.received.spans.lock();
            let found = spans.iter().find(|span| {
                span["name"] == name
                    && attributes
                        .iter()
                        .all(|(key, value)| attribute(span, key) == *value)
            });
            found.cloned()
        })
        .await
    }
}

fn attribute(of: &Value, key: &str) -> Value {
    let all = of["attributes"].as_array().unwrap();
    let found = all.iter().find(|attribute| attribute["key"] == key);
    let value = found.map(|attribute| &attribute["value"]);
    let value = value.and_then(Value::as_object);
    value
        .and_then(|value| value.values().next().cloned())
        .unwrap_or_default()
}

async fn traces(State(to): State<Received>, headers: HeaderMap, Json(sent): Json<Value>) {
    assert_eq!(headers["api-key"], "secret");
    let resource = &sent["resourceSpans"][0];
    assert_eq!(attribute(&resource["resource"], "service.name"), "push");
    let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
    to.spans.lock().extend(spans.iter().cloned());
}

async fn logs(State(to): State<Received>, Json(sent): Json<Value>) {
    let logs = &sent["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
    to.logs
        .lock()
        .extend(logs.as_array().unwrap().iter().cloned());
}

async fn hook(State(to): State<Received>, headers: HeaderMap, _: Bytes) -> StatusCode {
    to.hooks.lock().push(headers);
    StatusCode::NO_CONTENT
}

async fn serve(data: &Data, endpoint: &str) -> Server {
    let mut command = data.command();
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret")
        .env("OTEL_SERVICE_NAME", "push");
    data.serve_with(command).await
}

/// Sends a message within a sender's span.
async fn send(server: &Server, token: &str, flags: &str) {
    let sent = server
        .request(Method::POST, "/message")
        .header("X-Gotify-Key", token)
        .header("traceparent", format!("00-{TRACE}-{SPAN}-{flags}"))
        .json(&json!({ "message": "traced" }))
        .send();
    body(sent.await.unwrap()).await;
}

#[tokio::test]
async fn a_message_is_one_trace_from_its_sender_to_its_receiver() {
    let collector = Collector::start().await;
    let data = Data::new();
    for name in ["forward", "rules"] {
        let component = std::fs::read(guests::example(name)).unwrap();
        data.plugin(&format!("{name}.wasm"), &component);
    }
    data.grant_as_asked(FORWARD);
    let server = serve(&data, &format!("{}/otlp", collector.url)).await;
    let config = format!("url: {}/hook", collector.url);
    server.enable(FORWARD, Some(&config)).await;
    server.enable(RULES, None).await;
    let token = server.application("traced").await;
    send(&server, &token, "01").await;

    let request = collector.span("POST /message", &[]).await;
    assert_eq!(
        (&request["traceId"], &request["parentSpanId"]),
        (&json!(TRACE), &json!(SPAN))
    );
    assert_eq!(request["kind"], 2);
    assert_eq!(attribute(&request, "http.response.status_code"), "200");
    let of = |plugin: &str| [("plugin.id", json!(plugin))];
    let filters = collector.span("filters", &[]).await;
    let filter = collector.span("filter", &of(RULES)).await;
    let rules = collector.span("filter.filter", &of(RULES)).await;
    let store = collector.span("store", &[]).await;
    let listener = collector.span("listener", &[]).await;
    let forward = collector.span("listener.on-messages", &of(FORWARD)).await;
    for (below, above) in [
        (&filters, &request),
        (&filter, &filters),
        (&rules, &filter),
        (&store, &request),
        (&listener, &store),
        (&forward, &listener),
    ] {
        assert_eq!(below["traceId"], TRACE, "{below}");
        assert_eq!(below["parentSpanId"], above["spanId"], "{below}");
    }
    for call in [&rules, &forward] {
        assert_eq!(attribute(call, "plugin.outcome"), "ok");
    }
    // The span has the same values as the API's trace.
    let message = attribute(&store, "message.id");
    let path = format!("/message/{}/trace", message.as_str().unwrap());
    let trace = body(server.admin(Method::GET, &path).send().await.unwrap()).await;
    assert_eq!(attribute(&filter, "filter.action"), trace[0]["action"]);
    for span in [&filter, &rules] {
        assert_eq!(attribute(span, "plugin.version"), trace[0]["version"]);
    }
    assert!(
        attribute(&forward, "plugin.version").is_string(),
        "{forward}"
    );
    assert_eq!(
        attribute(&store, "message.id"),
        attribute(&listener, "message.id")
    );
    // The plugin's own request is below its call.
    let hooks = || collector.received.hooks.lock().clone();
    until("the plugin's request comes", async || !hooks().is_empty()).await;
    let expected = format!("00-{TRACE}-{}-01", forward["spanId"].as_str().unwrap());
    assert_eq!(hooks()[0]["traceparent"], expected);

    // A sender that does not record its trace: no span, but the header goes on.
    send(&server, &token, "00").await;
    until("the second request comes", async || hooks().len() == 2).await;
    let unsampled = hooks()[1]["traceparent"].to_str().unwrap().to_owned();
    assert!(
        unsampled.starts_with(&format!("00-{TRACE}-")),
        "{unsampled}"
    );
    assert!(unsampled.ends_with("-00"), "{unsampled}");
    let metrics = server.admin(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let sent = r#"mortise_otlp_records_total{signal="traces",outcome="sent"} "#;
    assert!(metrics.contains(sent), "{metrics}");
    server.stop().await;
    // The last lines of the log come with the end.
    let logs = collector.received.logs.lock().clone();
    let stopping = logs
        .iter()
        .find(|log| log["body"]["stringValue"] == "stopping");
    let stopping = stopping.unwrap_or_else(|| panic!("{logs:?}"));
    assert_eq!(stopping["severityText"], "INFO");
    assert_eq!(attribute(stopping, "target"), "mortise::serve");
    let spans = collector.received.spans.lock().clone();
    let requests = spans.iter().filter(|span| span["name"] == "POST /message");
    assert_eq!(requests.count(), 1);
}

/// The requests of native plugins, whose processes send them, by the ways in which
/// `tests/natives/traced*` send them.
#[tokio::test]
async fn requests_of_native_plugins_carry_the_trace_of_their_call() {
    const OWN: &str = "00-own-own-00";
    let collector = Collector::start().await;
    let data = Data::new();
    let python = natives::python(include_str!("../../natives/traced.py"));
    let plugins = [
        ("python", python),
        ("go", natives::go("tests/natives/traced-go")),
    ];
    for (language, program) in &plugins {
        data.executable(language, program);
        data.grant_as_asked(&format!("test.traced-{language}"));
    }
    let server = serve(&data, &format!("{}/otlp", collector.url)).await;
    for (language, _) in &plugins {
        let config = format!("{}/hook", collector.url);
        let id = format!("test.traced-{language}");
        server.enable(&id, Some(&config)).await;
    }
    let token = server.application("traced").await;
    send(&server, &token, "01").await;
    let hooks = || collector.received.hooks.lock().clone();
    until("all requests come", async || hooks().len() == 6).await;
    for (language, _) in &plugins {
        let id = json!(format!("test.traced-{language}"));
        let call = collector
            .span("listener.on-messages", &[("plugin.id", id)])
            .await;
        assert_eq!(call["traceId"], TRACE);
        let span = call["spanId"].as_str().unwrap();
        for (way, expected) in [
            ("host", format!("00-{TRACE}-{span}-01")),
            ("client", format!("00-{TRACE}-{span}-01")),
            ("own", OWN.to_owned()),
        ] {
            let by = format!("{language} {way}");
            let hooks = hooks();
            let found: Vec<_> = hooks.iter().filter(|hook| hook["by"] == by).collect();
            assert_eq!(found.len(), 1, "{by}: {hooks:?}");
            let carried: Vec<_> = found[0].get_all("traceparent").iter().collect();
            assert_eq!(carried, [&expected], "{by}");
        }
    }
    server.stop().await;

    // A server that exports nothing passes nothing on.
    let server = data.serve().await;
    let token = server.application("untraced").await;
    send(&server, &token, "01").await;
    until("all requests come", async || hooks().len() == 12).await;
    for hook in &hooks()[6..] {
        let own = hook["by"].to_str().unwrap().ends_with(" own");
        let carried = hook.get("traceparent").map(|value| value.to_str().unwrap());
        assert_eq!(carried, own.then_some(OWN), "{hook:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_dead_collector_costs_records_and_no_time() {
    // A socket that takes connections and never answers, and none at all.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    for endpoint in [silent, address] {
        let data = Data::new();
        let server = serve(&data, &endpoint).await;
        let token = server.application("untraced").await;
        for _ in 0..800 {
            send(&server, &token, "01").await;
        }
        let dropped = r#"mortise_otlp_records_total{signal="traces",outcome="dropped"} "#;
        until("records are dropped", async || {
            send(&server, &token, "01").await;
            let metrics = server.admin(Method::GET, "/metrics").send().await.unwrap();
            let metrics = metrics.text().await.unwrap();
            let count = metrics.lines().find_map(|line| line.strip_prefix(dropped));
            count.is_some_and(|count| count != "0")
        })
        .await;
        server.assert_healthy().await;
        server.stop().await;
    }
}
