//! An answer as parts with values that do not differ from run to run: tokens, ids and
//! times become their names.

use serde_json::Value;

use super::{
    Parts,
    exchange::{Answer, Side},
};

/// The name of the part that is the status.
pub(super) const STATUS: &str = "status";
/// The end of the name of a part that is an error's words.
pub(super) const WORDS: &str = "/errorDescription";
/// The headers that clients look at.
const HEADERS: [&str; 8] = [
    "content-type",
    "location",
    "www-authenticate",
    "set-cookie",
    "allow",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
];
/// Longer texts are shown by their length.
const SHOWN: usize = 120;
/// The shortest kept text that is looked for within others.
const DISTINCT: usize = 8;

/// The parts of an answer.
pub(super) fn parts(answer: &Answer, side: &Side) -> Parts {
    let mut parts = Parts::new();
    parts.insert(STATUS.to_owned(), answer.status.to_string());
    for name in HEADERS {
        let values: Vec<_> = answer
            .headers(name)
            .map(|value| header(name, value, side))
            .collect();
        if !values.is_empty() {
            parts.insert(format!("header {name}"), values.join(" | "));
        }
    }
    match serde_json::from_slice(&answer.body) {
        Ok(body) => json(&mut parts, "body ", &body, side),
        Err(_) => {
            let text = String::from_utf8_lossy(&answer.body);
            // Pages are each server's own.
            let page = answer
                .headers("content-type")
                .any(|kind| kind.starts_with("text/html"));
            let text = if page {
                "a page".to_owned()
            } else {
                bounded(&named(&text, side))
            };
            parts.insert("body".to_owned(), text);
        }
    }
    parts
}

fn header(name: &str, value: &str, side: &Side) -> String {
    let value = named(value, side);
    match name {
        // All texts are in UTF-8, whether that is said or not.
        "content-type" => value
            .split(';')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase(),
        "set-cookie" => {
            let mut attributes = value.split(';').map(str::trim);
            let cookie = attributes.next().unwrap_or_default();
            let cookie = cookie.split('=').next().unwrap_or_default();
            let mut attributes: Vec<_> = attributes.map(str::to_ascii_lowercase).collect();
            attributes.sort();
            format!("{cookie}=...;{}", attributes.join(";"))
        }
        _ => value,
    }
}

/// Adds the values of a document, by their pointers.
pub(super) fn json(parts: &mut Parts, at: &str, value: &Value, side: &Side) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                json(parts, &format!("{at}/{name}"), member, side);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (number, item) in items.iter().enumerate() {
                json(parts, &format!("{at}/{number}"), item, side);
            }
        }
        _ => {
            parts.insert(at.to_owned(), simple(at, value, side));
        }
    }
}

fn simple(at: &str, value: &Value, side: &Side) -> String {
    let key = at.rsplit('/').next().unwrap_or_default();
    match value {
        Value::Number(_) if ["id", "appid", "clientId"].contains(&key) => side
            .name_of(value)
            .map_or_else(|| "<id>".to_owned(), |name| format!("<{name}>")),
        // A message's number is each server's own.
        Value::Number(number) if key == "since" && number.as_u64() != Some(0) => "<id>".to_owned(),
        Value::String(text) if key == "next" => match text.split_once("since=") {
            Some((before, _)) => format!("{before}since=<id>"),
            None => text.clone(),
        },
        Value::String(text) if is_time(text) => "<time>".to_owned(),
        Value::String(text) if is_token(text) => "<token>".to_owned(),
        Value::String(text) if key == "image" && text.starts_with("image/") => "<image>".to_owned(),
        // Of the program, and not of its answers.
        Value::String(_) if ["buildDate", "commit"].contains(&key) => "<build>".to_owned(),
        Value::String(text) => format!("{:?}", bounded(&named(text, side))),
        other => other.to_string(),
    }
}

/// Replaces kept texts by their names.
fn named(text: &str, side: &Side) -> String {
    side.texts()
        .filter(|(_, kept)| kept.len() >= DISTINCT)
        .fold(text.to_owned(), |text, (name, kept)| {
            text.replace(kept, &format!("<{name}>"))
        })
}

fn bounded(text: &str) -> String {
    if text.len() <= SHOWN {
        return text.to_owned();
    }
    let start: String = text.chars().take(40).collect();
    format!("{start}... of {} bytes", text.len())
}

/// Returns true for a time as RFC 3339 writes it.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 20
        && bytes.get(10) == Some(&b'T')
        && bytes
            .get(..4)
            .is_some_and(|year| year.iter().all(u8::is_ascii_digit))
        && (text.ends_with('Z') || text.contains('+') || text.matches('-').count() == 3)
}

/// Returns true for a token, in the form of any version.
fn is_token(text: &str) -> bool {
    let is_of = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    text.chars().all(is_of)
        && ((text.len() == 15 && text.starts_with(['A', 'C', 'P']))
            || ["gtfya.", "gtfyc.", "gtfyp."]
                .iter()
                .any(|start| text.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Parts, Side, is_time, is_token, json as parts_of};

    #[test]
    fn values_of_a_run_become_names() {
        let mut side = Side::new("http://127.0.0.1:1", "pass").unwrap();
        side.keep("app", json!("A23456789012345"));
        side.keep("app.id", json!(7));
        let body = json!({"id": 7, "priority": 7, "token": "Axxxxxxxxxxxxxx",
            "createdAt": "2026-11-28T18:00:00.123Z", "list": [], "next": "/a?since=5", "text": "A23456789012345!"});
        let mut parts = Parts::new();
        parts_of(&mut parts, "body ", &body, &side);
        let shown: Vec<_> = parts.values().map(String::as_str).collect();
        assert_eq!(
            shown,
            [
                "<time>",
                "<app.id>",
                "[]",
                "/a?since=<id>",
                "7",
                "\"<app>!\"",
                "<token>"
            ]
        );
        assert!(is_time("2026-11-28T18:00:00+01:00") && !is_time("2026-11-28"));
        assert!(is_token("gtfya.abc") && !is_token("Acknowledge this"));
    }
}
