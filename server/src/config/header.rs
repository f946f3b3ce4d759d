//! Headers that the server adds to its responses.

use std::str::FromStr;

use axum::http::{HeaderName, HeaderValue};

/// A header that is added to each response, written as `Name: value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHeader {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
}

impl FromStr for ResponseHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no header: write one as `X-Frame-Options: DENY`");
        let (name, value) = text.split_once(':').ok_or_else(wrong)?;
        Ok(Self {
            name: name.trim().parse().map_err(|_| wrong())?,
            value: value.trim().parse().map_err(|_| wrong())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ResponseHeader;

    #[test]
    fn headers_are_read() {
        let header: ResponseHeader = "X-Frame-Options: DENY".parse().unwrap();
        assert_eq!(header.name, "x-frame-options");
        assert_eq!(header.value, "DENY");
        for wrong in ["", "X-Frame-Options", "a b: c", ": c", "a: b\nc"] {
            assert!(wrong.parse::<ResponseHeader>().is_err(), "{wrong}");
        }
    }
}
