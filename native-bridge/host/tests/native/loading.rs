//! Files that load, and the reports of those that do not. Whatever the file
//! does, the report comes by its deadline, a neighbour goes on answering and
//! nothing is left running.

use std::{
    fs::File,
    io::Write as _,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use mortise_native::Settings;
use mortise_runtime::{CallError, LoadError, Loader as _, Plugin as _, Step, types::StopReason};

use crate::support::{
    Neighbour, PLUGIN, State, World, made, request, script, setup, state, until, with,
};

async fn report(behaviour: &str, change: impl FnOnce(&mut Settings)) -> LoadError {
    let world = World::with(|settings| {
        settings.handshake = Duration::from_secs(2);
        settings.describe = Duration::from_secs(2);
        change(settings);
    });
    let neighbour = Neighbour::of(&world).await;
    let begun = Instant::now();
    let error = world
        .backend
        .load_native(&world.file(behaviour))
        .await
        .unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(8), "{behaviour}");
    neighbour.answered().await;
    assert_eq!(world.leftovers(), [] as [&str; 0], "{behaviour}");
    error
}

#[tokio::test]
async fn a_good_one_serves_in_the_process_that_described_it() {
    let world = World::new();
    let plugin = world.plugin("good").await;
    assert_eq!(plugin.manifest().id, "io.mortise.stress");
    assert_eq!(plugin.backend(), mortise_runtime::Backend::Native);
    assert_eq!(plugin.capabilities(), None);
    let is_first = || matches!(state(&plugin), State::Up { generation: 1, .. });
    assert!(is_first());
    let user = made(&plugin, "ann").await;
    user.instance.start().await.unwrap();
    assert!(is_first());
    user.instance.stop(StopReason::ShuttingDown).await.unwrap();
    drop((user, plugin));
    until("the end of all processes", async || {
        world.leftovers().is_empty()
    })
    .await;
}

/// A person may give a plugin little time for its calls. The start of its
/// process has a limit of its own.
#[tokio::test]
async fn the_start_of_a_process_takes_nothing_of_the_time_for_a_call() {
    let gate = tempfile::tempdir().unwrap();
    let world = World::with(|settings| settings.readable.push(gate.path().to_owned()));
    let pipe = gate.path().join("pipe");
    let file = world.folder.path().join("slow");
    // Once there is a pipe, a process waits for a line from it.
    let wait = format!("[ ! -p {0} ] || read line < {0}", pipe.display());
    script(&file, &format!("{wait}; exec {PLUGIN} good"));
    let plugin = world.backend.load_native(&file).await.unwrap();
    let created = Command::new("mkfifo").arg(&pipe).status();
    assert!(created.unwrap().success());
    // Opened for reading too, because otherwise this waits for the process.
    let opened = File::options().read(true).write(true).open(&pipe);
    let mut pipe = opened.unwrap();
    let other = world.plugin("concurrent").await;
    let bob = made(&other, "bob").await;
    bob.instance.start().await.unwrap();
    bob.regrant(|rights| rights.limits.call_ms = 1000).await;
    // The process that described it has no such grant: another takes its place.
    let grants = with(|host| host.environment.extend(["LANG".to_owned()]));
    let mut setup = setup("ann", &Arc::default(), grants);
    setup.limits.call_ms = 700;
    // A call with more time, which begins later, ends before the process starts.
    let longer = async {
        let error = bob.instance.webhook(request("sleep", "60000")).await;
        assert!(
            matches!(error, Err(CallError::DeadlineExceeded { .. })),
            "{error:?}"
        );
        assert!(matches!(state(&plugin), State::Starting));
        pipe.write_all(b"\n").unwrap();
    };
    let (instance, ()) = tokio::join!(plugin.instance(setup), longer);
    instance.unwrap();
    assert!(matches!(state(&plugin), State::Up { generation: 2, .. }));
}

