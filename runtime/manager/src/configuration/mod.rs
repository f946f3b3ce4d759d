//! A plugin's configuration, before the plugin sees it: YAML (of which JSON is a
//! part) held against the plugin's JSON Schema. Reads texts only; keeping them,
//! and calling plugins, is in `plugins`.
//!
//! - this file: whether a text is looked at, and its problems.
//! - `place`: the places of a plugin's own problems.
//! - `schema`: a schema as it came from a plugin, bounded before it is used.
//! - `walk`: the schemas that hold for each part of a value, counted; it bounds
//!   the work of a validation, and finds secrets.
//!
//! Schema and text both come from outside. A schema that cannot be used refuses
//! nothing: the plugin has the last word about its configuration either way.

mod place;
mod schema;
mod walk;

use jsonschema::{
    JsonType, ValidationError,
    error::{TypeKind, ValidationErrorKind},
};
use mortise_runtime::yaml::{self, Document, Fault};
use serde::Serialize;
use serde_json::Value;

pub use self::place::located;
use self::schema::Schema;

/// The most problems of one text that are listed.
const PROBLEMS: usize = 100;
/// The longest text of a problem, in bytes.
const TEXT_BYTES: usize = 1 << 10;

/// A problem of a configuration's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ConfigProblem))]
pub struct Problem {
    /// The part that it is about, as a JSON pointer; empty for the whole. A missing
    /// field is named, too; its line and column are those of the part without it.
    pub path: String,
    /// Counted from 1.
    pub line: u64,
    /// In characters, counted from 1.
    pub column: u64,
    /// The problem as a sentence. Values are not repeated in it.
    pub text: String,
}

impl From<Fault> for Problem {
    fn from(Fault { line, column, text }: Fault) -> Self {
        Self {
            path: String::new(),
            line,
            column,
            text: format!("it is no YAML: {text}"),
        }
    }
}

/// Problems as one line.
pub(crate) fn in_words(problems: &[Problem]) -> String {
    let lines = problems.iter().map(|problem| {
        let Problem {
            path,
            line,
            column,
            text,
        } = problem;
        match path.as_str() {
            "" => format!("line {line}, column {column}: {text}"),
            path => format!("line {line}, column {column}: {path}: {text}"),
        }
    });
    lines.collect::<Vec<_>>().join("; ")
}

/// The form of a configuration's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// YAML.
    Yaml,
    /// Something else, such as TOML, which only the plugin reads.
    Text,
}

/// A configuration for a form.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = ConfigForm))]
pub struct Form {
    /// The form of the text.
    pub format: Format,
    /// The plugin's schema; null if it has none or it cannot be used.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub schema: Option<Value>,
    /// The reason for which the schema cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_problem: Option<String>,
    /// The text as a value, without secrets; null if the text is no YAML.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub values: Option<Value>,
    /// The secrets that the text has, as JSON pointers. The schema marks a
    /// secret with `writeOnly: true` or `format: password`.
    pub secrets: Vec<String>,
    /// The problems of the text.
    pub problems: Vec<Problem>,
}

/// A configuration's texts as the plugin gives them.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// The JSON Schema, if the plugin has one.
    pub schema: Option<String>,
    /// The plugin's defaults.
    pub defaults: String,
}

impl Texts {
    /// A text as a form shows it.
    pub fn form(&self, text: &str) -> Form {
        let (schema, schema_problem) = match self.schema.as_deref().map(Schema::read) {
            None => (None, None),
            Some(Ok(schema)) => (Some(schema), None),
            Some(Err(problem)) => (None, Some(problem)),
        };
        let mut form = Form {
            format: self.format(text),
            schema: schema.as_ref().map(|schema| schema.value().clone()),
            schema_problem,
            values: None,
            secrets: Vec::new(),
            problems: Vec::new(),
        };
        if form.format == Format::Text {
            return form;
        }
        let document = match Document::read(text) {
            Ok(document) => document,
            Err(fault) => {
                // Without a schema, the plugin may read its text as it likes.
                form.problems.extend(schema.is_some().then(|| fault.into()));
                return form;
            }
        };
        let Some(schema) = schema else {
            form.values = Some(document.value());
            return form;
        };
        // Comments alone stand for the defaults.
        if document.is_blank() {
            form.values = Some(Value::Null);
            return form;
        }
        let mut value = document.value();
        match walk::walk(schema.value(), &value) {
            Err(problem) => form.schema_problem = Some(problem),
            Ok(secrets) => {
                form.problems = validate(&schema, &document, &value);
                for secret in &secrets {
                    remove(&mut value, secret);
                }
                form.secrets = secrets;
                form.values = Some(value);
            }
        }
        form
    }

