//! The programs of a configuration, by name.

use std::collections::BTreeMap;

use mortise_plugin::prelude::*;

use crate::Program;

/// The name of the program for all names without a program of their own.
pub const EVERY: &str = "*";
/// The largest size of a program.
const PROGRAM_BYTES: usize = 16 << 10;

/// A program's text. The page edits it as jq.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("format" = "jq"))]
pub struct Code(pub String);

/// Programs, ready to run.
#[derive(Debug, Default)]
pub struct Programs(BTreeMap<String, Program>);

impl Programs {
    /// Compiles the programs of a field of the configuration.
    ///
    /// # Errors
    ///
    /// All mistakes of all programs, with their places.
    pub fn compile(field: &str, codes: BTreeMap<String, Code>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut programs = BTreeMap::new();
        for (name, Code(code)) in codes {
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
                    let path = format!("{field}.{name}");
                    problems.extend(
                        errors
                            .into_iter()
                            .map(|text| Problem::new(path.clone(), text)),
                    );
                }
            }
        }
        if problems.is_empty() {
            Ok(Self(programs))
        } else {
            Err(problems)
        }
    }

    /// Returns the program for a name and the name that it has itself, which is
    /// [`EVERY`] if this name has no program of its own.
    pub fn get(&self, name: &str) -> Option<(&str, &Program)> {
        let own = self.0.get_key_value(name);
        let (name, program) = own.or_else(|| self.0.get_key_value(EVERY))?;
        Some((name, program))
    }

    /// Returns the names, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
