//! The times of timers. A host stores the timers' schedules. This module gives
//! them the same meaning in every host.

use std::str::FromStr;

use chrono::{DateTime, Local, LocalResult, NaiveDateTime, Offset as _, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    errors::CronError,
    parser::{CronParser, Seconds, Year},
};
use serde::{Deserialize, Serialize};

use crate::{
    limits,
    types::{MissedRuns, Schedule, TimerOptions},
};

/// The time zone of cron expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// This machine's time zone.
    Local,
    /// A time zone of the IANA database.
    Named(Tz),
}

impl Zone {
    /// The same everywhere, for tests.
    pub const UTC: Self = Self::Named(Tz::UTC);
}

impl FromStr for Zone {
    type Err = String;

    /// # Errors
    ///
    /// The mistake, for the person who chose the name.
    fn from_str(name: &str) -> Result<Self, String> {
        let zone = name.parse().map(Self::Named);
        zone.map_err(|_| {
            format!(
                "`{}` is no time zone: write a name of the IANA database, such as \
                 `Europe/Berlin`",
                crate::text::cut(name, limits::ZONE_BYTES)
            )
        })
    }
}

/// The times of a timer: its schedule and its details.
///
/// A host with jitter puts off each time by the same `offset_ms`, which is at most
/// `options.jitter_ms`. All times include it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Its schedule.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// Its details.
    #[serde(flatten)]
    pub options: TimerOptions,
}

impl From<Schedule> for Timing {
    fn from(schedule: Schedule) -> Self {
        Self {
            schedule,
            options: TimerOptions::default(),
        }
    }
}

impl Timing {
    /// Returns the first time of a timer that is set at `now_ms`, in milliseconds since
    /// the epoch. `zone` is that of its user.
    ///
    /// # Errors
    ///
    /// The mistake in a cron expression or a time zone, for the plugin's author.
    pub fn first(&self, now_ms: u64, zone: Zone, offset_ms: u64) -> Result<u64, String> {
        let zone = self.zone(zone)?;
        match &self.schedule {
            Schedule::EveryMs(period) => {
                Ok(now_ms.saturating_add(*period).saturating_add(offset_ms))
            }
            Schedule::OnceAtMs(at) => Ok(at.saturating_add(offset_ms)),
            Schedule::Cron(expression) => cron_in(zone, expression, now_ms, offset_ms),
        }
    }

    /// Returns the next time of a timer that was due at `due_ms` and fires at
    /// `now_ms`; never, if it fires once. Missed times are not repeated.
    pub fn following(&self, due_ms: u64, now_ms: u64, zone: Zone, offset_ms: u64) -> Option<u64> {
        match &self.schedule {
            // Counted from when it was due, not from when the host came round to
            // it, so that a period does not drift.
            Schedule::EveryMs(period) => {
                let late = now_ms.saturating_sub(due_ms);
                let periods = late.checked_div(*period).map_or(1, |missed| missed + 1);
                Some(due_ms.saturating_add(period.saturating_mul(periods)))
            }
            Schedule::OnceAtMs(_) => None,
            Schedule::Cron(expression) => {
                let zone = self.zone(zone).ok()?;
                cron_in(zone, expression, now_ms.max(due_ms), offset_ms).ok()
            }
        }
    }

    /// Returns true if a timer that was due at `due_ms` does not fire at `now_ms`,
    /// because it missed its time.
    pub fn is_missed(&self, due_ms: u64, now_ms: u64) -> bool {
        self.options.missed == MissedRuns::Skip
            && now_ms.saturating_sub(due_ms) > limits::TIMER_MISSED_MS
    }

