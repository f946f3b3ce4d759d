//! The schemas that hold for each part of a value. The walk goes where a
//! validator would go, but looks at each pair of a schema and a part only once:
//! it tells how long the validator would take before it is started, notices a
//! schema that refers to itself without end, and finds the parts that a schema
//! marks as secret.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

/// Steps of a validator, about a microsecond each.
const STEPS: u64 = 1_000_000;
/// Pairs that are looked at.
const PAIRS: usize = 200_000;
/// The deepest chain of schemas and parts.
const DEPTH: usize = 128;

/// Keywords with one schema.
const ONE: [&str; 13] = [
    "not",
    "if",
    "then",
    "else",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "items",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "contentSchema",
    "extends",
];
/// Keywords with a list of schemas.
const LIST: [&str; 5] = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
/// Keywords with schemas by name.
const NAMED: [&str; 6] = [
    "properties",
    "patternProperties",
    "dependentSchemas",
    "dependencies",
    "$defs",
    "definitions",
];
/// Of those, the ones that hold for the same part as the schema around them.
const IN_PLACE_ONE: [&str; 4] = ["not", "if", "then", "else"];
const IN_PLACE_LIST: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const IN_PLACE_NAMED: [&str; 2] = ["dependentSchemas", "dependencies"];
/// Of those, the ones that hold for every field of an object, or item of a list.
const OF_FIELDS: [&str; 2] = ["additionalProperties", "unevaluatedProperties"];
const OF_ITEMS: [&str; 4] = ["items", "additionalItems", "unevaluatedItems", "contains"];

/// Told of a schema that takes more steps.
const REPEATS: &str = "the schema takes too long, for it repeats itself too often";

/// Stands for the name of a field, which is a text.
static NAME: Value = Value::Null;

/// All schemas that are written into a schema.
pub(super) fn children(keywords: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let one = ONE.iter().filter_map(|keyword| keywords.get(*keyword));
    let listed = LIST.iter().filter_map(|keyword| keywords.get(*keyword));
    let named = NAMED.iter().filter_map(|keyword| keywords.get(*keyword));
    one.filter(|schema| schema.is_object())
        .chain(listed.filter_map(Value::as_array).flatten())
        .chain(named.filter_map(Value::as_object).flat_map(Map::values))
}

/// Looks for schemas that refer to themselves without end or too often, whatever
/// the text. A compiler of schemas may not survive one.
///
/// # Errors
///
/// In a sentence, the reason for which the schema cannot be used.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let mut walk = Walk::new(schema);
    let mut left = vec![schema];
    while let Some(schema) = left.pop() {
        if walk.steps(schema, &NAME, "")? > STEPS {
            return Err(REPEATS.to_owned());
        }
        left.extend(schema.as_object().into_iter().flat_map(children));
    }
    Ok(())
}

/// The secrets in a value, as JSON pointers.
///
/// # Errors
///
/// In a sentence, the reason for which the value cannot be held against the
/// schema.
pub(super) fn walk(schema: &Value, value: &Value) -> Result<Vec<String>, String> {
    let mut walk = Walk::new(schema);
    if walk.steps(schema, value, "")? > STEPS {
        return Err(REPEATS.to_owned());
    }
    Ok(walk.secrets.into_iter().collect())
}

struct Walk<'a> {
    root: &'a Value,
    /// Steps by the addresses of schema and part; none while they are counted.
    seen: HashMap<(usize, usize), Option<u64>>,
    secrets: BTreeSet<String>,
    depth: usize,
}

fn address(value: &Value) -> usize {
    std::ptr::from_ref(value).addr()
}

impl<'a> Walk<'a> {
    fn new(root: &'a Value) -> Self {
        Self {
            root,
            seen: HashMap::new(),
            secrets: BTreeSet::new(),
            depth: 0,
        }
    }

    fn steps(&mut self, schema: &'a Value, part: &Value, path: &str) -> Result<u64, String> {
        let key = (address(schema), address(part));
        // The names of fields share one place.
        match self.seen.get(&key) {
            Some(Some(steps)) => return Ok(*steps),
            Some(None) => {
                return Err("the schema refers to itself without end".to_owned());
            }
            None => {}
        }
        if self.seen.len() >= PAIRS {
            return Err("the schema and the text together are too large".to_owned());
        }
        if self.depth >= DEPTH {
            return Err(format!("the schema leads deeper than {DEPTH}"));
        }
        self.seen.insert(key, None);
        self.depth += 1;
        let steps = self.count(schema, part, path)?;
        self.depth -= 1;
        self.seen.insert(key, Some(steps));
        Ok(steps)
    }

