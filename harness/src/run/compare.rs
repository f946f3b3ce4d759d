//! Differences between expected and found results.

use std::collections::BTreeMap;

use mortise_runtime::{
    CallError,
    log::Entry,
    types::{Content, Verdict},
};
use serde_json::Value;

use super::{
    shown::Shown,
    stage::{Answer, Outcome, Stage},
};
use crate::{
    case::{
        expect::{
            self, ContentIs, DenialIs, Effects, ErrorIs, ErrorKind, LogIs, ProblemIs, RequestIs,
            SentIs, VerdictIs,
        },
        values::{Text, json, readable},
    },
    host::Sent,
    report::Difference,
    web::Asked,
};

type Differences = Vec<Difference>;

impl Outcome {
    /// Compares the answer to a step.
    pub(super) fn compare(&self, expect: &expect::Answer) -> Differences {
        let mut differences = Vec::new();
        self.compare_error(expect, &mut differences);
        match &self.answer {
            // The error is reported instead.
            _ if self.error.is_some() && !matches!(self.answer, Answer::Fired(_)) => {}
            // A call that failed unexpectedly has no answer to compare.
            _ if !differences.is_empty() => {}
            Answer::Nothing => {
                if let Some(text) = &expect.text {
                    let found = Difference::new("text", text.to_string(), "none");
                    differences.push(found);
                }
            }
            Answer::Text(text) => {
                compare_text("text", expect.text.as_ref(), text, &mut differences)
            }
            Answer::PluginDescription(manifest, capabilities) => {
                if let Some(expected) = &expect.manifest {
                    let found = serde_json::to_value(manifest).unwrap_or_default();
                    json("manifest", expected, &found, &mut differences);
                }
                if let Some(expected) = &expect.capabilities {
                    let name = |capability: &mortise_runtime::Capability| capability.name();
                    let mut expected: Vec<_> = expected.iter().map(name).collect();
                    let mut found: Vec<_> = capabilities.iter().map(|one| name(&one)).collect();
                    expected.sort_unstable();
                    found.sort_unstable();
                    same(
                        "capabilities",
                        expected.join(", "),
                        found.join(", "),
                        &mut differences,
                    );
                }
            }
            Answer::Webhook(response) => {
                let status = response.status.to_string();
                match &expect.status {
                    Some(expected) => {
                        expected.compare("status", status.as_bytes(), &mut differences);
                    }
                    None if response.status >= 400 => differences.push(Difference::new(
                        "status",
                        "below 400",
                        format!("{status}, {}", readable(&response.body)),
                    )),
                    None => {}
                }
                let headers = response.headers.iter();
                let found = headers.map(|header| {
                    (
                        header.name.to_lowercase(),
                        header.value.clone().into_bytes(),
                    )
                });
                let found: Vec<_> = found.collect();
                compare_headers("", &expect.headers, &found, &mut differences);
                if let Some(body) = &expect.body {
                    body.compare("body", &response.body, &mut differences);
                }
            }
            Answer::Verdict(verdict) => {
                if let Some(expected) = &expect.verdict {
                    compare_verdict(expected, verdict, &mut differences);
                }
            }
            Answer::Fired(fired) => {
                if let Some(expected) = &expect.fired {
                    same(
                        "fired",
                        expected.join(", "),
                        fired.join(", "),
                        &mut differences,
                    );
                }
            }
        }
        differences
    }

