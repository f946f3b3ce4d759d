//! A process that is started by hand takes the place of the plugin's own, and
//! hands back when it leaves.

use std::process::Stdio;

use mortise_runtime::{Plugin as _, process::Attachment};

use crate::support::{
    PLUGIN, State, TestInstance, World, log, made, printed, request, state, until,
};

pub(crate) fn by_hand(behaviour: &str, attachment: &Attachment) -> tokio::process::Child {
    tokio::process::Command::new(PLUGIN)
        .arg(behaviour)
        .env("MORTISE_SOCKET", &attachment.socket)
        .env("MORTISE_SECRET", &attachment.secret)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn pid(made: &TestInstance) -> Option<String> {
    let answer = made.instance.webhook(request("pid", "")).await.ok()?;
    String::from_utf8(answer.body).ok()
}

pub(crate) async fn serves(made: &TestInstance, process: &tokio::process::Child) -> bool {
    pid(made).await == process.id().map(|id| id.to_string())
}

#[tokio::test]
async fn it_takes_over_with_all_instances_and_hands_back() {
    let world = World::new();
    let plugin = world.plugin("good").await;
    let ann = made(&plugin, "ann").await;
    let bob = made(&plugin, "bob").await;
    ann.instance.start().await.unwrap();
    bob.instance.start().await.unwrap();
    let own = pid(&ann).await.unwrap();

    let attachment = plugin.attach().unwrap();
    let mut process = by_hand("good", &attachment);
    until("the attached process", async || {
        serves(&ann, &process).await
    })
    .await;
    assert!(serves(&bob, &process).await);
    assert!(
        crate::launcher::working_in(world.folder.path()).is_empty(),
        "{own}"
    );
    let State::Up { protection, .. } = state(&plugin) else {
        panic!("{:?}", state(&plugin))
    };
    assert!(protection.missing[0].contains("started by hand"));

    // It is restarted at will, with the same secret.
    process.kill().await.unwrap();
    let mut process = by_hand("good", &attachment);
    until("its successor", async || serves(&ann, &process).await).await;

    process.kill().await.unwrap();
    let before = printed(&plugin).len();
    until("the plugin's own", async || pid(&ann).await.is_some()).await;
    assert!(!serves(&ann, &process).await);
    until("all instances", async || {
        printed(&plugin)[before..]
            .iter()
            .filter(|call| call.starts_with("lifecycle.start"))
            .count()
            == 2
    })
    .await;
    // None of this was a crash.
    assert!(
        log(&plugin)
            .since(0)
            .iter()
            .all(|entry| !entry.text.contains("is started again in"))
    );
    drop((ann, bob));
    until("the end", async || state(&plugin) == State::Down).await;
}

#[tokio::test]
async fn only_who_has_the_secret_is_let_in() {
    let world = World::new();
    let plugin = world.plugin("good").await;
    let ann = made(&plugin, "ann").await;
    ann.instance.start().await.unwrap();
    let attachment = plugin.attach().unwrap();
    let newer = plugin.attach().unwrap();
    assert!(!attachment.socket.exists());
    for (behaviour, secret, note) in [
        (
            "good",
            "guess",
            "turned away: a process connected with a wrong secret",
        ),
        (
            "garbage",
            &newer.secret,
            "turned away: the plugin sent a frame",
        ),
        (
            "bad-id",
            &newer.secret,
            "is not this plugin: its description has the id `Not An Id`",
        ),
    ] {
        let attachment = Attachment {
            secret: secret.to_owned(),
            ..newer.clone()
        };
        let mut process = by_hand(behaviour, &attachment);
        until(note, async || {
            log(&plugin)
                .since(0)
                .iter()
                .any(|entry| entry.text.contains(note))
        })
        .await;
        process.kill().await.unwrap();
        until("the plugin's own", async || pid(&ann).await.is_some()).await;
    }
}
