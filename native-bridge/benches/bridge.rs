//! What a call to a native plugin costs beside the socket it goes over.
//!
//! - `bridge/raw_echo`: a length-delimited frame of the same size to another
//!   process and back, with nothing around it. What the kernel takes.
//! - `bridge/call`: `Instance::filter` of a plugin in a process of its own:
//!   guard, deadline, encoding, dispatch and decoding on both sides.
//!
//! Both ends run on one core where they can be pinned, for otherwise waking a
//! core is all that is measured. The other end of both is this program, started
//! again: an echo, or a plugin that reads what it is sent and answers.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot be set up has nothing to say"
)]

mod peer;

use std::{hint::black_box, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::BytesMut;
use criterion::{Criterion, criterion_group};
use mortise_native_bridge::{
    NativeBackend, Settings, launch,
    protocol::{
        codec::Codec,
        frame,
        message::Outgoing as Frame,
        methods::{self, Filter},
    },
    transport::{Link, Listener},
};
use mortise_runtime::{
    Grants, Host, Instance, InstanceSetup, Limits, Loader as _, Log,
    grants::Applications,
    types::{Application, Content, Draft, Error, Message, Outgoing, Schedule, User},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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
    group.measurement_time(Duration::from_secs(8));

    let (mut link, mut echo) = runtime.block_on(raw(folder.path()));
    let asked = frame_of_a_call();
    let mut answer = vec![0; asked.len()];
    group.bench_function("raw_echo", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                link.writer.write_all(&asked).await.unwrap();
                link.reader.read_exact(&mut answer).await.unwrap();
                black_box(&answer);
            });
        });
    });
    echo.kill().unwrap();
    echo.wait().unwrap();

    let instance = runtime.block_on(plugin(folder.path()));
    let draft = draft();
    group.bench_function("call", |bencher| {
        bencher.iter(|| {
            let verdict = instance.filter(black_box(&draft), Duration::from_secs(5));
            runtime.block_on(verdict).unwrap()
        });
    });
    group.finish();
    runtime.block_on(async {
        instance
            .stop(mortise_runtime::types::StopReason::ShuttingDown)
            .await
            .unwrap();
    });
}

/// The call that the other benchmark makes, as the same bytes.
fn frame_of_a_call() -> Vec<u8> {
    let mut frame = BytesMut::new();
    let params = Filter { draft: draft() };
    let call = Frame::Call {
        id: 1000,
        method: methods::FILTER.wire,
        instance: Some(1),
        deadline_ms: 5000,
        params: &params,
    };
    Codec::MsgPack.put(&mut frame, 1 << 20, &call).unwrap();
    assert!(frame.len() > frame::HEADER);
    frame.to_vec()
}

/// An echo in another process, over the same kind of socket.
async fn raw(folder: &std::path::Path) -> (Link, std::process::Child) {
    let listener = Listener::bind(folder, "raw").unwrap();
    let echo = std::process::Command::new(std::env::current_exe().unwrap())
        .env(peer::ROLE, "echo")
        .env("MORTISE_SOCKET", listener.path())
        .spawn()
        .unwrap();
    (listener.accept().await.unwrap(), echo)
}

/// An instance of this program as a plugin, which filters.
async fn plugin(folder: &std::path::Path) -> Arc<dyn Instance> {
    use std::os::unix::fs::PermissionsExt as _;
    let own = std::env::current_exe().unwrap();
    let file = folder.join("plugin");
    std::fs::write(
        &file,
        format!(
            "#!/bin/sh\n{}=plugin exec '{}'\n",
            peer::ROLE,
            own.display()
        ),
    )
    .unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let settings = Settings {
        runtime_folder: Some(folder.to_owned()),
        readable: vec![own],
        ..Settings::default()
    };
    let backend = NativeBackend::new(settings).unwrap();
    let plugin = backend.load(&file).await.unwrap();
    let limits = Limits::default();
    let instance = plugin
        .instance(InstanceSetup {
            user: User {
                id: 1,
                name: "ann".into(),
                admin: false,
            },
            host: Arc::new(Nothing),
            grants: Grants {
                filter_messages: true,
                ..Grants::default()
            },
            log: Arc::new(Log::new(limits.log_bytes)),
            limits,
            config: None,
            base_path: None,
        })
        .await
        .unwrap();
    instance.start().await.unwrap();
    instance
}

/// A host that is never asked.
struct Nothing;

fn unasked<T>() -> Result<T, Error> {
    Err(Error::Unavailable("it is never asked".to_owned()))
}

#[async_trait]
impl Host for Nothing {
    async fn send(&self, _: Outgoing, _: bool) -> Result<u64, Error> {
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
    async fn set_timer(&self, _: &str, _: Schedule, _: u32) -> Result<(), Error> {
        unasked()
    }
    async fn cancel_timer(&self, _: &str) -> Result<(), Error> {
        unasked()
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