    fn compare_error(&self, expect: &expect::Answer, differences: &mut Differences) {
        if let Some(problems) = &expect.problems {
            return match &self.error {
                Some(CallError::Config(found)) => compare_problems(problems, found, differences),
                error => differences.push(Difference::new(
                    "problems",
                    format!("{} of them", problems.len()),
                    error
                        .as_ref()
                        .map_or_else(|| "none".to_owned(), CallError::full),
                )),
            };
        }
        match (&expect.error, &self.error) {
            (None, None) => {}
            (None, Some(error)) => {
                differences.push(Difference::new("error", "none", error.full()));
            }
            (Some(expected), None) => {
                let answer = match &self.answer {
                    Answer::Webhook(response) => {
                        format!(
                            "none, but {}: {}",
                            response.status,
                            readable(&response.body)
                        )
                    }
                    Answer::Verdict(verdict) => format!("none, but {}", verdict.shown()),
                    _ => "none".to_owned(),
                };
                differences.push(Difference::new("error", expected.to_string(), answer));
            }
            (Some(ErrorIs { kind, text }), Some(error)) => {
                let found = ErrorKind::of(error);
                if let Some(kind) = kind
                    && *kind != found
                {
                    differences.push(Difference::new(
                        "error.kind",
                        kind.name(),
                        format!("{}: {}", found.name(), error.full()),
                    ));
                }
                if let Some(text) = text {
                    text.compare("error.text", error.full().as_bytes(), differences);
                }
            }
        }
    }
}

impl Stage<'_> {
    /// Compares the effects of a step.
    pub(super) fn compare(&self, expect: &Effects) -> Differences {
        let mut differences = Vec::new();
        if !expect.log.is_empty() || !expect.no_log.is_empty() {
            compare_log(expect, &self.entries(), &mut differences);
        }
        if let Some(expected) = &expect.sent {
            let found = self.sent();
            if counted("sent", expected.len(), &found, &mut differences) {
                for (number, (expected, found)) in expected.iter().zip(&found).enumerate() {
                    let at = format!("sent[{number}]");
                    compare_sent(&at, expected, found, &mut differences);
                }
            }
        }
        if let Some(expected) = &expect.requests {
            let found = self.asked();
            if counted("requests", expected.len(), &found, &mut differences) {
                for (number, (expected, found)) in expected.iter().zip(&found).enumerate() {
                    compare_request(
                        &format!("requests[{number}]"),
                        expected,
                        found,
                        &mut differences,
                    );
                }
            }
        }
        if let Some(expected) = &expect.denials {
            compare_denials(expected, &self.denials(), &mut differences);
        }
        for (key, expected) in &expect.storage {
            let found = self.host.stored(key);
            compare_maybe(
                &format!("storage.{key}"),
                expected.as_ref(),
                found,
                &mut differences,
            );
        }
        if let Some(expected) = &expect.timers {
            let shown = |timers: &BTreeMap<_, _>| serde_json::to_string(timers).unwrap_or_default();
            same(
                "timers",
                shown(expected),
                shown(&self.host.timers()),
                &mut differences,
            );
        }
        for (id, expected) in &expect.messages {
            let found = self.host.content(*id);
            compare_message(
                &format!("messages.{id}"),
                expected.as_ref(),
                found.as_ref(),
                &mut differences,
            );
        }
        for (application, expected) in &expect.images {
            compare_maybe(
                &format!("images.{application}"),
                expected.as_ref(),
                self.host.image(application),
                &mut differences,
            );
        }
        for (path, expected) in &expect.files {
            let found = std::fs::read(self.folder.join(path)).ok();
            compare_maybe(
                &format!("files.{path}"),
                expected.as_ref(),
                found,
                &mut differences,
            );
        }
        differences
    }
}

fn same(field: &str, expected: String, found: String, differences: &mut Differences) {
    if expected != found {
        let shown = |text: String| {
            if text.is_empty() {
                "none".to_owned()
            } else {
                text
            }
        };
        differences.push(Difference::new(field, shown(expected), shown(found)));
    }
}

fn compare_text(field: &str, expected: Option<&Text>, found: &str, differences: &mut Differences) {
    if let Some(expected) = expected {
        expected.compare(field, found.as_bytes(), differences);
    }
}

