//! Turns a request into the input of a program, and a program's outputs into
//! messages.

use std::collections::BTreeMap;

use jq_program::{
    Program, Val,
    value::{extras, object, priority, short, string, text},
};
use mortise_plugin::types::{Content, Outgoing, WebhookRequest};

/// The largest number of messages that a program may make of a request.
const MOST: usize = 20;
/// The longest error of a program, in bytes: jq's own may contain the whole input.
const ERROR_BYTES: usize = 500;

/// Runs a program on a request and returns the messages that it makes.
pub(crate) fn messages(
    program: &Program,
    request: &WebhookRequest,
) -> Result<Vec<Outgoing>, String> {
    // Unlike jq's own reader, this one accepts no deep nesting, which would
    // exhaust the stack.
    let (body, not_json) = match request.json::<Val>() {
        Ok(body) => (body, None),
        Err(error) => (text(&String::from_utf8_lossy(&request.body)), Some(error)),
    };
    let made = program
        .outputs(input(request, body), MOST)
        .and_then(|outputs| of_outputs(&outputs));
    made.map_err(|mut error| {
        if error.len() > ERROR_BYTES {
            error.truncate(error.floor_char_boundary(ERROR_BYTES));
            error.push('…');
        }
        match not_json {
            Some(reason) => format!("{error}; the body is a text, as it is not JSON: {reason}"),
            None => error,
        }
    })
}

fn input(request: &WebhookRequest, body: Val) -> Val {
    let headers = request.headers.iter();
    let headers = headers.map(|header| (header.name.as_str(), header.value.as_str()));
    let query = request.query();
    let query = query.iter();
    let query = query.map(|(name, value)| (name.as_str(), value.as_str()));
    object([
        ("body", body),
        ("headers", firsts(headers)),
        ("query", firsts(query)),
        ("path", text(&request.path)),
        ("method", text(&request.method)),
    ])
}

/// Makes an object of pairs, with the first value of each name.
fn firsts<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Val {
    let mut firsts = BTreeMap::new();
    for (name, value) in pairs {
        firsts.entry(name).or_insert_with(|| text(value));
    }
    object(firsts)
}

