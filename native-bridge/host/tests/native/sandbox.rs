//! From inside a plugin, what it was not granted fails; each deed also succeeds
//! where it was granted, or where there is no sandbox, which shows that it is
//! the sandbox that denies it.

use std::path::Path;

use mortise_native::{Settings, sandbox::Mode};
use mortise_runtime::{Grants, Limits, types::Directory};

use crate::support::{Made, Neighbour, PLUGIN, State, World, made_with, state, talkative};

struct Confined {
    made: Made,
    plugin: std::sync::Arc<mortise_native::NativePlugin>,
    world: World,
}

async fn plugin(change: impl FnOnce(&mut Settings), grants: Grants) -> Confined {
    let world = World::with(change);
    let plugin = world.plugin("good").await;
    let made = made_with(&plugin, "ann", grants, None).await;
    made.instance.start().await.unwrap();
    Confined {
        made,
        plugin,
        world,
    }
}

async fn confined(grants: Grants) -> Confined {
    plugin(|_| {}, grants).await
}

async fn free() -> Confined {
    plugin(|settings| settings.sandbox = Mode::Off, talkative()).await
}

impl Confined {
    async fn can(&self, deed: &str, argument: &str) {
        let (status, text) = self.made.deed(deed, argument).await;
        assert_eq!(status, 200, "{deed} {argument}: {text}");
    }

    /// Fails for want of a permission, and not for another reason.
    async fn cannot(&self, deed: &str, argument: &str) {
        let (status, text) = self.made.deed(deed, argument).await;
        assert_eq!(status, 403, "{deed} {argument}: {text}");
        assert!(
            text.contains("denied") || text.contains("not permitted"),
            "{deed} {argument}: {text}"
        );
    }
}

fn directory(path: &Path, writable: bool) -> Directory {
    Directory {
        path: path.to_str().unwrap().to_owned(),
        writable,
    }
}

#[tokio::test]
async fn files_are_only_those_granted() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for name in ["read", "written", "other"] {
        std::fs::create_dir(file(name)).unwrap();
        std::fs::write(file(&format!("{name}/file")), "content").unwrap();
    }
    let grants = Grants {
        files: [
            directory(&folder.path().join("read"), false),
            directory(&folder.path().join("written"), true),
        ]
        .into(),
        ..talkative()
    };
    let confined = confined(grants).await;
    confined.can("read", &file("read/file")).await;
    confined.cannot("write", &file("read/new")).await;
    confined.can("read", &file("written/file")).await;
    confined.can("write", &file("written/new")).await;
    confined.cannot("read", &file("other/file")).await;
    confined.cannot("write", &file("other/new")).await;
    confined.cannot("read", &file("read/../other/file")).await;
    confined.cannot("read", "/etc/passwd").await;
    let host = std::process::id();
    confined
        .cannot("read", &format!("/proc/{host}/environ"))
        .await;
    confined
        .cannot("read", &format!("/proc/{host}/cmdline"))
        .await;
    // Its own folder is its own, but nothing in it is executed.
    confined.can("write", "note").await;
    confined.can("read", "note").await;
    confined.can("write", "tmp/note").await;

    let free = free().await;
    for path in ["other/file", "read/../other/file"] {
        free.can("read", &file(path)).await;
    }
    free.can("read", "/etc/passwd").await;
    free.can("read", &format!("/proc/{host}/environ")).await;
    free.can("read", &format!("/proc/{host}/cmdline")).await;
    free.can("write", &file("other/new")).await;
    free.can("write", &file("read/new")).await;
}

