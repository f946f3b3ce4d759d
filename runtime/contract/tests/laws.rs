//! Laws of grants, host patterns and timers, tried with values made at random.

use mortise_contract::{
    Grants,
    grants::{HostPattern, Scheme, UserGrants},
    schedule::{Zone, first, following},
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
    })
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

    /// A period keeps its phase, is never early, and is late by less than itself.
    #[test]
    fn a_period_keeps_its_phase(period in 1_u64..100_000_000, due: u32, late: u32) {
        let (due, now) = (u64::from(due), u64::from(due) + u64::from(late));
        let next = following(&Schedule::EveryMs(period), due, now, Zone::Utc).unwrap();
        prop_assert!(next > now && next - now <= period);
        prop_assert_eq!((next - due) % period, 0);
    }

    /// The next time of a cron expression is later, and the same from every moment
    /// before it.
    #[test]
    fn a_cron_expression_goes_forward(minute in 0_u8..60, hour in 0_u8..24, now in 0_u64..4_000_000_000_000, share in 0_u64..100) {
        let daily = Schedule::Cron(format!("{minute} {hour} * * *"));
        let next = first(&daily, now, Zone::Utc).unwrap();
        prop_assert!(next > now && next - now <= 24 * 3_600_000);
        let between = now + (next - 1 - now) * share / 100;
        prop_assert_eq!(first(&daily, between, Zone::Utc).unwrap(), next);
        let after = following(&daily, next, next, Zone::Utc).unwrap();
        prop_assert_eq!(after - next, 24 * 3_600_000);
    }
}
