//! The times of timers. A host stores the timers' schedules. This module gives
//! them the same meaning in every host.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Local, TimeZone, Utc};
use croner::parser::{CronParser, Seconds, Year};

use crate::types::Schedule;

/// The time zone of cron expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// This machine's time zone.
    Local,
    /// The same everywhere, for tests.
    Utc,
}

/// Returns the first time of a timer set at `now_ms`, in milliseconds since the
/// epoch.
///
/// # Errors
///
/// The mistake in a cron expression, for the plugin's author.
pub fn first(schedule: &Schedule, now_ms: u64, zone: Zone) -> Result<u64, String> {
    match schedule {
        Schedule::EveryMs(period) => Ok(now_ms.saturating_add(*period)),
        Schedule::OnceAtMs(at) => Ok(*at),
        Schedule::Cron(expression) => cron_in(zone, expression, now_ms),
    }
}

/// Returns the next time of a timer that was due at `due_ms` and fires at
/// `now_ms`; never, if it fires once. Missed times are not repeated.
pub fn following(schedule: &Schedule, due_ms: u64, now_ms: u64, zone: Zone) -> Option<u64> {
    match schedule {
        // Counted from when it was due, not from when the host came round to
        // it, so that a period does not drift.
        Schedule::EveryMs(period) => {
            let late = now_ms.saturating_sub(due_ms);
            let periods = late.checked_div(*period).map_or(1, |missed| missed + 1);
            Some(due_ms.saturating_add(period.saturating_mul(periods)))
        }
        Schedule::OnceAtMs(_) => None,
        Schedule::Cron(expression) => cron_in(zone, expression, now_ms.max(due_ms)).ok(),
    }
}

fn cron_in(zone: Zone, expression: &str, after_ms: u64) -> Result<u64, String> {
    // The parser would carry a fraction of a second over to the next time.
    let after = UNIX_EPOCH
        .checked_add(std::time::Duration::from_secs(after_ms / 1000))
        .unwrap_or_else(SystemTime::now);
    match zone {
        Zone::Local => cron(expression, &DateTime::<Local>::from(after)),
        Zone::Utc => cron(expression, &DateTime::<Utc>::from(after)),
    }
}

fn cron<Z: TimeZone>(expression: &str, after: &DateTime<Z>) -> Result<u64, String> {
    let wrong = |error: croner::errors::CronError| {
        format!(
            "the cron expression `{expression}` cannot be used: {error} \
             Write five fields (minute, hour, day of month, month, day of week), \
             or six with seconds first"
        )
    };
    let next = CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .build()
        .parse(expression)
        .map_err(wrong)?
        .find_next_occurrence(after, false)
        .map_err(wrong)?;
    Ok(u64::try_from(next.timestamp_millis()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone as _, Utc};

    use super::{Zone, cron, first, following};
    use crate::types::Schedule;

    #[test]
    fn a_period_does_not_drift_and_skips_what_was_missed() {
        let every = Schedule::EveryMs(1000);
        assert_eq!(first(&every, 500, Zone::Utc), Ok(1500));
        assert_eq!(following(&every, 1500, 1510, Zone::Utc), Some(2500));
        assert_eq!(following(&every, 1500, 9999, Zone::Utc), Some(10_500));
        assert_eq!(following(&every, 1500, 2500, Zone::Utc), Some(3500));
    }

    #[test]
    fn once_is_once_even_when_late() {
        let once = Schedule::OnceAtMs(10);
        assert_eq!(first(&once, 500, Zone::Utc), Ok(10));
        assert_eq!(following(&once, 10, 500, Zone::Utc), None);
    }

    #[test]
    fn cron_has_five_fields_or_six_with_seconds_first() {
        let noon = Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, 0).unwrap();
        let ms = |h, m, s| {
            u64::try_from(
                Utc.with_ymd_and_hms(2026, 11, 22, h, m, s)
                    .unwrap()
                    .timestamp_millis(),
            )
            .unwrap()
        };
        assert_eq!(cron("30 * * * *", &noon), Ok(ms(12, 30, 0)));
        assert_eq!(cron("*/5 30 * * * *", &noon), Ok(ms(12, 30, 0)));
        assert_eq!(cron("15 * * * * *", &noon), Ok(ms(12, 0, 15)));
        // At the very moment, the next one counts.
        assert_eq!(cron("0 * * * *", &noon), Ok(ms(13, 0, 0)));
    }

    #[test]
    fn a_cron_time_is_a_whole_second() {
        let hourly = Schedule::Cron("0 * * * *".to_owned());
        assert_eq!(first(&hourly, 1_999, Zone::Utc), Ok(3_600_000));
        assert_eq!(
            following(&hourly, 3_600_000, 3_600_250, Zone::Utc),
            Some(7_200_000)
        );
    }

    #[test]
    fn what_is_no_cron_expression_is_explained() {
        for text in [
            "",
            "* * *",
            "61 * * * *",
            "0 0 30 2 *",
            "a b c d e",
            "0 0 0 1 1 * 2030",
        ] {
            let error = first(&Schedule::Cron(text.to_owned()), 0, Zone::Local).unwrap_err();
            assert!(error.contains("five fields"), "{text}: {error}");
        }
    }
}
