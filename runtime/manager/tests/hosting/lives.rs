//! The lives of a plugin: the example, and a second start.

use std::{sync::Mutex, time::Duration};

use mortise_manager::{
    Actor, Outcome, PluginState, Plugins, Settings, Upload, embedder::Sender, local::LocalCatalogue,
};
use mortise_runtime::types::{Application, Content, Draft};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_installs_swaps_rolls_back_and_removes() {
    let rig = Rig::new();
    let (first, second) = (rig.version("one"), rig.version("two"));
    let asked = Mutex::new(Vec::new());
    let allow = |request: &str| {
        asked.lock().unwrap().push(request.to_owned());
        // Timers are not granted.
        !request.starts_with("timers")
    };
    let data = rig.directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let lines = example::host(&data, [&first, &second], rig.backends.clone(), allow)
        .await
        .unwrap();
    assert_eq!(
        *asked.lock().unwrap(),
        ["filter-messages: to test it", "timers: to test it"]
    );
    let [before, swapped, meanwhile, back, findings @ .., last] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert_eq!(
        [before, swapped, back],
        ["not stored: one", "not stored: two", "not stored: one"]
    );
    // Each message was filtered by exactly one of the versions.
    assert!(
        [
            r#"meanwhile: {"not stored: one", "not stored: two"}"#,
            r#"meanwhile: {"not stored: one"}"#,
            r#"meanwhile: {"not stored: two"}"#
        ]
        .contains(&meanwhile.as_str()),
        "{meanwhile}"
    );
    assert!(
        findings.iter().any(|line| line.contains("`timers`")),
        "{findings:?}"
    );
    assert_eq!(last, "stored as `Hi`");
    let left = std::fs::read_dir(data.join("plugins")).unwrap();
    assert_eq!(left.count(), 0);
}

fn draft() -> Draft {
    Draft {
        application: Application {
            id: 1,
            name: "backup".to_owned(),
        },
        content: Content {
            title: "Hi".to_owned(),
            body: "hello".to_owned(),
            priority: 5,
            extras: None,
        },
        received_ms: 0,
    }
}

async fn started(rig: &Rig) -> Arc<Plugins> {
    let data = rig.directory.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let catalogue = LocalCatalogue::open(&data.join("catalogue.json")).unwrap();
    let settings = Settings::in_directory(&data);
    let plugins = Plugins::new(Arc::new(catalogue), Arc::new(example::Ada), settings);
    let backends = rig.backends.clone();
    plugins.start(|| Ok(backends)).await.unwrap();
    plugins
}

async fn reason(plugins: &Plugins) -> Option<String> {
    let filtered = plugins.filter_message(1, draft(), Sender::Application);
    match filtered.await.outcome {
        Outcome::Dropped { reason, .. } => Some(reason),
        _ => None,
    }
}

/// Waits until messages are dropped for a reason.
async fn until_dropped(plugins: &Plugins, expected: Option<&str>) {
    let changed = async {
        while reason(plugins).await.as_deref() != expected {
            tokio::task::yield_now().await;
        }
    };
    let changed = tokio::time::timeout(Duration::from_secs(60), changed);
    assert!(changed.await.is_ok(), "never {expected:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_goes_on_with_what_was_installed_and_enabled() {
    let rig = Rig::new();
    let by = Actor::Server;
    let file = rig.version("one");
    let plugins = started(&rig).await;
    let upload = Upload::of(&file);
    plugins.install(upload, &by).await.unwrap();
    let slot = plugins.of_user(1).await.unwrap().remove(0);
    assert_eq!(slot.base_path(), "", "the program serves no webhooks");
    plugins.enable(&slot, &by).await.unwrap();
    plugins.stop().await;

    let plugins = started(&rig).await;
    assert_eq!(reason(&plugins).await.as_deref(), Some("one"));
    assert!(plugins.of_user(1).await.unwrap()[0].is_enabled());
    plugins.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plugins_folder_is_watched() {
    let rig = Rig::new();
    let plugins = started(&rig).await;
    let in_folder = rig.directory.path().join("data/plugins/filter.wasm");
    let put = |file: PathBuf| std::fs::rename(file, &in_folder).unwrap();
    put(rig.version("one"));
    let arrived = async {
        while plugins.list().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let arrived = tokio::time::timeout(Duration::from_secs(60), arrived);
    assert!(arrived.await.is_ok(), "the file is not installed");
    let slot = plugins.of_user(1).await.unwrap().remove(0);
    plugins.enable(&slot, &Actor::Server).await.unwrap();
    until_dropped(&plugins, Some("one")).await;

    put(rig.version("two"));
    until_dropped(&plugins, Some("two")).await;

    std::fs::remove_file(&in_folder).unwrap();
    until_dropped(&plugins, None).await;
    assert_eq!(plugins.list()[0].state, PluginState::Missing);
    plugins.stop().await;
}
