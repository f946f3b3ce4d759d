//! OTLP in its JSON form: `ExportTraceServiceRequest` and `ExportLogsServiceRequest`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};
use tracing::Level;

use super::{
    Signal,
    layer::{LogRecord, Record, SpanRecord, Value},
};

/// The kinds of spans.
const INTERNAL: u8 = 1;
const SERVER: u8 = 2;
/// The status of a failed span.
const FAILED: u8 = 2;

/// A request's body with records of one kind.
pub(super) fn body(signal: Signal, service: &str, records: &[Record]) -> Json {
    let scope = json!({ "name": "mortise", "version": env!("CARGO_PKG_VERSION") });
    let resource = json!({ "attributes": [
        attribute("service.name", &Value::Text(service.to_owned())),
        attribute("service.version", &Value::Text(env!("CARGO_PKG_VERSION").to_owned())),
    ]});
    let records: Vec<_> = records
        .iter()
        .filter(|record| record.signal() == signal)
        .map(|record| match record {
            Record::Span(record) => span(record),
            Record::Log(record) => log(record),
        })
        .collect();
    match signal {
        Signal::Traces => json!({ "resourceSpans": [
            { "resource": resource, "scopeSpans": [{ "scope": scope, "spans": records }] }
        ]}),
        Signal::Logs => json!({ "resourceLogs": [
            { "resource": resource, "scopeLogs": [{ "scope": scope, "logRecords": records }] }
        ]}),
    }
}

fn span(record: &SpanRecord) -> Json {
    let mut span = json!({
        "traceId": hex::encode(record.context.trace),
        "spanId": hex::encode(record.context.span),
        "name": record.name,
        "kind": if record.server { SERVER } else { INTERNAL },
        "startTimeUnixNano": nanoseconds(record.begin),
        "endTimeUnixNano": nanoseconds(record.end),
        "attributes": attributes(&record.attributes),
        "status": if record.error { json!({ "code": FAILED }) } else { json!({}) },
    });
    if let (Some(parent), Json::Object(span)) = (record.parent, &mut span) {
        span.insert("parentSpanId".to_owned(), hex::encode(parent).into());
    }
    span
}

fn log(record: &LogRecord) -> Json {
    let time = nanoseconds(record.time);
    let mut log = json!({
        "timeUnixNano": time,
        "observedTimeUnixNano": time,
        "severityNumber": severity(record.level),
        "severityText": record.level.as_str(),
        "body": { "stringValue": record.text },
        "attributes": attributes(&record.attributes),
    });
    if let (Some(context), Json::Object(log)) = (record.context, &mut log) {
        log.insert("traceId".to_owned(), hex::encode(context.trace).into());
        log.insert("spanId".to_owned(), hex::encode(context.span).into());
    }
    log
}

fn severity(level: Level) -> u8 {
    match level {
        Level::TRACE => 1,
        Level::DEBUG => 5,
        Level::INFO => 9,
        Level::WARN => 13,
        Level::ERROR => 17,
    }
}

fn attributes(all: &[(&'static str, Value)]) -> Vec<Json> {
    let all = all.iter();
    all.map(|(name, value)| attribute(name, value)).collect()
}

fn attribute(name: &str, value: &Value) -> Json {
    let value = match value {
        Value::Text(text) => json!({ "stringValue": text }),
        // A text, for it has 64 bits.
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Fraction(number) => json!({ "doubleValue": number }),
        Value::Flag(flag) => json!({ "boolValue": flag }),
    };
    json!({ "key": name, "value": value })
}

fn nanoseconds(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos().to_string()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::otlp::context::Context;

    #[test]
    fn records_are_as_the_protocol_writes_them() {
        let context = Context {
            trace: [0x1f; 16],
            span: [0x2e; 8],
            sampled: true,
        };
        let records = [
            Record::Span(SpanRecord {
                name: "POST /message".to_owned(),
                context,
                parent: Some([3; 8]),
                server: true,
                begin: UNIX_EPOCH + Duration::from_nanos(5),
                end: UNIX_EPOCH + Duration::from_secs(1),
                attributes: vec![("number", Value::Number(7)), ("flag", Value::Flag(true))],
                error: true,
            }),
            Record::Log(LogRecord {
                time: UNIX_EPOCH + Duration::from_secs(2),
                level: Level::WARN,
                text: "careful".to_owned(),
                attributes: vec![("fraction", Value::Fraction(0.5))],
                context: None,
            }),
        ];
        let traces = body(Signal::Traces, "push", &records);
        let scope = &traces["resourceSpans"][0]["scopeSpans"][0];
        assert_eq!(
            scope["spans"],
            json!([{
                "traceId": "1f".repeat(16), "spanId": "2e".repeat(8), "parentSpanId": "03".repeat(8),
                "name": "POST /message", "kind": 2,
                "startTimeUnixNano": "5", "endTimeUnixNano": "1000000000",
                "attributes": [
                    { "key": "number", "value": { "intValue": "7" } },
                    { "key": "flag", "value": { "boolValue": true } },
                ],
                "status": { "code": 2 },
            }])
        );
        let name = &traces["resourceSpans"][0]["resource"]["attributes"][0];
        assert_eq!(name["value"]["stringValue"], "push");
        let logs = body(Signal::Logs, "push", &records);
        let log = &logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
        assert_eq!(log.as_array().unwrap().len(), 1);
        assert_eq!(log[0]["severityNumber"], 13);
        assert_eq!(log[0]["body"]["stringValue"], "careful");
        assert_eq!(log[0].get("traceId"), None);
    }
}
