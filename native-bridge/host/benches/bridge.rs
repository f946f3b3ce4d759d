//! The cost of a call to a native plugin beside its socket.
//!
//! - `bridge/raw_echo`: a length-delimited frame of the same size to another
//!   process and back, with nothing around it: tokio's Unix socket and the codec
//!   of tokio-util, as anybody would take them.
//! - `bridge/call`: `Instance::filter` of a plugin in a process of its own:
//!   guard, deadline, encoding, dispatch and decoding on both sides.
//! - `bridge/call_go`: the same of a plugin in Go, with our module.
//! - `bridge/go_plugin`: the same record given to a plugin in Go by a host in
//!   Go, with hashicorp/go-plugin over gRPC. `cargo xtask bench` builds both
//!   programs in Go and names them in [`GO_FILTER`] and [`GO_PLUGIN`]; without
//!   it these two are not measured.
//!
//! All hosts and plugins run on one core where they can be pinned, for otherwise
//! waking a core is all that is measured. Both Go programs find one processor,
//! and both calls have a deadline. The bridge's hosts and the raw one run on the
//! same runtime of tokio, of one thread, and call from a task, as a server does:
//! the future of `block_on` is polled only after the runtime has looked for
//! events once more. The other end of the first two is this program, started
//! again: one process in one sandbox, which costs every system call something.
//! A thread of it is the echo, and another the plugin, which reads what it is
//! sent and answers.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::zombie_processes,
    reason = "a benchmark that cannot be set up has nothing to say"
)]

mod peer;

use std::{
    collections::BTreeSet,
    hint::black_box,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use criterion::{BenchmarkGroup, Criterion, criterion_group, measurement::WallTime};
use futures_util::{SinkExt as _, StreamExt as _};
use mortise_native::{
    NativeBackend, Settings, launch,
    sandbox::{Mode, Policy, ProcessLimits, Reach},
};
use mortise_protocol::{
    codec::Codec,
    frame,
    message::Outgoing as Frame,
    methods::{self, Filter},
};
use mortise_runtime::{
    Grants, Host, Instance, InstanceSetup, Limits, Loader as _, Log, Origin, Protected,
    grants::Applications,
    schedule::Timing,
    types::{Application, Content, Draft, Error, Message, Outgoing, Permission, User},
};
use tokio::{net::UnixStream, runtime::Runtime, sync::Mutex};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// The variable that names `native-bridge/go/testplugins/beyond`, built.
const GO_FILTER: &str = "MORTISE_BENCH_GO_FILTER";
/// The variable that names `native-bridge/benches/go-plugin`, built.
const GO_PLUGIN: &str = "MORTISE_BENCH_GO_PLUGIN";

fn draft() -> Draft {
    Draft {
        application: Application {
            id: 7,
            name: "backup".into(),
        },
        content: Content {
            title: "nightly backup".into(),
            body: "x".repeat(200),
            priority: 5,
            extras: None,
        },
        received_ms: 1_700_000_000_000,
    }
}

fn bridge(criterion: &mut Criterion) {
    peer::pin();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("bridge");

    let (own, link) = runtime.block_on(own(folder.path()));
    let link = Arc::new(Mutex::new(link));
    let asked = call_of_the_filter();
    group.bench_function("raw_echo", |bencher| {
        bencher.iter_custom(|calls| {
            let (link, asked) = (Arc::clone(&link), asked.clone());
            in_task(&runtime, async move {
                let mut link = link.lock().await;
                let start = Instant::now();
                for _ in 0..calls {
                    link.send(asked.clone()).await.unwrap();
                    black_box(link.next().await.unwrap().unwrap());
                }
                start.elapsed()
            })
        });
    });
    measure(&mut group, "call", &runtime, own);
    if let Some(file) = std::env::var_os(GO_FILTER) {
        let go = runtime.block_on(plugin(folder.path(), Path::new(&file), Vec::new()));
        measure(&mut group, "call_go", &runtime, go);
    }
    if let Some(file) = std::env::var_os(GO_PLUGIN) {
        let mut host = GoPlugin::start(Path::new(&file));
        group.bench_function("go_plugin", |bencher| {
            bencher.iter_custom(|calls| host.call(calls));
        });
    }
    group.finish();
}

/// Has a plugin filter, and ends it.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    runtime: &Runtime,
    instance: Arc<dyn Instance>,
) {
    let draft = draft();
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|calls| {
            let (instance, draft) = (Arc::clone(&instance), draft.clone());
            in_task(runtime, async move {
                let start = Instant::now();
                for _ in 0..calls {
                    let verdict = instance.filter(black_box(&draft), Duration::from_secs(5));
                    black_box(verdict.await.unwrap());
                }
                start.elapsed()
            })
        });
    });
    let stopped = instance.stop(mortise_runtime::types::StopReason::ShuttingDown);
    runtime.block_on(stopped).unwrap();
}

fn in_task<T: Send + 'static>(
    runtime: &Runtime,
    task: impl Future<Output = T> + Send + 'static,
) -> T {
    runtime.block_on(runtime.spawn(task)).unwrap()
}

