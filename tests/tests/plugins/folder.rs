//! The plugins folder while the server runs: files that various programs add,
//! change and remove in their own ways.

use std::{io::Write as _, time::Duration};

use mortise_runtime::{Step, grants::HostGrants};
use mortise_server::plugins::Waiting;

use crate::{
    BY, Rig, data,
    fixture::{FILTER, plugin, telling, titling},
    grant, replace, said, until,
};

fn version(title: &str) -> Vec<u8> {
    plugin("a", &[FILTER], &[titling(title), telling("up")])
}

#[tokio::test]
async fn what_is_put_into_the_folder_is_taken_up() {
    let data = data(&[]);
    let rig = Rig::start(data.path()).await;
    let file = data.path().join("plugins/a.wasm");

    // Half a copy is no plugin yet, however long the other half takes.
    let bytes = version("one");
    let (half, rest) = bytes.split_at(bytes.len() / 2);
    let mut copy = std::fs::File::create(&file).unwrap();
    copy.write_all(half).unwrap();
    until("half a copy was reported", async || {
        !rig.failed().is_empty()
    })
    .await;
    assert_eq!(rig.failed(), [("a.wasm".to_owned(), Step::Compile)]);
    assert!(rig.plugins().status("a").is_none());
    copy.write_all(rest).unwrap();
    drop(copy);
    until("the whole was loaded", async || {
        rig.plugins().status("a").is_some()
    })
    .await;
    assert_eq!(rig.failed(), []);
    let slot = rig.enable("a").await;
    assert_eq!(rig.title().await, "one");

    // Written aside and renamed.
    replace(data.path(), "a", &version("two"));
    until("it was replaced", async || rig.title().await == "two").await;

    // Overwritten in place by something that is no plugin.
    std::fs::write(&file, "<html>Not found</html>").unwrap();
    until("what is broken was reported", async || {
        !rig.failed().is_empty()
    })
    .await;
    assert_eq!(rig.failed(), [("a.wasm".to_owned(), Step::Decode)]);
    let waiting = rig.plugins().status("a").unwrap().waiting;
    assert!(
        matches!(waiting, Some(Waiting::Failed { .. })),
        "{waiting:?}"
    );
    assert_eq!(rig.title().await, "two");
    std::fs::write(&file, version("three")).unwrap();
    until("it was mended", async || rig.title().await == "three").await;
    assert_eq!(rig.failed(), []);
    assert!(rig.plugins().status("a").unwrap().waiting.is_none());

    // As editors save: the old file gets another name for a moment, and there
    // are files beside it.
    let folder = data.path().join("plugins");
    std::fs::write(folder.join(".a.wasm.swp"), "swap").unwrap();
    std::fs::write(folder.join("4913"), "").unwrap();
    std::fs::remove_file(folder.join("4913")).unwrap();
    std::fs::rename(&file, folder.join("a.wasm~")).unwrap();
    std::fs::write(&file, version("four")).unwrap();
    std::fs::remove_file(folder.join("a.wasm~")).unwrap();
    until("it was edited", async || rig.title().await == "four").await;
    assert_eq!(rig.failed(), []);

    // Written again as it is, it is not brought up again.
    let before = said(&slot);
    replace(data.path(), "a", &version("four"));
    until("the same was looked at", async || {
        !rig.plugins().status("a").unwrap().changed
    })
    .await;
    assert_eq!(said(&slot), before);
    assert_eq!(before.iter().filter(|line| *line == "up").count(), 4);
    // All the while it was the user's same plugin.
    assert_eq!(rig.slot("a").await.id, slot.id);
    assert!(rig.slot("a").await.is_enabled());
    rig.stop().await;
}

