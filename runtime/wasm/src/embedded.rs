//! A manifest in a component's custom section, for a component that exports no
//! `manifest`: one for `wasi:http` needs nothing of Mortise's.
//!
//! The section `mortise:manifest` is at the component's top level, once. It has
//! JSON: the manifest as an inspection of a plugin shows it, and beside it, for a
//! plugin without the export `configurer`, its `configuration`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasmparser::{Chunk, Parser, Payload};

use mortise_runtime::{
    contract::types::Manifest,
    limits::CONFIG_BYTES,
    manifest::{self, Flaw},
    text::cut,
    yaml::Document,
};

/// The section's name.
pub const SECTION: &str = "mortise:manifest";

/// The beginning of the export that counts instead of the section.
const EXPORT: &str = "mortise:plugin/manifest@";

/// The most bytes of the section.
const SECTION_BYTES: usize = 2 * CONFIG_BYTES;

/// The field of the configuration, beside those of the manifest.
const CONFIGURATION: &str = "configuration";

/// The longest text of a fault that a report repeats, in bytes.
const FOUND_BYTES: usize = 400;

/// The content of the section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// The plugin's manifest.
    pub manifest: Manifest,
    /// Its configuration, if it has one.
    pub configuration: Option<Configuration>,
}

/// A configuration that the host keeps for a plugin, which reads its values
/// through `wasi:config/store`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// The text for a new user: a mapping in YAML.
    pub defaults: String,
    /// The JSON Schema of it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

impl Embedded {
    /// Reads and checks the content as data.
    ///
    /// # Errors
    ///
    /// The first fault.
    pub fn from_value(mut value: Value) -> Result<Self, Flaw> {
        let configuration = match value.as_object_mut() {
            Some(fields) => fields.remove(CONFIGURATION),
            None => return Err(no_manifest("another kind of value".to_owned())),
        };
        let manifest =
            Manifest::deserialize(&value).map_err(|error| no_manifest(error.to_string()))?;
        let read =
            serde_json::to_value(&manifest).map_err(|error| no_manifest(error.to_string()))?;
        if let Some(field) = unknown(&value, &read, "") {
            return Err(Flaw {
                fix: format!("remove or correct `{field}` in the plugin's manifest"),
                ..no_manifest(format!("the field `{field}`, which no manifest has"))
            });
        }
        manifest::check(&manifest)?;
        let configuration = configuration.map(configuration_of).transpose()?;
        Ok(Self {
            manifest,
            configuration,
        })
    }

    fn from_json(json: &[u8]) -> Result<Self, Flaw> {
        if json.len() > SECTION_BYTES {
            return Err(bad_section(format!("{} bytes of it", json.len())));
        }
        let value = serde_json::from_slice(json)
            .map_err(|error| bad_section(format!("no JSON: {error}")))?;
        Self::from_value(value)
    }

    /// Puts it into a component, in the place of one that is there.
    ///
    /// # Errors
    ///
    /// A file that is no component, one that exports a manifest, or content that is
    /// too long.
    pub fn embed(&self, component: &[u8]) -> Result<Vec<u8>, Flaw> {
        let mut fields =
            serde_json::to_value(&self.manifest).map_err(|error| no_manifest(error.to_string()))?;
        if let (Some(fields), Some(configuration)) = (fields.as_object_mut(), &self.configuration) {
            let value = serde_json::to_value(configuration)
                .map_err(|error| no_manifest(error.to_string()))?;
            fields.insert(CONFIGURATION.to_owned(), value);
        }
        let json = fields.to_string();
        if json.len() > SECTION_BYTES {
            return Err(bad_section(format!("{} bytes of it", json.len())));
        }
        let mut bytes = Vec::with_capacity(component.len() + json.len() + 32);
        for part in parts(component)? {
            if part.describes {
                return Err(Flaw {
                    expected: "a component that exports no manifest".to_owned(),
                    found: "the export `mortise:plugin/manifest`, which counts alone".to_owned(),
                    fix: "change the manifest in the plugin's source".to_owned(),
                });
            }
            if part.manifest.is_none() {
                bytes.extend(part.bytes);
            }
        }
        let name = SECTION.as_bytes();
        let mut named = Vec::new();
        number(name.len(), &mut named);
        named.extend(name);
        // The number of custom sections.
        bytes.push(0);
        number(named.len() + json.len(), &mut bytes);
        bytes.extend(named);
        bytes.extend(json.as_bytes());
        Ok(bytes)
    }
}

