//! What the host holds for a component is bounded, and what it refuses is said.

use std::time::Duration;

use mortise_fixtures::components::{ZEROS, plugin};
use mortise_runtime::{
    CallError, Instance, Limits, Loader as _, Step,
    types::{Directory, Verdict},
};

use crate::{Bench, FILTER, draft, filters, log};

async fn filter(instance: &dyn Instance) -> Result<Verdict, CallError> {
    instance.filter(&draft(), Duration::from_secs(5)).await
}

fn cause(failed: Result<Verdict, CallError>) -> String {
    match failed {
        Err(CallError::Crashed { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}

const FIELDS: &str =
    r#"(import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))"#;
const HOARDS: &str = "(loop $more (drop (call $fields)) (br $more))";

#[tokio::test]
async fn handles_are_bounded_per_store() {
    let bench = Bench::new();
    let world = "import wasi:http/types@0.2.0; export mortise:plugin/filter@0.2.0;";
    let functions = format!("{FIELDS}\n{FILTER} {HOARDS} unreachable)");
    let limits = Limits {
        handles: 100,
        ..Limits::default()
    };
    let instance = bench.started(world, &functions, filters(), limits).await;
    let cause = cause(filter(&*instance).await);
    assert!(cause.contains("`handles` is 100"), "{cause}");
    let log = log(&*instance);
    assert!(
        log.iter().any(|line| line.starts_with("limit reached: ")),
        "{log:?}"
    );
}

#[tokio::test]
async fn handles_are_bounded_while_it_describes_itself() {
    let bench = Bench::new();
    let functions = format!("{FIELDS}\n(func $hoard {HOARDS})\n(start $hoard)");
    let bytes = plugin("hoard", "import wasi:http/types@0.2.0;", &functions).unwrap();
    let file = bench.write("hoard.wasm", &bytes);
    let error = bench.backend.load(&file).await.unwrap_err();
    assert_eq!(error.step, Step::Describe);
    assert!(error.found.contains("`handles` is 1024"), "{error}");
}

#[tokio::test]
async fn growth_that_fails_costs_nothing_and_is_not_blamed_later() {
    let bench = Bench::new();
    // Asks for a gigabyte in vain, twice; then for some pages, which it gets.
    let refused = "(drop (memory.grow (i32.const 16384)))";
    let granted = "(if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))";
    let again = "(if (i32.eq (i32.load (i32.const 50000)) (i32.const 1)) (then unreachable))
        (i32.store (i32.const 50000) (i32.const 1))";
    let functions = format!("{FILTER} {again} {refused} {refused} {granted} (i32.const {ZEROS}))");
    let instance = bench.filter(Limits::default(), &functions).await;
    assert_eq!(filter(&*instance).await.unwrap(), Verdict::Keep);
    let cause = cause(filter(&*instance).await);
    assert!(
        cause.contains("unreachable") && !cause.contains("memory"),
        "{cause}"
    );
}

#[tokio::test]
async fn sockets_are_refused_with_a_word_in_the_log() {
    let bench = Bench::new();
    let world = "import wasi:sockets/tcp-create-socket@0.2.0; export mortise:plugin/filter@0.2.0;";
    // An error of the code 1: access denied.
    let functions = format!(
        r#"(import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $create (param i32 i32)))
        {FILTER} (call $create (i32.const 0) (i32.const 50000))
        (if (i32.ne (i32.load8_u (i32.const 50000)) (i32.const 1)) (then unreachable))
        (if (i32.ne (i32.load8_u (i32.const 50004)) (i32.const 1)) (then unreachable))
        (i32.const {ZEROS}))"#
    );
    let instance = bench
        .started(world, &functions, filters(), Limits::default())
        .await;
    for _ in 0..2 {
        assert_eq!(filter(&*instance).await.unwrap(), Verdict::Keep);
    }
    let denials = instance.guard().denials();
    assert_eq!(
        (denials[0].permission, denials[0].count),
        ("sockets", 2),
        "{denials:?}"
    );
    let told = log(&*instance);
    let told: Vec<_> = told.iter().filter(|l| l.contains("TCP socket")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("HTTP client"), "{told:?}");
}

#[cfg(unix)]
mod files {
    use std::{path::Path, process::Command};

    use super::*;

    const WORLD: &str = "import wasi:filesystem/types@0.2.0; import wasi:filesystem/preopens@0.2.0;
        export mortise:plugin/filter@0.2.0;";

    /// Opens `name` in the granted directory so many times, and traps unless the
    /// last answer is `code`: 0 for a descriptor, else one more than the error's
    /// number.
    fn opening(name: &str, times: u32, code: u32) -> String {
        let length = name.len();
        format!(
            r#"(import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $directories (param i32)))
            (import "wasi:filesystem/types@0.2.0" "[method]descriptor.open-at" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
            (data (i32.const 51000) "{name}")
            {FILTER}
            (local $n i32)
            (call $directories (i32.const 50000))
            (local.set $n (i32.const {times}))
            (loop $again
                (call $open (i32.load (i32.load (i32.const 50000))) (i32.const 1)
                    (i32.const 51000) (i32.const {length}) (i32.const 0) (i32.const 1)
                    (i32.const 50100))
                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                (br_if $again (local.get $n)))
            (if (i32.ne (i32.const {code})
                    (if (result i32) (i32.load8_u (i32.const 50100))
                        (then (i32.add (i32.load8_u (i32.const 50104)) (i32.const 1)))
                        (else (i32.const 0))))
                (then unreachable))
            (i32.const {ZEROS}))"#
        )
    }

    async fn open(folder: &Path, functions: &str, limits: Limits) -> Vec<String> {
        let bench = Bench::new();
        let directory = Directory {
            path: folder.to_str().unwrap().to_owned(),
            writable: true,
        };
        let mut grants = filters();
        grants.host.files = [directory].into();
        let instance = bench.started(WORLD, functions, grants, limits).await;
        assert_eq!(filter(&*instance).await.unwrap(), Verdict::Keep);
        log(&*instance)
    }

    /// `not-permitted`, and `quota`.
    const NOT_PERMITTED: u32 = 32;
    const QUOTA: u32 = 7;

    #[tokio::test]
    async fn pipes_and_sockets_are_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name| folder.path().join(name);
        assert!(
            Command::new("mkfifo")
                .arg(at("pipe"))
                .status()
                .unwrap()
                .success()
        );
        std::os::unix::fs::symlink("pipe", at("link")).unwrap();
        let _listening = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for name in ["pipe", "link", "socket"] {
            let functions = opening(name, 1, NOT_PERMITTED);
            let log = open(folder.path(), &functions, Limits::default()).await;
            let told = format!("{name} was not opened: it is a pipe");
            assert!(log.iter().any(|line| line.contains(&told)), "{log:?}");
        }
    }

    #[tokio::test]
    async fn open_files_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let limits = || Limits {
            open_files: 3,
            ..Limits::default()
        };
        let log = open(folder.path(), &opening("file", 3, 0), limits()).await;
        assert_eq!(log, Vec::<String>::new());
        let log = open(folder.path(), &opening("file", 4, QUOTA), limits()).await;
        assert!(
            log.iter().any(|line| line.contains("`open-files` is 3")),
            "{log:?}"
        );
    }
}
