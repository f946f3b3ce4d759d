//! The configuration in the user's form.

use std::collections::BTreeMap;

use jq_program::{Code, EVERY, Programs};
use mortise_plugin::prelude::*;

/// The programs that turn requests into messages.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// A jq program for each name at the end of the webhook's address; `*` is
    /// for all others.
    pub(crate) programs: BTreeMap<String, Code>,
}

impl Config {
    /// Compiles all programs, or reports all their mistakes.
    pub(crate) fn compile(self) -> Result<Programs, Vec<Problem>> {
        let unusable = self.programs.keys().filter(|name| !is_usable(name));
        let mut problems: Vec<_> = unusable
            .map(|name| {
                Problem::new(
                    format!("programs.{name}"),
                    "a name is part of an address: write it with letters, digits, `-` and `_` only, or write `*`",
                )
            })
            .collect();
        match Programs::compile("programs", self.programs) {
            Ok(programs) if problems.is_empty() => Ok(programs),
            compiled => {
                problems.extend(compiled.err().into_iter().flatten());
                Err(problems)
            }
        }
    }
}

/// Returns true if a client sends this name in an address as it is.
fn is_usable(name: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    name == EVERY || !name.is_empty() && name.bytes().all(usual)
}

#[cfg(test)]
mod tests {
    use mortise_plugin::config::from_yaml;

    use super::Config;

    #[test]
    fn says_what_is_wrong() {
        let config = "programs: {'a/b': ., '': ., 'Ab-1_c': ., '*': ., wrong: fro, 'ä': fro}";
        let config: Config = from_yaml(config).unwrap();
        let problems = config.compile().unwrap_err();
        let paths: Vec<_> = problems.iter().map(|problem| &problem.path).collect();
        assert_eq!(
            paths,
            [
                "programs.",
                "programs.a/b",
                "programs.ä",
                "programs.wrong",
                "programs.ä"
            ]
        );
        assert!(problems[0].text.contains("part of an address"));
        assert_eq!(
            problems[3].text,
            "line 1, column 1: there is no filter `fro`"
        );
    }
}
