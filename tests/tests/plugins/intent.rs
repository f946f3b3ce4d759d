//! What a person decided outlasts the faults of the host: an enabled plugin that
//! does not come up stays enabled and is retried, and a filter whose failure
//! refuses messages is never silently left out.

use mortise_server::pipeline::PostError;
use reqwest::Method;
use serde_json::json;

use crate::{
    ADA, BY, Rig, data,
    fixture::{FILTER, plugin, titling},
    grant, install, until,
};

/// A filter of Ada's that refuses messages when it fails.
async fn closed(rig: &Rig) {
    let slot = rig.enable("a").await;
    let path = format!("/plugin/{}/filter", slot.id);
    let place = json!({ "order": 0, "failClosed": true }).to_string();
    let (status, text) = rig.request(Method::PUT, &path, &place).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(rig.title().await, "filtered");
}

async fn is_refused(rig: &Rig) -> bool {
    match rig.send("backup", "secret").await {
        Ok(stored) => {
            assert!(format!("{stored:?}").contains("filtered"), "{stored:?}");
            false
        }
        Err(PostError::Refused { by, .. }) => by == "a",
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_directory_that_is_not_there_at_the_start_disables_nothing() {
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("filtered")]))]);
    // Apart from the data directory, which is never a plugin's.
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("mount");
    std::fs::create_dir(&mount).unwrap();
    let files = format!("files = [{{ path = \"{}\" }}]", mount.display());
    grant(data.path(), &["a"], &files);
    let rig = Rig::start(data.path()).await;
    rig.enable("a").await;
    assert_eq!(rig.title().await, "filtered");
    rig.stop().await;

    let away = folder.path().join("away");
    std::fs::rename(&mount, &away).unwrap();
    let rig = Rig::start(data.path()).await;
    let shown = rig.shown("a").await;
    assert_eq!(shown["enabled"], true, "{shown}");
    assert!(rig.slot("a").await.is_down());
    let last = shown["lastError"].to_string();
    assert!(last.contains("cannot be opened"), "{shown}");
    assert!(rig.conditions("a").await.contains(&"down".to_owned()));
    std::fs::rename(&away, &mount).unwrap();
    until("up again", async || !rig.slot("a").await.is_down()).await;
    assert_eq!(rig.title().await, "filtered");
    rig.stop().await;
}

#[tokio::test]
async fn no_message_passes_a_filter_that_is_away_for_a_while() {
    let bytes = plugin("a", &[FILTER], &[titling("filtered")]);
    let data = data(&[("a", bytes.clone())]);
    let rig = Rig::start(data.path()).await;
    closed(&rig).await;

    let file = data.path().join("plugins/a.wasm");
    std::fs::remove_file(&file).unwrap();
    until("refused", async || is_refused(&rig).await).await;
    install(data.path(), &[("a", bytes)]);
    until("let through again", async || !is_refused(&rig).await).await;

    // Its user is renamed while messages come.
    let renamed = async {
        for _ in 0..2 {
            rig.plugins().user_changed(ADA).await;
        }
    };
    let sent = async {
        for _ in 0..20 {
            is_refused(&rig).await;
        }
    };
    tokio::join!(renamed, sent);

    // An administrator takes it away: what remains of the chain is asked.
    rig.plugins().uninstall("a", &BY).await.unwrap();
    assert_eq!(rig.title().await, "plain");
    rig.stop().await;
}

#[tokio::test]
async fn no_message_passes_a_filter_that_does_not_come_up_at_the_start() {
    let data = data(&[("a", plugin("a", &[FILTER], &[titling("filtered")]))]);
    // Apart from the data directory, which is never a plugin's.
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("mount");
    std::fs::create_dir(&mount).unwrap();
    let files = format!("files = [{{ path = \"{}\" }}]", mount.display());
    grant(data.path(), &["a"], &files);
    let rig = Rig::start(data.path()).await;
    closed(&rig).await;
    rig.stop().await;

    std::fs::remove_dir(&mount).unwrap();
    let rig = Rig::start(data.path()).await;
    assert!(is_refused(&rig).await);
    let slot = rig.slot("a").await;
    assert_eq!(rig.post(&slot, "disable", "").await.0, 200);
    assert_eq!(rig.title().await, "plain");
    rig.stop().await;
}