/// Compares a value that may be absent.
fn compare_maybe(
    field: &str,
    expected: Option<&Text>,
    found: Option<Vec<u8>>,
    differences: &mut Differences,
) {
    match (expected, found) {
        (None, None) => {}
        (Some(expected), Some(found)) => expected.compare(field, &found, differences),
        (Some(expected), None) => {
            differences.push(Difference::new(field, expected.to_string(), "none"));
        }
        (None, Some(found)) => {
            differences.push(Difference::new(field, "none", readable(&found)));
        }
    }
}

/// Compares headers by lower-case name. If a name occurs several times, one
/// match is enough.
fn compare_headers(
    at: &str,
    expected: &BTreeMap<String, Option<Text>>,
    found: &[(String, Vec<u8>)],
    differences: &mut Differences,
) {
    for (name, expected) in expected {
        let name = name.to_lowercase();
        let mut values = found.iter().filter(|(other, _)| *other == name);
        let fits = |value: &[u8]| expected.as_ref().is_some_and(|text| text.holds(value));
        if !values.clone().any(|(_, value)| fits(value)) {
            let first = values.next().map(|(_, value)| value.clone());
            compare_maybe(
                &format!("{at}headers.{name}"),
                expected.as_ref(),
                first,
                differences,
            );
        }
    }
}

fn compare_verdict(expected: &VerdictIs, found: &Verdict, differences: &mut Differences) {
    match (expected, found) {
        (VerdictIs::Keep, Verdict::Keep) => {}
        (VerdictIs::Replace(expected), Verdict::Replace(found)) => {
            compare_content("replace", expected, found, differences);
        }
        (VerdictIs::Drop(expected), Verdict::Drop(found)) => {
            expected.compare("drop", found.as_bytes(), differences);
        }
        (expected, found) => {
            let expected = match expected {
                VerdictIs::Keep => "keep".to_owned(),
                VerdictIs::Replace(_) => "replace".to_owned(),
                VerdictIs::Drop(reason) => format!("drop: {reason}"),
            };
            let expected = readable(expected.as_bytes());
            differences.push(Difference::new("verdict", expected, found.shown()));
        }
    }
}

fn compare_content(at: &str, expected: &ContentIs, found: &Content, differences: &mut Differences) {
    let ContentIs {
        title,
        body,
        priority,
        extras,
    } = expected;
    compare_text(
        &format!("{at}.title"),
        title.as_ref(),
        &found.title,
        differences,
    );
    compare_text(
        &format!("{at}.body"),
        body.as_ref(),
        &found.body,
        differences,
    );
    if let Some(priority) = priority {
        let (expected, found) = (priority.to_string(), found.priority.to_string());
        same(&format!("{at}.priority"), expected, found, differences);
    }
    if let Some(extras) = extras {
        let found = found.extras.as_deref().map_or(Value::Null, |text| {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
        });
        json(&format!("{at}.extras"), extras, &found, differences);
    }
}

fn compare_sent(at: &str, expected: &SentIs, found: &Sent, differences: &mut Differences) {
    let names = [
        ("user", &expected.user, &found.user),
        (
            "application",
            &expected.application,
            &found.message.application,
        ),
    ];
    for (field, expected, found) in names {
        if let Some(expected) = expected {
            let found = found.clone().map(String::into_bytes);
            let field = format!("{at}.{field}");
            compare_maybe(&field, expected.as_ref(), found, differences);
        }
    }
    if let Some(expected) = expected.filtered {
        let (expected, found) = (expected.to_string(), found.filtered.to_string());
        same(&format!("{at}.filtered"), expected, found, differences);
    }
    let content = &found.message.content;
    compare_content(at, &expected.content(), content, differences);
}

/// Compares a message that may be absent.
fn compare_message(
    field: &str,
    expected: Option<&ContentIs>,
    found: Option<&Content>,
    differences: &mut Differences,
) {
    match (expected, found) {
        (None, None) => {}
        (Some(expected), Some(found)) => compare_content(field, expected, found, differences),
        (Some(_), None) => differences.push(Difference::new(field, "a message", "none")),
        (None, Some(found)) => differences.push(Difference::new(field, "none", found.shown())),
    }
}

