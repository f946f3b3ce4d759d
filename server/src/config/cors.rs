//! Settings for pages of other origins.

use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Settings for pages of other origins: none may use the API unless an origin is
/// named.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Cors {
    /// Origin whose pages may use the API, such as `https://dash.example.org`;
    /// `*` stands for any characters but a slash. May be repeated or separated by
    /// commas.
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

/// An origin, or a pattern of origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPattern(String);

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
        self.0 == "*" || rest(&self.0, origin)
    }
}

impl FromStr for OriginPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || {
            format!(
                "`{text}` is not an origin: write one as https://dash.example.org, \
                 https://*.example.org or *"
            )
        };
        let host = text.split_once("://").map(|(_, host)| host);
        let is_origin = host.is_some_and(|host| !host.is_empty() && !host.contains('/'))
            && text.matches('*').count() <= 2
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        (text == "*" || is_origin)
            .then(|| Self(text.to_owned()))
            .ok_or_else(wrong)
    }
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
    }
}
