//! The embedded files, as `build.rs` found them, and the forms that each has.

use axum::http::HeaderValue;

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The document that all of the page's addresses show.
pub(super) struct Document {
    /// A hash of its content.
    tag: &'static str,
    /// The text between the places of the server's root.
    parts: &'static [&'static str],
}

impl Document {
    /// Returns the text, with the server's root in its places.
    pub(super) fn text(&self, root: &str) -> String {
        self.parts.join(root)
    }

    /// Returns the entity tag of the text.
    pub(super) fn etag(&self, root: &str) -> String {
        format!("\"{}-{root}\"", self.tag)
    }
}

/// A file of the page, except the document.
pub(super) struct File {
    /// Its address.
    path: &'static str,
    /// A hash of its content.
    tag: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

/// A form in which a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Gzip,
    Brotli,
}

impl Encoding {
    /// As in the header `Content-Encoding`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
        }
    }
}

/// The file at an address.
pub(super) fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

impl File {
    /// The smallest form that the client accepts.
    pub(super) fn encoding<'a>(&self, accepted: impl Iterator<Item = &'a HeaderValue>) -> Encoding {
        let accepted: Vec<_> = accepted
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|one| {
                let (name, weight) = one.split_once(';').unwrap_or((one, ""));
                let refused = matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
                (!refused).then(|| name.trim().to_ascii_lowercase())
            })
            .collect();
        let takes = |encoding: Encoding| accepted.iter().any(|name| name == encoding.name());
        if self.brotli.is_some() && takes(Encoding::Brotli) {
            Encoding::Brotli
        } else if self.gzip.is_some() && takes(Encoding::Gzip) {
            Encoding::Gzip
        } else {
            Encoding::Plain
        }
    }

    pub(super) fn bytes(&self, encoding: Encoding) -> &'static [u8] {
        let compressed = match encoding {
            Encoding::Plain => None,
            Encoding::Gzip => self.gzip,
            Encoding::Brotli => self.brotli,
        };
        compressed.unwrap_or(self.plain)
    }

    /// The entity tag of one of its forms.
    pub(super) fn etag(&self, encoding: Encoding) -> String {
        format!("\"{}-{}\"", self.tag, encoding.name())
    }

    /// Files whose name has a hash never change; others are asked for each time.
    pub(super) fn caching(&self) -> &'static str {
        if self.has_hash() {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        }
    }

    /// Whether the name ends in `-` and eight characters of a hash.
    fn has_hash(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let stem = name.split('.').next().unwrap_or_default();
        stem.len()
            .checked_sub(9)
            .and_then(|at| stem.get(at..))
            .is_some_and(|end| {
                end.starts_with('-')
                    && end
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            })
    }

    pub(super) fn content_type(&self) -> &'static str {
        match self.path.rsplit('.').next().unwrap_or_default() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "json" => "application/json",
            "woff2" => "font/woff2",
            _ => "application/octet-stream",
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::{Document, Encoding, File};

    fn file(path: &'static str) -> File {
        File {
            path,
            tag: "1",
            plain: b"plain",
            gzip: Some(b"gzip"),
            brotli: Some(b"brotli"),
        }
    }

    #[test]
    fn the_smallest_accepted_form_is_sent() {
        for (accepted, expected) in [
            ("gzip, deflate, br", Encoding::Brotli),
            ("gzip", Encoding::Gzip),
            ("br;q=0, GZIP;q=0.5", Encoding::Gzip),
            ("identity", Encoding::Plain),
            ("", Encoding::Plain),
        ] {
            let header = HeaderValue::from_static(accepted);
            let file = file("/page/a.js");
            assert_eq!(file.encoding([header].iter()), expected, "{accepted}");
        }
    }

    #[test]
    fn names_with_a_hash_are_kept_forever() {
        assert!(
            file("/page/index-CecGFWOT.js")
                .caching()
                .contains("immutable")
        );
        assert!(file("/page/a-_-345678.css").caching().contains("immutable"));
        for changing in ["/page/icon.svg", "/page/short-abc.js"] {
            assert_eq!(file(changing).caching(), "no-cache", "{changing}");
        }
    }

    #[test]
    fn a_document_has_the_root_in_its_places() {
        let document = Document {
            tag: "1",
            parts: &[
                "<script src=\"",
                "page/a.js\"><link href=\"",
                "page/a.css\">",
            ],
        };
        assert_eq!(
            document.text("/push/"),
            "<script src=\"/push/page/a.js\"><link href=\"/push/page/a.css\">"
        );
        assert_ne!(document.etag("/push/"), document.etag("../"));
    }
}