#[tokio::test]
async fn each_that_sends_no_handshake_is_reported() {
    for (behaviour, step, found) in [
        ("silent", Step::Unstarted, "sent no handshake within 2s"),
        ("mute", Step::Unstarted, "sent no handshake within 2s"),
        (
            "exit-at-once",
            Step::Start,
            "exited with status 3; it printed:\ngiving up: no reason",
        ),
        ("abort-at-once", Step::Start, "killed by signal 6"),
        ("ends-before-handshake", Step::Start, "exited with status 0"),
        ("garbage", Step::Start, "a frame of 1195725856 bytes"),
        ("half-frame", Step::Unstarted, "sent no handshake within 2s"),
        ("oversized", Step::Start, "a frame of 2147483647 bytes"),
        (
            "call-before-handshake",
            Step::Start,
            "`call` where the handshake's `hello` was expected",
        ),
        // It printed why, and ended.
        ("wrong-secret", Step::Start, "rejected: the secret is wrong"),
        ("wrong-version", Step::Start, "version 99 of the protocol"),
    ] {
        let error = report(behaviour, |_| {}).await;
        assert_eq!(error.step, step, "{error}");
        assert!(error.found.contains(found), "{behaviour}: {error}");
    }
}

#[tokio::test]
async fn each_that_does_not_describe_itself_is_reported() {
    for (behaviour, step, found) in [
        (
            "exits-at:manifest.describe",
            Step::Describe,
            "status 4; it printed:\nleaving at",
        ),
        (
            "hangs-at:manifest.describe",
            Step::Describe,
            "no answer in time",
        ),
        ("bad-manifest", Step::Describe, "missing field `id`"),
        ("bad-id", Step::Manifest, "Not An Id"),
    ] {
        let error = report(behaviour, |_| {}).await;
        assert_eq!(error.step, step, "{error}");
        assert!(error.found.contains(found), "{behaviour}: {error}");
    }
}

#[tokio::test]
async fn files_that_cannot_be_executed_are_reported() {
    let world = World::new();
    let file = world.folder.path().join("plugin");

    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    let error = world.backend.load_native(&file).await.unwrap_err();
    assert!(error.fix.contains("chmod +x"), "{error}");

    script(&file, "");
    std::fs::write(&file, "#!/no/such/interpreter\n").unwrap();
    let error = world.backend.load_native(&file).await.unwrap_err();
    assert_eq!(error.step, Step::Start);
    assert!(error.found.contains("interpreter"), "{error}");

    let mut elf = std::fs::read(PLUGIN).unwrap();
    elf[18..20].copy_from_slice(&22_u16.to_le_bytes());
    for (bytes, found) in [
        (&b"\x7fELF and then nothing"[..], "cut short or damaged"),
        (&elf, "an executable for s390x"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let error = world.backend.load_native(&file).await.unwrap_err();
        assert_eq!(error.step, Step::Decode);
        assert!(error.found.contains(found), "{error}");
    }

    let library = world.folder.path().join("plugin.so");
    std::fs::write(&library, b"\x7fELF").unwrap();
    let error = world.backend.load_native(&library).await.unwrap_err();
    assert!(error.found.contains("shared library"), "{error}");

    let error = world
        .backend
        .load_native(&world.folder.path().join("gone"))
        .await
        .unwrap_err();
    assert_eq!(error.step, Step::Read);
    assert_eq!(world.leftovers(), [] as [&str; 0]);
}

#[tokio::test]
async fn recognizes_executables_and_nothing_else() {
    let world = World::new();
    let file = world.file("good");
    assert!(world.backend.recognizes(&file, b"#!/bin/sh\nexec "));
    assert!(world.backend.recognizes(&file, b"\x7fELF\x02\x01\x01"));
    assert!(!world.backend.recognizes(&file, b"\0asm\x0d\0\x01\0"));
    assert!(!world.backend.recognizes(&file, b"[ZoneTransfer]"));
}
