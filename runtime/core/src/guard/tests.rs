//! Tests of the guard: denials, bounds, and calls that reach the host.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Bucket, Guard, Rights, requests::without_secrets};
use crate::{
    CallError, Capability, Grants, Host, Limits, Log, Origin,
    contract::{
        schedule::Timing,
        types::{
            Content, Delivery, Error, Header, Message, Outgoing, Permission, Schedule,
            TimerOptions, Verdict, WebhookRequest, WebhookResponse,
        },
    },
    digest::Digest,
    grants::{Applications, Scheme},
    limits::{self, Limit},
};

/// A host that accepts everything, so that all denials come from the guard.
struct Willing;

#[async_trait]
impl Host for Willing {
    async fn send(&self, _: Outgoing, origin: Origin) -> Result<u64, Error> {
        Ok(u64::from(origin.is_filtered()))
    }
    async fn message(&self, _: u64, _: &Applications) -> Result<Option<Message>, Error> {
        Ok(None)
    }
    async fn sent(&self, _: Option<u64>, _: u32) -> Result<Vec<Message>, Error> {
        Ok(Vec::new())
    }
    async fn received(
        &self,
        _: Option<u64>,
        _: u32,
        _: &Applications,
    ) -> Result<Vec<Message>, Error> {
        Ok(Vec::new())
    }
    async fn remove_message(&self, _: u64) -> Result<(), Error> {
        Ok(())
    }
    async fn load(&self, _: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }
    async fn store(&self, _: &str, _: Vec<u8>, _: u64) -> Result<(), Error> {
        Ok(())
    }
    async fn unset(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }
    async fn keys(&self, _: &str) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
    async fn users(&self) -> Result<Vec<String>, Error> {
        Ok(["ann", "bob", "eve"].map(str::to_owned).to_vec())
    }
    async fn send_to(&self, user: &str, _: Outgoing, _: Origin) -> Result<u64, Error> {
        match user {
            "eve" => Err(Error::Unavailable("no room".to_owned())),
            _ => Ok(7),
        }
    }
    async fn update_message(&self, id: u64, _: Content, origin: Origin) -> Result<(), Error> {
        assert_eq!(origin.is_filtered(), id == 1);
        Ok(())
    }
    async fn set_timer(&self, _: &str, _: Timing, _: u32) -> Result<(), Error> {
        Ok(())
    }
    async fn cancel_timer(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }
}

fn guard(grants: Grants, limits: Limits) -> Guard {
    let log = Arc::new(Log::new(limits.log_bytes));
    let rights = Rights { grants, limits };
    Guard::new(Arc::new(Willing), rights, log, Arc::default())
}

fn everything() -> Grants {
    Grants::of(&[
        Permission::SendMessages,
        Permission::ReadMessages(vec!["*".into()]),
        Permission::FilterMessages,
        Permission::Webhook,
        Permission::Cookies(vec!["session".into()]),
        Permission::Http(vec!["example.org".into()]),
        Permission::Timers,
    ])
    .unwrap()
}

fn outgoing() -> Outgoing {
    Outgoing {
        application: None,
        content: content(),
    }
}

fn content() -> Content {
    Content {
        title: String::new(),
        body: "body".into(),
        priority: 0,
        extras: None,
    }
}

#[tokio::test]
async fn without_a_grant_it_is_denied_counted_and_logged() {
    let guard = guard(Grants::default(), Limits::default());
    assert!(matches!(
        guard.send(outgoing(), Origin::Plugin).await,
        Err(Error::Denied(_))
    ));
    assert!(matches!(
        guard.send(outgoing(), Origin::Plugin).await,
        Err(Error::Denied(_))
    ));
    assert!(matches!(
        guard.received(None, 10).await,
        Err(Error::Denied(_))
    ));
    let timer = guard.set_timer("t", Schedule::EveryMs(5000).into()).await;
    assert!(matches!(timer, Err(Error::Denied(_))));
    let Err(Error::Denied(told)) = guard.outbound_http(Scheme::Https, "example.org", None) else {
        panic!("it is allowed");
    };
    assert!(
        told.contains("https://example.org") && told.contains("`http`"),
        "{told}"
    );
    for capability in [
        Capability::Webhook,
        Capability::Filter,
        Capability::Listener,
        Capability::Timer,
    ] {
        assert!(matches!(
            guard.open_call("it", Some(capability)),
            Err(CallError::Denied { .. })
        ));
    }
    let denials = guard.denials();
    let sending = denials
        .iter()
        .find(|denial| denial.permission == "send-messages")
        .unwrap();
    assert_eq!(
        (sending.count, sending.what.as_str()),
        (2, "sending a message")
    );
    assert_eq!(denials.len(), 8);
    // The log has each of them once, however often it is tried.
    assert_eq!(guard.log().written(), 8);
}

