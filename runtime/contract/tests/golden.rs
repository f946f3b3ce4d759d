//! The contract's types as data: each value of `tests/golden` comes back from
//! JSON and from MessagePack as it was, and together they show everything that
//! `wit/types.wit` declares.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    fs,
    path::Path,
};

use mortise_contract::types;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The check of a value of the type of this name.
fn check(name: &str) -> fn(&Value) {
    match name {
        "error" => round_trip::<types::Error>,
        "user" => round_trip::<types::User>,
        "content" => round_trip::<types::Content>,
        "application" => round_trip::<types::Application>,
        "draft" => round_trip::<types::Draft>,
        "message" => round_trip::<types::Message>,
        "outgoing" => round_trip::<types::Outgoing>,
        "verdict" => round_trip::<types::Verdict>,
        "schedule" => round_trip::<types::Schedule>,
        "level" => round_trip::<types::Level>,
        "directory" => round_trip::<types::Directory>,
        "permission" => round_trip::<types::Permission>,
        "request" => round_trip::<types::Request>,
        "manifest" => round_trip::<types::Manifest>,
        "stop_reason" => round_trip::<types::StopReason>,
        "problem" => round_trip::<types::Problem>,
        "header" => round_trip::<types::Header>,
        "webhook_request" => round_trip::<types::WebhookRequest>,
        "missed_runs" => round_trip::<types::MissedRuns>,
        "timer_options" => round_trip::<types::TimerOptions>,
        "delivery" => round_trip::<types::Delivery>,
        "interests" => round_trip::<types::Interests>,
        "webhook_response" => round_trip::<types::WebhookResponse>,
        name => panic!("no type is called {name}"),
    }
}

fn round_trip<T: Debug + PartialEq + Serialize + DeserializeOwned>(value: &Value) {
    let text = value.to_string();
    let typed: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(serde_json::to_value(&typed).unwrap(), *value);

    let packed = rmp_serde::to_vec_named(&typed).unwrap();
    assert_eq!(
        rmp_serde::from_slice::<T>(&packed).unwrap(),
        typed,
        "{text}"
    );
}

/// All files, by their names without ending.
fn golden() -> BTreeMap<String, Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|ending| ending == "json"))
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let values = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            (
                file.file_stem().unwrap().to_str().unwrap().to_owned(),
                values,
            )
        })
        .collect()
}

/// A type of the WIT file, with the names of its fields or cases.
struct Declared {
    is_record: bool,
    names: Vec<String>,
}

/// Returns the declarations of `wit/types.wit`, by name in `snake_case`.
fn declared() -> BTreeMap<String, Declared> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/types.wit");
    let text: String = fs::read_to_string(file)
        .unwrap()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut rest = text.as_str();
    let mut types = BTreeMap::new();
    // No body has braces inside.
    while let Some((head, after)) = rest.split_once('{') {
        let mut words = head.split_whitespace().rev();
        let (name, kind) = (words.next().unwrap(), words.next().unwrap());
        if !["record", "variant", "enum"].contains(&kind) {
            rest = after;
            continue;
        }
        let (body, after) = after.split_once('}').unwrap();
        rest = after;
        let names = body
            .split(",\n")
            .flat_map(|part| match kind {
                "enum" => part.split(',').collect(),
                _ => vec![part],
            })
            .filter_map(|part| part.split(['(', ':']).next())
            .map(|name| snake(name.trim()))
            .filter(|name| !name.is_empty())
            .collect();
        types.insert(
            snake(name),
            Declared {
                is_record: kind == "record",
                names,
            },
        );
    }
    types
}

fn snake(name: &str) -> String {
    name.replace('-', "_")
}

#[test]
fn every_value_comes_back() {
    for (name, values) in golden() {
        assert!(!values.is_empty(), "{name}.json is empty");
        for value in &values {
            check(&name)(value);
        }
    }
}

#[test]
fn everything_declared_is_shown() {
    let (golden, declared) = (golden(), declared());
    assert_eq!(
        golden.keys().collect::<Vec<_>>(),
        declared.keys().collect::<Vec<_>>()
    );
    for (name, declared) in declared {
        let values = &golden[&name];
        if declared.is_record {
            // A field at its default may be left out.
            let shown = values
                .iter()
                .flat_map(|value| value.as_object().unwrap().keys());
            let shown: BTreeSet<_> = shown.collect();
            assert_eq!(shown, declared.names.iter().collect(), "{name}");
        } else {
            let shown: Vec<&str> = values
                .iter()
                .map(|value| match value {
                    Value::Object(case) => case.keys().next().unwrap(),
                    value => value.as_str().unwrap(),
                })
                .collect();
            for case in &declared.names {
                assert!(
                    shown.contains(&case.as_str()),
                    "{name} does not show {case}"
                );
            }
            for case in shown {
                assert!(
                    declared.names.iter().any(|name| name == case),
                    "{name} has no {case}"
                );
            }
        }
    }
}

#[test]
fn an_option_may_be_left_out_and_bytes_must_be_base64() {
    let content: types::Content =
        serde_json::from_str(r#"{"title":"t","body":"b","priority":1}"#).unwrap();
    assert_eq!(content.extras, None);
    for body in ["_", "AA", "A===", "aGVsbG8=\n"] {
        let text = serde_json::json!({ "status": 200, "body": body }).to_string();
        assert!(
            serde_json::from_str::<types::WebhookResponse>(&text).is_err(),
            "{body}"
        );
    }
}
