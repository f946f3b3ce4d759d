//! The failures of a call into a plugin, for every backend.

use std::time::Duration;

use crate::contract::{Capability, limits::Limit, types::Problem};

/// The failure of a call into a plugin. The text does not name the plugin,
/// because the caller knows it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The plugin has no such export.
    #[error("the plugin does not export `{0}`")]
    NotExported(Capability),
    /// The plugin lacks the grant for being called so.
    #[error(
        "denied: the plugin was not granted `{permission}`; the administrator can grant it with `mortise plugin grant`"
    )]
    Denied {
        /// The permission's name in the contract.
        permission: &'static str,
    },
    /// The plugin answered with an error of its own.
    #[error("the plugin answered: {0}")]
    Refused(String),
    /// The plugin refused the configuration.
    #[error("the configuration was rejected: {}", problems(.0))]
    Config(Vec<Problem>),
    /// The caller's request has no form in which the plugin could be given it.
    /// No fault of the plugin's, which was not called.
    #[error("the request is malformed: {0}")]
    BadRequest(String),
    /// It was not started, or was stopped.
    #[error("the plugin is stopped; start it first")]
    Stopped,
    /// It did not answer in time. A component's code was discarded; a native
    /// plugin received a cancellation.
    #[error("`{call}` did not answer within {deadline:?} and was cancelled")]
    DeadlineExceeded {
        /// The function of the contract.
        call: &'static str,
        /// The time that it had.
        deadline: Duration,
    },
    /// The instance was busy with other calls until the deadline.
    #[error("`{call}` waited {deadline:?} for earlier calls of the same instance to end")]
    Busy {
        /// The function of the contract.
        call: &'static str,
        /// The time that it waited.
        deadline: Duration,
    },
    /// As many calls of the instance are open as may be.
    #[error(
        "`{call}` was refused: {most} calls of this instance are open, as many as its limit `concurrent-calls` allows"
    )]
    TooMany {
        /// The function of the contract.
        call: &'static str,
        /// The number of calls that may be open.
        most: u32,
    },
    /// A grant that the code was using was revoked; the code was discarded.
    #[error("`{call}` was cancelled: a permission that it was using was revoked")]
    TakenBack {
        /// The function of the contract.
        call: &'static str,
    },
    /// A webhook call was ended so that the plugin's filter need not wait for
    /// it; the code behind the instance was discarded.
    #[error("`{call}` was cancelled: it kept the plugin's filter waiting")]
    Preempted {
        /// The function of the contract.
        call: &'static str,
    },
    /// The code trapped or crashed; it was discarded.
    #[error("`{call}` crashed: {cause}")]
    Crashed {
        /// The function of the contract.
        call: &'static str,
        /// The cause, in one line.
        cause: String,
        /// The guest's stack or last output, several lines; may be empty.
        details: String,
    },
    /// Its answer breaks a bound or a rule of the contract.
    #[error("`{call}` answered with {what}")]
    BadAnswer {
        /// The function of the contract.
        call: &'static str,
        /// The mistake in the answer.
        what: String,
    },
    /// It crashed again and again and is given a pause.
    #[error("the plugin keeps failing and is paused for {:?}; last: {last}", rounded_up(*retry_in))]
    BackingOff {
        /// The time until the next attempt.
        retry_in: Duration,
        /// The last failure.
        last: String,
    },
    /// The host could not bring it up, through no fault of the plugin.
    #[error("the plugin could not be started: {0}")]
    Unavailable(String),
}

/// Whole seconds, or milliseconds if it is less than one.
fn rounded_up(duration: Duration) -> Duration {
    if duration >= Duration::from_secs(1) {
        Duration::from_secs(duration.as_secs() + u64::from(duration.subsec_nanos() > 0))
    } else {
        let millis = duration.as_nanos().div_ceil(1_000_000);
        Duration::from_millis(u64::try_from(millis).unwrap_or(1000))
    }
}

impl CallError {
    /// The message, and below it the details where there are any.
    pub fn full(&self) -> String {
        match self {
            Self::Crashed { details, .. } if !details.is_empty() => format!("{self}\n{details}"),
            _ => self.to_string(),
        }
    }

    /// Returns true if the plugin was not called, or no longer, for want of a grant
    /// or of the export: no failure of the plugin's.
    pub const fn is_denial(&self) -> bool {
        matches!(
            self,
            Self::NotExported(_) | Self::Denied { .. } | Self::TakenBack { .. }
        )
    }

    /// Returns the limit that the call reached, if that is its failure and the
    /// backend does not count it itself.
    pub const fn limit(&self) -> Option<Limit> {
        match self {
            Self::DeadlineExceeded { .. } => Some(Limit::CallMs),
            Self::TooMany { .. } => Some(Limit::ConcurrentCalls),
            _ => None,
        }
    }
}

/// Problems as one line.
fn problems(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| match problem.path.as_str() {
            "" => problem.text.clone(),
            path => format!("{path}: {}", problem.text),
        })
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::rounded_up;

    #[test]
    fn a_pause_is_shown_in_whole_units() {
        for (nanos, shown) in [
            (1, "1ms"),
            (28_187_512, "29ms"),
            (1_000_000_000, "1s"),
            (1_000_000_001, "2s"),
            (59_500_000_000, "60s"),
        ] {
            assert_eq!(
                format!("{:?}", rounded_up(Duration::from_nanos(nanos))),
                shown
            );
        }
    }
}
