//! The meaning of a plugin's failure for the caller.

use mortise_runtime::{CallError, limits};

use super::Limit;
use mortise_protocol::message::{Failure, FailureKind};

/// Converts a plugin's failure for the caller.
pub(super) fn answered(call: &'static str, failure: Failure, limit: Limit) -> CallError {
    let Failure {
        kind,
        text,
        problems,
        details,
    } = failure;
    let cut = |text: &str, most: usize| {
        text.get(..text.floor_char_boundary(most))
            .unwrap_or_default()
            .to_owned()
    };
    match kind {
        FailureKind::Problems if !problems.is_empty() => CallError::Config(problems),
        FailureKind::Crashed => CallError::Crashed {
            call,
            cause: cut(&text, limits::REASON_BYTES),
            details: cut(&details, limits::LOG_ENTRY_BYTES),
        },
        FailureKind::Cancelled => limit.exceeded(),
        FailureKind::UnknownMethod | FailureKind::UnknownInstance | FailureKind::Invalid => {
            CallError::BadAnswer {
                call,
                what: format!(
                    "`{}`, though it said that it can do this",
                    cut(&text, limits::REASON_BYTES)
                ),
            }
        }
        _ => CallError::Refused(cut(&text, limits::REASON_BYTES)),
    }
}
