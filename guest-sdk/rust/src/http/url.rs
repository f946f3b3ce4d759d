//! The parts of a URL that a request needs. The module splits and joins the
//! text and does not resolve host names: the plugin's host judges the same
//! text.

use std::fmt;

use crate::types::Error;

/// An absolute `http` or `https` URL, without user and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// True for TLS.
    pub(crate) tls: bool,
    /// The host, and the port if there is one.
    pub(crate) authority: String,
    /// From the first slash on, query included.
    pub(crate) path: String,
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |why| {
            Err(Error::Invalid(format!(
                "`{text}` is not a URL to call: {why}"
            )))
        };
        let Some((scheme, rest)) = text.split_once("://") else {
            return invalid("it does not begin with `http://` or `https://`");
        };
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return invalid("the scheme is neither http nor https"),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.is_empty() || authority.starts_with(':') {
            return invalid("the host is missing");
        }
        if authority.contains('@') {
            return invalid("put user and password into the header `authorization`");
        }
        if !authority
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte))
        {
            return invalid("the host has a character that host names do not have");
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            tls,
            authority: authority.to_ascii_lowercase(),
            path: escape(&format!("{slash}{path}")),
        })
    }

    /// Returns the target of a `Location` header.
    pub(crate) fn join(&self, target: &str) -> Result<Self, Error> {
        let target = target.trim();
        let scheme = self.scheme();
        let path_end = self.path.find('?').unwrap_or(self.path.len());
        let (path, _) = self.path.split_at_checked(path_end).unwrap_or_default();
        let Self { authority, .. } = self;
        // A colon before any slash or question mark ends a scheme.
        let has_scheme = target
            .find([':', '/', '?', '#'])
            .is_some_and(|at| target[at..].starts_with(':'));
        if has_scheme {
            Self::parse(target)
        } else if target.starts_with("//") {
            Self::parse(&format!("{scheme}:{target}"))
        } else if target.starts_with('/') {
            Self::parse(&format!("{scheme}://{authority}{target}"))
        } else if target.is_empty() || target.starts_with('#') {
            Ok(self.clone())
        } else if target.starts_with('?') {
            Self::parse(&format!("{scheme}://{authority}{path}{target}"))
        } else {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            Self::parse(&format!("{scheme}://{authority}{folder}/{target}"))
        }
        .map(Self::without_dots)
    }

    /// Resolves `.` and `..` in the path.
    fn without_dots(mut self) -> Self {
        let (path, query) = match self.path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.path.as_str(), None),
        };
        let mut kept: Vec<&str> = Vec::new();
        let mut segments = path.split('/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            let last = segments.peek().is_none();
            match segment {
                "." | ".." => {
                    if segment == ".." {
                        kept.pop();
                    }
                    if last {
                        kept.push("");
                    }
                }
                segment => kept.push(segment),
            }
        }
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        self.path = format!("/{}{query}", kept.join("/"));
        self
    }

    pub(crate) const fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// Returns the parts that must be equal for credentials to be sent.
    pub(crate) fn origin(&self) -> (bool, &str) {
        let default = if self.tls { ":443" } else { ":80" };
        let authority = self.authority.strip_suffix(default);
        (self.tls, authority.unwrap_or(&self.authority))
    }
}

/// Escapes characters that a request line cannot have.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!' | b'#'..=b';' | b'=' | b'?'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}://{}{}",
            self.scheme(),
            self.authority,
            self.path
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn parses_and_prints() {
        for (text, expected) in [
            ("http://a.example", "http://a.example/"),
            (
                "HTTPS://A.example:8443?x=1#y",
                "https://a.example:8443/?x=1",
            ),
            ("http://[::1]:80/ä b", "http://[::1]:80/%C3%A4%20b"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn joins_as_browsers_do() {
        let base = Url::parse("http://a.example/b/c?d").unwrap();
        for (target, expected) in [
            ("https://x.example/y", "https://x.example/y"),
            ("//x.example/y", "http://x.example/y"),
            ("/y?z", "http://a.example/y?z"),
            ("y", "http://a.example/b/y"),
            ("../y", "http://a.example/y"),
            ("../../..", "http://a.example/"),
            ("./", "http://a.example/b/"),
            ("?q=a:b", "http://a.example/b/c?q=a:b"),
            ("#part", "http://a.example/b/c?d"),
        ] {
            assert_eq!(base.join(target).unwrap().to_string(), expected, "{target}");
        }
        assert!(base.join("javascript:alert(1)").is_err());
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, why) in [
            ("a.example", "does not begin with"),
            ("ftp://a.example", "neither http nor https"),
            ("http:///x", "the host is missing"),
            ("http://u:p@a.example", "user and password"),
            ("http://a\r\nb/", "a character that host names do not have"),
        ] {
            let error = Url::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_default_port_is_the_same_origin() {
        let origin = |text| Url::parse(text).unwrap();
        assert_eq!(
            origin("http://a.example:80").origin(),
            origin("http://a.example/x").origin()
        );
        assert_ne!(
            origin("http://a.example").origin(),
            origin("https://a.example").origin()
        );
    }
}
