//! Laws of grants, host patterns and timers, tried with values made at random.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect has failed"
)]

use chrono::{DateTime, Timelike as _};
use chrono_tz::Tz;
use mortise_contract::{
    Grants,
    grants::{HostPattern, Scheme, UserGrants},
    schedule::{Timing, Zone},
    types::{Directory, Manifest, Permission, Request, Schedule},
};
use proptest::{collection::vec, prelude::*, sample::select};

/// Enough names that each two patterns that differ also differ in a host that
/// they match.
const HOSTS: [&str; 8] = [
    "example.org",
    "a.example.org",
    "b.example.org",
    "c.a.example.org",
    "d.a.example.org",
    "badexample.org",
    "127.0.0.1",
    "[::1]",
];
const PORTS: [u16; 4] = [80, 443, 8080, 9];

fn pattern() -> impl Strategy<Value = HostPattern> {
    let names = [
        &HOSTS[..],
        &["*", "*.example.org", "*.a.example.org", "*.org"],
    ]
    .concat();
    let scheme = select(vec!["", "http://", "https://"]);
    let port = select(vec!["", ":80", ":443", ":8080", ":*"]);
    (scheme, select(names), port)
        .prop_map(|(scheme, name, port)| format!("{scheme}{name}{port}").parse().unwrap())
}

/// All requests that a pattern allows, of every host, scheme and port above.
fn allowed(pattern: &HostPattern) -> Vec<(Scheme, &'static str, u16)> {
    let mut allowed = Vec::new();
    for scheme in [Scheme::Http, Scheme::Https] {
        for host in HOSTS {
            for port in PORTS {
                if pattern.matches(scheme, host, Some(port)) {
                    allowed.push((scheme, host, port));
                }
            }
        }
    }
    allowed
}

fn names() -> impl Strategy<Value = Vec<String>> {
    let name = select(vec!["backup", "door", "weather", "TZ"]).prop_map(str::to_owned);
    vec(name, 1..4)
}

fn permission() -> impl Strategy<Value = Permission> {
    let directory =
        (select(vec!["/srv", "/var/lib/a"]), any::<bool>()).prop_map(|(path, writable)| {
            Directory {
                path: path.to_owned(),
                writable,
            }
        });
    prop_oneof![
        Just(Permission::SendMessages),
        names().prop_map(Permission::ReadMessages),
        Just(Permission::ReadMessages(vec!["*".to_owned()])),
        Just(Permission::FilterMessages),
        Just(Permission::Webhook),
        names().prop_map(Permission::Cookies),
        vec(pattern().prop_map(|pattern| pattern.to_string()), 1..4).prop_map(Permission::Http),
        vec(directory, 1..3).prop_map(Permission::Files),
        names().prop_map(Permission::Environment),
        Just(Permission::Timers),
        names().prop_map(Permission::SendToUsers),
        Just(Permission::SendToUsers(vec!["*".to_owned()])),
    ]
}

fn manifest() -> impl Strategy<Value = Manifest> {
    vec(permission(), 0..8).prop_map(|permissions| Manifest {
        id: "a".into(),
        name: "A".into(),
        version: "1.0.0".into(),
        description: String::new(),
        author: String::new(),
        license: String::new(),
        website: String::new(),
        wants: permissions
            .into_iter()
            .map(|permission| Request {
                permission,
                reason: "because".into(),
            })
            .collect(),
        listens: None,
    })
}

fn every(period_ms: u64) -> Timing {
    Schedule::EveryMs(period_ms).into()
}

fn cron(expression: String) -> Timing {
    Schedule::Cron(expression).into()
}

/// Zones with clock changes of an hour, of half an hour and at midnight, and one without.
fn zone() -> impl Strategy<Value = Tz> {
    select(vec![
        Tz::UTC,
        Tz::Europe__Berlin,
        Tz::America__New_York,
        Tz::Australia__Lord_Howe,
        Tz::America__Santiago,
        Tz::Asia__Kathmandu,
    ])
}

fn timing() -> impl Strategy<Value = Timing> {
    prop_oneof![
        (1000_u64..1_000_000_000).prop_map(every),
        (0_u8..60, 0_u8..24).prop_map(|(minute, hour)| cron(format!("{minute} {hour} * * *"))),
        (1_u8..60).prop_map(|minutes| cron(format!("*/{minutes} * * * *"))),
        (0_u8..7).prop_map(|day| cron(format!("30 7 * * {day}"))),
        (0_u64..4_000_000_000_000).prop_map(|at| Schedule::OnceAtMs(at).into()),
    ]
}

