//! Webhooks' answers that come in pieces: passed on as they come, bounded, and
//! over when either side goes away.

use std::time::{Duration, Instant};

use mortise_runtime::{
    CallError,
    plugin::{Pieces, WebhookAnswer, WebhookBody},
};

use crate::support::{Neighbour, State, TestInstance, World, made, request, state, until};

async fn asked(
    made: &TestInstance,
    deed: &str,
    argument: &str,
) -> Result<WebhookAnswer, CallError> {
    made.instance
        .webhook_in_pieces(request(deed, argument))
        .await
}

async fn pieces(made: &TestInstance, deed: &str, argument: &str) -> Box<dyn Pieces> {
    let answer = asked(made, deed, argument).await.unwrap();
    assert_eq!(answer.status, 201);
    assert_eq!(answer.headers.first().unwrap().name, "x-streamed");
    match answer.body {
        WebhookBody::Pieces(pieces) => pieces,
        WebhookBody::Whole(body) => unreachable!("{body:?}"),
    }
}

/// One whose calls take 400 ms at most.
async fn impatient(
    behaviour: &str,
) -> (
    World,
    std::sync::Arc<mortise_native::NativePlugin>,
    TestInstance,
) {
    let world = World::new();
    let plugin = world.plugin(behaviour).await;
    let made = made(&plugin, "ann").await;
    made.instance.start().await.unwrap();
    // From here on: a process may take longer to start on a busy machine.
    made.regrant(|rights| rights.limits.call_ms = 400).await;
    (world, plugin, made)
}

#[tokio::test]
async fn pieces_arrive_as_they_are_written() {
    let (_world, _plugin, ann) = impatient("good").await;
    let mut body = pieces(&ann, "stream", "9").await;
    // Longer than a call may take without a sign of life.
    let begun = Instant::now();
    let mut arrived = Vec::new();
    while let Some(piece) = body.next().await {
        arrived.push(piece.unwrap());
    }
    assert!(begun.elapsed() > Duration::from_millis(600));
    assert!(arrived.len() > 3, "{arrived:?}");
    assert_eq!(arrived.concat(), b"xxxxxxxxx");
    assert!(body.next().await.is_none());

    // Who wants all of it at once is given that.
    let whole = ann.instance.webhook(request("stream", "3")).await.unwrap();
    assert_eq!((whole.status, &whole.body[..]), (201, &b"xxx"[..]));
    let mut nothing = pieces(&ann, "stream-nothing", "").await;
    assert!(nothing.next().await.is_none());
}

#[tokio::test]
async fn one_that_stalls_or_dies_is_cut_off() {
    let (world, plugin, ann) = impatient("concurrent").await;
    let neighbour = Neighbour::of(&world).await;
    let mut body = pieces(&ann, "stream-and-stall", "").await;
    assert_eq!(body.next().await.unwrap().unwrap(), "x");
    let error = body.next().await.unwrap().unwrap_err();
    assert!(
        matches!(error, CallError::DeadlineExceeded { .. }),
        "{error}"
    );
    assert!(body.next().await.is_none());
    assert_eq!(ann.deed("echo", "").await.0, 200);
    assert!(matches!(state(&plugin), State::Up { generation: 1, .. }));

    let mut body = pieces(&ann, "stream-and-exit", "").await;
    assert_eq!(body.next().await.unwrap().unwrap(), "x");
    let error = body.next().await.unwrap().unwrap_err().to_string();
    assert!(error.contains("exited with status 6"), "{error}");
    neighbour.answered().await;
}

#[tokio::test]
async fn what_nobody_reads_is_not_held_for_ever() {
    let (world, plugin, ann) = impatient("good").await;
    let neighbour = Neighbour::of(&world).await;
    let body = pieces(&ann, "stream", "600").await;
    // Its calls run one after another, and nothing reads its output, which
    // stays within its credit.
    let waiting = ann.instance.webhook(request("echo", "")).await;
    assert!(
        matches!(waiting, Err(CallError::Busy { .. })),
        "{waiting:?}"
    );
    // Its reader went away: the call is cancelled, and the next one is served.
    drop(body);
    until("the next call", async || {
        ann.instance.webhook(request("echo", "")).await.is_ok()
    })
    .await;
    assert!(matches!(state(&plugin), State::Up { generation: 1, .. }));
    neighbour.answered().await;
}

#[tokio::test]
async fn a_plugin_that_breaks_the_rules_is_ended() {
    let world = World::with(|settings| settings.restart.give_up_after = 20);
    let neighbour = Neighbour::of(&world).await;
    let plugin = world.plugin("concurrent").await;
    let ann = made(&plugin, "ann").await;
    ann.instance.start().await.unwrap();
    // Within the credit it may write without waiting.
    let whole = ann.instance.webhook(request("stream-flood", "4")).await;
    assert_eq!(whole.unwrap().body.len(), 4 * 65536);
    for (deed, argument, expected) in [
        ("stream-flood", "500", "than it was given credit for"),
        ("stream-headless", "", "before the `webhook.head`"),
        ("stream-two-heads", "", "a second `webhook.head`"),
    ] {
        // Nothing reads the received parts, so there is no more credit.
        let answer = asked(&ann, deed, argument).await;
        until("the end of it", async || {
            ann.log
                .since(0)
                .iter()
                .any(|entry| entry.text.contains(expected))
        })
        .await;
        drop(answer);
        until("the restart", async || {
            ann.instance.webhook(request("echo", "")).await.is_ok()
        })
        .await;
    }
    for (deed, expected) in [
        ("stream-status", "status 99"),
        ("null", "without a `webhook.head`"),
    ] {
        let error = asked(&ann, deed, "").await.unwrap_err().to_string();
        assert!(error.contains(expected), "{deed}: {error}");
    }
    neighbour.answered().await;
}
