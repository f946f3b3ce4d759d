//! Findings about the limits that a user's instance has reached. A native
//! plugin's memory is not among them: the system denies memory to its process,
//! which handles that itself.

use mortise_runtime::{Limits, guard::Reached, limits::Limit};

use super::{super::time::rfc3339, Condition, Finding, is_recent};

/// The share of its storage after which a plugin is reported, in percent.
const NEARLY_FULL: u64 = 95;

/// An instance's usage.
pub(super) struct Used<'a> {
    /// Keys and values it keeps, in bytes.
    pub(super) stored: u64,
    /// Lines of its log that are gone.
    pub(super) lines_gone: u64,
    /// The limits that it reached.
    pub(super) reached: &'a [Reached],
}

/// Returns the findings of one instance. A limit that was reached some time
/// ago, or that stops nothing, is only a notice.
pub(super) fn of_limits(id: &str, limits: &Limits, used: &Used<'_>) -> Vec<Finding> {
    let finding = |limit: Limit, found: String| {
        let fix = format!(
            "if that is too little: mortise plugin grant {id} --limit {}=NUMBER",
            limit.name()
        );
        Condition::LimitReached.finding(found, fix)
    };
    let mut findings = Vec::new();
    let (stored, quota) = (used.stored, limits.storage_bytes);
    let full = stored.saturating_mul(100) >= quota.saturating_mul(NEARLY_FULL);
    if full {
        let found = format!("it stores {stored} bytes of the {quota} it may");
        findings.push(finding(Limit::StorageBytes, found));
    }
    if used.lines_gone > 0 {
        let found = format!(
            "its log has grown to the {} bytes it may have: {} lines, the oldest, are gone",
            limits.log_bytes, used.lines_gone
        );
        findings.push(finding(Limit::LogBytes, found).into_notice());
    }
    for reached in used.reached {
        let limit = reached.limit;
        let most = limit.of(limits);
        let Some(what) = what(limit, most).filter(|_| !(full && limit == Limit::StorageBytes))
        else {
            continue;
        };
        let last = i64::try_from(reached.last_ms).unwrap_or(0);
        let found = format!(
            "{what}: {} times, the last at {}",
            reached.count,
            rfc3339(last)
        );
        let finding = finding(limit, found);
        let harmless = limit == Limit::WebhookBodyBytes || !is_recent(last);
        findings.push(if harmless {
            finding.into_notice()
        } else {
            finding
        });
    }
    findings
}

/// Describes a reached limit; none for one that is reported elsewhere.
fn what(limit: Limit, most: u64) -> Option<String> {
    Some(match limit {
        Limit::MemoryBytes => format!("it needed more than the {most} bytes of memory it may have"),
        Limit::CallMs => format!("a call did not end within the {most} ms it may take"),
        Limit::ConcurrentCalls => {
            format!("a call was refused, for as many were open as may be, {most}")
        }
        Limit::StorageBytes => format!("it wanted to store more than the {most} bytes it may"),
        Limit::MessagesPerMinute => {
            format!("it wanted to send more than the {most} messages a minute it may")
        }
        Limit::WritesPerMinute => {
            format!(
                "it wanted more than the {most} changes of storage, timers and messages a minute \
                 it may make"
            )
        }
        Limit::WebhookBodyBytes => {
            format!("a request to its webhook had more than the {most} bytes it may have")
        }
        Limit::Timers => format!("it wanted more timers than the {most} it may have"),
        Limit::Handles => {
            format!(
                "it held more of the host's streams, headers and requests than the {most} it may"
            )
        }
        Limit::OpenFiles => format!("it wanted more open files than the {most} it may have"),
        Limit::OpenRequests => {
            format!("it wanted more requests under way to the outside than the {most} it may have")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use mortise_runtime::{Limits, guard::Denials, limits::Limit};

    use super::{Used, of_limits};
    use crate::doctor::Severity;

    fn of(stored: u64, lines_gone: u64, reached: &[Limit]) -> Vec<(Severity, String, String)> {
        let limits = Limits {
            storage_bytes: 100,
            ..Limits::default()
        };
        let denials = Denials::default();
        for limit in reached {
            denials.reach(*limit);
        }
        let used = Used {
            stored,
            lines_gone,
            reached: &denials.reached(),
        };
        let findings = of_limits("a.b", &limits, &used).into_iter();
        findings.map(|f| (f.severity, f.found, f.fix)).collect()
    }

    #[test]
    fn each_limit_is_told_with_the_setting_that_moves_it() {
        assert_eq!(of(94, 0, &[]), []);
        for (limit, says) in [
            (Limit::MemoryBytes, "134217728 bytes of memory"),
            (Limit::CallMs, "within the 10000 ms"),
            (Limit::ConcurrentCalls, "as many were open as may be, 1024"),
            (Limit::StorageBytes, "more than the 100 bytes"),
            (Limit::MessagesPerMinute, "120 messages a minute"),
            (Limit::WritesPerMinute, "than the 6000 changes"),
            (Limit::Timers, "more timers than the 32"),
            (Limit::Handles, "requests than the 1024"),
            (Limit::OpenFiles, "open files than the 64"),
            (Limit::OpenRequests, "the outside than the 32"),
        ] {
            let found = of(0, 0, &[limit, limit]);
            let [(Severity::Problem, text, fix)] = found.as_slice() else {
                panic!("{limit:?}: {found:?}");
            };
            assert!(text.contains(says) && text.contains(": 2 times"), "{text}");
            let setting = format!("mortise plugin grant a.b --limit {}=", limit.name());
            assert!(fix.contains(&setting), "{fix}");
        }
    }

    #[test]
    fn what_stops_nothing_is_no_problem_and_full_storage_is_told_once() {
        let cut = of(0, 3, &[]);
        assert_eq!((cut.len(), cut[0].0), (1, Severity::Notice));
        assert!(cut[0].1.contains("3 lines"), "{cut:?}");
        let sent = of(0, 0, &[Limit::WebhookBodyBytes]);
        assert_eq!((sent.len(), sent[0].0), (1, Severity::Notice));
        let full = of(95, 0, &[Limit::StorageBytes]);
        assert_eq!(full.len(), 1);
        assert!(full[0].1.contains("95 bytes of the 100"), "{full:?}");
    }
}