#[tokio::test]
async fn connections_are_only_to_granted_ports() {
    let granted = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let granted = granted.local_addr().unwrap().to_string();
    let other = other.local_addr().unwrap().to_string();

    let mut grants = talkative();
    grants.http.insert(granted.parse().unwrap());
    let some = confined(grants).await;
    some.can("connect", &granted).await;
    some.cannot("connect", &other).await;
    some.cannot("listen", "127.0.0.1:0").await;
    some.cannot("raw-socket", "").await;
    // Names are resolved by it.
    some.can("udp", "").await;

    let none = confined(talkative()).await;
    none.cannot("connect", &granted).await;
    none.cannot("listen", "127.0.0.1:0").await;
    none.cannot("udp", "").await;

    let mut grants = talkative();
    grants.http.insert("127.0.0.1:*".parse().unwrap());
    let any = confined(grants).await;
    any.can("connect", &other).await;
    any.cannot("listen", "127.0.0.1:0").await;

    let free = free().await;
    free.can("connect", &other).await;
    free.can("listen", "127.0.0.1:0").await;
    free.can("udp", "").await;
}

#[tokio::test]
async fn other_processes_are_out_of_reach() {
    use std::os::linux::net::SocketAddrExt as _;
    let name = format!("mortise-test-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
    // A process of the same user that may be traced and signalled.
    let mut sleeper = tokio::process::Command::new("sleep")
        .arg("60")
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let target = sleeper.id().unwrap().to_string();
    let host = std::process::id().to_string();

    let confined = confined(talkative()).await;
    confined.cannot("signal", &host).await;
    confined.cannot("signal", &target).await;
    confined.cannot("ptrace", &target).await;
    confined.cannot("ptrace", &host).await;
    confined.cannot("abstract-socket", &name).await;
    let (_, own) = confined.made.deed("pid", "").await;
    confined.can("signal", &own).await;

    let free = free().await;
    free.can("signal", &host).await;
    free.can("signal", &target).await;
    free.can("abstract-socket", &name).await;
    free.can("ptrace", &target).await;
    sleeper.kill().await.unwrap();
}

#[tokio::test]
async fn the_kernel_is_out_of_reach() {
    let confined = confined(talkative()).await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    confined.cannot("mount", folder).await;
    for deed in ["unshare", "keyctl"] {
        confined.cannot(deed, "").await;
    }
    let (_, text) = confined.made.deed("io_uring", "").await;
    assert!(text.contains("not permitted"), "{text}");

    let free = free().await;
    free.can("keyctl", "").await;
    // Without a sandbox the kernel is asked, and finds the argument wrong.
    let (_, text) = free.made.deed("io_uring", "").await;
    assert!(!text.contains("not permitted"), "{text}");
    // These take a privilege that whoever runs the tests may not have.
    let privileged = std::fs::read_to_string("/proc/self/status")
        .unwrap()
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:\t").map(str::to_owned))
        .and_then(|bits| u64::from_str_radix(&bits, 16).ok())
        .is_some_and(|bits| bits & (1 << 21) != 0);
    if privileged {
        free.can("unshare", "").await;
        free.can("mount", folder).await;
    }
}

#[tokio::test]
async fn memory_is_bounded() {
    let small = confined(talkative()).await;
    // Filling memory takes its time on a busy machine.
    let patient = |process_memory_bytes| Limits {
        call_ms: 60_000,
        process_memory_bytes,
        ..Limits::default()
    };
    small
        .made
        .regrant(|rights| rights.limits = patient(64 << 20))
        .await;
    let bytes = (128_u64 << 20).to_string();
    let (status, text) = small.made.deed("memory", &bytes).await;
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("memory"), "{text}");
    small.can("memory", "1000000").await;
    small
        .made
        .regrant(|rights| rights.limits = patient(1 << 30))
        .await;
    small.can("memory", &bytes).await;
    let free = free().await;
    free.made
        .regrant(|rights| rights.limits = patient(1 << 30))
        .await;
    free.can("memory", &bytes).await;
}

#[tokio::test]
async fn descriptors_are_bounded() {
    let small = plugin(|settings| settings.process.open_files = 64, talkative()).await;
    let neighbour = Neighbour::of(&small.world).await;
    let (status, text) = small.made.deed("leak-descriptors", "200").await;
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("Too many open files"), "{text}");
    // It is its own trouble, and no reason to end it.
    small.can("echo", "").await;
    neighbour.answered().await;
    let large = plugin(|settings| settings.process.open_files = 256, talkative()).await;
    large.can("leak-descriptors", "200").await;
}

