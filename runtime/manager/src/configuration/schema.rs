//! A JSON Schema as a plugin gives it. It may be wrong, endless or huge: it is
//! bounded before it is compiled, refers to nothing outside itself, and its
//! patterns run in linear time.

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use serde_json::Value;

use super::walk::{self, children};

/// The longest schema, in bytes.
const BYTES: usize = 256 << 10;
/// The deepest nesting of a schema's JSON.
const DEPTH: usize = 100;
/// The most patterns.
const PATTERNS: usize = 200;
/// The longest pattern, in bytes.
const PATTERN_BYTES: usize = 1000;
/// The size of one compiled pattern, and of its cache, in bytes.
const COMPILED_BYTES: usize = 256 << 10;

/// A schema that can be used.
#[derive(Debug)]
pub(super) struct Schema {
    value: Value,
    validator: Validator,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    ///
    /// In a sentence, the reason for which it cannot be used.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.len() > BYTES {
            return Err(format!(
                "the schema has {} bytes; at most {BYTES} are used",
                text.len()
            ));
        }
        let value: Value = serde_json::from_str(text)
            .map_err(|error| format!("the schema is no JSON: {error}"))?;
        let mut patterns = 0;
        check(&value, 0, &mut patterns)?;
        if patterns > PATTERNS {
            return Err(format!(
                "the schema has {patterns} patterns; at most {PATTERNS} are used"
            ));
        }
        walk::check(&value)?;
        let patterns = PatternOptions::regex()
            .size_limit(COMPILED_BYTES)
            .dfa_size_limit(COMPILED_BYTES);
        let validator = jsonschema::options()
            .with_pattern_options(patterns)
            .should_validate_formats(false)
            .with_retriever(Nothing)
            .build(&value)
            .map_err(|error| format!("the schema is none: {error}"))?;
        Ok(Self { value, validator })
    }

    pub(super) fn value(&self) -> &Value {
        &self.value
    }

    pub(super) fn validator(&self) -> &Validator {
        &self.validator
    }
}

/// Whatever is outside a schema is not fetched.
struct Nothing;

impl Retrieve for Nothing {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("`{uri}` is not part of the schema").into())
    }
}

/// Checks a schema and those in it, references not followed.
fn check(schema: &Value, depth: usize, patterns: &mut usize) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("the schema is nested deeper than {DEPTH}"));
    }
    let Value::Object(keywords) = schema else {
        return Ok(());
    };
    for (keyword, value) in keywords {
        match (keyword.as_str(), value) {
            ("$ref", Value::String(to)) if to != "#" && !to.starts_with("#/") => {
                return Err(format!(
                    "the schema refers to `{to}`; only parts of itself, as `#/$defs/name`, can be \
                     referred to"
                ));
            }
            ("$dynamicRef" | "$recursiveRef", _) => {
                return Err(format!(
                    "the schema uses `{keyword}`, which is not supported"
                ));
            }
            // It would give references in it another meaning.
            ("$id" | "id", Value::String(_)) if depth > 0 => {
                return Err(format!(
                    "a part of the schema has an `{keyword}` of its own"
                ));
            }
            ("pattern", Value::String(pattern)) => {
                *patterns += 1;
                check_pattern(pattern)?;
            }
            ("patternProperties", Value::Object(by_pattern)) => {
                *patterns += by_pattern.len();
                by_pattern.keys().try_for_each(|one| check_pattern(one))?;
            }
            _ => {}
        }
    }
    children(keywords).try_for_each(|child| check(child, depth + 1, patterns))
}

fn check_pattern(pattern: &str) -> Result<(), String> {
    if pattern.len() > PATTERN_BYTES {
        return Err(format!(
            "a pattern of the schema has {} bytes; at most {PATTERN_BYTES} are used",
            pattern.len()
        ));
    }
    Ok(())
}
