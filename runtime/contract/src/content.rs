//! The rules for the content of a message. Every host checks it where a message
//! enters: from a sender, from a filter, and from a plugin that sends.

use crate::types::Content;

/// The rule that a message's content breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The body is empty.
    #[error("an empty body")]
    EmptyBody,
    /// Title, body and extras together are too long.
    #[error("a message of {bytes} bytes, more than {most}")]
    TooLong {
        /// Their length in bytes.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// The extras are something else than a JSON object.
    #[error("extras that are not a JSON object{}", position(.0.as_ref()))]
    Extras(Option<String>),
}

fn position(error: Option<&String>) -> String {
    error.map_or_else(String::new, |error| format!(": {error}"))
}

impl Content {
    /// Checks the content, which may have `most` bytes.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks.
    pub fn check(&self, most: usize) -> Result<(), ContentError> {
        let bytes = self.bytes();
        if bytes > most {
            return Err(ContentError::TooLong { bytes, most });
        }
        if self.body.is_empty() {
            return Err(ContentError::EmptyBody);
        }
        self.extras.as_deref().map_or(Ok(()), check_extras)
    }

    /// Returns the length of title, body and extras together.
    pub fn bytes(&self) -> usize {
        self.title.len() + self.body.len() + self.extras.as_ref().map_or(0, String::len)
    }
}

/// Checks that extras are a JSON object, however deep.
///
/// # Errors
///
/// [`ContentError::Extras`].
pub fn check_extras(extras: &str) -> Result<(), ContentError> {
    if !extras.trim_start().starts_with('{') {
        return Err(ContentError::Extras(None));
    }
    // Read without recursion: extras may be nested deeper than values that
    // `serde_json` builds.
    match serde_json::from_str::<serde::de::IgnoredAny>(extras) {
        Ok(_) => Ok(()),
        Err(error) => Err(ContentError::Extras(Some(error.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    use super::ContentError;
    use crate::types::Content;

    fn content() -> Content {
        Content {
            title: "title".to_owned(),
            body: "body".to_owned(),
            priority: 5,
            extras: Some("{}".to_owned()),
        }
    }

    #[test]
    fn content_is_checked_field_by_field() {
        content().check(11).unwrap();
        let with = |change: fn(&mut Content)| {
            let mut content = content();
            change(&mut content);
            content.check(100).unwrap_err()
        };
        assert_eq!(with(|c| c.body.clear()), ContentError::EmptyBody);
        for error in [
            with(|c| c.title = "x".repeat(95)),
            with(|c| c.body = "x".repeat(94)),
            with(|c| c.extras = Some("x".repeat(92))),
        ] {
            assert_eq!(
                error,
                ContentError::TooLong {
                    bytes: 101,
                    most: 100
                }
            );
        }
        assert_eq!(
            with(|c| c.extras = Some("[1]".into())),
            ContentError::Extras(None)
        );
        let broken = with(|c| c.extras = Some("{\"a\":}".into())).to_string();
        assert!(
            broken.contains("not a JSON object: ") && broken.contains("line 1"),
            "{broken}"
        );
    }

    #[test]
    fn extras_may_be_nested_deeply() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        let content = Content {
            extras: Some(deep),
            ..content()
        };
        content.check(20_000).unwrap();
    }
}
