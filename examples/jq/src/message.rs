//! Turns a message into the input of a program, and a program's output into a
//! verdict. The fields have the contract's names.

use jq_program::{
    Val,
    value::{extras, number, object, parse, priority, short, string, text},
};
use mortise_plugin::types::{Content, Draft, Verdict};

/// The longest title that a program may make of a shorter one.
const TITLE_BYTES: usize = 1 << 10;
/// The longest body that a program may make of a shorter one.
const BODY_BYTES: usize = 64 << 10;
/// The longest extras that a program may make of shorter ones.
const EXTRAS_BYTES: usize = 64 << 10;

/// Returns the input of a program.
pub(crate) fn input(draft: &Draft) -> Result<Val, String> {
    let extras = match &draft.content.extras {
        Some(text) => {
            parse(text).map_err(|error| format!("the message's extras are not JSON: {error}"))?
        }
        None => Val::Null,
    };
    Ok(object([
        ("application", text(&draft.application.name)),
        ("title", text(&draft.content.title)),
        ("body", text(&draft.content.body)),
        ("priority", number(draft.content.priority)),
        ("extras", extras),
    ]))
}

/// Turns a program's output into a verdict on the message.
pub(crate) fn verdict(
    output: Option<Val>,
    program: &str,
    before: Content,
) -> Result<Verdict, String> {
    let mut content = before.clone();
    match output {
        None | Some(Val::Null) => {
            return Ok(Verdict::Drop(format!(
                "dropped by the jq program of `{program}`"
            )));
        }
        Some(Val::Obj(fields)) => {
            for (name, value) in fields.iter() {
                change(&mut content, &string("a field's name", name)?, value)?;
            }
        }
        Some(body @ Val::TStr(_)) => content.body = string("the body", &body)?,
        Some(other) => {
            return Err(format!(
                "its output is {}; output an object with the fields to change, a text for the body, or nothing to drop the message",
                short(&other)
            ));
        }
    }
    cut(&mut content.title, TITLE_BYTES.max(before.title.len()));
    cut(&mut content.body, BODY_BYTES.max(before.body.len()));
    if content.body.is_empty() {
        return Err("it leaves no body; a message needs one".to_owned());
    }
    if content == before {
        Ok(Verdict::Keep)
    } else {
        Ok(Verdict::Replace(content))
    }
}

fn change(content: &mut Content, name: &str, value: &Val) -> Result<(), String> {
    match name {
        "title" => content.title = string("the title", value)?,
        "body" => content.body = string("the body", value)?,
        "priority" => content.priority = priority(value)?,
        "extras" => {
            let text = extras(value)?;
            let before = content.extras.as_ref().map_or(0, String::len);
            let most = EXTRAS_BYTES.max(before);
            if text.as_ref().is_some_and(|text| text.len() > most) {
                return Err(format!("the extras have more than {most} bytes"));
            }
            content.extras = text;
        }
        // The input has this field, so the output often has it too.
        "application" => {}
        other => {
            return Err(format!(
                "`{other}` is not a field of a message; the fields are title, body, priority and extras"
            ));
        }
    }
    Ok(())
}

fn cut(text: &mut String, most: usize) {
    text.truncate(text.floor_char_boundary(most));
}

#[cfg(test)]
mod tests {
    use jq_program::{Program, Programs};
    use mortise_plugin::{
        config::from_yaml,
        testing::draft,
        types::{Content, Draft, Verdict},
    };

    use super::{input, verdict};
    use crate::config::Config;

    fn decided(code: &str, draft: Draft) -> Result<Verdict, String> {
        let program = Program::compile(code).unwrap();
        verdict(program.first(input(&draft)?)?, "x", draft.content)
    }

    fn of(code: &str) -> Result<Verdict, String> {
        decided(code, draft("x", Content::new("t", "b")))
    }

