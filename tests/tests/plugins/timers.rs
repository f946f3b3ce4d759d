//! Timers: they fire, outlive the server, and fire once for missed times.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mortise_server::time::{Clock, rfc3339};
use reqwest::Method;

use crate::{
    Rig, data,
    fixture::{TIMERS, plugin, ticking},
    grant, install, said, until,
};

const HOURLY: (u32, u64) = (0, 3_600_000);
const LONG_AGO: (u32, u64) = (2, 1);

#[tokio::test]
async fn a_timer_fires_again_and_again() {
    let data = data(&[
        (
            "clock",
            plugin("clock", &[TIMERS], &[ticking(Some(HOURLY))]),
        ),
        (
            "other",
            plugin("other", &[TIMERS], &[ticking(Some(HOURLY))]),
        ),
    ]);
    grant(data.path(), &["clock", "other"], "timers = true");
    let rig = Rig::start(data.path()).await;
    let clock = rig.enable("clock").await;
    let other = rig.enable("other").await;
    assert!(said(&clock).is_empty(), "not before it is due");
    let shown = rig
        .api(Method::GET, &format!("/plugin/{}/timers", clock.id), "")
        .await;
    assert_eq!(shown[0]["everyMs"], 3_600_000, "{shown}");
    let next = shown[0]["next"].as_array().unwrap();
    let now = rfc3339(rig.server.state().store.now_ms());
    assert_eq!(next.len(), 3, "{shown}");
    assert!(
        next.iter()
            .all(|next| next.as_str().unwrap() > now.as_str()),
        "{shown}"
    );
    assert!(next.is_sorted_by_key(|next| next.as_str()), "{shown}");
    rig.hours_pass(&clock).await;
    assert_eq!(said(&clock), ["tick", "tick"]);
    assert_eq!(rig.post(&clock, "disable", "").await.0, 200);
    rig.hours_pass(&other).await;
    assert_eq!(said(&clock).len(), 2, "not while it is disabled");
    rig.stop().await;
}

#[tokio::test]
async fn what_was_missed_fires_once() {
    let data = data(&[
        (
            "clock",
            plugin("clock", &[TIMERS], &[ticking(Some(LONG_AGO))]),
        ),
        (
            "other",
            plugin("other", &[TIMERS], &[ticking(Some(HOURLY))]),
        ),
    ]);
    grant(data.path(), &["clock", "other"], "timers = true");
    let rig = Rig::start(data.path()).await;
    let clock = rig.enable("clock").await;
    let other = rig.enable("other").await;
    until("it fired", async || !said(&clock).is_empty()).await;
    rig.hours_pass(&other).await;
    assert_eq!(said(&clock), ["tick"]);
    let store = &rig.server.state().store;
    let left = store.first_plugin_timers(&[clock.id], 9).await.unwrap();
    assert_eq!(left, []);
    rig.stop().await;
}

#[tokio::test]
async fn what_came_due_while_the_server_was_down_fires_once_when_it_is_up() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let soon = u64::try_from(now.as_millis()).unwrap() + 3_600_000;
    let setting = plugin("clock", &[TIMERS], &[ticking(Some((2, soon)))]);
    let hourly = plugin("other", &[TIMERS], &[ticking(Some(HOURLY))]);
    let data = data(&[("clock", setting), ("other", hourly)]);
    grant(data.path(), &["clock", "other"], "timers = true");
    let rig = Rig::start(data.path()).await;
    let clock = rig.enable("clock").await;
    rig.stop().await;
    assert!(said(&clock).is_empty(), "not before it is due");
    // A version whose start does not set it again.
    let waiting = plugin("clock", &[TIMERS], &[ticking(None)]);
    install(data.path(), &[("clock", waiting)]);
    let (clock, hand) = Clock::with_hand();
    hand.advance(Duration::from_secs(2 * 3600));
    let rig = Rig {
        clock: hand,
        ..Rig::start_with(data.path(), |config| config.clock = clock).await
    };
    let clock = rig.slot("clock").await;
    until("it fired", async || !said(&clock).is_empty()).await;
    let other = rig.enable("other").await;
    rig.hours_pass(&other).await;
    assert_eq!(said(&clock), ["tick"]);
    rig.stop().await;
}

#[tokio::test]
async fn without_the_grant_no_timer_is_set() {
    let data = data(&[(
        "clock",
        plugin("clock", &[TIMERS], &[ticking(Some(HOURLY))]),
    )]);
    let rig = Rig::start(data.path()).await;
    let clock = rig.slot("clock").await;
    // The fixture traps when it is refused.
    let (status, text) = rig.post(&clock, "enable", "").await;
    assert_eq!(status, 500, "{text}");
    let (_, denials) = rig.get(&format!("/plugin/{}/denials", clock.id)).await;
    assert!(denials.contains("\"permission\":\"timers\""), "{denials}");
    rig.stop().await;
}