#[tokio::test]
async fn a_file_that_goes_takes_its_plugin_along_until_it_is_back() {
    let data = data(&[("a", version("filtered")), ("b", plugin("b", &[], &[]))]);
    let rig = Rig::start(data.path()).await;
    let folder = data.path().join("plugins");
    let slot = rig.enable("a").await;
    assert_eq!(rig.title().await, "filtered");
    std::fs::rename(folder.join("a.wasm"), folder.join(".a")).unwrap();
    until("it was gone", async || rig.title().await == "plain").await;
    until("it was stopped", async || {
        said(&slot).last().is_some_and(|line| line == "no more")
    })
    .await;
    let (_, listed) = rig.get("/plugin").await;
    assert!(!listed.contains("\"a\""), "{listed}");

    // Restored under another name, it is the same plugin.
    std::fs::rename(folder.join(".a"), folder.join("other.wasm")).unwrap();
    until("it was back", async || rig.title().await == "filtered").await;
    assert_eq!(rig.slot("a").await.id, slot.id);
    let status = rig.plugins().status("a").unwrap();
    assert_eq!(status.file, folder.join("other.wasm"));

    // A second file of the same plugin is kept out, and takes over when the
    // first goes.
    std::fs::write(folder.join("twin.wasm"), version("twin")).unwrap();
    until("the twin was reported", async || {
        rig.failed() == [("twin.wasm".to_owned(), Step::Duplicate)]
    })
    .await;
    assert_eq!(rig.title().await, "filtered");
    std::fs::remove_file(folder.join("other.wasm")).unwrap();
    until("the twin took over", async || rig.title().await == "twin").await;
    assert_eq!(rig.failed(), []);
    rig.stop().await;
}

#[tokio::test]
async fn a_file_may_become_another_plugin() {
    let data = data(&[("x", version("a"))]);
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    replace(data.path(), "x", &plugin("b", &[FILTER], &[titling("b")]));
    until("the other was there", async || {
        rig.plugins().status("b").is_some()
    })
    .await;
    rig.enable("b").await;
    assert_eq!(rig.title().await, "b");

    // The data of the first one does not belong to the other.
    assert_eq!(
        rig.plugins()
            .uninstall("a", &BY)
            .await
            .map_err(|e| e.to_string()),
        Ok(())
    );
    assert_eq!(rig.title().await, "b");
    assert!(data.path().join("plugins/x.wasm").exists());

    // Nor is its place: the first one comes back beside it.
    replace(data.path(), "x", &version("a"));
    until("the first was back", async || rig.title().await == "a").await;
    let status = rig
        .installed(&plugin("b", &[FILTER], &[titling("b")]))
        .await;
    assert_eq!(
        status.unwrap().file,
        data.path().join("plugins/b.wasm"),
        "not in the place of the other"
    );
    until("both are there", async || rig.title().await == "b").await;
    std::fs::remove_file(data.path().join("plugins/x.wasm")).unwrap();
    until("the first was gone again", async || {
        rig.plugins()
            .status("a")
            .is_some_and(|status| status.state == mortise_server::plugins::PluginState::Missing)
    })
    .await;
    assert_eq!(rig.title().await, "b");
    rig.stop().await;
}

#[tokio::test]
async fn an_uninstalled_plugins_id_is_not_taken_over() {
    let data = data(&[("a", version("filtered"))]);
    grant(data.path(), &["a"], "timers = true");
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    assert_eq!(rig.title().await, "filtered");
    let left = [("left.wasm".to_owned(), Step::Duplicate)];
    let file = data.path().join("plugins/left.wasm");
    std::fs::write(&file, version("left")).unwrap();
    until("the copy was reported", async || rig.failed() == left).await;

    // A copy that was left in the folder is not loaded, now or after a restart.
    rig.plugins().uninstall("a", &BY).await.unwrap();
    let left = [("left.wasm".to_owned(), Step::ChangedByHand)];
    assert_eq!(rig.failed(), left);
    rig.stop().await;
    let rig = Rig::start(data.path()).await;
    until("the copy was reported again", async || rig.failed() == left).await;
    assert_eq!(rig.title().await, "plain");

    // The same file has what it had; one that nobody knows has nothing.
    rig.installed(&version("filtered")).await.unwrap();
    assert_eq!(rig.title().await, "filtered");
    let more = HostGrants {
        webhook: true,
        ..HostGrants::default()
    };
    rig.plugins().grant("a", &more, &BY).await.unwrap();
    rig.plugins().uninstall("a", &BY).await.unwrap();
    assert!(rig.plugins().grants_of("a").grants.timers);
    assert!(rig.plugins().grant_record("a").await.is_some());
    rig.installed(&version("another")).await.unwrap();
    assert!(!rig.plugins().grants_of("a").grants.timers);
    // The administrator is asked about this file, as about any new one.
    assert_eq!(rig.plugins().grant_record("a").await, None);
    assert_eq!(rig.title().await, "plain");
    rig.enable("a").await;
    assert_eq!(rig.title().await, "another");
    rig.stop().await;
}