#[tokio::test]
async fn with_the_grants_it_reaches_the_host() {
    let guard = guard(everything(), Limits::default());
    assert_eq!(
        guard.send(outgoing(), Origin::Plugin).await,
        Ok(1),
        "filtered"
    );
    assert_eq!(
        guard.send(outgoing(), Origin::PluginFilter).await,
        Ok(0),
        "not filtered from within a filter"
    );
    assert_eq!(guard.received(None, 200).await, Ok(Vec::new()));
    assert_eq!(
        guard.set_timer("t", Schedule::EveryMs(1000).into()).await,
        Ok(())
    );
    assert!(
        guard
            .outbound_http(Scheme::Https, "example.org", Some(443))
            .is_ok()
    );
    for capability in Capability::ALL {
        drop(guard.open_call("it", Some(capability)).unwrap());
    }
    assert_eq!(guard.denials(), []);
}

#[tokio::test]
async fn storage_needs_no_grant_but_has_bounds() {
    let guard = guard(
        Grants::default(),
        Limits {
            storage_bytes: 100,
            ..Limits::default()
        },
    );
    assert_eq!(guard.store("key", vec![0; 97]).await, Ok(()));
    assert!(matches!(
        guard.store("key", vec![0; 98]).await,
        Err(Error::Exhausted(_))
    ));
    for key in [String::new(), "k".repeat(limits::KEY_BYTES + 1)] {
        assert!(matches!(
            guard.store(&key, Vec::new()).await,
            Err(Error::Invalid(_))
        ));
        assert!(matches!(guard.load(&key).await, Err(Error::Invalid(_))));
        assert!(matches!(guard.unset(&key).await, Err(Error::Invalid(_))));
    }
    assert_eq!(guard.keys("").await, Ok(Vec::new()));
}

