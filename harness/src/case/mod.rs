//! Cases, and reading them from YAML.
//!
//! - this module: files and their documents.
//! - `variables`: names such as `${dir}`, whose values are known when the case
//!   runs.
//! - `plan`: the setup of the plugin.
//! - `step`: the steps.
//! - `expect`: the expected results.
//! - `values`: texts, bytes and lists as people write them.
//!
//! Nothing here runs a plugin. Reading a file finds every mistake in it and
//! reports file and line.

pub(crate) mod expect;
pub(crate) mod plan;
pub(crate) mod step;
pub(crate) mod values;
mod variables;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use self::plan::{Plan, Skip};
pub(crate) use self::variables::Variables;

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    name: String,
    file: PathBuf,
    line: u64,
    source: String,
    skip: Vec<Skip>,
}

/// An error in a file of cases.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// The file or folder cannot be read.
    #[error("{} cannot be read: {error}; name a file of cases, or a folder that has some", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        error: std::io::Error,
    },
    /// There are no cases.
    #[error("{} has no cases: write some in a file whose name ends in .yaml", .0.display())]
    None(PathBuf),
    /// The text is not a case.
    #[error("{}:{line}: {what}", file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// The line in it, from 1.
        line: u64,
        /// The mistake and the case.
        what: String,
    },
}

/// The longest file of cases, in bytes.
const LONGEST: u64 = 16 << 20;

impl Case {
    /// Reads all cases of a file, or of the files in a folder with names that
    /// end in `.yaml` or `.yml`, in the order of their names.
    ///
    /// # Errors
    ///
    /// The first [`CaseError`].
    pub fn load(path: &Path) -> Result<Vec<Self>, CaseError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |error| CaseError::Read { path, error }
        };
        let mut files = Vec::new();
        if path.is_dir() {
            for entry in path.read_dir().map_err(unreadable(path))? {
                let file = entry.map_err(unreadable(path))?.path();
                if file
                    .extension()
                    .is_some_and(|end| end == "yaml" || end == "yml")
                {
                    files.push(file);
                }
            }
            files.sort();
        } else {
            files.push(path.to_owned());
        }
        let mut cases = Vec::new();
        for file in files {
            let size = file.metadata().map_err(unreadable(&file))?.len();
            if size > LONGEST {
                return Err(CaseError::Wrong {
                    file,
                    line: 1,
                    what: format!("the file has {size} bytes; at most {LONGEST} are read"),
                });
            }
            let text = std::fs::read_to_string(&file).map_err(unreadable(&file))?;
            cases.extend(Self::parse(&file, &text)?);
        }
        if cases.is_empty() {
            return Err(CaseError::None(path.to_owned()));
        }
        let mut names: HashMap<&str, &Self> = HashMap::new();
        for case in &cases {
            if let Some(other) = names.insert(&case.name, case) {
                return Err(case.wrong(format!(
                    "the name `{}` belongs to the case in {}:{}; choose another",
                    case.name,
                    other.file.display(),
                    other.line
                )));
            }
        }
        Ok(cases)
    }

    /// Reads the cases in a file's text: YAML documents separated by `---`.
    ///
    /// # Errors
    ///
    /// The first [`CaseError::Wrong`].
    pub fn parse(file: &Path, text: &str) -> Result<Vec<Self>, CaseError> {
        documents(text)
            .into_iter()
            .map(|(before, source)| {
                let mut case = Self {
                    name: String::new(),
                    file: file.to_owned(),
                    line: before + first_line(source),
                    source: "\n".repeat(usize::try_from(before).unwrap_or(0)) + source,
                    skip: Vec::new(),
                };
                let plan = case.plan(&Variables::placeholders())?;
                case.name = plan.name;
                case.skip = plan.skip;
                Ok(case)
            })
            .collect()
    }

    /// Its name, which every failure reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file it is in.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Its first line in the file, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The reason for which it does not apply to plugins of this language and
    /// backend, if there is one.
    pub(crate) fn skipped(
        &self,
        language: Option<&str>,
        backend: mortise_runtime::Backend,
    ) -> Option<&str> {
        let skip = self
            .skip
            .iter()
            .find(|skip| skip.applies(language, backend));
        skip.map(|skip| skip.because.as_str())
    }

    /// Returns its content, with the values of this run.
    pub(crate) fn plan(&self, variables: &Variables) -> Result<Plan, CaseError> {
        let source = variables
            .fill(&self.source)
            .map_err(|(line, what)| self.wrong_at(line, what))?;
        let plan: Plan = serde_saphyr::from_str(&source).map_err(|error| {
            let line = error
                .location()
                .map_or(self.line, |location| location.line());
            self.wrong_at(line, error.without_snippet().to_string())
        })?;
        plan.check()
            .map_err(|(line, what)| self.wrong_at(line.unwrap_or(self.line), what))?;
        Ok(plan)
    }

    fn wrong(&self, what: String) -> CaseError {
        self.wrong_at(self.line, what)
    }

    fn wrong_at(&self, line: u64, what: String) -> CaseError {
        CaseError::Wrong {
            file: self.file.clone(),
            line,
            what,
        }
    }
}

/// Returns the documents of a file that are not empty, each with the number of
/// lines before it.
fn documents(text: &str) -> Vec<(u64, &str)> {
    let mut documents = Vec::new();
    let (mut begin, mut before) = (0, 0);
    let (mut at, mut lines) = (0, 0);
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        lines += 1;
        if line.trim_end() == "---" {
            documents.push((before, text.get(begin..at).unwrap_or_default()));
            (begin, before) = (end, lines);
        }
        at = end;
    }
    documents.push((before, text.get(begin..).unwrap_or_default()));
    documents.retain(|(_, source)| source.lines().any(says_something));
    documents
}

fn says_something(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

/// Returns the number, from 1, of the first line with content.
fn first_line(source: &str) -> u64 {
    let before = source.lines().take_while(|line| !says_something(line));
    before.count() as u64 + 1
}

#[cfg(test)]
mod tests;
