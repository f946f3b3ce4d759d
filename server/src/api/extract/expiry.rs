//! The time at which a message is deleted, as a sender gives it.

use chrono::DateTime;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

/// Numbers that are seconds since the epoch: from 2001 to 5138. Smaller ones are
/// durations or marks rather than times.
const SECONDS: std::ops::Range<f64> = 1e9..1e11;
/// Numbers that are milliseconds since the epoch, of the same years.
const MILLISECONDS: std::ops::Range<f64> = 1e12..1e14;

/// A time in a request: none if it is not named; within it, none for never, which is an
/// empty text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expiry(pub(crate) Option<Option<i64>>);

impl<'de> Deserialize<'de> for Expiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self(None)),
            value => read(&value)
                .map(|time| Self(Some(time)))
                .map_err(D::Error::custom),
        }
    }
}

/// A time in milliseconds since the epoch that comes with a new message. One that
/// cannot be read is never: Gotify has no such field, and a sender that means
/// something else by it must not lose its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SentExpiry(pub(crate) Option<i64>);

impl<'de> Deserialize<'de> for SentExpiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer).unwrap_or_default();
        Ok(Self(read(&value).unwrap_or_default()))
    }
}

/// Reads a time; none for never.
fn read(value: &Value) -> Result<Option<i64>, String> {
    let wrong = |cause: &str| {
        format!("{cause}; write a time such as `2026-12-24T18:00:00Z`, or seconds since 1970")
    };
    match value {
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => match DateTime::parse_from_rfc3339(text.trim()) {
            Ok(time) => Ok(Some(time.timestamp_millis())),
            Err(error) => {
                let number = text.trim().parse().ok().and_then(since_epoch);
                number.map(Some).ok_or_else(|| wrong(&error.to_string()))
            }
        },
        Value::Number(number) => number
            .as_f64()
            .and_then(since_epoch)
            .map(Some)
            .ok_or_else(|| wrong("the number is no time")),
        _ => Err(wrong("expected a text or a number")),
    }
}

fn since_epoch(number: f64) -> Option<i64> {
    let ms = if SECONDS.contains(&number) {
        number * 1000.0
    } else if MILLISECONDS.contains(&number) {
        number
    } else {
        return None;
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "both ranges are within an i64"
    )]
    Some(ms as i64)
}

#[cfg(test)]
mod tests {
    use super::{Expiry, SentExpiry};

    #[test]
    fn a_time_has_an_offset_or_is_a_number_and_an_empty_text_is_never() {
        let read = |json: &str| serde_json::from_str::<Expiry>(json);
        let sent = |json: &str| serde_json::from_str::<SentExpiry>(json).unwrap().0;
        for (text, ms) in [
            (r#""1970-01-01T01:00:00Z""#, 3_600_000),
            (r#""1970-01-01T02:00:00+01:00""#, 3_600_000),
            ("1893456000", 1_893_456_000_000),
            ("1893456000000", 1_893_456_000_000),
            ("1893456000.5", 1_893_456_000_500),
            (r#"" 1893456000 ""#, 1_893_456_000_000),
        ] {
            assert_eq!(read(text).unwrap(), Expiry(Some(Some(ms))), "{text}");
            assert_eq!(sent(text), Some(ms), "{text}");
        }
        assert_eq!(read(r#""""#).unwrap(), Expiry(Some(None)));
        assert_eq!(read("null").unwrap(), Expiry(None));
        assert_eq!((sent(r#""""#), sent("null")), (None, None));
        for wrong in [
            r#""tomorrow""#,
            r#""1970-01-01""#,
            "0",
            "3600",
            "-1",
            r#""NaN""#,
            "1e300",
            "true",
            "{}",
            "[1893456000]",
        ] {
            read(wrong).unwrap_err();
            assert_eq!(sent(wrong), None, "{wrong}");
        }
    }
}