/// A host of hashicorp/go-plugin, which times its own calls.
struct GoPlugin {
    process: Child,
    asked: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl GoPlugin {
    fn start(file: &Path) -> Self {
        let mut process = Command::new(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            asked: process.stdin.take(),
            answers: BufReader::new(process.stdout.take().unwrap()),
            process,
        }
    }

    /// Returns the time of that many calls.
    fn call(&mut self, calls: u64) -> Duration {
        writeln!(self.asked.as_mut().unwrap(), "{calls}").unwrap();
        let mut nanoseconds = String::new();
        self.answers.read_line(&mut nanoseconds).unwrap();
        Duration::from_nanos(nanoseconds.trim().parse().unwrap())
    }
}

impl Drop for GoPlugin {
    fn drop(&mut self) {
        // At the end of its input it ends its plugin, and then itself.
        drop(self.asked.take());
        self.process.wait().unwrap();
    }
}

/// The call that the other benchmark makes, as the same bytes: a frame's content.
fn call_of_the_filter() -> Bytes {
    let mut frame = Vec::new();
    let draft = draft();
    let params = Filter {
        draft: std::borrow::Cow::Borrowed(&draft),
    };
    let call = Frame::Call {
        id: 1000,
        method: methods::FILTER.wire,
        instance: Some(1),
        deadline_ms: 5000,
        traceparent: None,
        params: &params,
    };
    Codec::MsgPack.put(&mut frame, 1 << 20, &call).unwrap();
    Bytes::from(frame).split_off(frame::HEADER)
}

/// A raw connection to an echo.
type Raw = Framed<UnixStream, LengthDelimitedCodec>;

/// An instance of this program as a plugin, which filters, and a connection to
/// the echo in the same process.
async fn own(folder: &Path) -> (Arc<dyn Instance>, Raw) {
    use std::os::unix::fs::PermissionsExt as _;
    let own = std::env::current_exe().unwrap();
    let file = folder.join("plugin");
    let script = format!("#!/bin/sh\n{}=1 exec '{}'\n", peer::PLUGIN, own.display());
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (link, other) = std::os::unix::net::UnixStream::pair().unwrap();
    link.set_nonblocking(true).unwrap();
    let directory = folder.join("echo");
    std::fs::create_dir(&directory).unwrap();
    let policy = Policy {
        mode: Mode::default(),
        without: BTreeSet::new(),
        program: own.clone(),
        folder: directory.clone(),
        directory: directory.join("work"),
        readable: Vec::new(),
        reach: Reach::default(),
        protected: Protected::default(),
        monitor: std::process::id(),
        limits: ProcessLimits::default(),
        group: Err("a benchmark has none".to_owned()),
    };
    // It ends with the link.
    Command::new(&own)
        .env(peer::RAW, serde_json::to_string(&policy).unwrap())
        .stdin(std::os::fd::OwnedFd::from(other))
        .spawn()
        .unwrap();
    let link = UnixStream::from_std(link).unwrap();
    let instance = plugin(folder, &file, vec![own]).await;
    (instance, Framed::new(link, LengthDelimitedCodec::new()))
}

/// An instance of a plugin, started.
async fn plugin(
    folder: &Path,
    file: &Path,
    readable: Vec<std::path::PathBuf>,
) -> Arc<dyn Instance> {
    let settings = Settings {
        runtime_folder: Some(folder.to_owned()),
        readable,
        ..Settings::default()
    };
    let backend = NativeBackend::new(settings).unwrap();
    let plugin = backend.load(file).await.unwrap();
    let limits = Limits::default();
    let instance = plugin
        .instance(InstanceSetup {
            user: User {
                id: 1,
                name: "ann".into(),
                admin: false,
            },
            host: Arc::new(Nothing),
            grants: Grants::of(&[Permission::FilterMessages, Permission::Timers]).unwrap(),
            log: Arc::new(Log::new(limits.log_bytes)),
            denials: Arc::default(),
            limits,
            config: None,
            base_path: None,
            trial: false,
        })
        .await
        .unwrap();
    instance.start().await.unwrap();
    instance
}

/// A host that is never asked for anything but timers.
struct Nothing;

fn unasked<T>() -> Result<T, Error> {
    Err(Error::Unavailable("it is never asked".to_owned()))
}

#[async_trait]
impl Host for Nothing {
    async fn send(&self, _: Outgoing, _: Origin) -> Result<u64, Error> {
        unasked()
    }
    async fn message(&self, _: u64, _: &Applications) -> Result<Option<Message>, Error> {
        unasked()
    }
    async fn sent(&self, _: Option<u64>, _: u32) -> Result<Vec<Message>, Error> {
        unasked()
    }
    async fn received(
        &self,
        _: Option<u64>,
        _: u32,
        _: &Applications,
    ) -> Result<Vec<Message>, Error> {
        unasked()
    }
    async fn remove_message(&self, _: u64) -> Result<(), Error> {
        unasked()
    }
    async fn load(&self, _: &str) -> Result<Option<Vec<u8>>, Error> {
        unasked()
    }
    async fn store(&self, _: &str, _: Vec<u8>, _: u64) -> Result<(), Error> {
        unasked()
    }
    async fn unset(&self, _: &str) -> Result<(), Error> {
        unasked()
    }
    async fn keys(&self, _: &str) -> Result<Vec<String>, Error> {
        unasked()
    }
    async fn set_timer(&self, _: &str, _: Timing, _: u32) -> Result<(), Error> {
        // The plugin in Go does so when it is enabled.
        Ok(())
    }
    async fn cancel_timer(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }
}

criterion_group!(benches, bridge);

fn main() {
    launch::intercept();
    if peer::play() {
        return;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
