//! Rights that change while the process runs: the kernel's part in a new
//! process, the rest at once. Each deed fails before its grant, succeeds after
//! it, and fails again after its revocation.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use mortise_runtime::{
    CallError, Grants, Limits,
    plugin::{Pieces, WebhookBody},
    types::{Directory, Level},
};

use crate::support::{
    State, TestInstance, World, log, made, made_with, request, state, talkative, until, with,
};

const SOON: Duration = Duration::from_secs(20);

fn directory(path: &Path, writable: bool) -> Directory {
    Directory {
        path: path.to_str().unwrap().to_owned(),
        writable,
    }
}

async fn started(behaviour: &str) -> (World, Arc<mortise_native::NativePlugin>, TestInstance) {
    let world = World::new();
    let plugin = world.plugin(behaviour).await;
    let made = made(&plugin, "ann").await;
    made.instance.start().await.unwrap();
    (world, plugin, made)
}

/// A deed is denied, done once this is granted, and denied again when it is not
/// any more.
async fn only_with(
    made: &TestInstance,
    deed: &str,
    argument: &str,
    grant: impl FnOnce(&mut Grants),
) {
    denied(made, deed, argument).await;
    let before = made.instance.guard().in_force().grants.clone();
    made.regrant(|rights| grant(&mut rights.grants)).await;
    let (status, text) = made.deed(deed, argument).await;
    assert_eq!(status, 200, "{deed} {argument}: {text}");
    made.regrant(|rights| rights.grants = before).await;
    denied(made, deed, argument).await;
}

async fn denied(made: &TestInstance, deed: &str, argument: &str) {
    let (status, text) = made.deed(deed, argument).await;
    assert_eq!(status, 403, "{deed} {argument}: {text}");
}

#[tokio::test]
async fn no_way_leads_to_files_that_are_not_granted() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir(&inside).unwrap();
    std::fs::create_dir(&outside).unwrap();
    let secret = outside.join("secret");
    std::fs::write(&secret, "secret").unwrap();
    std::os::unix::fs::symlink(&secret, inside.join("link")).unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (_world, _plugin, ann) = started("good").await;
    ann.regrant(|rights| {
        rights.grants.host.files.insert(directory(&inside, true));
    })
    .await;
    for way in [
        path(&secret),
        path(&inside.join("../out/secret")),
        path(&inside.join("link")),
    ] {
        only_with(&ann, "read", &way, |grants| {
            grants.host.files.insert(directory(&outside, false));
        })
        .await;
    }
    let linked = inside.join("linked");
    let link = format!("{}|{}", secret.display(), linked.display());
    // Two directories granted by themselves are two mounts, which no link joins.
    only_with(&ann, "hard-link", &link, |grants| {
        grants
            .host
            .files
            .insert(directory(outside.parent().unwrap(), true));
    })
    .await;
    assert!(linked.exists());
    // Of the host, for its own is its own.
    let environ = format!("/proc/{}/environ", std::process::id());
    denied(&ann, "read", &environ).await;
}

#[tokio::test]
async fn ports_variables_and_messages_are_given_and_taken_back() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (_world, plugin, ann) = started("good").await;
    only_with(&ann, "connect", &address, |grants| {
        grants.host.http.insert(address.parse().unwrap());
    })
    .await;
    let variable = "CARGO_MANIFEST_DIR";
    let has = async || ann.deed("variable", variable).await.0 == 200;
    assert!(!has().await);
    ann.regrant(|rights| rights.grants.host.environment = [variable.to_owned()].into())
        .await;
    assert!(has().await);
    ann.regrant(|rights| rights.grants.host.environment.clear())
        .await;
    assert!(!has().await);

    // The current rights apply to calls to the host, without a new process.
    let generation = |plugin| match state(plugin) {
        State::Up { generation, .. } => generation,
        other => unreachable!("{other:?}"),
    };
    let before = generation(&plugin);
    let sent = || ann.host.sent.lock().unwrap().len();
    ann.regrant(|rights| rights.grants.user.send_messages = false)
        .await;
    let (_, text) = ann.deed("send", "x").await;
    assert!(text.contains("send-messages"), "{text}");
    assert_eq!(sent(), 0);
    ann.regrant(|rights| rights.grants.user.send_messages = true)
        .await;
    ann.deed("send", "x").await;
    assert_eq!(sent(), 1);
    assert_eq!(generation(&plugin), before);
}

#[tokio::test]
async fn a_process_has_what_any_of_its_users_has() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "content").unwrap();
    let file = folder.path().join("file");
    let file = file.to_str().unwrap();
    let more = with(|host| host.files = [directory(folder.path(), false)].into());
    let (_world, plugin, ann) = started("good").await;
    let bob = made_with(&plugin, "bob", talkative(), None).await;
    bob.instance.start().await.unwrap();
    for made in [&ann, &bob] {
        made.regrant(|rights| rights.grants = more.clone()).await;
        assert_eq!(made.deed("read", file).await.0, 200);
    }
    ann.regrant(|rights| rights.grants = talkative()).await;
    assert_eq!(bob.deed("read", file).await.0, 200);
    bob.regrant(|rights| rights.grants = talkative()).await;
    denied(&ann, "read", file).await;
    denied(&bob, "read", file).await;
}

