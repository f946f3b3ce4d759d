//! The differences that are on purpose, from `intended.toml`, each with its reason.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::Difference;

const LIST: &str = include_str!("intended.toml");

/// All of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Intended {
    difference: Vec<Entry>,
}

/// A kind of difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The request's name; `*` stands for any text.
    request: String,
    /// The part of the answer; `*` stands for any text.
    part: String,
    /// The value in Gotify; absent for any.
    gotify: Option<String>,
    /// The value in Mortise; absent for any.
    mortise: Option<String>,
    /// True for one that depends on time, so that it may be absent.
    #[serde(default)]
    sometimes: bool,
    /// The reason, for the reader.
    reason: String,
    #[serde(skip)]
    used: bool,
}

impl Intended {
    pub(super) fn read() -> Result<Self> {
        toml::from_str(LIST).context("xtask/src/compare/intended.toml is malformed")
    }

    /// Returns true for a difference that is on purpose.
    pub(super) fn has(&mut self, difference: &Difference) -> bool {
        let mut entries = self.difference.iter_mut();
        let found = entries.find(|entry| entry.matches(difference));
        if let Some(entry) = found {
            entry.used = true;
            return true;
        }
        false
    }

    /// The entries that no difference had.
    pub(super) fn unused(&self) -> Vec<String> {
        let entries = self
            .difference
            .iter()
            .filter(|entry| !entry.used && !entry.sometimes);
        entries
            .map(|entry| format!("`{}`, {} ({})", entry.request, entry.part, entry.reason))
            .collect()
    }
}

impl Entry {
    fn matches(&self, difference: &Difference) -> bool {
        let is = |expected: &Option<String>, found: &str| {
            expected
                .as_deref()
                .is_none_or(|pattern| fits(pattern, found))
        };
        fits(&self.request, &difference.step)
            && fits(&self.part, &difference.part)
            && is(&self.gotify, &difference.gotify)
            && is(&self.mortise, &difference.ours)
    }
}

/// Returns true if a text is as a pattern, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    (0..=text.len()).any(|at| text.get(at..).is_some_and(|text| fits(rest, text)))
}

#[cfg(test)]
mod tests {
    use super::{Intended, fits};

    #[test]
    fn patterns_and_reasons() {
        assert!(fits("a*c*", "abcd") && fits("*", "") && fits("a", "a"));
        assert!(!fits("a*c", "abcd") && !fits("a", "ab"));
        for entry in Intended::read().unwrap().difference {
            assert!(entry.reason.len() > 20, "{}", entry.request);
        }
    }
}
