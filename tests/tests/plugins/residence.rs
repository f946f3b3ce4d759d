//! The plugins in memory: those in use, while they are in use.

use std::{sync::Arc, time::Duration};

use mortise_server::plugins::PluginState;

use crate::{
    BY, Rig, data,
    fixture::{
        FILTER, READ_ALL, TIMERS, WEBHOOK, echoing, listening, plugin, telling, ticking, titling,
    },
    grant, said, until,
};

fn state(rig: &Rig, id: &str) -> PluginState {
    rig.plugins().status(id).unwrap().state
}

#[tokio::test]
async fn what_nobody_uses_is_not_loaded() {
    let unused = plugin("unused", &[FILTER], &[titling("filtered")]);
    let data = data(&[("unused", unused), ("plain", plugin("plain", &[], &[]))]);
    let rig = Rig::start(data.path()).await;
    // It was loaded once, to be asked who it is, and is gone from memory.
    assert_eq!(state(&rig, "unused"), PluginState::OnDemand);
    rig.stop().await;

    // From then on a start neither reads nor compiles it: there is nothing to
    // be had from these.
    std::fs::remove_dir_all(data.path().join("cache")).unwrap();
    let copies = data.path().join("versions");
    for version in std::fs::read_dir(&copies).unwrap() {
        for copy in std::fs::read_dir(version.unwrap().path()).unwrap() {
            std::fs::write(copy.unwrap().path(), "not read").unwrap();
        }
    }
    let rig = Rig::start(data.path()).await;
    assert_eq!(rig.failed(), []);
    let (_, listed) = rig.get("/plugin").await;
    assert!(listed.contains("unused"), "{listed}");
    for id in ["unused", "plain"] {
        assert_eq!(state(&rig, id), PluginState::OnDemand);
    }
    let compiled = std::fs::read_dir(data.path().join("cache")).unwrap();
    let names = compiled.map(|entry| entry.unwrap().file_name());
    let code = names.filter(|name| name.to_string_lossy().ends_with(".cwasm"));
    assert_eq!(code.count(), 0);

    // The first use finds the error and reports the file.
    let slot = rig.slot("unused").await;
    let (status, text) = rig.post(&slot, "enable", "").await;
    assert_eq!(status, 500, "{text}");
    let broken = state(&rig, "unused");
    assert!(matches!(broken, PluginState::Broken { .. }), "{broken:?}");
    rig.plugins().reload("unused", &BY).await.unwrap();
    rig.enable("unused").await;
    assert_eq!(state(&rig, "unused"), PluginState::Loaded { instances: 1 });
    assert_eq!(rig.title().await, "filtered");
    rig.stop().await;
}

#[tokio::test]
async fn an_idle_instance_goes_and_comes_back_with_a_start() {
    let parts = [titling("filtered"), telling("up")];
    let data = data(&[
        ("a", plugin("a", &[FILTER], &parts)),
        (
            "looked-at",
            plugin("looked-at", &[], &[crate::fixture::configured('!')]),
        ),
    ]);
    let idle = Duration::from_millis(300);
    let rig = Rig::start_with(data.path(), |config| config.plugin_idle = idle).await;
    let slot = rig.enable("a").await;
    for round in 1..3 {
        until("it was stopped", async || said(&slot).len() == 2 * round).await;
        assert!(slot.is_enabled());
        assert_eq!(rig.title().await, "filtered");
    }
    let lines = said(&slot);
    assert_eq!(lines[..5], ["up", "no more", "up", "no more", "up"]);

    // A plugin that was only shown is dropped completely.
    let looked_at = rig.slot("looked-at").await;
    let path = format!("/plugin/{}/config", looked_at.id);
    assert_eq!(rig.get(&path).await.0, 200);
    until("it was let go of", async || {
        state(&rig, "looked-at") == PluginState::OnDemand
    })
    .await;
    assert_eq!(rig.get(&path).await.0, 200);

    // Disabled, it goes too.
    rig.post(&slot, "disable", "").await;
    until("it was let go of", async || {
        state(&rig, "a") == PluginState::OnDemand
    })
    .await;
    rig.stop().await;
}

#[tokio::test]
async fn an_uninstalled_plugin_leaves_nothing_running() {
    let parts = [
        titling("filtered"),
        listening('!'),
        echoing(),
        ticking(Some((0, 3_600_000))),
    ];
    let wants = [FILTER, READ_ALL, WEBHOOK, TIMERS];
    let hourly = plugin("other", &[TIMERS], &[ticking(Some((0, 3_600_000)))]);
    let data = data(&[("a", plugin("a", &wants, &parts))]);
    grant(
        data.path(),
        &["a", "other"],
        "webhook = true\ntimers = true",
    );
    let rig = Rig::start(data.path()).await;
    let slot = rig.enable("a").await;
    let hook = format!("/plugin/{}/custom/{}/", slot.id, slot.token);
    assert_eq!(rig.get(&hook).await.0, 200);
    assert_eq!(rig.title().await, "filtered");
    rig.hours_pass(&slot).await;
    assert!(said(&slot).iter().any(|line| line == "tick"));
    let log = Arc::clone(&slot.log);
    let plugin = Arc::downgrade(&slot.plugin());
    let weak = Arc::downgrade(&slot);
    drop(slot);

    rig.plugins().uninstall("a", &BY).await.unwrap();
    let last = log.since(0).len();
    assert!(rig.plugins().status("a").is_none());
    assert_eq!(rig.get(&hook).await.0, 404);
    assert_eq!(rig.title().await, "plain");
    until("its user's part was gone", async || {
        weak.upgrade().is_none()
    })
    .await;
    until("its code was gone", async || plugin.upgrade().is_none()).await;
    for folder in ["plugins", "versions"] {
        let left = std::fs::read_dir(data.path().join(folder)).unwrap();
        assert_eq!(left.count(), 0, "in {folder}");
    }
    rig.installed(&hourly).await.unwrap();
    let other = rig.enable("other").await;
    rig.hours_pass(&other).await;
    assert_eq!(log.since(0).len(), last, "nothing of it is called");
    rig.stop().await;
}