#[tokio::test]
async fn a_call_may_end_when_nothing_is_lost_and_is_cut_off_when_something_is() {
    let folder = tempfile::tempdir().unwrap();
    let (_world, plugin, ann) = started("concurrent").await;
    ann.regrant(|rights| rights.limits.call_ms = 120_000).await;
    let mut body = stalling(&ann).await;
    let call = {
        let instance = Arc::clone(&ann.instance);
        tokio::spawn(async move { instance.webhook(request("sleep", "500")).await })
    };
    until("the call is in flight", async || {
        log(&plugin)
            .since(0)
            .iter()
            .any(|entry| entry.text == "asleep")
    })
    .await;
    ann.regrant(|rights| {
        rights
            .grants
            .host
            .files
            .insert(directory(folder.path(), false));
    })
    .await;
    let answer = call.await.unwrap();
    assert!(answer.is_ok(), "{answer:?}");
    // What would never end is not waited for.
    assert!(ended(&mut *body).await.is_err());

    let mut body = stalling(&ann).await;
    ann.regrant(|rights| rights.grants.host.files.clear()).await;
    assert!(ended(&mut *body).await.is_err());
    assert_eq!(ann.deed("echo", "").await.0, 200);
}

/// The second change comes while the process starts for the first one.
#[tokio::test]
async fn grants_that_change_at_the_start_of_a_process_are_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let file = file.to_str().unwrap();
    let (_world, plugin, ann) = started("concurrent").await;
    for round in 0..5 {
        let granted = ann.regrant(|rights| {
            rights
                .grants
                .host
                .files
                .insert(directory(folder.path(), false));
        });
        granted.await;
        let deadline = tokio::time::Instant::now() + SOON;
        while !matches!(state(&plugin), State::Starting | State::Up { .. }) {
            assert!(tokio::time::Instant::now() < deadline, "it does not start");
            tokio::task::yield_now().await;
        }
        ann.regrant(|rights| rights.grants.host.files.clear()).await;
        let (status, text) = ann.deed("read", file).await;
        assert_eq!(status, 403, "round {round}: {text}");
    }
}

/// A webhook's answer that begins and never ends.
async fn stalling(made: &TestInstance) -> Box<dyn Pieces> {
    let answer = made
        .instance
        .webhook_in_pieces(request("stream-and-stall", ""))
        .await
        .unwrap();
    let WebhookBody::Pieces(mut body) = answer.body else {
        unreachable!()
    };
    assert_eq!(body.next().await.unwrap().unwrap(), "x");
    body
}

/// Returns its end.
async fn ended(body: &mut dyn Pieces) -> Result<Bytes, CallError> {
    let next = tokio::time::timeout(SOON, body.next()).await;
    next.unwrap().unwrap()
}

#[tokio::test]
async fn a_stream_ends_with_its_grant() {
    let (_world, plugin, ann) = started("concurrent").await;
    ann.regrant(|rights| rights.limits.call_ms = 120_000).await;
    let mut body = stalling(&ann).await;
    ann.regrant(|rights| rights.grants.host.webhook = false)
        .await;
    let ended = ended(&mut *body).await;
    assert!(
        matches!(
            ended,
            Err(CallError::Denied {
                permission: "webhook"
            })
        ),
        "{ended:?}"
    );
    assert!(body.next().await.is_none());
    let refused = ann.instance.webhook(request("echo", "")).await;
    assert!(
        matches!(refused, Err(CallError::Denied { .. })),
        "{refused:?}"
    );
    ann.regrant(|rights| rights.grants.host.webhook = true)
        .await;
    assert_eq!(ann.deed("echo", "").await.0, 200);
    assert!(matches!(state(&plugin), State::Up { generation: 1, .. }));
}

#[tokio::test]
async fn limits_are_reached_and_change() {
    let (_world, _plugin, ann) = started("concurrent").await;
    let limit = async |change: fn(&mut Limits)| {
        ann.regrant(|rights| {
            rights.limits = Limits::default();
            change(&mut rights.limits);
        })
        .await;
    };
    limit(|limits| limits.call_ms = 100).await;
    let late = ann.instance.webhook(request("sleep", "1000")).await;
    assert!(
        matches!(late, Err(CallError::DeadlineExceeded { .. })),
        "{late:?}"
    );
    limit(|_| {}).await;
    assert_eq!(ann.deed("sleep", "1000").await.0, 200);

    limit(|limits| limits.concurrent_calls = 2).await;
    let call = || ann.instance.webhook(request("sleep", "300"));
    let (one, two, three) = tokio::join!(call(), call(), call());
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert!(
        matches!(three, Err(CallError::TooMany { most: 2, .. })),
        "{three:?}"
    );

    limit(|limits| limits.messages_per_minute = 0).await;
    let (_, text) = ann.deed("send", "x").await;
    assert!(text.contains("0 messages a minute"), "{text}");
    limit(|limits| limits.storage_bytes = 0).await;
    let (_, text) = ann.deed("store", "x").await;
    assert!(text.contains("limited to 0 bytes"), "{text}");
    limit(|limits| limits.log_bytes = 10 << 10).await;
    for number in 0..1000 {
        ann.log.write(
            Level::Info,
            mortise_runtime::log::Source::Plugin,
            &format!("{number}"),
        );
    }
    assert!(ann.log.since(0).len() < 200);
    limit(|_| {}).await;
    let (_, text) = ann.deed("send", "x").await;
    assert!(!text.contains("a minute"), "{text}");
}
