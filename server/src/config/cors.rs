//! Settings for pages of other origins.

use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use regex::{Regex, RegexBuilder};

/// Settings for pages of other origins: none may use the API unless an origin is
/// named.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Cors {
    /// Origin whose pages may use the API, such as `https://dash.example.org`;
    /// `*` stands for any characters but a slash. `regex:` begins a regular expression
    /// that matches whole origins, with `%2C` for a comma. May be repeated or
    /// separated by commas.
    #[arg(
        long = "cors-origin",
        env = "MORTISE_CORS_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub origins: Vec<OriginPattern>,

    /// Methods that those pages may use.
    #[arg(
        long = "cors-method",
        env = "MORTISE_CORS_METHODS",
        value_name = "METHOD",
        value_delimiter = ',',
        default_value = "GET,HEAD,POST,PUT,DELETE"
    )]
    pub methods: Vec<Method>,

    /// Request headers that those pages may set.
    #[arg(
        long = "cors-header",
        env = "MORTISE_CORS_HEADERS",
        value_name = "HEADER",
        value_delimiter = ',',
        default_value = "authorization,content-type,x-gotify-key"
    )]
    pub headers: Vec<HeaderName>,
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            methods: vec![
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::DELETE,
            ],
            headers: vec![
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                HeaderName::from_static("x-gotify-key"),
            ],
        }
    }
}

impl Cors {
    /// The origin of a request, if its pages may use the API.
    pub fn allowed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        let allowed = self.origins.iter().any(|pattern| pattern.matches(text));
        allowed.then_some(origin)
    }

    /// Whether a request comes from a page that may use the API.
    pub fn allows(&self, headers: &HeaderMap) -> bool {
        self.allowed(headers).is_some()
    }
}

/// The longest regular expression of origins, in bytes.
const EXPRESSION_BYTES: usize = 1024;
/// The memory for a compiled regular expression, in bytes.
const COMPILED_BYTES: usize = 1 << 20;

/// An origin, or a pattern of origins.
#[derive(Clone, Debug)]
pub struct OriginPattern {
    text: String,
    /// Matches whole origins.
    expression: Option<Regex>,
}

impl PartialEq for OriginPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for OriginPattern {}

impl OriginPattern {
    fn matches(&self, origin: &str) -> bool {
        fn rest(pattern: &str, origin: &str) -> bool {
            match pattern.split_once('*') {
                None => pattern.eq_ignore_ascii_case(origin),
                Some((start, pattern)) => {
                    let Some((head, tail)) = origin.split_at_checked(start.len()) else {
                        return false;
                    };
                    let free = tail.find('/').unwrap_or(tail.len());
                    head.eq_ignore_ascii_case(start)
                        && (0..=free).any(|skipped| {
                            tail.split_at_checked(skipped)
                                .is_some_and(|(_, tail)| rest(pattern, tail))
                        })
                }
            }
        }
        match &self.expression {
            Some(expression) => expression.is_match(origin),
            None => self.text == "*" || rest(&self.text, origin),
        }
    }
}

impl FromStr for OriginPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(expression) = text.strip_prefix("regex:") {
            return Ok(Self {
                text: text.to_owned(),
                expression: Some(whole(expression)?),
            });
        }
        let wrong = || {
            format!(
                "`{text}` is not an origin: write one as https://dash.example.org, \
                 https://*.example.org, * or regex:EXPRESSION"
            )
        };
        let host = text.split_once("://").map(|(_, host)| host);
        let is_origin = host.is_some_and(|host| !host.is_empty() && !host.contains('/'))
            && text.matches('*').count() <= 2
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        (text == "*" || is_origin)
            .then(|| Self {
                text: text.to_owned(),
                expression: None,
            })
            .ok_or_else(wrong)
    }
}

/// A regular expression that matches whole origins, in any case. Commas separate
/// settings, so that `%2C` stands for one.
fn whole(expression: &str) -> Result<Regex, String> {
    if expression.len() > EXPRESSION_BYTES {
        return Err(format!(
            "a regular expression of origins has at most {EXPRESSION_BYTES} bytes"
        ));
    }
    let expression = expression.replace("%2C", ",");
    // On its own first: a parenthesis must not end the group around it.
    let compile = |expression: &str| {
        RegexBuilder::new(expression)
            .case_insensitive(true)
            .size_limit(COMPILED_BYTES)
            .build()
            .map_err(|error| format!("`{expression}` is not a regular expression: {error}"))
    };
    compile(&expression)?;
    compile(&format!("^(?:{expression})$"))
}

#[cfg(test)]
mod tests {
    use super::OriginPattern;

    #[test]
    fn origins_match_their_patterns() {
        for (pattern, matching, others) in [
            (
                "https://a.example",
                &["https://a.example", "https://A.example"][..],
                &["http://a.example", "https://a.example:8443", "null"][..],
            ),
            (
                "https://*.example.org",
                &["https://x.example.org", "https://x.y.example.org"],
                &[
                    "https://example.org",
                    "https://x.example.org.evil.example",
                    "http://x.example.org",
                ],
            ),
            (
                "http://localhost:*",
                &["http://localhost:3000"],
                &["http://localhost.evil.example", "http://localhost"],
            ),
            ("*", &["https://a.example", "null"], &[]),
            (
                r"regex:https?://(www\.)?x\.org(:\d{1%2C5})?",
                &["http://x.org", "https://WWW.x.org", "https://x.org:8443"],
                &[
                    "https://wwwxx.org",
                    "https://x.org.evil.example",
                    "https://evil.example/https://x.org",
                ],
            ),
            (
                "regex:https://a|https://b",
                &["https://a", "https://b"],
                &["https://ab", "https://c", "xhttps://b"],
            ),
        ] {
            let parsed: OriginPattern = pattern.parse().unwrap();
            for origin in matching {
                assert!(parsed.matches(origin), "{pattern} {origin}");
            }
            for origin in others {
                assert!(!parsed.matches(origin), "{pattern} {origin}");
            }
        }
    }

    #[test]
    fn only_origins_are_accepted() {
        for wrong in [
            "",
            "example.org",
            "https://",
            "https://a.example/path",
            "a*",
        ] {
            let error = wrong.parse::<OriginPattern>().unwrap_err();
            assert!(error.contains("is not an origin"), "{error}");
        }
        let long = format!("regex:{}", "a".repeat(2000));
        for wrong in ["regex:(", "regex:)|(", r"regex:(\w{500}){500}", &long] {
            let error = wrong.parse::<OriginPattern>().unwrap_err();
            assert!(error.contains("regular expression"), "{error}");
        }
    }
}