    fn count(&mut self, schema: &'a Value, part: &Value, path: &str) -> Result<u64, String> {
        let Value::Object(keywords) = schema else {
            return Ok(1);
        };
        if is_secret(keywords) && !std::ptr::eq(part, &raw const NAME) {
            self.secrets.insert(path.to_owned());
        }
        let mut steps = own(keywords, part);
        for schema in in_place(keywords).chain(self.referred(keywords)?) {
            steps = add(steps, self.steps(schema, part, path)?);
        }
        match part {
            Value::Object(fields) => steps = add(steps, self.fields(keywords, fields, path)?),
            Value::Array(items) => steps = add(steps, self.items(keywords, items, path)?),
            _ => {}
        }
        // These look a second time at all that was looked at.
        let twice = ["unevaluatedProperties", "unevaluatedItems"];
        if twice.iter().any(|keyword| keywords.contains_key(*keyword)) {
            steps = add(steps, steps);
        }
        Ok(steps)
    }

    fn fields(
        &mut self,
        keywords: &'a Map<String, Value>,
        fields: &Map<String, Value>,
        path: &str,
    ) -> Result<u64, String> {
        let mut steps = 0;
        let properties = keywords.get("properties").and_then(Value::as_object);
        let by_pattern = keywords.get("patternProperties").and_then(Value::as_object);
        for (name, field) in fields {
            let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
            let of_name = properties.and_then(|properties| properties.get(name));
            let of_patterns = by_pattern.into_iter().flat_map(Map::values);
            let of_all = OF_FIELDS
                .iter()
                .filter_map(|keyword| keywords.get(*keyword));
            // They hold for the fields that are not named.
            let of_all = of_all.filter(|_| of_name.is_none());
            for schema in of_name.into_iter().chain(of_patterns).chain(of_all) {
                steps = add(steps, self.steps(schema, field, &path)?);
            }
            if let Some(names) = keywords.get("propertyNames") {
                steps = add(steps, self.steps(names, &NAME, &path)?);
            }
        }
        Ok(steps)
    }

    fn items(
        &mut self,
        keywords: &'a Map<String, Value>,
        items: &[Value],
        path: &str,
    ) -> Result<u64, String> {
        let mut steps = 0;
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}/{at}");
            let lists = ["prefixItems", "items"];
            let by_place = lists.iter().filter_map(|keyword| keywords.get(*keyword));
            let by_place = by_place.filter_map(|list| list.as_array()?.get(at));
            let of_all = OF_ITEMS.iter().filter_map(|keyword| keywords.get(*keyword));
            for schema in by_place.chain(of_all.filter(|schema| !schema.is_array())) {
                steps = add(steps, self.steps(schema, item, &path)?);
            }
        }
        Ok(steps)
    }

    /// The schema that another one refers to.
    fn referred(&self, keywords: &Map<String, Value>) -> Result<Option<&'a Value>, String> {
        let Some(Value::String(to)) = keywords.get("$ref") else {
            return Ok(None);
        };
        let encoded = to.strip_prefix('#').unwrap_or(to);
        let pointer = percent_decoded(encoded);
        match self.root.pointer(&pointer) {
            Some(schema) => Ok(Some(schema)),
            None => Err(format!("the schema refers to `{to}`, which is not in it")),
        }
    }
}

/// A part of an address as the text it stands for.
fn percent_decoded(encoded: &str) -> String {
    if !encoded.contains('%') {
        return encoded.to_owned();
    }
    // As in a form, but a plus is a plus.
    let pair = format!("p={}", encoded.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, decoded)| decoded.into_owned())
        .unwrap_or_default()
}

/// The schemas that hold for the same part as the one that they are written in.
fn in_place(keywords: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let one = IN_PLACE_ONE
        .iter()
        .filter_map(|keyword| keywords.get(*keyword));
    let listed = IN_PLACE_LIST
        .iter()
        .filter_map(|keyword| keywords.get(*keyword));
    let named = IN_PLACE_NAMED
        .iter()
        .filter_map(|keyword| keywords.get(*keyword));
    one.chain(listed.filter_map(Value::as_array).flatten())
        .chain(named.filter_map(Value::as_object).flat_map(Map::values))
}

fn is_secret(keywords: &Map<String, Value>) -> bool {
    keywords.get("writeOnly") == Some(&Value::Bool(true))
        || keywords.get("format").and_then(Value::as_str) == Some("password")
}

/// The steps of a schema's own keywords.
fn own(keywords: &Map<String, Value>, part: &Value) -> u64 {
    let size = match part {
        // Patterns read it.
        Value::String(text) => text.len() / 64,
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    };
    let patterns = keywords.get("patternProperties").and_then(Value::as_object);
    let patterns = patterns.map_or(0, Map::len);
    let options = keywords.get("enum").and_then(Value::as_array);
    let options = options.map_or(0, Vec::len);
    let steps = 1 + keywords.len() + options + size.saturating_mul(1 + patterns);
    u64::try_from(steps).unwrap_or(u64::MAX)
}

fn add(one: u64, other: u64) -> u64 {
    one.saturating_add(other)
}
