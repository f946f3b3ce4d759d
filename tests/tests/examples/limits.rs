//! Each limit is reached, and changed while the component is up.

use std::{sync::Arc, time::Duration};

use mortise_runtime::{CallError, Limits};

use crate::{Running, draft, tell};

/// Sets limits in place of those there are.
async fn limit(running: &Running, change: impl FnOnce(&mut Limits)) {
    running
        .regrant(|rights| {
            rights.limits = Limits::default();
            change(&mut rights.limits);
        })
        .await;
}

/// A command fails under a limit for this reason, and succeeds under the
/// default.
async fn bounds(running: &Running, command: &str, because: &str, change: impl FnOnce(&mut Limits)) {
    limit(running, change).await;
    let error = running.instance.on_timer(command).await.unwrap_err();
    assert!(error.to_string().contains(because), "{command}: {error}");
    limit(running, |_| {}).await;
    let answer = running.instance.on_timer(command).await;
    assert!(answer.is_ok(), "{command}: {answer:?}");
}

#[tokio::test]
async fn what_a_component_uses_is_bounded_and_the_bounds_change() {
    let running = Running::started("everything", "").await;
    bounds(
        &running,
        "hold 20000000",
        "16777216 bytes of memory",
        |limits| {
            limits.memory_bytes = 16 << 20;
        },
    )
    .await;
    bounds(
        &running,
        "sleep-ms 1500",
        "did not answer within 200ms",
        |limits| {
            limits.call_ms = 200;
        },
    )
    .await;
    bounds(
        &running,
        "store-bytes k 1001",
        "limited to 1000 bytes",
        |limits| {
            limits.storage_bytes = 1000;
        },
    )
    .await;
    bounds(&running, "send x", "0 messages a minute", |limits| {
        limits.messages_per_minute = 0;
    })
    .await;
    bounds(
        &running,
        "every tick 5000",
        "0 timers are allowed",
        |limits| {
            limits.timers = 0;
        },
    )
    .await;
}

#[tokio::test]
async fn a_log_is_cut_when_its_bound_is() {
    let running = Running::started("everything", "").await;
    let lines = async || {
        running.instance.on_timer("log-flood 100").await.unwrap();
        running.log.since(0).len()
    };
    assert!(lines().await >= 100);
    limit(&running, |limits| limits.log_bytes = 10 << 10).await;
    assert!(running.log.since(0).len() <= 10);
    assert!((5..=10).contains(&lines().await));
}

#[tokio::test]
async fn calls_beyond_those_that_may_be_open_are_refused() {
    let running = Arc::new(Running::started("everything", "").await);
    limit(&running, |limits| limits.concurrent_calls = 2).await;
    let draft = draft("sleep-ms 300", "b");
    let call = || running.instance.filter(&draft, Duration::from_secs(20));
    let (one, two, three) = tokio::join!(call(), call(), call());
    for open in [one, two] {
        assert!(!matches!(open, Err(CallError::TooMany { .. })), "{open:?}");
    }
    assert!(
        matches!(three, Err(CallError::TooMany { most: 2, .. })),
        "{three:?}"
    );
    // Those that ended count no more.
    assert_eq!(tell(&running, "say x").await.unwrap(), "x");
    limit(&running, |_| {}).await;
    let (one, two, three) = tokio::join!(call(), call(), call());
    for open in [one, two, three] {
        assert!(!matches!(open, Err(CallError::TooMany { .. })), "{open:?}");
    }
}
