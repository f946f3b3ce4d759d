//! JSON as senders write it: the first value of a body, with bad Unicode
//! replaced.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The replacement of a lone surrogate, as an escape.
const REPLACEMENT: &str = "\\ufffd";
/// The deepest nesting of arrays and objects.
const DEPTH: usize = 10_000;

/// Reads bytes as UTF-8. Each byte that belongs to no character becomes U+FFFD.
pub(super) fn text(bytes: Vec<u8>) -> String {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return text,
        Err(error) => error.into_bytes(),
    };
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// The members of the object that a text begins with, in their order. `null` is
/// an object without members, and so is no text at all. The text has no lone
/// surrogates; see [`paired`].
///
/// # Errors
///
/// The text begins with something else.
pub(super) fn members(text: &str) -> Result<Vec<(String, Box<RawValue>)>, serde_json::Error> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let paired = paired(text);
    let mut deserializer = serde_json::Deserializer::from_str(paired.as_deref().unwrap_or(text));
    let members = deserializer.deserialize_option(Members)?;
    for (name, value) in &members {
        if depth(value.get()) > DEPTH {
            return Err(serde::de::Error::custom(format!(
                "`{name}` is nested deeper than {DEPTH}"
            )));
        }
    }
    Ok(members)
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, Box<RawValue>)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

/// How deep arrays and objects are nested in a JSON value without spaces before it.
fn depth(text: &str) -> usize {
    if !text.starts_with(['[', '{']) {
        // Most values are texts, and some are long.
        return 0;
    }
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = text.bytes();
    let mut in_string = false;
    while let Some(byte) = bytes.next() {
        match (in_string, byte) {
            (true, b'\\') => {
                bytes.next();
            }
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A text with each escape of a lone surrogate replaced by U+FFFD; none if it
/// has no such escape.
fn paired(text: &str) -> Option<String> {
    let mut paired: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        let start = at + found;
        let Some(first) = escaped(text, start) else {
            // Another escape, such as `\"` or `\\`; the second character may
            // take several bytes.
            let second = text.get(start + 1..).and_then(|rest| rest.chars().next());
            at = start + 1 + second.map_or(0, char::len_utf8);
            continue;
        };
        at = start + 6;
        match first {
            0xd800..=0xdbff if matches!(escaped(text, at), Some(0xdc00..=0xdfff)) => at += 6,
            0xd800..=0xdfff => {
                let paired = paired.get_or_insert_default();
                paired.push_str(text.get(copied..start).unwrap_or_default());
                paired.push_str(REPLACEMENT);
                copied = at;
            }
            _ => {}
        }
    }
    let mut paired = paired?;
    paired.push_str(text.get(copied..).unwrap_or_default());
    Some(paired)
}

/// The code unit of the escape `\uXXXX` at a place.
fn escaped(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{depth, members, paired, text};

    #[test]
    fn each_bad_byte_is_replaced() {
        assert_eq!(text(b"ab\xffc".to_vec()), "ab\u{fffd}c");
        assert_eq!(text(b"\xe2\x82|\xe9".to_vec()), "\u{fffd}\u{fffd}|\u{fffd}");
        assert_eq!(text("ü".into()), "ü");
    }

    #[test]
    fn lone_surrogates_are_replaced_and_pairs_are_kept() {
        for (text, expected) in [
            (r#""\ud800""#, r#""\ufffd""#),
            (r#""\uDC00x\ud83d""#, r#""\ufffdx\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ud800A""#, r#""\ufffdA""#),
        ] {
            assert_eq!(paired(text).as_deref(), Some(expected), "{text}");
        }
        for kept in [
            r#""\ud83d\ude00""#,
            r#""\\ud800""#,
            r#""\"\n\u0041""#,
            r#""\ü\"#,
        ] {
            assert_eq!(paired(kept), None, "{kept}");
        }
    }

    #[test]
    fn the_first_value_has_the_members() {
        let names = |text: &str| -> Option<Vec<String>> {
            let members = members(text).ok()?;
            Some(members.into_iter().map(|(name, _)| name).collect())
        };
        assert_eq!(names(r#"{"a":1} {"b":2}"#).unwrap(), ["a"]);
        assert_eq!(names("\u{feff}{\"a\":1}x").unwrap(), ["a"]);
        assert_eq!(names(r#"{"a":1,"a":null}"#).unwrap(), ["a", "a"]);
        for empty in ["", " \n", "null", " null ", "{}"] {
            assert_eq!(names(empty).unwrap(), Vec::<String>::new(), "{empty}");
        }
        for wrong in ["[]", "[{}]", "5", "\"a\"", "{", "{\"a\":}", "true", "nul"] {
            assert_eq!(names(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert_eq!(depth(r#"{"[[[\"[":[{}]}"#), 3);
        assert!(members(&nested(10_000)).is_ok());
        assert!(members(&nested(10_001)).is_err());
    }
}
