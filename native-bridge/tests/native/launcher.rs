//! Nothing outlives its plugin, and no plugin outlives its host.

use std::{path::PathBuf, time::Duration};

use mortise_runtime::types::StopReason;

use crate::support::{Neighbour, World, eventually, made};

/// Processes on this machine whose command line contains all of these.
fn processes(parts: &[&str]) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if parts.iter().all(|part| line.contains(part)) {
            found.push(pid);
        }
    }
    found
}

/// Processes in the working directory below this folder.
fn working_in(folder: &std::path::Path) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if std::fs::read_link(entry.path().join("cwd")).is_ok_and(|path| path.starts_with(folder)) {
            found.push(pid);
        }
    }
    found
}

#[tokio::test]
async fn what_a_plugin_started_goes_with_it() {
    for reason in [StopReason::ShuttingDown, StopReason::Idle] {
        let world = World::new();
        let neighbour = Neighbour::of(&world).await;
        let beside = working_in(world.folder.path()).len();
        let plugin = world.plugin("forks").await;
        let ann = made(&plugin, "ann").await;
        // The plugin, a child of it, and one that was left to the guardian.
        eventually("three processes", async || {
            working_in(world.folder.path()).len() == beside + 3
        })
        .await;
        ann.instance.stop(reason).await.unwrap();
        assert_eq!(working_in(world.folder.path()).len(), beside);
        neighbour.answered().await;
        assert_eq!(working_in(world.folder.path()), [] as [u32; 0]);
        assert_eq!(world.leftovers(), [] as [&str; 0]);
    }
}

#[tokio::test]
async fn what_a_plugin_started_goes_when_it_crashes() {
    let world = World::with(|settings| settings.restart.give_up_after = 1);
    let neighbour = Neighbour::of(&world).await;
    let plugin = world.plugin("forks").await;
    let ann = made(&plugin, "ann").await;
    ann.instance.start().await.unwrap();
    let crash = ann.instance.webhook(crate::support::request("exit", "1"));
    crash.await.unwrap_err();
    neighbour.answered().await;
    assert_eq!(working_in(world.folder.path()), [] as [u32; 0]);
    assert_eq!(world.leftovers(), [] as [&str; 0]);
}

/// The environment variable that makes this test's program a host.
const HOST: &str = "MORTISE_TEST_HOST_FOLDER";

/// Not a test of its own: the host of the next one, which kills it.
#[tokio::test]
async fn host_that_is_killed() {
    let Some(folder) = std::env::var_os(HOST).map(PathBuf::from) else {
        return;
    };
    let backend =
        mortise_native_bridge::NativeBackend::new(crate::support::settings(&folder)).unwrap();
    let plugin = backend.load_native(&folder.join("forks")).await.unwrap();
    let _ann = made(&plugin, "ann").await;
    std::fs::write(folder.join("ready"), "").unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test]
async fn nothing_is_left_when_the_host_is_killed() {
    let world = World::new();
    world.file("forks");
    let folder = world.folder.path().to_owned();
    let mut host = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "launcher::host_that_is_killed", "--nocapture"])
        .env(HOST, &folder)
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("the host", async || folder.join("ready").exists()).await;
    assert_eq!(working_in(&folder).len(), 3);
    host.start_kill().unwrap();
    host.wait().await.unwrap();
    eventually("the end of its plugins", async || {
        working_in(&folder).is_empty()
            && processes(&["mortise-native-guardian"]).iter().all(|pid| {
                // Guardians of other tests run at the same time; ours had no other
                // host than the one that is gone.
                std::fs::read_to_string(format!("/proc/{pid}/stat"))
                    .is_ok_and(|stat| !stat.contains(") S 1 "))
            })
    })
    .await;
    eventually("the end of their folders", async || {
        walk(&folder.join("run")).iter().all(|path| {
            // The other backend of this test has an empty folder there.
            path.is_dir() && path.parent() == Some(&folder.join("run"))
        })
    })
    .await;
}

fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in folder.read_dir().unwrap().flatten() {
        all.push(entry.path());
        if entry.path().is_dir() {
            all.extend(walk(&entry.path()));
        }
    }
    all
}
