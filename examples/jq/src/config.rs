//! The configuration in the user's form.

use std::collections::BTreeMap;

use jq_program::{Code, Programs};
use mortise_plugin::prelude::*;

/// The programs that change your messages.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// A jq program for each application, by its exact name; `*` is for all
    /// others.
    pub(crate) applications: BTreeMap<String, Code>,
}

impl Config {
    /// Compiles all programs, or reports all their mistakes.
    pub(crate) fn compile(self) -> Result<Programs, Vec<Problem>> {
        Programs::compile("applications", self.applications)
    }
}