#[tokio::test]
async fn the_environment_is_made_anew() {
    // This process has PATH and CARGO_MANIFEST_DIR, as `cargo test` sets them.
    let variable = "CARGO_MANIFEST_DIR";
    assert!(std::env::var_os(variable).is_some());
    let confined = confined(talkative()).await;
    let (_, names) = confined.made.deed("environment", "").await;
    let mut names: Vec<&str> = names
        .split(' ')
        // The shell that starts the fixture adds its own.
        .filter(|name| !matches!(*name, "PWD" | "OLDPWD" | "SHLVL" | "_" | "TZ"))
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "HOME",
            "LANG",
            "MORTISE_SECRET",
            "MORTISE_SOCKET",
            "PATH",
            "TMPDIR"
        ]
    );
    confined.made.deed("variable", variable).await;
    let (_, home) = confined.made.deed("variable", "HOME").await;
    assert_eq!(confined.made.deed("directory", "").await, (200, home));

    let granted = plugin(
        |_| {},
        Grants {
            environment: [variable.to_owned()].into(),
            ..talkative()
        },
    )
    .await;
    assert_eq!(
        granted.made.deed("variable", variable).await,
        (200, env!("CARGO_MANIFEST_DIR").to_owned())
    );
}

#[tokio::test]
async fn descriptors_of_the_host_are_closed() {
    let confined = confined(talkative()).await;
    let (_, open) = confined.made.deed("descriptors", "").await;
    let numbers: Vec<&str> = open
        .split(' ')
        .filter_map(|entry| entry.split_once('=').map(|(number, _)| number))
        .collect();
    // Standard ones, its connection, and the listing itself.
    assert_eq!(numbers, ["0", "1", "2", "3", "4"], "{open}");
    assert!(open.contains("0=/dev/null"), "{open}");
}

#[tokio::test]
async fn what_is_protected_is_told() {
    let best = confined(talkative()).await;
    let State::Up { protection, .. } = state(&best.plugin) else {
        panic!("{:?}", state(&best.plugin))
    };
    for applied in [
        "files: only granted ones",
        "TCP: only granted ports",
        "signals and abstract sockets",
        "system calls: no tracing",
        "no new privileges",
        "resource limit: memory",
    ] {
        assert!(
            protection.applied.iter().any(|it| it.starts_with(applied)),
            "{applied}: {protection:#?}"
        );
    }
    assert_eq!(protection.missing, [""; 0]);

    let State::Up { protection, .. } = state(&free().await.plugin) else {
        panic!()
    };
    assert_eq!(protection.applied, [""; 0]);
    assert!(protection.missing[0].contains("switched off"));

    // All that strict asks for is there on this kernel.
    plugin(|settings| settings.sandbox = Mode::Strict, talkative())
        .await
        .can("echo", "")
        .await;
}

#[tokio::test]
async fn grants_that_change_start_the_process_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "content").unwrap();
    let file = file.to_str().unwrap();
    let confined = confined(talkative()).await;
    confined.cannot("read", file).await;
    let more = Grants {
        files: [directory(folder.path(), false)].into(),
        ..talkative()
    };
    let bob = made_with(&confined.plugin, "bob", more, None).await;
    bob.instance.start().await.unwrap();
    assert_eq!(bob.deed("read", file).await.0, 200);
    // Ann's instance came along; one process cannot tell its users apart.
    assert_eq!(confined.made.deed("read", file).await.0, 200);
    assert!(matches!(
        state(&confined.plugin),
        State::Up { generation: 2, .. }
    ));
}

#[tokio::test]
async fn an_interpreter_elsewhere_has_to_be_made_readable() {
    let world = World::with(|settings| settings.readable.clear());
    let error = world
        .backend
        .load_native(&world.file("good"))
        .await
        .unwrap_err();
    // The shell is the system's, but not what it is told to execute.
    assert!(error.found.contains(PLUGIN), "{error}");
    assert!(error.found.contains("Permission denied"), "{error}");
}
