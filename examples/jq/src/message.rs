//! Turns a message into the input of a program, and a program's output into a
//! verdict. The fields have the contract's names.

use jaq_json::{Map, Val, read::parse_single};
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
        Some(text) => parse_single(text.as_bytes())
            .map_err(|error| format!("the message's extras are not JSON: {error}"))?,
        None => Val::Null,
    };
    let number = |value: i32| Val::from(isize::try_from(value).unwrap_or_default());
    let fields = [
        ("application", text(&draft.application.name)),
        ("title", text(&draft.content.title)),
        ("body", text(&draft.content.body)),
        ("priority", number(draft.content.priority)),
        ("extras", extras),
    ];
    let fields = fields.into_iter().map(|(name, value)| (text(name), value));
    Ok(Val::obj(fields.collect::<Map>()))
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
        "priority" => {
            let number = match value {
                Val::Num(number) => number.as_isize().and_then(|n| i32::try_from(n).ok()),
                _ => None,
            };
            content.priority = number
                .ok_or_else(|| format!("the priority is {}, not a whole number", short(value)))?;
        }
        "extras" => {
            content.extras = match value {
                Val::Null => None,
                Val::Obj(_) => {
                    let text = value.to_string();
                    let before = content.extras.as_ref().map_or(0, String::len);
                    let most = EXTRAS_BYTES.max(before);
                    if text.len() > most {
                        return Err(format!("the extras have more than {most} bytes"));
                    }
                    Some(text)
                }
                _ => return Err(format!("the extras are {}, not an object", short(value))),
            };
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

fn text(text: &str) -> Val {
    Val::utf8_str(text.to_owned())
}

fn string(what: &str, value: &Val) -> Result<String, String> {
    match value {
        Val::TStr(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        _ => Err(format!(
            "{what} is {}, not a text; `tojson` or `tostring` makes one",
            short(value)
        )),
    }
}

/// Returns the beginning of a value as JSON.
fn short(value: &Val) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn cut(text: &mut String, most: usize) {
    text.truncate(text.floor_char_boundary(most));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mortise_plugin::{
        config::from_yaml,
        testing::draft,
        types::{Content, Draft, Verdict},
    };

    use super::{input, verdict};
    use crate::{config::Config, program::Program};

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
        let decided =
            |programs: &BTreeMap<String, Program>, name: &str, title: &str, body: &str| {
                let draft = draft(name, Content::new(title, body));
                let output = programs[name].first(input(&draft).unwrap()).unwrap();
                verdict(output, name, draft.content).unwrap()
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