#[tokio::test]
async fn arguments_out_of_bounds_are_invalid() {
    let guard = guard(everything(), Limits::default());
    for limit in [0, 201, u32::MAX] {
        assert!(matches!(
            guard.sent(None, limit).await,
            Err(Error::Invalid(_))
        ));
        assert!(matches!(
            guard.received(None, limit).await,
            Err(Error::Invalid(_))
        ));
    }
    for (name, when) in [
        ("", Schedule::EveryMs(1000)),
        ("fast", Schedule::EveryMs(999)),
        ("cron", Schedule::Cron(String::new())),
        ("cron", Schedule::Cron("*".repeat(257))),
        (&"n".repeat(65), Schedule::OnceAtMs(0)),
    ] {
        assert!(
            matches!(
                guard.set_timer(name, when.into()).await,
                Err(Error::Invalid(_))
            ),
            "{name}"
        );
    }
    let application = Some("a".repeat(limits::APPLICATION_NAME_BYTES + 1));
    let sent = guard
        .send(
            Outgoing {
                application,
                content: content(),
            },
            Origin::Plugin,
        )
        .await;
    assert!(matches!(sent, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_timers_details_have_bounds() {
    let guard = guard(everything(), Limits::default());
    let set = async |schedule: Schedule, options: TimerOptions| {
        let timing = Timing { schedule, options };
        guard.set_timer("t", timing).await
    };
    let every = Schedule::EveryMs(5000);
    let hourly = Schedule::Cron("0 * * * *".into());
    let jitter = |jitter_ms| TimerOptions {
        jitter_ms,
        ..TimerOptions::default()
    };
    assert_eq!(set(every.clone(), jitter(4999)).await, Ok(()));
    assert_eq!(set(hourly.clone(), jitter(86_400_000)).await, Ok(()));
    for (schedule, options) in [
        (every, jitter(5000)),
        (hourly.clone(), jitter(86_400_001)),
        (Schedule::EveryMs(u64::MAX), jitter(86_400_001)),
        (hourly.clone(), TimerOptions::default().zone("")),
        (hourly, TimerOptions::default().zone("z".repeat(65))),
    ] {
        let refused = set(schedule, options).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn messages_go_to_granted_users_alone() {
    let permission = Permission::SendToUsers(vec!["ann".into(), "eve".into()]);
    let guard = guard(Grants::of(&[permission]).unwrap(), Limits::default());
    let to = |users: &[&str]| -> Vec<String> { users.iter().map(ToString::to_string).collect() };
    let sent = |user: &str, outcome| Delivery {
        user: user.to_owned(),
        outcome,
    };
    let full = || Err(Error::Unavailable("no room".to_owned()));
    // One user's failure is not another's.
    let deliveries = guard
        .send_to(&to(&["eve", "ann"]), outgoing(), Origin::Plugin)
        .await;
    assert_eq!(
        deliveries,
        Ok(vec![sent("eve", full()), sent("ann", Ok(7))])
    );
    let deliveries = guard.send_to(&to(&["*"]), outgoing(), Origin::Plugin).await;
    assert_eq!(
        deliveries,
        Ok(vec![sent("ann", Ok(7)), sent("eve", full())])
    );
    for refused in [&["bob"][..], &["ann", "bob"]] {
        let refused = guard
            .send_to(&to(refused), outgoing(), Origin::Plugin)
            .await;
        assert!(matches!(refused, Err(Error::Denied(_))), "{refused:?}");
    }
    for invalid in [to(&[]), vec!["ann".to_owned(); 1001]] {
        let refused = guard.send_to(&invalid, outgoing(), Origin::Plugin).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    // It is another permission than that to send to its own user.
    let sent = guard.send(outgoing(), Origin::Plugin).await;
    assert!(matches!(sent, Err(Error::Denied(_))));
}

#[tokio::test]
async fn each_user_of_several_counts_as_a_message() {
    let limits = Limits {
        messages_per_minute: 3,
        ..Limits::default()
    };
    let permission = Permission::SendToUsers(vec!["*".into()]);
    let guard = guard(Grants::of(&[permission]).unwrap(), limits);
    let users = ["a", "b", "c", "d"].map(str::to_owned);
    let deliveries = guard
        .send_to(&users, outgoing(), Origin::Plugin)
        .await
        .unwrap();
    let outcomes: Vec<_> = deliveries.iter().map(|one| one.outcome.is_ok()).collect();
    assert_eq!(outcomes, [true, true, true, false]);
    assert!(matches!(deliveries[3].outcome, Err(Error::Exhausted(_))));
}

#[tokio::test]
async fn a_change_of_a_message_passes_filters_but_from_within_one() {
    let guard = guard(everything(), Limits::default());
    assert_eq!(
        guard.update_message(1, content(), Origin::Plugin).await,
        Ok(())
    );
    assert_eq!(
        guard
            .update_message(2, content(), Origin::PluginFilter)
            .await,
        Ok(())
    );
    let empty = Content {
        body: String::new(),
        ..content()
    };
    let refused = guard.update_message(1, empty, Origin::Plugin).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
    let image = vec![0; limits::IMAGE_BYTES + 1];
    let refused = guard.set_image(None, image).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
    // This host lacks it.
    let lacking = guard.set_image(None, Vec::new()).await;
    assert!(matches!(lacking, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn messages_are_rationed_by_the_minute() {
    let guard = guard(
        everything(),
        Limits {
            messages_per_minute: 3,
            ..Limits::default()
        },
    );
    for _ in 0..3 {
        guard.send(outgoing(), Origin::Plugin).await.unwrap();
    }
    match guard.send(outgoing(), Origin::Plugin).await {
        Err(Error::Exhausted(text)) => assert!(text.contains("3 messages a minute"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn changes_of_what_is_stored_are_rationed_by_the_minute() {
    let guard = guard(
        everything(),
        Limits {
            writes_per_minute: 3,
            ..Limits::default()
        },
    );
    guard.store("key", vec![1]).await.unwrap();
    guard.unset("key").await.unwrap();
    guard
        .set_timer("t", Schedule::EveryMs(60_000).into())
        .await
        .unwrap();
    for refused in [
        guard.store("key", vec![1]).await,
        guard.cancel_timer("t").await,
        guard.remove_message(1).await,
    ] {
        let Err(Error::Exhausted(text)) = refused else {
            panic!("{refused:?}");
        };
        assert!(text.contains("`writes-per-minute`"), "{text}");
    }
    // Reading is none.
    guard.load("key").await.unwrap();
}

#[test]
fn a_ration_comes_back_evenly_and_never_exceeds_its_size() {
    use std::time::{Duration, Instant};
    let begun = Instant::now();
    let mut bucket = Bucket::full(60);
    for _ in 0..60 {
        bucket.take(begun).unwrap();
    }
    let wait = bucket.take(begun).unwrap_err();
    assert!(
        wait > Duration::from_millis(900) && wait <= Duration::from_secs(1),
        "{wait:?}"
    );
    bucket.take(begun + Duration::from_secs(2)).unwrap();
    let later = begun + Duration::from_secs(3600);
    let taken = (0..100).filter(|_| bucket.take(later).is_ok()).count();
    assert_eq!(taken, 60);
    assert!(Bucket::full(0).take(begun).is_err());
}

#[test]
fn a_webhook_sees_only_the_cookies_it_was_granted() {
    let request = |cookie: &str| WebhookRequest {
        method: "GET".into(),
        path: String::new(),
        query: None,
        headers: vec![
            Header {
                name: "accept".into(),
                value: "*/*".into(),
            },
            Header {
                name: "cookie".into(),
                value: cookie.into(),
            },
        ],
        body: Vec::new(),
        client: "127.0.0.1".into(),
        scheme: "http".into(),
        host: "localhost".into(),
        base_path: "/".into(),
    };
    let guard = guard(everything(), Limits::default());
    let seen = guard.webhook_request(request("a=1; session=xyz; gotify-client-token=C"));
    assert_eq!(seen.headers[1].value, "session=xyz");
    let seen = guard.webhook_request(request("gotify-client-token=C; sessions=1"));
    assert_eq!(seen.headers.len(), 1, "no cookie header at all");
}

#[test]
fn answers_are_checked() {
    let guard = guard(everything(), Limits::default());
    let answer = WebhookResponse {
        status: 200,
        headers: Vec::new(),
        body: Vec::new(),
    };
    guard.webhook_response(answer.clone()).unwrap();
    let header = |name: &str, value: &str| Header {
        name: name.into(),
        value: value.into(),
    };
    for bad in [
        WebhookResponse {
            status: 100,
            ..answer.clone()
        },
        WebhookResponse {
            status: 600,
            ..answer.clone()
        },
        WebhookResponse {
            headers: vec![header("a b", "")],
            ..answer.clone()
        },
        WebhookResponse {
            headers: vec![header("a", "x\r\nset-cookie: y")],
            ..answer.clone()
        },
        WebhookResponse {
            body: vec![0; limits::WEBHOOK_RESPONSE_BYTES + 1],
            ..answer
        },
    ] {
        assert!(matches!(
            guard.webhook_response(bad),
            Err(CallError::BadAnswer { .. })
        ));
    }
    let long = "r".repeat(limits::REASON_BYTES * 2);
    match guard.verdict(Verdict::Drop(long)).unwrap() {
        Verdict::Drop(reason) => assert_eq!(reason.len(), limits::REASON_BYTES),
        other => panic!("{other:?}"),
    }
    let empty = Content {
        body: String::new(),
        ..content()
    };
    assert!(matches!(
        guard.verdict(Verdict::Replace(empty)),
        Err(CallError::BadAnswer { .. })
    ));
}

#[test]
fn refusals_are_told_apart_only_up_to_a_bound() {
    let guard = guard(Grants::default(), Limits::default());
    for number in 0..1000 {
        let host = format!("host-{number}.example.org");
        guard.outbound_http(Scheme::Https, &host, None).unwrap_err();
    }
    let denials = guard.denials();
    assert!(denials.len() <= 65, "{}", denials.len());
    assert_eq!(denials.iter().map(|denial| denial.count).sum::<u64>(), 1000);
}

#[test]
fn the_address_of_a_denied_request_has_no_secrets() {
    for (uri, expected) in [
        ("https://a.org/b/c?token=d", "https://a.org/b/c"),
        ("http://e:f@a.org:81/b?", "http://a.org:81/b"),
        ("http://[::1]:81", "http://[::1]:81/"),
    ] {
        assert_eq!(without_secrets(&uri.parse().unwrap()), expected);
    }
}

#[tokio::test]
async fn a_grant_ends_the_denials_of_what_it_allows() {
    let guard = guard(Grants::default(), Limits::default());
    let refused = |host| guard.outbound_http(Scheme::Https, host, None).unwrap_err();
    drop([refused("example.org"), refused("other.org")]);
    drop(guard.received(None, 10).await);
    guard.deny_socket("a TCP socket");
    assert_eq!(guard.denials().len(), 4);
    let grants = everything();
    guard.change(Rights {
        grants,
        limits: Limits::default(),
    });
    let left: Vec<_> = guard.denials().into_iter().map(|d| d.what).collect();
    assert_eq!(left, ["a request to https://other.org", "a TCP socket"]);
    let log = guard.log().since(0);
    let socket = log.iter().find(|entry| entry.text.contains("TCP socket"));
    assert!(socket.unwrap().text.contains("HTTP client"), "{log:?}");
}

#[test]
fn a_raised_limit_and_another_version_end_what_was_reached() {
    let guard = guard(Grants::default(), Limits::default());
    let (one, other) = (Digest::of(b"1"), Digest::of(b"2"));
    let denials = &guard.denials;
    denials.begin_version(one);
    let reached = || -> Vec<_> { denials.reached().iter().map(|r| r.limit).collect() };
    guard.reach(Limit::CallMs);
    guard.reach(Limit::Handles);
    let mut limits = Limits::default();
    limits.call_ms += 1;
    limits.handles -= 1;
    guard.change(Rights {
        grants: Grants::default(),
        limits,
    });
    assert_eq!(reached(), [Limit::Handles]);
    denials.begin_version(one);
    assert_eq!(reached(), [Limit::Handles]);
    denials.begin_version(other);
    assert_eq!(reached(), []);
}

#[test]
fn requests_to_the_outside_are_bounded() {
    let limits = Limits {
        open_requests: 2,
        ..Limits::default()
    };
    let guard = guard(everything(), limits);
    let open = || guard.outbound_http(Scheme::Https, "example.org", None);
    let (first, _second) = (open().unwrap(), open().unwrap());
    let Err(Error::Exhausted(text)) = open() else {
        panic!("a third is open");
    };
    assert!(text.contains("`open-requests` is 2"), "{text}");
    drop(first);
    open().unwrap();
    assert_eq!(guard.denials.reached()[0].limit, Limit::OpenRequests);
}

#[test]
fn webhooks_leave_calls_for_others() {
    let limits = Limits {
        concurrent_calls: 4,
        ..Limits::default()
    };
    let guard = guard(everything(), limits);
    let open = |capability| guard.open_call("it", Some(capability));
    let calls: Vec<_> = (0..3).map(|_| open(Capability::Webhook).unwrap()).collect();
    let refused = open(Capability::Webhook);
    assert!(matches!(refused, Err(CallError::TooMany { most: 3, .. })));
    drop(open(Capability::Filter).unwrap());
    drop(calls);
}

#[tokio::test]
async fn drained_waits_for_open_calls() {
    let guard = Arc::new(guard(everything(), Limits::default()));
    guard.drained().await;
    let first = guard.open_call("it", None).unwrap();
    let second = guard.open_call("it", None).unwrap();
    let waiting = tokio::spawn({
        let guard = Arc::clone(&guard);
        async move { guard.drained().await }
    });
    tokio::task::yield_now().await;
    drop(first);
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(second);
    waiting.await.unwrap();
}
