//! Values of jq, made from a plugin's values and read as such. An error names
//! the value's beginning.

use jaq_json::{Map, Num, read::parse_single};

use crate::Val;

/// Makes a text.
pub fn text(text: &str) -> Val {
    Val::utf8_str(text.to_owned())
}

/// Makes a whole number.
pub fn number(number: i32) -> Val {
    Val::from(isize::try_from(number).unwrap_or_default())
}

/// Makes an object with these fields.
pub fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Val)>) -> Val {
    let fields = fields.into_iter().map(|(name, value)| (text(name), value));
    Val::obj(fields.collect::<Map>())
}

/// Reads JSON that the host has checked: it may be of any depth.
///
/// # Errors
///
/// The mistake and its place.
pub fn parse(json: &str) -> Result<Val, String> {
    parse_single(json.as_bytes()).map_err(|error| error.to_string())
}

/// Returns a text.
///
/// # Errors
///
/// The value is no text; `what` names it.
pub fn string(what: &str, value: &Val) -> Result<String, String> {
    match value {
        Val::TStr(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        _ => Err(format!(
            "{what} is {}, not a text; `tojson` or `tostring` makes one",
            short(value)
        )),
    }
}

/// Returns a message's priority.
///
/// # Errors
///
/// The value is no whole number.
pub fn priority(value: &Val) -> Result<i32, String> {
    let number = match value {
        Val::Num(number) => Num::as_isize(number).and_then(|n| i32::try_from(n).ok()),
        _ => None,
    };
    number.ok_or_else(|| format!("the priority is {}, not a whole number", short(value)))
}

/// Returns a message's extras as JSON; none for null.
///
/// # Errors
///
/// The value is neither an object nor null.
pub fn extras(value: &Val) -> Result<Option<String>, String> {
    match value {
        Val::Null => Ok(None),
        Val::Obj(_) => Ok(Some(value.to_string())),
        _ => Err(format!("the extras are {}, not an object", short(value))),
    }
}

/// Returns the beginning of a value as JSON.
pub fn short(value: &Val) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
