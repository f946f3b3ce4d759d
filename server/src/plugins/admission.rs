//! Whether a version of a plugin may run: the one place that decides.

use std::path::Path;

use mortise_runtime::{registry::Described, types::Manifest};
use serde::Serialize;

use super::Plugins;

/// A version that loads, is checked, and would run next.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    /// The server's own copy of its file, which is what would run.
    #[expect(dead_code, reason = "for checks of the file itself")]
    pub(super) file: &'a Path,
    /// What it is and asks for.
    #[expect(dead_code, reason = "for the comparison with what was granted")]
    pub(super) new: &'a Described,
    /// The manifest of the version that runs; none for a plugin that was not
    /// installed before.
    #[expect(dead_code, reason = "for the comparison with what was granted")]
    pub(super) running: Option<&'a Manifest>,
}

/// The decision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(dead_code, reason = "nothing is held back yet")]
pub(super) enum Admission {
    /// It runs.
    Run,
    /// It waits for the administrator, and what runs goes on.
    Pending(Difference),
}

/// What a version asks for beyond what was granted, for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Difference {
    /// One sentence each.
    pub lines: Vec<String>,
}

/// Decides about a version. Called with the order about the plugin under way,
/// so it must not give another one.
pub(super) async fn admit(_plugins: &Plugins, _candidate: Candidate<'_>) -> Admission {
    Admission::Run
}