#[tokio::test]
async fn orders_and_the_watch_do_not_cross() {
    let data = data(&[("other", plugin("other", &[], &[]))]);
    let rig = Rig::start(data.path()).await;
    let bytes = version("filtered");
    let end = std::time::Instant::now() + Duration::from_secs(2);
    let mut rounds = 0;
    while std::time::Instant::now() < end {
        rig.installed(&bytes).await.unwrap();
        if rounds == 0 {
            rig.enable("a").await;
        }
        // Those who had it enabled have it running.
        assert_eq!(rig.title().await, "filtered", "round {rounds}");
        rig.plugins().uninstall("a", &BY).await.unwrap();
        assert_eq!(rig.title().await, "plain", "round {rounds}");
        rounds += 1;
    }
    assert_eq!(rig.failed(), []);
    rig.stop().await;
}

/// A named pipe in the place of a file would block whoever opens it.
#[cfg(unix)]
#[tokio::test]
async fn pipes_in_the_place_of_files_stop_nothing() {
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("filtered")]))]);
    for name in [
        "plugins/pipe",
        "plugins/a.wasm.minisig",
        "grants.toml",
        "trusted-keys",
    ] {
        let made = std::process::Command::new("mkfifo")
            .arg(data.path().join(name))
            .status();
        assert!(made.unwrap().success());
    }
    let start = tokio::time::timeout(Duration::from_secs(60), Rig::start(data.path()));
    let rig = start.await.unwrap();
    assert!(rig.is_healthy().await);
    let reports = rig.plugins().failures();
    let found = |name: &str| {
        let report = reports.iter().find(|report| report.file.ends_with(name));
        report
            .unwrap_or_else(|| panic!("{reports:?}"))
            .found
            .clone()
    };
    assert_eq!(found("pipe"), "a pipe");
    assert!(found("a.wasm").contains("a pipe"), "{}", found("a.wasm"));
    let problem = rig.plugins().grants_problem().unwrap();
    assert!(problem.contains("a pipe"), "{problem}");
    let stop = tokio::time::timeout(Duration::from_secs(60), rig.stop());
    stop.await.unwrap();
}

#[tokio::test]
async fn what_the_host_could_not_load_is_loaded_once_it_can() {
    let data = data(&[]);
    let rig = Rig::start(data.path()).await;
    replace(data.path(), "a", &version("one"));
    until("it was loaded", async || {
        rig.plugins().status("a").is_some()
    })
    .await;
    rig.enable("a").await;
    assert_eq!(rig.title().await, "one");

    // The server cannot make its own copies: of a new version, and of a file that
    // was away.
    let (folder, file) = (
        data.path().join("versions"),
        data.path().join("plugins/a.wasm"),
    );
    let aside = data.path().join("aside");
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    replace(data.path(), "a", &version("two"));
    until("the new version was reported", async || {
        rig.failed() == [("a.wasm".to_owned(), Step::Read)]
    })
    .await;
    assert_eq!(rig.title().await, "one");
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    until("the new version was loaded", async || {
        rig.title().await == "two"
    })
    .await;

    let away = data.path().join("away");
    std::fs::rename(&file, &away).unwrap();
    until("it was missed", async || rig.title().await != "two").await;
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    std::fs::rename(&away, &file).unwrap();
    until("its return was reported", async || {
        rig.failed() == [("a.wasm".to_owned(), Step::Read)]
    })
    .await;
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    until("it works again", async || rig.title().await == "two").await;
    assert_eq!(rig.failed(), []);
}
