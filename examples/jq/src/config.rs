//! The configuration in the user's form.

use std::collections::BTreeMap;

use mortise_plugin::prelude::*;

use crate::program::Program;

/// The name for all applications without a program.
pub(crate) const EVERY: &str = "*";
/// The largest size of a program.
const PROGRAM_BYTES: usize = 16 << 10;

/// The programs that change your messages.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// A jq program for each application, by its exact name; `*` is for all
    /// others.
    pub(crate) applications: BTreeMap<String, Code>,
}

/// A program's text. The page edits it as jq.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("format" = "jq"))]
pub(crate) struct Code(pub(crate) String);

impl Config {
    /// Compiles all programs, or reports all their mistakes.
    pub(crate) fn compile(self) -> Result<BTreeMap<String, Program>, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut programs = BTreeMap::new();
        for (name, Code(code)) in self.applications {
            let compiled = if code.len() > PROGRAM_BYTES {
                Err(vec![format!(
                    "the program has {} bytes; write one of at most {PROGRAM_BYTES}",
                    code.len()
                )])
            } else {
                Program::compile(&code)
            };
            match compiled {
                Ok(program) => {
                    programs.insert(name, program);
                }
                Err(errors) => {
                    let path = format!("applications.{name}");
                    problems.extend(
                        errors
                            .into_iter()
                            .map(|text| Problem::new(path.clone(), text)),
                    );
                }
            }
        }
        if problems.is_empty() {
            Ok(programs)
        } else {
            Err(problems)
        }
    }
}
