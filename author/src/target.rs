//! The platform of an executable, by the names that registries and Go use.

use std::fmt;

/// A platform to build an executable for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The system, such as `linux`.
    pub os: String,
    /// The processor, such as `amd64`.
    pub architecture: String,
}

/// The platforms of Rust's programs. On Linux, programs of musl run on every system.
const TRIPLES: [(&str, &str, &str); 6] = [
    ("linux", "amd64", "x86_64-unknown-linux-musl"),
    ("linux", "arm64", "aarch64-unknown-linux-musl"),
    ("linux", "arm", "armv7-unknown-linux-musleabihf"),
    ("darwin", "amd64", "x86_64-apple-darwin"),
    ("darwin", "arm64", "aarch64-apple-darwin"),
    ("windows", "amd64", "x86_64-pc-windows-gnu"),
];

impl Target {
    /// The platform as rustc names it; none if Rust's build does not know it.
    pub(crate) fn triple(&self) -> Option<&'static str> {
        let found = TRIPLES
            .iter()
            .find(|(os, architecture, _)| self.os == *os && self.architecture == *architecture);
        found.map(|(_, _, triple)| *triple)
    }

    /// The end of an executable's name.
    pub(crate) fn suffix(&self) -> &'static str {
        if self.os == "windows" { ".exe" } else { "" }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)
    }
}