    /// Returns the time of a timer that is due at `due_ms`, after the clock was set to
    /// `now_ms`. A time beyond the second one from now is that of a clock that was ahead;
    /// the first one from now replaces it. Any other time stays, so that a clock that was
    /// set back a little has nothing fire twice.
    pub fn after_clock_change(&self, due_ms: u64, now_ms: u64, zone: Zone, offset_ms: u64) -> u64 {
        if matches!(self.schedule, Schedule::OnceAtMs(_)) {
            return due_ms;
        }
        let Ok(first) = self.first(now_ms, zone, offset_ms) else {
            return due_ms;
        };
        match self.following(first, first, zone, offset_ms) {
            Some(second) if due_ms > second => first,
            _ => due_ms,
        }
    }

    /// Returns true if the times depend on the time zone of the user.
    pub fn goes_by_user_zone(&self) -> bool {
        self.options.zone.is_none() && matches!(self.schedule, Schedule::Cron(_))
    }

    fn zone(&self, of_user: Zone) -> Result<Zone, String> {
        let own = self.options.zone.as_deref();
        own.map_or(Ok(of_user), str::parse)
    }
}

fn cron_in(zone: Zone, expression: &str, after_ms: u64, offset_ms: u64) -> Result<u64, String> {
    let cron = Expression::parse(expression)?;
    let after = i64::try_from(after_ms.saturating_sub(offset_ms)).unwrap_or(i64::MAX);
    // The parser would carry a fraction of a second over to the next time.
    let after = DateTime::from_timestamp(after / 1000, 0).unwrap_or_else(Utc::now);
    let next = match zone {
        Zone::Local => cron.next(&Local, after),
        Zone::Named(zone) => cron.next(&zone, after),
    };
    let next = u64::try_from(next?.timestamp_millis()).unwrap_or(0);
    Ok(next.saturating_add(offset_ms))
}

/// A cron expression, and its meaning where the clock changes.
///
/// As in other crons, an expression whose hours or minutes are `*` or `*/n` goes by the
/// time that passes: it fires in both hours that the clock shows twice, and not in one that
/// it leaves out. Every other expression fires once: the first time that the clock shows its
/// time, and where the clock leaves that out, as much later as the clock is put forward.
struct Expression<'a> {
    text: &'a str,
    cron: Cron,
    /// True if it goes by the time that passes.
    passing: bool,
}

impl<'a> Expression<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        let cron = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .build()
            .parse(text)
            .map_err(|error| wrong(text, &error))?;
        let fields: Vec<&str> = text.split_whitespace().collect();
        // Behind the seconds, if there are any: minutes and hours.
        let times = fields.get(fields.len().saturating_sub(5)..);
        let times = times.unwrap_or_default().iter().take(2);
        let passing = text.trim() == "@hourly" || times.clone().any(|field| field.starts_with('*'));
        Ok(Self {
            text,
            cron,
            passing,
        })
    }

    /// Returns the first time after this one.
    fn next<Z: TimeZone>(&self, zone: &Z, after: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
        if self.passing {
            return self.next_passing(zone, after);
        }
        let mut shown = after.with_timezone(zone).naive_local();
        loop {
            shown = self.next_shown(shown)?;
            let next = match zone.from_local_datetime(&shown) {
                LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => time.to_utc(),
                LocalResult::None => left_out(zone, shown),
            };
            if next > after {
                return Ok(next);
            }
        }
    }

    /// The first time after this one, for an expression that goes by the time that passes.
    fn next_passing<Z: TimeZone>(
        &self,
        zone: &Z,
        after: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, String> {
        let offset = |time: DateTime<Utc>| {
            let offset = zone.offset_from_utc_datetime(&time.naive_utc());
            TimeDelta::seconds(offset.fix().local_minus_utc().into())
        };
        let mut after = after;
        loop {
            let now = offset(after);
            let next = self.next_shown(after.naive_utc() + now)?.and_utc() - now;
            if offset(next) == now {
                return Ok(next);
            }
            // The clock changes before that: on from the second before the change.
            let (mut before, mut behind) = (after.timestamp(), next.timestamp());
            while before + 1 < behind {
                let middle = before.midpoint(behind);
                let time = DateTime::from_timestamp(middle, 0).unwrap_or(next);
                if offset(time) == now {
                    before = middle;
                } else {
                    behind = middle;
                }
            }
            let changed = DateTime::from_timestamp(behind, 0).unwrap_or(next);
            let new = offset(changed);
            let shown = (changed - TimeDelta::seconds(1)).naive_utc() + new;
            let next = self.next_shown(shown)?.and_utc() - new;
            if offset(next) == new {
                return Ok(next);
            }
            after = changed;
        }
    }

    /// The next time that a clock which never changes shows.
    fn next_shown(&self, after: NaiveDateTime) -> Result<NaiveDateTime, String> {
        let next = self.cron.find_next_occurrence(&after.and_utc(), false);
        next.map(|next| next.naive_utc())
            .map_err(|error| wrong(self.text, &error))
    }
}

