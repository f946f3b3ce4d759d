//! From inside a plugin, each deed fails without its grant. It succeeds with
//! the grant or without a sandbox, which shows that the sandbox denies it.

use std::path::Path;

use mortise_native::{
    Settings,
    sandbox::{Mode, Part},
};
use mortise_runtime::{
    Grants, Limits, Protected,
    types::{Directory, StopReason},
};

use crate::support::{
    Neighbour, PLUGIN, State, TestInstance, World, made_with, state, talkative, with,
};

struct Confined {
    made: TestInstance,
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

    /// Fails for want of a permission or because what it names does not exist for
    /// the plugin, and not for another reason.
    async fn cannot(&self, deed: &str, argument: &str) {
        let (status, text) = self.made.deed(deed, argument).await;
        assert_eq!(status, 403, "{deed} {argument}: {text}");
        assert!(
            [
                "denied",
                "not permitted",
                "No such file",
                "No such process",
                "Read-only file system"
            ]
            .iter()
            .any(|reason| text.contains(reason)),
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
    let grants = with(|host| {
        host.files = [
            directory(&folder.path().join("read"), false),
            directory(&folder.path().join("written"), true),
        ]
        .into()
    });
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
    grants.host.http.insert(granted.parse().unwrap());
    let some = confined(grants).await;
    some.can("connect", &granted).await;
    some.cannot("connect", &other).await;
    some.cannot("listen", "127.0.0.1:0").await;
    some.cannot("raw-socket", "").await;
    some.cannot("udp", "").await;
    // TCP, and nothing else: the host resolves names.
    for allowed in ["2 1 0", "10 1 6", "16 3 0"] {
        some.can("socket", allowed).await;
    }
    for denied in ["2 2 0", "2 2 17", "10 2 17"] {
        some.cannot("socket", denied).await;
    }
    for denied in [
        "1 1 0", "1 2 0", "2 1 262", "10 1 262", "2 1 132", "2 5 132", "2 2 1", "2 3 255",
        "2 2 136", "17 3 768", "16 3 9", "38 5 0", "40 1 0",
    ] {
        some.cannot("socket", denied).await;
    }
    some.cannot("fast-open", &granted).await;
    some.cannot("fast-open", &other).await;
    some.can("pair", "1").await;
    some.cannot("pair", "2").await;

    let none = confined(talkative()).await;
    none.cannot("socket", "2 1 0").await;
    none.cannot("socket", "1 1 0").await;
    none.cannot("socket", "16 3 0").await;
    none.cannot("connect", &granted).await;
    none.cannot("listen", "127.0.0.1:0").await;
    none.cannot("udp", "").await;

    let mut grants = talkative();
    grants.host.http.insert("*:*".parse().unwrap());
    let any = confined(grants).await;
    any.can("connect", &other).await;
    // It resolves names itself.
    for allowed in ["2 1 0", "2 2 0", "2 2 17", "10 1 6", "10 2 17", "16 3 0"] {
        any.can("socket", allowed).await;
    }
    any.cannot("listen", "127.0.0.1:0").await;

    let free = free().await;
    free.can("connect", &other).await;
    free.can("listen", "127.0.0.1:0").await;
    free.can("udp", "").await;
    for allowed in ["1 1 0", "1 2 0", "2 1 0", "16 3 0"] {
        free.can("socket", allowed).await;
    }
    free.can("pair", "2").await;
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

/// Deeds on files and processes of the same user, which need no descriptor. They are
/// denied in namespaces of the plugin's own, and without them.
#[tokio::test]
async fn the_state_of_files_and_processes_is_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let readable = folder.path().join("readable");
    let writable = folder.path().join("writable");
    let other = folder.path().join("other");
    for path in [&readable, &writable] {
        std::fs::create_dir(path).unwrap();
        std::fs::write(path.join("file"), "content").unwrap();
    }
    std::fs::write(&other, "content").unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let other = text(&other);
    let mut sleeper = tokio::process::Command::new("sleep")
        .arg("60")
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let target = sleeper.id().unwrap().to_string();
    let grants = || {
        with(|host| host.files = [directory(&readable, false), directory(&writable, true)].into())
    };
    let files = ["chmod", "utimes", "truncate", "setxattr", "chown"];
    let processes = ["prlimit", "setpriority", "affinity", "scheduler", "signal"];
    for without in [None, Some(Part::Namespaces)] {
        let confined = plugin(
            |settings| settings.sandbox_without.extend(without),
            grants(),
        )
        .await;
        for deed in files {
            confined.cannot(deed, &other).await;
            confined.cannot(deed, &text(&readable.join("file"))).await;
        }
        for deed in processes {
            confined.cannot(deed, &target).await;
        }
        for deed in ["shm", "mq"] {
            confined.cannot(deed, "").await;
        }
        confined.can("write", "note").await;
        confined.can("truncate", "note").await;
        confined.can("prlimit", "0").await;
    }
    // Under a view of its own, what it may write to may be changed in every way.
    let confined = confined(grants()).await;
    confined.can("write", "note").await;
    for path in ["note".to_owned(), text(&writable.join("file"))] {
        for deed in ["chmod", "utimes", "truncate"] {
            confined.can(deed, &path).await;
        }
    }
    let free = free().await;
    for deed in ["chmod", "utimes", "truncate"] {
        free.can(deed, &other).await;
    }
    for deed in processes {
        free.can(deed, &target).await;
    }
    sleeper.kill().await.unwrap();
}

/// Each part of the sandbox that is missing is shown by the probes that it fails.
#[tokio::test]
async fn a_part_that_is_missing_is_shown() {
    for (part, missing) in [
        (Part::Landlock, "TCP: only granted ports"),
        (Part::SystemCalls, "system calls: no io_uring"),
    ] {
        let grants = with(|host| host.http = ["127.0.0.1:9".parse().unwrap()].into());
        let confined = plugin(
            |settings| {
                settings.sandbox_without.insert(part);
            },
            grants,
        )
        .await;
        let State::Up { protection, .. } = state(&confined.plugin) else {
            panic!("{:?}", state(&confined.plugin))
        };
        assert!(
            protection.missing.iter().any(|it| it.starts_with(missing)),
            "{part:?}: {protection:#?}"
        );
        // Other parts prevent it too.
        assert!(
            protection
                .applied
                .contains(&"files: only granted ones".to_owned()),
            "{part:?}: {protection:#?}"
        );
    }
    let world = World::with(|settings| {
        settings.sandbox = Mode::Strict;
        settings.sandbox_without.insert(Part::Namespaces);
    });
    let error = world.backend.load_native(&world.file("good")).await;
    let error = error.unwrap_err();
    assert!(error.found.contains("Namespaces"), "{error}");
}

#[tokio::test]
async fn the_protected_directory_is_never_a_plugins() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir_all(data.join("plugins")).unwrap();
    std::fs::write(data.join("secret"), "secret").unwrap();
    std::fs::write(folder.path().join("beside"), "beside").unwrap();
    std::os::unix::fs::symlink(&data, folder.path().join("link")).unwrap();
    let text = |path: &str| folder.path().join(path).to_str().unwrap().to_owned();
    for without in [None, Some(Part::Namespaces)] {
        let confined = plugin(
            |settings| {
                settings.protected = Protected::new([data.clone()]);
                // As a system's directory that contains it.
                settings.readable.push(folder.path().to_owned());
                settings.sandbox_without.extend(without);
            },
            with(|host| {
                host.files = [
                    directory(&data.join("plugins"), true),
                    directory(&folder.path().join("link"), true),
                    directory(folder.path(), false),
                ]
                .into()
            }),
        )
        .await;
        confined.can("read", &text("beside")).await;
        for path in ["data/secret", "link/secret"] {
            confined.cannot("read", &text(path)).await;
        }
        confined.cannot("write", &text("data/plugins/new")).await;
        confined.cannot("write", &text("link/plugins/new")).await;
    }
}

#[tokio::test]
async fn shared_memory_and_the_working_directory_are_bounded() {
    let confined = plugin(
        |settings| {
            settings.process.directory_bytes = 1 << 20;
            settings.process.directory_entries = 8;
        },
        talkative(),
    )
    .await;
    confined.can("shared-memory", "1000000").await;
    let (status, text) = confined.made.deed("shared-memory", "100000000").await;
    assert!(status == 403 && text.contains("No space left"), "{text}");
    for name in ["1", "2", "3", "4", "5", "6"] {
        confined.can("write", name).await;
    }
    let (status, text) = confined.made.deed("write", "7").await;
    assert!(status == 403 && text.contains("No space left"), "{text}");
}

/// Processes that start the next one and end, each in a session of its own.
#[tokio::test]
async fn a_chain_of_processes_ends_with_the_plugin() {
    let confined = confined(talkative()).await;
    confined.can("fork-chain", "").await;
    let folder = confined.world.folder.path().to_owned();
    let stopped = confined.made.instance.stop(StopReason::ShuttingDown);
    stopped.await.unwrap();
    assert_eq!(crate::launcher::working_in(&folder), [] as [u32; 0]);
    assert_eq!(confined.world.leftovers(), [] as [&str; 0]);
}

#[tokio::test]
async fn the_kernel_is_out_of_reach() {
    let confined = confined(talkative()).await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    confined.cannot("mount", folder).await;
    for deed in [
        "unshare",
        "keyctl",
        "bpf",
        "perf",
        "userfaultfd",
        "personality",
        "clone-namespace",
    ] {
        confined.cannot(deed, "").await;
    }
    #[cfg(target_arch = "x86_64")]
    {
        let (status, text) = confined.made.deed("x32", "").await;
        assert!(status == 403 && text.contains("not implemented"), "{text}");
    }
    let (_, text) = confined.made.deed("io_uring", "").await;
    assert!(text.contains("not permitted"), "{text}");

    let free = free().await;
    free.can("keyctl", "").await;
    // Without a sandbox the kernel is asked, and finds the argument wrong.
    let (_, text) = free.made.deed("io_uring", "").await;
    assert!(!text.contains("not permitted"), "{text}");
    // These need a privilege that the user of the tests may lack.
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
async fn what_processes_of_one_user_share_is_bounded() {
    let confined = confined(talkative()).await;
    let (status, instances) = confined.made.deed("watch", "").await;
    assert_eq!((status, instances.as_str()), (200, "32"));
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
        with(|host| host.environment = [variable.to_owned()].into()),
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
        "own view of the file system",
        "own processes",
        "files: only granted ones",
        "files: modes, owners, times and attributes",
        "TCP: only granted ports",
        "sockets: none of other services",
        "signals: only to its own",
        "processes: limits and scheduling",
        "system calls: no tracing",
        "capabilities: none",
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
    let more = with(|host| host.files = [directory(folder.path(), false)].into());
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
    // The shell is the system's, but the file that it executes is not.
    assert!(error.found.contains(PLUGIN), "{error}");
    assert!(error.found.contains("not found"), "{error}");
}
