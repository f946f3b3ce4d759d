//! Found results in the form of a case, so that a reader can copy them from a
//! difference into the case.

use mortise_runtime::types::{Content, Problem, Verdict};

use crate::{case::values::readable, host::Sent, web::Asked};

/// Shows a value in the form of a case.
pub(super) trait Shown {
    fn shown(&self) -> String;
}

/// Shows a map of names and values on one line.
fn map(entries: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let entries = entries
        .into_iter()
        .map(|(name, value)| format!("{name}: {value}"));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

/// Shows a text in quotes, if it is short enough.
fn text(text: &str) -> String {
    readable(serde_json::Value::from(text).to_string().as_bytes())
}

/// Shows the fields that a message has.
fn content(content: &Content) -> Vec<(&'static str, String)> {
    let mut entries = vec![
        ("title", text(&content.title)),
        ("body", text(&content.body)),
        ("priority", content.priority.to_string()),
    ];
    entries.extend(
        content
            .extras
            .as_ref()
            .map(|extras| ("extras", readable(extras.as_bytes()))),
    );
    entries
}

impl Shown for Verdict {
    fn shown(&self) -> String {
        match self {
            Self::Keep => "keep".to_owned(),
            Self::Replace(replacing) => format!("replace: {}", replacing.shown()),
            Self::Drop(reason) => format!("drop: {}", readable(reason.as_bytes())),
        }
    }
}

impl Shown for Content {
    fn shown(&self) -> String {
        map(content(self))
    }
}

impl Shown for Sent {
    fn shown(&self) -> String {
        let Self {
            user,
            message,
            filtered,
        } = self;
        let mut entries = Vec::new();
        entries.extend(user.as_ref().map(|name| ("user", text(name))));
        entries.extend(
            message
                .application
                .as_ref()
                .map(|name| ("application", text(name))),
        );
        entries.extend(content(&message.content));
        if !filtered {
            entries.push(("filtered", "false".to_owned()));
        }
        map(entries)
    }
}

impl Shown for Asked {
    fn shown(&self) -> String {
        let mut entries = vec![("method", self.method.clone()), ("url", text(&self.url))];
        if !self.body.is_empty() {
            entries.push(("body", text(&readable(&self.body))));
        }
        map(entries)
    }
}

impl Shown for Problem {
    fn shown(&self) -> String {
        map([("path", text(&self.path)), ("text", text(&self.text))])
    }
}

/// Shows a denial: the permission and its object.
impl Shown for (String, String) {
    fn shown(&self) -> String {
        let (permission, what) = self;
        map([("permission", permission.clone()), ("what", text(what))])
    }
}

#[cfg(test)]
mod tests {
    use mortise_runtime::types::{Content, Outgoing, Verdict};

    use super::{Sent, Shown as _};

    #[test]
    fn what_was_found_is_told_as_a_case_would_have_it() {
        let content = Content {
            title: "Disk \"a\"".to_owned(),
            body: "97 %".to_owned(),
            priority: 5,
            extras: None,
        };
        let expected = r#"{ title: "Disk \"a\"", body: "97 %", priority: 5 }"#;
        let verdict = Verdict::Replace(content.clone()).shown();
        assert_eq!(verdict, format!("replace: {expected}"));
        let sent = Sent {
            user: Some("ann".to_owned()),
            message: Outgoing {
                application: Some("b".to_owned()),
                content: Content {
                    extras: Some("{\"a\":1}".to_owned()),
                    ..content
                },
            },
            filtered: false,
        };
        assert_eq!(
            sent.shown(),
            r#"{ user: "ann", application: "b", title: "Disk \"a\"", body: "97 %", priority: 5, extras: {"a":1}, filtered: false }"#
        );
        let denied = ("http".to_owned(), "example.org:443".to_owned());
        assert_eq!(
            denied.shown(),
            r#"{ permission: http, what: "example.org:443" }"#
        );
    }
}