/// The time at which a clock would show this, had it not been put forward before.
fn left_out<Z: TimeZone>(zone: &Z, shown: NaiveDateTime) -> DateTime<Utc> {
    let day_before = shown - TimeDelta::days(1);
    let offset = zone.offset_from_local_datetime(&day_before).earliest();
    let offset = offset.map_or(0, |offset| offset.fix().local_minus_utc());
    shown.and_utc() - TimeDelta::seconds(offset.into())
}

fn wrong(expression: &str, error: &CronError) -> String {
    format!(
        "the cron expression `{expression}` cannot be used: {error} \
         Write five fields (minute, hour, day of month, month, day of week), \
         or six with seconds first"
    )
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone as _, Utc};

    use super::{Expression, Timing, Zone};
    use crate::types::{MissedRuns, Schedule, TimerOptions};

    #[test]
    fn a_period_does_not_drift_and_skips_what_was_missed() {
        let every = Timing::from(Schedule::EveryMs(1000));
        assert_eq!(every.first(500, Zone::UTC, 0), Ok(1500));
        assert_eq!(every.following(1500, 1510, Zone::UTC, 0), Some(2500));
        assert_eq!(every.following(1500, 9999, Zone::UTC, 0), Some(10_500));
        assert_eq!(every.following(1500, 2500, Zone::UTC, 0), Some(3500));
    }

    #[test]
    fn once_is_once_even_when_late() {
        let once = Timing::from(Schedule::OnceAtMs(10));
        assert_eq!(once.first(500, Zone::UTC, 0), Ok(10));
        assert_eq!(once.following(10, 500, Zone::UTC, 0), None);
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
        let cron = |text| {
            let next = Expression::parse(text).unwrap().next(&Utc, noon);
            next.map(|next| next.timestamp_millis().unsigned_abs())
        };
        assert_eq!(cron("30 * * * *"), Ok(ms(12, 30, 0)));
        assert_eq!(cron("*/5 30 * * * *"), Ok(ms(12, 30, 0)));
        assert_eq!(cron("15 * * * * *"), Ok(ms(12, 0, 15)));
        // At the very moment, the next one counts.
        assert_eq!(cron("0 * * * *"), Ok(ms(13, 0, 0)));
    }

    #[test]
    fn a_cron_time_is_a_whole_second() {
        let hourly = Timing::from(Schedule::Cron("0 * * * *".to_owned()));
        assert_eq!(hourly.first(1_999, Zone::UTC, 0), Ok(3_600_000));
        assert_eq!(
            hourly.following(3_600_000, 3_600_250, Zone::UTC, 0),
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
            let error = Timing::from(Schedule::Cron(text.to_owned()))
                .first(0, Zone::Local, 0)
                .unwrap_err();
            assert!(error.contains("five fields"), "{text}: {error}");
        }
    }

    fn at(zone: &str, text: &str) -> u64 {
        let zone: chrono_tz::Tz = zone.parse().unwrap();
        let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
        let time = zone.from_local_datetime(&time).earliest().unwrap();
        time.timestamp_millis().unsigned_abs()
    }

    fn daily(zone: &str, expression: &str) -> Timing {
        Timing {
            schedule: Schedule::Cron(expression.to_owned()),
            options: TimerOptions::default().zone(zone),
        }
    }

    #[test]
    fn a_cron_expression_is_of_its_zone_across_clock_changes() {
        let berlin = |text| at("Europe/Berlin", text);
        let nine = daily("Europe/Berlin", "0 9 * * *");
        // Summer time begins on 2026-03-29 and ends on 2026-10-25.
        for (now, next) in [
            ("2026-03-28 09:00", "2026-03-29 09:00"),
            ("2026-03-29 09:00", "2026-03-30 09:00"),
            ("2026-10-24 09:00", "2026-10-25 09:00"),
            ("2026-10-25 09:00", "2026-10-26 09:00"),
        ] {
            let found = nine.following(berlin(now), berlin(now), Zone::UTC, 0);
            assert_eq!(found, Some(berlin(next)), "{now}");
        }
        // The user's zone counts where the timer has none.
        let nine = Timing::from(Schedule::Cron("0 9 * * *".to_owned()));
        let tokyo = "Asia/Tokyo".parse().unwrap();
        let now = at("Asia/Tokyo", "2026-03-28 10:00");
        let next = nine.first(now, tokyo, 0);
        assert_eq!(next, Ok(at("Asia/Tokyo", "2026-03-29 09:00")));
    }

    #[test]
    fn an_unknown_zone_is_an_error_that_names_it() {
        let error = daily("Europe/Berln", "0 9 * * *")
            .first(0, Zone::UTC, 0)
            .unwrap_err();
        assert!(error.contains("`Europe/Berln` is no time zone"), "{error}");
    }

    #[test]
    fn jitter_puts_off_each_time_and_does_not_add_up() {
        let every = Timing::from(Schedule::EveryMs(10_000));
        let first = every.first(1000, Zone::UTC, 250).unwrap();
        assert_eq!(first, 11_250);
        assert_eq!(every.following(first, first, Zone::UTC, 250), Some(21_250));
        let hourly = Timing::from(Schedule::Cron("0 * * * *".to_owned()));
        let first = hourly.first(1000, Zone::UTC, 250).unwrap();
        assert_eq!(first, 3_600_250);
        let second = hourly.following(first, first, Zone::UTC, 250);
        assert_eq!(second, Some(7_200_250));
        let once = Timing::from(Schedule::OnceAtMs(5000));
        assert_eq!(once.first(0, Zone::UTC, 250), Ok(5250));
    }

    #[test]
    fn a_time_is_missed_only_after_a_while_and_where_that_is_wanted() {
        let mut timing = Timing::from(Schedule::EveryMs(1000));
        assert!(!timing.is_missed(0, 1_000_000));
        timing.options.missed = MissedRuns::Skip;
        assert!(!timing.is_missed(0, 60_000));
        assert!(timing.is_missed(0, 60_001));
    }

    #[test]
    fn as_data_it_is_the_schedule_and_what_differs_from_the_default() {
        let plain = Timing::from(Schedule::EveryMs(1000));
        let text = serde_json::to_string(&plain).unwrap();
        assert_eq!(text, r#"{"every_ms":1000}"#);
        assert_eq!(serde_json::from_str::<Timing>(&text).unwrap(), plain);
        let mut full = daily("Asia/Tokyo", "0 9 * * *");
        full.options.jitter_ms = 5;
        full.options.missed = MissedRuns::Skip;
        let text = serde_json::to_string(&full).unwrap();
        assert_eq!(
            text,
            r#"{"cron":"0 9 * * *","zone":"Asia/Tokyo","jitter_ms":5,"missed":"skip"}"#
        );
        assert_eq!(serde_json::from_str::<Timing>(&text).unwrap(), full);
    }
}
