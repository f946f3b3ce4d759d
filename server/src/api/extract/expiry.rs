//! The time at which a message is deleted, as a sender gives it.

use chrono::DateTime;
use serde::{Deserialize, Deserializer, de::Error as _};

/// A time in a request: none if it is not named; within it, none for never, which is an
/// empty text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expiry(pub(crate) Option<Option<i64>>);

impl Expiry {
    /// Returns the time in milliseconds since the epoch; none for never.
    pub(crate) fn ms(self) -> Option<i64> {
        self.0.flatten()
    }
}

impl<'de> Deserialize<'de> for Expiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(Self(None));
        };
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self(Some(None)));
        }
        match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Ok(Self(Some(Some(time.timestamp_millis())))),
            Err(error) => Err(D::Error::custom(format!(
                "{error}; write a time such as `2026-12-24T18:00:00Z`"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Expiry;

    #[test]
    fn a_time_has_an_offset_and_an_empty_text_is_never() {
        let read = |json: &str| serde_json::from_str::<Expiry>(json);
        let hour = Expiry(Some(Some(3_600_000)));
        assert_eq!(read(r#""1970-01-01T01:00:00Z""#).unwrap(), hour);
        assert_eq!(read(r#""1970-01-01T02:00:00+01:00""#).unwrap(), hour);
        assert_eq!(read(r#""""#).unwrap(), Expiry(Some(None)));
        assert_eq!(read("null").unwrap(), Expiry(None));
        for wrong in [r#""tomorrow""#, r#""1970-01-01""#, "5"] {
            read(wrong).unwrap_err();
        }
    }
}
