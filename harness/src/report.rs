//! The results of cases: for people, and as JUnit's XML for programs.

use std::{
    fmt::{self, Write as _},
    path::PathBuf,
    time::Duration,
};

use mortise_runtime::log::Entry;

/// A difference between the expected and the found result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field, such as `body.content.title`.
    pub field: String,
    /// The expected value.
    pub expected: String,
    /// The found value.
    pub found: String,
}

impl Difference {
    pub(crate) fn new(
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// The failure of a case.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The step and its action, such as `step 2, webhook`.
    pub at: String,
    /// The line of the case's file.
    pub line: u64,
    /// The differences, at least one.
    pub differences: Vec<Difference>,
    /// The last entries of the plugin's log.
    pub log: Vec<Entry>,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}, {}", self.line, self.at)?;
        for Difference {
            field,
            expected,
            found,
        } in &self.differences
        {
            write!(
                formatter,
                "\n  {field}\n    expected: {}\n    found:    {}",
                indented(expected),
                indented(found)
            )?;
        }
        if !self.log.is_empty() {
            formatter.write_str("\n  its log, at the end")?;
        }
        for Entry {
            level,
            source,
            text,
            ..
        } in &self.log
        {
            let level = format!("{level:?}").to_lowercase();
            let source = format!("{source:?}").to_lowercase();
            write!(formatter, "\n    {level} ({source}): {}", indented(text))?;
        }
        Ok(())
    }
}

/// Indents further lines, and removes characters that would control a terminal.
fn indented(text: &str) -> String {
    let shown: String = text
        .trim_end_matches('\n')
        .chars()
        .map(|c| {
            if c.is_control() && !matches!(c, '\n' | '\t') {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    shown.replace('\n', "\n              ")
}

/// The outcome of a case.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// All results were as expected.
    Passed,
    /// A result was not as expected.
    Failed(Box<Failure>),
    /// The case is not for this plugin, for this reason.
    Skipped(String),
}

/// A case and its outcome.
#[derive(Clone, Debug)]
pub struct Result {
    /// Its name.
    pub case: String,
    /// The file it is in.
    pub file: PathBuf,
    /// Its line in that file.
    pub line: u64,
    /// Its outcome.
    pub outcome: Outcome,
    /// Its duration.
    pub took: Duration,
}

/// The results of all cases, in order.
#[derive(Clone, Debug)]
pub struct Report {
    /// The plugin's id.
    pub plugin: String,
    /// Each case.
    pub results: Vec<Result>,
}

/// The failed cases, as text.
#[derive(Clone)]
pub struct Failed(String);

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Writes the same text for people, for `unwrap` in a test.
impl fmt::Debug for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl Report {
    /// Returns the numbers of passed, failed and skipped cases.
    pub fn counts(&self) -> [usize; 3] {
        let count = |is: fn(&Outcome) -> bool| {
            let results = self.results.iter();
            results.filter(|result| is(&result.outcome)).count()
        };
        [
            count(|outcome| matches!(outcome, Outcome::Passed)),
            count(|outcome| matches!(outcome, Outcome::Failed(_))),
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        ]
    }

    /// Succeeds if no case failed. [`Report::results`] has the reasons of
    /// skipped cases.
    ///
    /// # Errors
    ///
    /// All failures, as text for people.
    pub fn passed(&self) -> std::result::Result<(), Failed> {
        let mut text = String::new();
        for result in &self.results {
            if let Outcome::Failed(failure) = &result.outcome {
                _ = write!(
                    text,
                    "\n{} ({}): {failure}\n",
                    result.case,
                    result.file.display()
                );
            }
        }
        if text.is_empty() {
            return Ok(());
        }
        let [_, failed, _] = self.counts();
        Err(Failed(format!(
            "{failed} of {} cases failed\n{text}",
            self.results.len()
        )))
    }

    /// Returns JUnit's XML: one suite, named after the plugin.
    pub fn junit(&self) -> String {
        let [_, failed, skipped] = self.counts();
        let all: Duration = self.results.iter().map(|result| result.took).sum();
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\" time=\"{:.3}\">\n",
            escaped(&self.plugin),
            self.results.len(),
            all.as_secs_f64()
        );
        for result in &self.results {
            let Result {
                case,
                file,
                line,
                outcome,
                took,
            } = result;
            let file = file.display().to_string();
            _ = write!(
                xml,
                "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{line}\" time=\"{:.3}\"",
                escaped(case),
                escaped(&self.plugin),
                escaped(&file),
                took.as_secs_f64()
            );
            _ = match outcome {
                Outcome::Passed => writeln!(xml, "/>"),
                Outcome::Skipped(because) => writeln!(
                    xml,
                    ">\n      <skipped message=\"{}\"/>\n    </testcase>",
                    escaped(because)
                ),
                Outcome::Failed(failure) => writeln!(
                    xml,
                    ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                    escaped(&failure.at),
                    escaped(&failure.to_string())
                ),
            };
        }
        xml.push_str("  </testsuite>\n</testsuites>\n");
        xml
    }
}

/// Escapes a text for XML and removes characters that XML cannot express.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{Difference, Failure, Outcome, Report, Result};

    fn report() -> Report {
        let result = |case: &str, outcome| Result {
            case: case.to_owned(),
            file: "cases/a.yaml".into(),
            line: 3,
            outcome,
            took: std::time::Duration::from_millis(1500),
        };
        let failure = Failure {
            at: "step 1, webhook".to_owned(),
            line: 5,
            differences: vec![Difference::new("body", "<a>", "b\n\u{1}c")],
            log: Vec::new(),
        };
        Report {
            plugin: "org.example.\"a\"".to_owned(),
            results: vec![
                result("one & one", Outcome::Passed),
                result("two", Outcome::Failed(Box::new(failure))),
                result("three", Outcome::Skipped("not here".to_owned())),
            ],
        }
    }

    #[test]
    fn what_failed_is_told_with_what_was_found() {
        assert_eq!(report().counts(), [1, 1, 1]);
        let text = format!("{:?}", report().passed().unwrap_err());
        assert_eq!(
            text,
            "1 of 3 cases failed\n\ntwo (cases/a.yaml): line 5, step 1, webhook\n  body\n    \
             expected: <a>\n    found:    b\n              \u{fffd}c\n"
        );
    }

    #[test]
    fn junit_is_well_formed_whatever_the_texts() {
        let xml = report().junit();
        for part in [
            r#"<testsuite name="org.example.&quot;a&quot;" tests="3" failures="1" errors="0" skipped="1" time="4.500">"#,
            r#"<testcase name="one &amp; one" classname="org.example.&quot;a&quot;" file="cases/a.yaml" line="3" time="1.500"/>"#,
            r#"<skipped message="not here"/>"#,
            "expected: &lt;a&gt;&#10;",
        ] {
            assert!(xml.contains(part), "{part} in {xml}");
        }
        assert!(!xml.contains('\u{1}'));
    }
}