/// Turns a program's outputs into messages; an array is one for each item.
fn of_outputs(outputs: &[Val]) -> Result<Vec<Outgoing>, String> {
    let items = outputs.iter().flat_map(|output| match output {
        Val::Arr(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    });
    let items: Vec<_> = items
        .filter(|item| !matches!(item, Val::Null))
        .take(MOST + 1)
        .collect();
    if items.len() > MOST {
        return Err(format!(
            "it makes more than {MOST} messages; `.[:{MOST}]` has the first ones of an array"
        ));
    }
    let messages = items.iter().enumerate().map(|(index, item)| {
        message(item).map_err(|error| match items.len() {
            1 => error,
            _ => format!("message {}: {error}", index + 1),
        })
    });
    messages.collect()
}

fn message(output: &Val) -> Result<Outgoing, String> {
    let mut message = Outgoing::from(Content::new("", ""));
    let mut named = None;
    match output {
        Val::Obj(fields) => {
            for (name, value) in fields.iter() {
                let name = string("a field's name", name)?;
                if matches!(name.as_str(), "body" | "message")
                    && let Some(other) = named.replace(name.clone())
                {
                    return Err(format!(
                        "it has `{other}` and `{name}`, which are one field; leave one out"
                    ));
                }
                set(&mut message, &name, value)?;
            }
            if named.is_none() {
                return Err("it has no `body`; a message needs one".to_owned());
            }
        }
        Val::TStr(_) => message.content.body = string("the body", output)?,
        other => {
            return Err(format!(
                "its output is {}; output an object with the fields of a message, a text for the body, an array of these, or nothing for no message",
                short(other)
            ));
        }
    }
    if message.content.body.is_empty() {
        let name = named.as_deref().unwrap_or("body");
        return Err(format!("`{name}` is empty; a message needs one"));
    }
    Ok(message)
}

fn set(message: &mut Outgoing, name: &str, value: &Val) -> Result<(), String> {
    let content = &mut message.content;
    match name {
        "title" => content.title = string("the title", value)?,
        "body" | "message" => content.body = string(&format!("the {name}"), value)?,
        "priority" => content.priority = priority(value)?,
        "extras" => content.extras = extras(value)?,
        "application" => {
            message.application = match value {
                Val::Null => None,
                _ => Some(string("the application", value)?),
            };
        }
        other => {
            return Err(format!(
                "`{other}` is not a field of a message; the fields are title, body (or message), priority, extras and application"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jq_program::{Program, Programs};
    use mortise_plugin::{
        config::from_yaml,
        types::{Content, Header, Outgoing},
    };

    use super::messages;
    use crate::{config::Config, tests::request};

    fn made(code: &str, body: &str) -> Result<Vec<Outgoing>, String> {
        messages(
            &Program::compile(code).unwrap(),
            &request("POST", "hall/sensor", body),
        )
    }

    fn bodies(code: &str, body: &str) -> Vec<String> {
        let made = made(code, body).unwrap();
        made.into_iter()
            .map(|message| message.content.body)
            .collect()
    }

    #[test]
    fn an_object_is_a_message() {
        let code = r#"{application: .query.room, title: .body.a, message: .path, priority: 9, extras: {b: .body}}"#;
        let content = Content::new("A", "hall/sensor").priority(9);
        let mut expected = Outgoing::from(content).application("attic");
        expected.content.extras = Some(r#"{"b":{"a":"A","1":2}}"#.to_owned());
        assert_eq!(made(code, r#"{"a": "A", "1": 2}"#), Ok(vec![expected]));
        assert_eq!(
            made("{body: .method, application: null, extras: null}", "1"),
            Ok(vec![Content::new("", "POST").into()])
        );
    }

    #[test]
    fn other_outputs_are_texts_several_messages_or_none() {
        for (code, body, expected) in [
            (".body", r#""text""#, vec!["text"]),
            (".body", "no JSON", vec!["no JSON"]),
            (".headers[\"content-type\"]", "1", vec!["application/json"]),
            (".query | tojson", "1", vec![r#"{"room":"attic"}"#]),
            (
                ".body[], [.body[], null], null",
                r#"["a", "b"]"#,
                vec!["a", "b", "a", "b"],
            ),
            ("empty", "1", vec![]),
            ("[]", "1", vec![]),
            // Numbers and the order of fields stay.
            (
                ".body | tojson",
                r#"{"z": 12345678901234567, "a": 1.5}"#,
                vec![r#"{"z":12345678901234567,"a":1.5}"#],
            ),
        ] {
            assert_eq!(bodies(code, body), expected, "{code}");
        }
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for (code, words) in [
            ("1", "its output is 1; output an object"),
            ("[[1]]", "its output is [1]; output an object"),
            ("{title: \"t\"}", "it has no `body`"),
            ("\"\"", "`body` is empty"),
            ("{message: \"\"}", "`message` is empty"),
            (
                "{body: \"b\", message: \"m\"}",
                "it has `body` and `message`",
            ),
            ("{body: .}", "the body is {\"body\""),
            ("{message: 1}", "the message is 1, not a text"),
            ("{body: \"b\", title: 1}", "the title is 1, not a text"),
            ("{body: \"b\", priority: \"5\"}", "the priority is \"5\""),
            ("{body: \"b\", extras: []}", "the extras are []"),
            ("{body: \"b\", application: 1}", "the application is 1"),
            ("{body: \"b\", tilte: \"t\"}", "`tilte` is not a field"),
            ("\"a\", {body: 1}", "message 2: the body is 1"),
            ("range(21) | tostring", "more than 20 outputs"),
            ("[range(21) | tostring]", "more than 20 messages"),
            ("error(\"no such host\")", "no such host"),
        ] {
            let error = made(code, "{}").unwrap_err();
            assert!(error.contains(words), "{code}: {error}");
        }
        assert_eq!(made("range(20) | tostring", "{}").unwrap().len(), 20);
        let error = made(".body.a", "{\"a\"").unwrap_err();
        assert!(
            error.contains("the body is a text, as it is not JSON"),
            "{error}"
        );
    }

    #[test]
    fn a_deep_body_is_a_text() {
        let deep = "[".repeat(100_000);
        assert_eq!(bodies(".body[:2]", &deep), ["[["]);
    }

    /// The default configuration, with its samples, and the one in the README.
    #[test]
    fn the_examples_shown_to_users_work() {
        let grafana = r#"{"status": "firing", "alerts": [
            {"status": "firing", "labels": {"alertname": "Disk"}, "annotations": {"summary": "91 %"},
             "generatorURL": "https://grafana.example.org/d/1"},
            {"status": "resolved", "labels": {"alertname": "Load"}, "annotations": {}}]}"#;
        let gitea = r#"{"ref": "refs/heads/main", "pusher": {"login": "ada"},
            "repository": {"full_name": "a/b"}, "commits": [{"message": "One"}, {"message": "Two"}]}"#;
        let of = |programs: &Programs, name: &str, body: &str| {
            let mut request = request("POST", name, body);
            request.headers.push(Header::new("X-Gitea-Event", "push"));
            messages(programs.get(name).unwrap().1, &request).unwrap()
        };
        let check = |programs: &Programs| {
            let made = of(programs, "grafana", grafana);
            let facts = made.iter().map(|Outgoing { content, .. }| {
                (&*content.title, &*content.body, content.priority)
            });
            assert_eq!(
                facts.collect::<Vec<_>>(),
                [
                    ("firing: Disk", "91 %", 8),
                    ("resolved: Load", "no summary", 2)
                ]
            );
            assert_eq!(
                of(programs, "gitea", gitea),
                [Outgoing::from(Content::new(
                    "ada pushed to refs/heads/main",
                    "- One\n- Two"
                ))
                .application("a/b")]
            );
            assert_eq!(
                of(programs, "*", r#"{"a": 1}"#),
                [Content::new("", r#"{"a":1}"#).into()]
            );
        };

        let default = include_str!("default.yaml");
        let plain: Config = from_yaml(default).unwrap();
        assert_eq!(plain.compile().unwrap().names().collect::<Vec<_>>(), ["*"]);
        let samples = default
            .lines()
            .skip_while(|line| *line != "programs:")
            .filter(|line| *line != "  # Shows the JSON as it is.")
            .map(|line| format!("{}\n", line.replacen("  # ", "  ", 1)));
        let samples: Config = from_yaml(&samples.collect::<String>()).unwrap();
        check(&samples.compile().unwrap());

        let shown = include_str!("../README.md")
            .lines()
            .skip_while(|line| *line != "    programs:")
            .map_while(|line| line.strip_prefix("    "))
            .map(|line| format!("{line}\n"));
        let shown: Config = from_yaml(&shown.collect::<String>()).unwrap();
        check(&shown.compile().unwrap());
    }
}
