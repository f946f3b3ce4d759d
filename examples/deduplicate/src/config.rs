//! The configuration in the user's form.

use mortise_plugin::prelude::*;

/// The repeated messages that are dropped.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The time in minutes in which an equal message is dropped, after one that
    /// passed.
    #[schemars(range(min = 1, max = 1440))]
    pub(crate) minutes: u64,
    /// True to add the number of dropped messages to the next equal message that
    /// passes.
    pub(crate) count: bool,
    /// Only messages of these applications are compared. Without any, all are.
    pub(crate) applications: Vec<String>,
    /// Messages from this priority on always pass. 11 compares all messages.
    #[schemars(range(min = 0, max = 11))]
    pub(crate) always_from: i32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            minutes: 10,
            count: true,
            applications: Vec::new(),
            always_from: 11,
        }
    }
}

impl Config {
    /// Checks the rules that the type cannot express.
    pub(crate) fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        if !(1..=1440).contains(&self.minutes) {
            problems.push(Problem::new("minutes", "write a number from 1 to 1440"));
        }
        if !(0..=11).contains(&self.always_from) {
            problems.push(Problem::new("always_from", "write a number from 0 to 11"));
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    /// The time in which an equal message is dropped.
    pub(crate) const fn window_ms(&self) -> u64 {
        self.minutes * 60_000
    }

    /// True if a message is compared with earlier ones.
    pub(crate) fn applies(&self, draft: &Draft) -> bool {
        draft.content.priority < self.always_from
            && (self.applications.is_empty() || self.applications.contains(&draft.application.name))
    }
}
