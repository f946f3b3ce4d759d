//! Nothing outlives its plugin, and no plugin outlives its host.

use std::{io::Read as _, path::PathBuf};

use mortise_runtime::{Plugin as _, types::StopReason};

use crate::support::{Neighbour, World, made, until};

/// Processes in the working directory below this folder.
pub(crate) fn working_in(folder: &std::path::Path) -> Vec<u32> {
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
        // The plugin, a child of it, and one that was left to the monitor.
        until("three processes", async || {
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
async fn a_removed_runtime_folder_keeps_no_plugin_down() {
    let world = World::new();
    let plugin = world.plugin("good").await;
    let ann = made(&plugin, "ann").await;
    ann.instance.start().await.unwrap();
    std::fs::remove_dir_all(world.folder.path().join("run")).unwrap();
    // The process that runs needs no folder, and the next one has another.
    assert_eq!(ann.deed("echo", "").await.0, 200);
    let crash = ann.instance.webhook(crate::support::request("exit", "1"));
    crash.await.unwrap_err();
    until("a new process", async || {
        let again = crate::support::request("echo", "");
        ann.instance.webhook(again).await.is_ok()
    })
    .await;
    // Plugins that come later load too.
    let other = world.file("good");
    let other = world.backend.load_native(&other).await.unwrap();
    ann.instance.stop(StopReason::ShuttingDown).await.unwrap();
    drop((ann, plugin, other));
    until("the end of all processes", async || {
        world.leftovers().is_empty()
    })
    .await;
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
/// The one that has it serve a process that was started by hand.
const BY_HAND: &str = "MORTISE_TEST_HOST_BY_HAND";

/// Not a test of its own: the host of the next one, which kills it.
#[tokio::test]
async fn host_that_is_killed() {
    let Some(folder) = std::env::var_os(HOST).map(PathBuf::from) else {
        return;
    };
    let backend = mortise_native::NativeBackend::new(crate::support::settings(&folder)).unwrap();
    let by_hand = std::env::var_os(BY_HAND).is_some();
    let file = if by_hand { "good" } else { "forks" };
    let plugin = backend.load_native(&folder.join(file)).await.unwrap();
    let ann = made(&plugin, "ann").await;
    let attachment = plugin.attach().unwrap();
    if by_hand {
        ann.instance.start().await.unwrap();
        let process = crate::attach::by_hand("good", &attachment);
        until("the attached process", async || {
            crate::attach::serves(&ann, &process).await
        })
        .await;
        // It ends when it loses its host, as a process started by hand should.
        std::mem::forget(process);
    }
    std::fs::write(folder.join("ready"), "").unwrap();
    // It is killed, or the test that started it has ended.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Neither with processes of the plugin's own, nor with one that was started by
/// hand in their place. There is a socket where processes can attach.
#[tokio::test]
async fn nothing_is_left_when_the_host_is_killed() {
    for by_hand in [false, true] {
        let world = World::new();
        world.file("forks");
        world.file("good");
        let folder = world.folder.path().to_owned();
        let mut host = tokio::process::Command::new(std::env::current_exe().unwrap());
        host.args(["--exact", "launcher::host_that_is_killed", "--nocapture"])
            .env(HOST, &folder)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true);
        if by_hand {
            host.env(BY_HAND, "1");
        }
        let mut host = host.spawn().unwrap();
        let run = folder.join("run");
        until("the host", async || folder.join("ready").exists()).await;
        assert_eq!(
            working_in(&folder).len(),
            if by_hand { 0 } else { 3 },
            "{by_hand}"
        );
        assert!(walk(&run).iter().any(|path| is_socket(path)), "{by_hand}");
        let below = below(host.id().unwrap());
        assert!(!below.is_empty(), "{by_hand}");
        host.start_kill().unwrap();
        host.wait().await.unwrap();
        until("the end of its processes", async || {
            working_in(&folder).is_empty()
                && below
                    .iter()
                    .all(|pid| stat(*pid).is_none_or(|(state, _)| state == 'Z'))
        })
        .await;
        until("the end of their folders", async || {
            // The other backend of this test has an empty one there.
            walk(&run).len() == 1
        })
        .await;
    }
}

/// The processes that this one started, and those that they started.
fn below(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok())
            && stat(pid).is_some_and(|(_, of)| of == parent)
        {
            found.push(pid);
            found.extend(below(pid));
        }
    }
    found
}

/// A process's state and parent; none if it is gone.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name, which may have any character.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

fn is_socket(path: &std::path::Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
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
