//! A configuration's text: YAML to a type and back, with the places of
//! mistakes.

use serde::{Serialize, de::DeserializeOwned};

use crate::types::Problem;

/// Reads YAML. A text with nothing but comments is the default.
///
/// # Errors
///
/// One problem, with the path and the line of the mistake.
pub fn from_yaml<C: DeserializeOwned + Default>(text: &str) -> Result<C, Vec<Problem>> {
    if is_blank(text) {
        return Ok(C::default());
    }
    let mut path = String::new();
    serde_saphyr::with_deserializer_from_str(text, |deserializer| {
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            // The library calls the whole document `.`; the contract uses an
            // empty path.
            path = match error.path().to_string() {
                root if root == "." => String::new(),
                path => path,
            };
            error.into_inner()
        })
    })
    .map_err(|error| {
        vec![Problem {
            text: error.without_snippet().to_string(),
            path,
        }]
    })
}

fn is_blank(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with('#') || line == "---")
}

/// Writes YAML. If the value has no such form, writes a comment with the
/// reason.
pub fn to_yaml<C: Serialize>(config: &C) -> String {
    serde_saphyr::to_string(config)
        .unwrap_or_else(|error| format!("# The default configuration has no YAML form: {error}\n"))
}

#[cfg(test)]
mod tests {
    use super::{from_yaml, to_yaml};

    #[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Config {
        name: String,
        rules: Vec<Rule>,
    }

    #[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Rule {
        weight: u8,
    }

    #[test]
    fn survives_its_text() {
        let config = Config {
            name: "a: b".into(),
            rules: vec![Rule { weight: 1 }, Rule { weight: 2 }],
        };
        assert_eq!(from_yaml::<Config>(&to_yaml(&config)).unwrap(), config);
    }

    #[test]
    fn comments_alone_are_the_default() {
        assert_eq!(
            from_yaml::<Config>("# name: x\n---\n\n").unwrap(),
            Config::default()
        );
    }

    #[test]
    fn says_where_it_is_wrong() {
        for (text, path, line, words) in [
            (
                "rules:\n- weight: 1\n- weight: many\n",
                "rules[1].weight",
                3,
                "u8",
            ),
            ("name: a\nnmae: b\n", "nmae", 2, "unknown field"),
            ("rules: [", "rules", 1, ""),
            ("- a", "", 1, ""),
        ] {
            let problems = from_yaml::<Config>(text).unwrap_err();
            let [problem] = problems.as_slice() else {
                panic!("{problems:?}")
            };
            assert_eq!(problem.path, path, "{problem:?}");
            assert!(
                problem.text.contains(&format!("line {line}")) && problem.text.contains(words),
                "{problem:?}"
            );
        }
    }
}