    #[test]
    fn what_comes_back_takes_its_place() {
        for (code, expected) in [
            (".", Verdict::Keep),
            (".title = \"T\"", Verdict::Replace(Content::new("T", "b"))),
            (
                "{priority: 9}",
                Verdict::Replace(Content::new("t", "b").priority(9)),
            ),
            (".body + \"!\"", Verdict::Replace(Content::new("t", "b!"))),
            (
                ".application | {body: .}",
                Verdict::Replace(Content::new("t", "x")),
            ),
            (
                "empty",
                Verdict::Drop("dropped by the jq program of `x`".into()),
            ),
            (
                "null",
                Verdict::Drop("dropped by the jq program of `x`".into()),
            ),
        ] {
            assert_eq!(of(code), Ok(expected), "{code}");
        }
    }

    #[test]
    fn extras_go_in_and_out() {
        let mut content = Content::new("t", "b");
        content.extras = Some(r#"{"a": {"n": 1}}"#.to_owned());
        let decided = decided(".extras.a.n += 1", draft("x", content));
        let Ok(Verdict::Replace(content)) = decided else {
            panic!("they change: {decided:?}")
        };
        assert_eq!(content.extras.as_deref(), Some(r#"{"a":{"n":2}}"#));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for (code, words) in [
            ("1", "its output is 1; output an object"),
            ("[.]", "its output is [{"),
            (
                ".body = {a: 1}",
                "the body is {\"a\":1}, not a text; `tojson`",
            ),
            (".priority = 1.5", "the priority is 1.5, not a whole number"),
            (".priority = 1e12", "not a whole number"),
            (".extras = []", "the extras are [], not an object"),
            (".tilte = \"x\"", "`tilte` is not a field of a message"),
            (".body = \"\"", "needs one"),
        ] {
            let error = of(code).unwrap_err();
            assert!(error.contains(words), "{code}: {error}");
        }
    }

    #[test]
    fn what_it_makes_is_bounded() {
        let Ok(Verdict::Replace(content)) = of(".body = \"ä\" * 100000 | .title = .body") else {
            panic!("it changes")
        };
        assert_eq!(
            (content.title.len(), content.body.len()),
            (1 << 10, 64 << 10)
        );
    }

    /// The default configuration without its comment signs, and the one in the
    /// README.
    #[test]
    fn the_examples_shown_to_users_work() {
        let shown = |text: &str, margin: &str| {
            let lines = text
                .lines()
                .skip_while(|line| *line != format!("{margin}applications:"));
            let lines = lines.map_while(|line| {
                let blank = (line == margin.trim_end()).then_some("");
                line.strip_prefix(margin).or(blank)
            });
            let text = lines.map(|line| format!("{line}\n"));
            from_yaml::<Config>(&text.collect::<String>())
                .unwrap()
                .compile()
                .unwrap()
        };
        let decided = |programs: &Programs, name: &str, title: &str, body: &str| {
            let draft = draft(name, Content::new(title, body));
            let output = programs.get(name).unwrap().1.first(input(&draft).unwrap());
            verdict(output.unwrap(), name, draft.content).unwrap()
        };
        let alarm = r#"{"host": "db", "state": "down"}"#;

        let default = shown(include_str!("default.yaml"), "# ");
        assert!(matches!(
            decided(&default, "backup", "Finished", "b"),
            Verdict::Drop(_)
        ));
        assert_eq!(decided(&default, "backup", "Failed", "b"), Verdict::Keep);
        assert_eq!(
            decided(&default, "monitoring", "", alarm),
            Verdict::Replace(Content::new("db: down", "- host: db\n- state: down").priority(9))
        );
        assert_eq!(
            decided(&default, "*", "t", "from 192.0.2.17"),
            Verdict::Replace(Content::new("t", "from (address)"))
        );

        let readme = shown(include_str!("../README.md"), "    ");
        assert!(matches!(
            decided(&readme, "backup", "Finished", "b"),
            Verdict::Drop(_)
        ));
        assert_eq!(
            decided(&readme, "monitoring", "", alarm),
            Verdict::Replace(Content::new("db", "- host: db\n- state: down"))
        );
        assert_eq!(
            decided(&readme, "*", "t", "b"),
            Verdict::Replace(Content::new("t", "b").priority(4))
        );
    }
}
