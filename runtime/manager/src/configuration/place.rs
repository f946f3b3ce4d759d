//! The places of a plugin's own problems in its configuration's text.

use mortise_runtime::{types, yaml::Document};
use serde_json::Value;

use super::{PROBLEMS, Problem, add};

/// Returns a plugin's problems with their places. A path that the text does not
/// have stands for the deepest part of it that the text has.
pub fn located(text: &str, problems: &[types::Problem]) -> Vec<Problem> {
    let document = Document::read(text).ok();
    let value = document.as_ref().map(Document::value);
    let mut located = Vec::new();
    for problem in problems.iter().take(PROBLEMS) {
        let text = problem.text.clone();
        match (&document, &value) {
            (Some(document), Some(value)) => {
                add(&mut located, document, pointer(value, &problem.path), text);
            }
            // The plugin alone reads its text.
            _ => located.push(Problem {
                path: String::new(),
                line: 1,
                column: 1,
                text,
            }),
        }
    }
    located
}

/// Returns the JSON pointer of a path such as `rules[2].pattern`. A key may have
/// dots: the longest one that is there counts.
fn pointer(value: &Value, path: &str) -> String {
    let (mut at, mut rest, mut pointer) = (value, path, String::new());
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let next = match at {
            Value::Object(fields) => fields
                .iter()
                .filter_map(|(key, inner)| {
                    let after = rest.strip_prefix(key.as_str())?;
                    let is_whole = after.is_empty() || after.starts_with(['.', '[']);
                    is_whole.then(|| (key.replace('~', "~0").replace('/', "~1"), inner, after))
                })
                .max_by_key(|(key, ..)| key.len()),
            Value::Array(items) => rest
                .strip_prefix('[')
                .and_then(|rest| rest.split_once(']'))
                .and_then(|(number, after)| {
                    let inner = items.get(number.parse::<usize>().ok()?)?;
                    Some((number.to_owned(), inner, after))
                }),
            _ => None,
        };
        let Some((key, inner, after)) = next else {
            break;
        };
        pointer.push('/');
        pointer.push_str(&key);
        (at, rest) = (inner, after);
    }
    pointer
}

#[cfg(test)]
mod tests {
    use mortise_runtime::types;

    use super::located;

    #[test]
    fn a_problem_is_found_by_its_path() {
        let text = "rules:\n  - pattern: a\n  - pattern: b\nby.name:\n  a/b: c\n  a: d\n";
        for (path, pointer, line) in [
            ("rules[1].pattern", "/rules/1/pattern", 3),
            ("rules[1]", "/rules/1", 3),
            ("rules[7].pattern", "/rules", 1),
            ("by.name.a/b", "/by.name/a~1b", 5),
            ("by.name.a", "/by.name/a", 6),
            ("by.name.nobody", "/by.name", 4),
            ("", "", 1),
            ("nothing", "", 1),
        ] {
            let problem = types::Problem {
                path: path.to_owned(),
                text: "wrong".to_owned(),
            };
            let found = located(text, &[problem]);
            assert_eq!(found.len(), 1);
            assert_eq!((&*found[0].path, found[0].line), (pointer, line), "{path}");
        }
        let problem = types::Problem {
            path: "a".to_owned(),
            text: "wrong".to_owned(),
        };
        assert_eq!(located("a: [", &[problem])[0].line, 1);
    }
}