/// Reads the section of a component, if it has one.
///
/// # Errors
///
/// The first fault.
pub(super) fn read(component: &[u8]) -> Result<Option<Embedded>, Flaw> {
    let parts = parts(component)?;
    let mut sections = parts.iter().filter_map(|part| part.manifest);
    let Some(section) = sections.next() else {
        return Ok(None);
    };
    if sections.next().is_some() {
        return Err(Flaw {
            fix: "leave one of them in the component".to_owned(),
            ..bad_section("several of them".to_owned())
        });
    }
    Embedded::from_json(section).map(Some)
}

/// A part of a component, in order.
struct Part<'a> {
    bytes: &'a [u8],
    /// The content of the section, if it is the manifest's.
    manifest: Option<&'a [u8]>,
    /// True if it exports a manifest.
    describes: bool,
}

/// Splits a component at its top level. Modules and components in it are parts
/// as a whole.
fn parts(component: &[u8]) -> Result<Vec<Part<'_>>, Flaw> {
    let broken = |text: String| Flaw {
        expected: "a component to read the manifest from".to_owned(),
        found: text,
        fix: "build the component again, it may be cut short or damaged".to_owned(),
    };
    let cut_short = || broken("a part that goes beyond its end".to_owned());
    if !Parser::is_component(component) {
        return Err(broken("a file that is no component".to_owned()));
    }
    let (mut parser, mut rest) = (Parser::new(0), component);
    let mut parts = Vec::new();
    loop {
        let chunk = parser.parse(rest, true);
        let Chunk::Parsed { consumed, payload } =
            chunk.map_err(|error| broken(error.to_string()))?
        else {
            return Err(cut_short());
        };
        let mut size = consumed;
        let (mut manifest, mut describes) = (None, false);
        match payload {
            Payload::ModuleSection {
                unchecked_range, ..
            }
            | Payload::ComponentSection {
                unchecked_range, ..
            } => size = size.saturating_add(unchecked_range.len()),
            Payload::CustomSection(section) if section.name() == SECTION => {
                manifest = Some(section.data());
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export.map_err(|error| broken(error.to_string()))?;
                    describes |= export.name.name.starts_with(EXPORT);
                }
            }
            Payload::End(_) => return Ok(parts),
            _ => {}
        }
        let (bytes, after) = rest.split_at_checked(size).ok_or_else(cut_short)?;
        parts.push(Part {
            bytes,
            manifest,
            describes,
        });
        rest = after;
    }
}

/// Appends a number in the form of WebAssembly, seven bits in a byte.
fn number(mut value: usize, to: &mut Vec<u8>) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            to.push(low & 0x7f);
            return;
        }
        to.push(low | 0x80);
    }
}

fn configuration_of(value: Value) -> Result<Configuration, Flaw> {
    let flaw = |found: String| Flaw {
        expected: format!(
            "the manifest's `{CONFIGURATION}` to have `defaults`, a mapping in YAML of at most \
             {CONFIG_BYTES} bytes, and optionally `schema`, an object"
        ),
        found: cut(&found, FOUND_BYTES).to_owned(),
        fix: format!("correct `{CONFIGURATION}` in the plugin's manifest"),
    };
    let configuration =
        Configuration::deserialize(value).map_err(|error| flaw(error.to_string()))?;
    let Configuration { defaults, schema } = &configuration;
    if defaults.len() > CONFIG_BYTES {
        return Err(flaw(format!("{} bytes", defaults.len())));
    }
    let document = Document::read(defaults).map_err(|fault| flaw(fault.to_string()))?;
    if !document.is_mapping() && !document.is_blank() {
        return Err(flaw("defaults that are no mapping".to_owned()));
    }
    if schema.as_ref().is_some_and(|schema| !schema.is_object()) {
        return Err(flaw("a schema that is no object".to_owned()));
    }
    Ok(configuration)
}

