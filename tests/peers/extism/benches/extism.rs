//! Extism with the same work as `tests/benches/paths/call.rs`: one message in, the same
//! message out, as JSON, which is Extism's own habit. As every host has to, it
//! bounds the guest's time and memory. The allocator is that of our own benchmarks.
//!
//! `EXTISM_GUEST` names the guest's module; `cargo xtask bench` builds it.

use std::{hint::black_box, path::PathBuf, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};
use serde::{Deserialize, Serialize};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Serialize)]
struct Draft {
    application: Application,
    content: Content,
    received_ms: u64,
}

#[derive(Serialize)]
struct Application {
    id: u64,
    name: String,
}

#[derive(Deserialize, Serialize)]
struct Content {
    title: String,
    body: String,
    priority: i32,
    extras: Option<String>,
}

fn draft() -> Draft {
    Draft {
        application: Application {
            id: 3,
            name: "backup".to_owned(),
        },
        content: Content {
            title: "A title of 15 B".to_owned(),
            body: "x".repeat(200),
            priority: 5,
            extras: None,
        },
        received_ms: 0,
    }
}

fn filter(plugin: &mut Plugin, draft: &Draft) -> Content {
    let input = serde_json::to_vec(draft).unwrap();
    let output: &[u8] = plugin.call("filter", input.as_slice()).unwrap();
    serde_json::from_slice(output).unwrap()
}

fn calls(criterion: &mut Criterion) {
    let guest = PathBuf::from(std::env::var_os("EXTISM_GUEST").unwrap());
    let manifest = Manifest::new([Wasm::file(guest)])
        .with_timeout(Duration::from_secs(2))
        .with_memory_max((128 << 20) >> 16);
    let compiled = CompiledPlugin::new(PluginBuilder::new(manifest)).unwrap();
    let draft = draft();

    let mut plugin = Plugin::new_from_compiled(&compiled).unwrap();
    assert_eq!(filter(&mut plugin, &draft).body, draft.content.body);
    let mut warm = criterion.benchmark_group("warm");
    warm.bench_function("extism", |bencher| {
        bencher.iter(|| black_box(filter(&mut plugin, &draft)));
    });
    warm.finish();
    let mut fresh = criterion.benchmark_group("fresh");
    fresh.bench_function("extism", |bencher| {
        bencher.iter(|| {
            let mut plugin = Plugin::new_from_compiled(&compiled).unwrap();
            black_box(filter(&mut plugin, &draft))
        });
    });
    fresh.finish();
}

criterion_group!(benches, calls);
criterion_main!(benches);