    /// YAML, unless the plugin's own defaults are something else. Defaults that
    /// say nothing leave it to the text.
    fn format(&self, text: &str) -> Format {
        let is_mapping = |text: &str| Document::read(text).is_ok_and(|read| read.is_mapping());
        let other = if yaml::is_blank(&self.defaults) {
            !is_mapping(text)
                && !yaml::is_blank(text)
                && toml::from_str::<toml::Table>(text).is_ok()
        } else {
            !is_mapping(&self.defaults)
        };
        if other { Format::Text } else { Format::Yaml }
    }
}

fn validate(schema: &Schema, document: &Document, value: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    for error in schema.validator().iter_errors(value) {
        tell(&error, document, &mut problems);
        if problems.len() >= PROBLEMS {
            problems.truncate(PROBLEMS);
            break;
        }
    }
    problems
}

/// Adds what there is to say of an error.
fn tell(error: &ValidationError<'_>, document: &Document, problems: &mut Vec<Problem>) {
    let path = error.instance_path().as_str();
    match error.kind() {
        // Plugins read these as what is asked for.
        ValidationErrorKind::Type { kind } if is_read_as(error.instance(), kind) => {}
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            for name in unexpected {
                add(
                    problems,
                    document,
                    field(path, name),
                    "there is no such field".to_owned(),
                );
            }
        }
        // The field is named, not the part that lacks it: a form marks the field.
        ValidationErrorKind::Required {
            property: Value::String(name),
        } => add(
            problems,
            document,
            field(path, name),
            format!("`{name}` is required"),
        ),
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            let branches = context
                .iter()
                .filter(|errors| !is_of_another_type(errors, path));
            let mut branches = branches.map(|errors| {
                let mut told = Vec::new();
                for error in errors {
                    tell(error, document, &mut told);
                }
                told
            });
            match (branches.next(), branches.next()) {
                // Nothing is left to say against one of them.
                (Some(told), _) if told.is_empty() => {}
                (Some(told), None) => problems.extend(told),
                (_, other) => {
                    let fits = other.is_some_and(|told| told.is_empty())
                        || branches.any(|told| told.is_empty());
                    if !fits {
                        add(
                            problems,
                            document,
                            path.to_owned(),
                            error.masked().to_string(),
                        );
                    }
                }
            }
        }
        _ => add(
            problems,
            document,
            path.to_owned(),
            error.masked().to_string(),
        ),
    }
}

/// The pointer to a field of the part at `path`.
fn field(path: &str, name: &str) -> String {
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn add(problems: &mut Vec<Problem>, document: &Document, path: String, mut text: String) {
    if problems.len() >= PROBLEMS {
        return;
    }
    let (line, column) = document.place(&path);
    text.truncate(text.floor_char_boundary(TEXT_BYTES));
    problems.push(Problem {
        path,
        line,
        column,
        text,
    });
}

/// Returns true if a branch of alternatives is for a value of another type, as `null` is
/// beside an object.
fn is_of_another_type(errors: &[ValidationError<'_>], path: &str) -> bool {
    errors.iter().any(|error| {
        error.instance_path().as_str() == path
            && matches!(error.kind(), ValidationErrorKind::Type { kind }
                if !is_read_as(error.instance(), kind))
    })
}

/// Returns true if plugins read a value as what is asked for, though YAML has another
/// type for it: a number as text, and the words for a truth value of YAML's
/// older version.
fn is_read_as(value: &Value, kind: &TypeKind) -> bool {
    let asked = |wanted| match kind {
        TypeKind::Single(one) => *one == wanted,
        TypeKind::Multiple(several) => several.contains(wanted),
    };
    match value {
        Value::Number(_) | Value::Bool(_) => asked(JsonType::String),
        Value::String(text) => {
            let word = text.to_ascii_lowercase();
            asked(JsonType::Boolean)
                && ["yes", "no", "on", "off", "y", "n"].contains(&word.as_str())
        }
        _ => false,
    }
}

/// Takes a part out of a value.
fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else {
        *value = Value::Null;
        return;
    };
    let last = last.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(&last);
        }
        // The others keep their places.
        Some(Value::Array(items)) => {
            if let Some(item) = last.parse().ok().and_then(|at: usize| items.get_mut(at)) {
                *item = Value::Null;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