/// A time as the clocks of a zone show it.
fn local(zone: Tz, ms: u64) -> DateTime<Tz> {
    let time = DateTime::from_timestamp_millis(ms.cast_signed()).unwrap();
    time.with_timezone(&zone)
}

proptest! {
    // A failure is printed with its values; a test of its own then keeps them.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pattern_is_read_as_it_is_written(pattern in pattern()) {
        let text = pattern.to_string();
        prop_assert_eq!(text.parse::<HostPattern>().unwrap(), pattern, "{}", text);
    }

    /// Text of any kind is a pattern or an error that shows it, never a panic.
    #[test]
    fn any_text_is_a_pattern_or_an_error(text in "[a-z*.:/\\[\\]0-9 é]{0,24}") {
        match text.parse::<HostPattern>() {
            Ok(pattern) => prop_assert_eq!(pattern.to_string().parse(), Ok(pattern)),
            Err(error) => prop_assert!(error.to_string().contains(&text)),
        }
    }

    #[test]
    fn a_pattern_covers_exactly_those_that_allow_no_more(one in pattern(), other in pattern()) {
        let mine = allowed(&one);
        let within = allowed(&other).iter().all(|request| mine.contains(request));
        prop_assert_eq!(one.covers(&other), within, "{} and {}", one, other);
    }

    #[test]
    fn covering_is_transitive(a in pattern(), b in pattern(), c in pattern()) {
        prop_assert!(a.covers(&a));
        prop_assert!(!(a.covers(&b) && b.covers(&c)) || a.covers(&c), "{} {} {}", a, b, c);
    }

    #[test]
    fn granted_as_asked_nothing_is_missing(manifest in manifest()) {
        let grants = Grants::as_asked(&manifest).unwrap();
        prop_assert_eq!(grants.missing(&manifest).count(), 0);
        prop_assert_eq!(&grants.user, &UserGrants::as_asked(&manifest));
        prop_assert_eq!(Grants::default().missing(&manifest).count(), manifest.wants.len());
    }

    #[test]
    fn a_grant_takes_nothing_away(manifest in manifest(), more in permission()) {
        let mut grants = Grants::as_asked(&manifest).unwrap();
        grants.add(&more).unwrap();
        prop_assert!(grants.allows(&more));
        prop_assert_eq!(grants.missing(&manifest).count(), 0);
    }

    #[test]
    fn a_permission_is_the_sum_of_its_parts(permission in permission()) {
        let parts = permission.parts();
        prop_assert_eq!(Grants::of(&parts).unwrap(), Grants::of(&[permission]).unwrap());
    }

    #[test]
    fn grants_survive_their_text(manifest in manifest()) {
        let grants = Grants::as_asked(&manifest).unwrap();
        let text = serde_json::to_string(&grants).unwrap();
        prop_assert_eq!(serde_json::from_str::<Grants>(&text).unwrap(), grants);
    }

    /// Consent never grows by itself: the part that two have is in each of them,
    /// whatever the order.
    #[test]
    fn consent_to_both_is_in_each(one in manifest(), other in manifest()) {
        let (a, b) = (UserGrants::as_asked(&one), UserGrants::as_asked(&other));
        let both = a.and(&b);
        prop_assert_eq!(&both, &b.and(&a));
        prop_assert_eq!(&both.and(&a), &both);
        prop_assert_eq!(&both.and(&b), &both);
        prop_assert_eq!(&a.and(&a), &a);
    }
}