/// The first field that was given and not read, by its path.
fn unknown(given: &Value, read: &Value, path: &str) -> Option<String> {
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => given.iter().find_map(|(name, inner)| {
            let path = match path {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            match read.get(name) {
                Some(read) => unknown(inner, read, &path),
                None => Some(path),
            }
        }),
        (Value::Array(given), Value::Array(read)) => {
            let pairs = given.iter().zip(read).enumerate();
            let mut found = pairs
                .filter_map(|(at, (given, read))| unknown(given, read, &format!("{path}[{at}]")));
            found.next()
        }
        _ => None,
    }
}

/// The flaw of content that is no manifest.
fn no_manifest(found: String) -> Flaw {
    Flaw {
        expected: "a manifest with the fields that `mortise plugin inspect --json` shows"
            .to_owned(),
        found: cut(&found, FOUND_BYTES).to_owned(),
        fix: "correct the manifest, and put it into the component with `mortise plugin \
              componentize --manifest`"
            .to_owned(),
    }
}

/// The flaw of the section as a whole.
fn bad_section(found: String) -> Flaw {
    Flaw {
        expected: format!(
            "the section `{SECTION}` once, with at most {SECTION_BYTES} bytes of JSON"
        ),
        ..no_manifest(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Embedded, number, read};

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn embedded() -> Embedded {
        let value = json!({
            "id": "org.example.hook", "name": "Hook", "version": "1.0.0",
            "wants": [{"permission": "webhook", "reason": "to answer"},
                {"permission": {"files": [{"path": "/srv", "writable": true}]}, "reason": "to keep"}],
            "configuration": {"defaults": "greeting: hello\n", "schema": {"type": "object"}},
        });
        Embedded::from_value(value).unwrap()
    }

    #[test]
    fn the_section_is_embedded_read_and_replaced() {
        assert_eq!(read(EMPTY).unwrap(), None);
        let mut embedded = embedded();
        let once = embedded.embed(EMPTY).unwrap();
        assert_eq!(read(&once).unwrap(), Some(embedded.clone()));
        embedded.manifest.version = "1.1.0".to_owned();
        let twice = embedded.embed(&once).unwrap();
        assert_eq!(read(&twice).unwrap(), Some(embedded));
        assert_eq!(twice.len(), once.len());
    }

    #[test]
    fn a_broken_section_is_named_with_its_fault() {
        let once = embedded().embed(EMPTY).unwrap();
        let (_, section) = once.split_at(EMPTY.len());
        let several = [&once, section].concat();
        let with = |json: &str| {
            let mut content = vec![16];
            content.extend(b"mortise:manifest");
            content.extend(json.as_bytes());
            let mut bytes = [EMPTY, &[0]].concat();
            number(content.len(), &mut bytes);
            bytes.extend(content);
            bytes
        };
        let good = r#""id": "a", "name": "A", "version": "1.0.0""#;
        for (bytes, found) in [
            (several, "several"),
            (once.split_at(once.len() - 1).0.to_vec(), "end"),
            (with("id = 1"), "no JSON"),
            (with("[]"), "another kind of value"),
            (with("{}"), "missing field `id`"),
            (with(&format!("{{{good}, \"nmae\": 1}}")), "`nmae`"),
            (
                with(&format!(
                    r#"{{{good}, "wants": [{{"permission": {{"files": [{{"path": "/a", "writeable": true}}]}}, "reason": "x"}}]}}"#
                )),
                "`wants[0].permission.files[0].writeable`",
            ),
            (
                with(&format!(
                    r#"{{{good}, "wants": [{{"permission": "webhok", "reason": "x"}}]}}"#
                )),
                "webhok",
            ),
            (
                with(
                    &good
                        .replace("1.0.0", "1")
                        .replace("\"id\"", "{\"id\"")
                        .replace("\"1\"", "\"1\"}"),
                ),
                "`1`",
            ),
            (
                with(&format!(
                    r#"{{{good}, "configuration": {{"defaults": "- a"}}}}"#
                )),
                "no mapping",
            ),
            (
                with(&format!(
                    r#"{{{good}, "configuration": {{"defaults": "a: ["}}}}"#
                )),
                "line 1",
            ),
            (
                with(&format!(
                    r#"{{{good}, "configuration": {{"default": ""}}}}"#
                )),
                "`default`",
            ),
            (with(&" ".repeat(3 << 20)), "bytes of it"),
        ] {
            let flaw = read(&bytes).unwrap_err();
            assert!(flaw.found.contains(found), "{found}: {flaw:?}");
        }
    }
}
