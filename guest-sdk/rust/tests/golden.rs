//! The SDK's types as data are the contract's: each value of the repository's
//! `tests/golden` comes back as it was. A published crate has no such folder.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{fs, path::Path};

use mortise_plugin::types;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

fn again<T: Serialize + DeserializeOwned>(value: &Value) -> Value {
    let typed: T =
        serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"));
    serde_json::to_value(&typed).unwrap()
}

#[test]
fn every_value_comes_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut files = 0;
    for file in entries.map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        files += 1;
        let values: Vec<Value> = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let read = match file.file_stem().unwrap().to_str().unwrap() {
            "error" => again::<types::Error>,
            "user" => again::<types::User>,
            "content" => again::<types::Content>,
            "application" => again::<types::Application>,
            "draft" => again::<types::Draft>,
            "message" => again::<types::Message>,
            "outgoing" => again::<types::Outgoing>,
            "verdict" => again::<types::Verdict>,
            "schedule" => again::<types::Schedule>,
            "missed_runs" => again::<types::MissedRuns>,
            "timer_options" => again::<types::TimerOptions>,
            "delivery" => again::<types::Delivery>,
            "level" => again::<types::Level>,
            "directory" => again::<types::Directory>,
            "permission" => again::<types::Permission>,
            "request" => again::<types::Request>,
            "interests" => again::<types::Interests>,
            "manifest" => again::<types::Manifest>,
            "stop_reason" => again::<types::StopReason>,
            "problem" => again::<types::Problem>,
            "header" => again::<types::Header>,
            "webhook_request" => again::<types::WebhookRequest>,
            "webhook_response" => again::<types::WebhookResponse>,
            other => panic!("the SDK has no type for {other}.json"),
        };
        for value in values {
            assert_eq!(read(&value), value);
        }
    }
    assert_eq!(files, 23);
}