proptest! {
    // Each of them looks at many times.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    /// A period keeps its phase, is never early, and is late by less than itself.
    #[test]
    fn a_period_keeps_its_phase(period in 1_u64..100_000_000, due: u32, late: u32) {
        let (due, now) = (u64::from(due), u64::from(due) + u64::from(late));
        let next = every(period).following(due, now, Zone::UTC, 0).unwrap();
        prop_assert!(next > now && next - now <= period);
        prop_assert_eq!((next - due) % period, 0);
    }

    /// The next time of a cron expression is later, and the same from every moment
    /// before it.
    #[test]
    fn a_cron_expression_goes_forward(minute in 0_u8..60, hour in 0_u8..24, now in 0_u64..4_000_000_000_000, share in 0_u64..100) {
        let daily = cron(format!("{minute} {hour} * * *"));
        let next = daily.first(now, Zone::UTC, 0).unwrap();
        prop_assert!(next > now && next - now <= 24 * 3_600_000);
        let between = now + (next - 1 - now) * share / 100;
        prop_assert_eq!(daily.first(between, Zone::UTC, 0).unwrap(), next);
        let after = daily.following(next, next, Zone::UTC, 0).unwrap();
        prop_assert_eq!(after - next, 24 * 3_600_000);
    }

    /// In every zone, a daily timer fires once on each day, at its hour; on a day whose
    /// clock leaves that hour out, in the hour after.
    #[test]
    fn a_daily_timer_fires_once_a_day(zone in zone(), minute in 0_u32..60, hour in 0_u32..24, now in 0_u64..4_000_000_000_000) {
        let daily = cron(format!("{minute} {hour} * * *"));
        let mut due = daily.first(now, Zone::Named(zone), 0).unwrap();
        let mut day = local(zone, due).date_naive();
        for _ in 0..370 {
            let next = daily.following(due, due, Zone::Named(zone), 0).unwrap();
            let time = local(zone, next);
            prop_assert_eq!(Some(time.date_naive()), day.succ_opt(), "{} after {}", time, local(zone, due));
            let minutes = time.hour() * 60 + time.minute();
            let late = minutes.checked_sub(hour * 60 + minute);
            let shown = local(zone, next - 60_000 * u64::from(late.unwrap_or(0)));
            prop_assert!(late == Some(0) || (late.is_some_and(|late| late <= 120) && shown.hour() != hour), "{}", time);
            day = time.date_naive();
            due = next;
        }
    }

    /// In every zone, an expression of steps fires at each minute that fits, also in an hour
    /// that the clock shows twice.
    #[test]
    fn steps_go_by_the_time_that_passes(zone in zone(), step in 1_u32..60, from in 0_u64..4_000_000_000, minutes in 1_u64..200) {
        let timing = cron(format!("*/{step} * * * *"));
        let from = from * 1000;
        let next = timing.first(from, Zone::Named(zone), 0).unwrap();
        let fits = |ms: u64| local(zone, ms).minute().is_multiple_of(step);
        prop_assert!(next > from && next.is_multiple_of(60_000) && fits(next), "{}", local(zone, next));
        let mut between = from / 60_000 * 60_000 + 60_000;
        while between < next.min(from + minutes * 60_000) {
            prop_assert!(!fits(between), "{} is left out", local(zone, between));
            between += 60_000;
        }
    }

    /// However late the host comes round, and however often it restarts, a timer fires
    /// once for the times that passed, and never early.
    #[test]
    fn a_timer_fires_once_for_the_times_that_passed(timing in timing(), zone in zone(), now in 0_u64..4_000_000_000_000, waits in vec(0_u64..400_000_000, 1..20)) {
        let zone = Zone::Named(zone);
        let (mut now, mut fired) = (now, 0_u64);
        let mut due = Some(timing.first(now, zone, 0).unwrap());
        for wait in waits {
            now += wait;
            let Some(time) = due.filter(|due| *due <= now) else {
                continue;
            };
            prop_assert!(time > fired);
            fired = now;
            due = timing.following(time, now, zone, 0);
            prop_assert!(due.is_none_or(|next| next > now));
            // Between the two is no other time.
            if let (Some(next), Schedule::Cron(_)) = (due, &timing.schedule) {
                prop_assert_eq!(timing.first(now, zone, 0), Ok(next));
            }
        }
    }

    /// After the clock was set, a timer fires at one of its next two times, and not twice
    /// for a clock that was set back by less than the time between two.
    #[test]
    fn a_clock_that_is_set_back_silences_no_timer(timing in timing(), zone in zone(), now in 0_u64..4_000_000_000_000, ahead in 0_u64..2_000_000_000_000) {
        let zone = Zone::Named(zone);
        let set = timing.first(now + ahead, zone, 0).unwrap();
        let due = timing.after_clock_change(set, now, zone, 0);
        if let Schedule::OnceAtMs(_) = timing.schedule {
            prop_assert_eq!(due, set);
        } else {
            let first = timing.first(now, zone, 0).unwrap();
            let second = timing.following(first, first, zone, 0).unwrap();
            prop_assert!(due <= second);
            prop_assert!(set > second || due == set);
        }
        // Once is enough.
        prop_assert_eq!(timing.after_clock_change(due, now, zone, 0), due);
    }

    /// Jitter moves all times by the same, and their order stays.
    #[test]
    fn jitter_moves_all_times_alike(timing in timing(), zone in zone(), now in 100_000_000_u64..4_000_000_000_000, offset in 0_u64..86_400_000) {
        let zone = Zone::Named(zone);
        let first = timing.first(now, zone, offset).unwrap();
        prop_assert!(first >= now || matches!(timing.schedule, Schedule::OnceAtMs(_)));
        let next = timing.following(first, first, zone, offset);
        let plain = timing.following(first - offset, first - offset, zone, 0);
        prop_assert_eq!(next, plain.map(|plain| plain + offset));
    }
}