fn compare_request(at: &str, expected: &RequestIs, found: &Asked, differences: &mut Differences) {
    let RequestIs {
        method,
        url,
        headers,
        body,
    } = expected;
    compare_text(
        &format!("{at}.method"),
        method.as_ref(),
        &found.method,
        differences,
    );
    compare_text(&format!("{at}.url"), url.as_ref(), &found.url, differences);
    compare_headers(&format!("{at}."), headers, &found.headers, differences);
    if let Some(body) = body {
        body.compare(&format!("{at}.body"), &found.body, differences);
    }
}

fn compare_problems(
    expected: &[ProblemIs],
    found: &[mortise_runtime::types::Problem],
    differences: &mut Differences,
) {
    if !counted("problems", expected.len(), found, differences) {
        return;
    }
    for (number, (expected, found)) in expected.iter().zip(found).enumerate() {
        let at = format!("problems[{number}]");
        compare_text(
            &format!("{at}.path"),
            expected.path.as_ref(),
            &found.path,
            differences,
        );
        compare_text(
            &format!("{at}.text"),
            expected.text.as_ref(),
            &found.text,
            differences,
        );
    }
}

/// Returns true if the number of items is as expected, and otherwise adds a
/// difference.
fn counted<T: Shown>(
    field: &str,
    expected: usize,
    found: &[T],
    differences: &mut Differences,
) -> bool {
    if found.len() == expected {
        return true;
    }
    let mut text = format!("{} of them", found.len());
    for one in found {
        text.push('\n');
        text.push_str(&one.shown());
    }
    differences.push(Difference::new(field, format!("{expected} of them"), text));
    false
}

fn compare_log(expect: &Effects, entries: &[Entry], differences: &mut Differences) {
    let fits = |expected: &LogIs, entry: &Entry| {
        let LogIs {
            text,
            level,
            source,
        } = expected;
        text.as_ref()
            .is_none_or(|text| text.holds(entry.text.as_bytes()))
            && level.is_none_or(|level| level == entry.level)
            && source.is_none_or(|source| source == entry.source)
    };
    for expected in &expect.log {
        if !entries.iter().any(|entry| fits(expected, entry)) {
            let found = match entries.len() {
                0 => "no entry since the step before".to_owned(),
                number => format!("none such among {number} entries since the step before"),
            };
            differences.push(Difference::new("log", expected.to_string(), found));
        }
    }
    for expected in &expect.no_log {
        if let Some(entry) = entries.iter().find(|entry| fits(expected, entry)) {
            let found = readable(entry.text.as_bytes());
            differences.push(Difference::new("no-log", format!("not {expected}"), found));
        }
    }
}

/// Compares all denials, in any order.
fn compare_denials(
    expected: &[DenialIs],
    found: &[(String, String)],
    differences: &mut Differences,
) {
    let fits = |expected: &DenialIs, (permission, what): &(String, String)| {
        let text = expected.what.as_ref();
        expected.permission == *permission && text.is_none_or(|text| text.holds(what.as_bytes()))
    };
    for expected in expected {
        if !found.iter().any(|found| fits(expected, found)) {
            let what = expected
                .what
                .as_ref()
                .map_or_else(String::new, Text::to_string);
            let shown = format!("{} {what}", expected.permission);
            let found: Vec<_> = found.iter().map(Shown::shown).collect();
            let found = match found.as_slice() {
                [] => "none".to_owned(),
                found => found.join("\n"),
            };
            differences.push(Difference::new("denials", shown.trim(), found));
        }
    }
    for found in found {
        if !expected.iter().any(|expected| fits(expected, found)) {
            differences.push(Difference::new("denials", "no other", found.shown()));
        }
    }
}
