//! The cost of the runtime above wasmtime, in layers: the same component and
//! the same calls, raw below and through [`Instance`] above.
//!
//! - `warm`: one filter call, message in and message out.
//! - `fresh`: a new instance for each call: instantiate, start, filter, stop,
//!   drop.
//! - `load`: a plugin that did not change since it was last loaded, whose code
//!   is in the cache. Raw: the digest of the component's file, `deserialize_file`
//!   and `instantiate_pre`.
//!
//! The raw engine is as safe as the runtime's: it interrupts guests by epochs and
//! bounds their memory, as every host has to.

use std::{
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group};
use mortise_runtime::{
    Digest, Grants, Instance, Limits, Loader as _, PluginDescription,
    types::{Permission, StopReason},
};
use mortise_tests::{
    guests,
    host::{MemoryHost, setup},
};
use mortise_wasm::{Settings, WasmBackend};
use tokio::runtime::Runtime;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, StoreLimits,
    StoreLimitsBuilder,
    component::{Component, InstancePre, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

#[allow(missing_docs, unreachable_pub, dead_code, reason = "generated")]
mod raw {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "mortise:plugin/plugin",
        imports: { default: async },
        exports: { default: async },
    });
}
use raw::{
    exports::mortise::plugin::{filter, lifecycle},
    mortise::plugin::types::{Application, Content, Draft, User},
};

struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    limits: StoreLimits,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: Default::default(),
        }
    }
}

/// The interval at which guests must yield, as the runtime has it.
const TICK: Duration = Duration::from_millis(10);

/// Wasmtime and nothing else.
struct Raw {
    engine: Engine,
    linker: Linker<State>,
    pre: InstancePre<State>,
    lifecycle: lifecycle::GuestIndices,
    filter: filter::GuestIndices,
    user: User,
    draft: Draft,
}

impl Raw {
    fn new(component: &Path, tokio: &Runtime) -> Self {
        let mut pool = PoolingAllocationConfig::new();
        pool.linear_memory_keep_resident(256 << 10)
            .table_keep_resident(64 << 10);
        let mut config = Config::new();
        config
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
            .epoch_interruption(true);
        let engine = Engine::new(&config).unwrap();
        let ticking = engine.clone();
        tokio.spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            loop {
                ticks.tick().await;
                ticking.increment_epoch();
            }
        });
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
        let component = Component::from_file(&engine, component).unwrap();
        // This guest uses none of the contract's imports.
        let pre = linker.instantiate_pre(&component).unwrap();
        Self {
            lifecycle: lifecycle::GuestIndices::new(&pre).unwrap(),
            filter: filter::GuestIndices::new(&pre).unwrap(),
            engine,
            linker,
            pre,
            user: User {
                id: 7,
                name: "ada".to_owned(),
                admin: false,
            },
            draft: Draft {
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
            },
        }
    }

    async fn up(&self) -> (Store<State>, lifecycle::Guest, filter::Guest) {
        let state = State {
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            limits: StoreLimitsBuilder::new().memory_size(128 << 20).build(),
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let instance = self.pre.instantiate_async(&mut store).await.unwrap();
        let lifecycle = self.lifecycle.load(&mut store, &instance).unwrap();
        lifecycle
            .call_start(&mut store, &self.user)
            .await
            .unwrap()
            .unwrap();
        let filter = self.filter.load(&mut store, &instance).unwrap();
        (store, lifecycle, filter)
    }
}

/// The same component through the runtime.
async fn ours(component: &Path) -> Arc<dyn Instance> {
    let backend = WasmBackend::new(&Settings::default()).unwrap();
    let plugin = backend.load(component).await.unwrap();
    let grants = Grants::of(&[Permission::FilterMessages]).unwrap();
    let host = Arc::new(MemoryHost::default());
    let instance = plugin
        .instance(setup(&host, grants, Limits::default()))
        .await
        .unwrap();
    instance.start().await.unwrap();
    instance
}

fn draft() -> mortise_runtime::types::Draft {
    use mortise_runtime::types::{Application, Content, Draft};
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

const DEADLINE: Duration = Duration::from_secs(2);

fn calls(criterion: &mut Criterion) {
    let tokio = Runtime::new().unwrap();
    let component = guests::example("echo");
    let raw = Raw::new(&component, &tokio);
    let instance = tokio.block_on(ours(&component));
    let draft = draft();

    let mut warm = criterion.benchmark_group("warm");
    warm.bench_function("raw", |bencher| {
        let (mut store, _, filter) = tokio.block_on(raw.up());
        bencher.iter_custom(|rounds| {
            tokio.block_on(async {
                let begun = Instant::now();
                for _ in 0..rounds {
                    let answer = filter.call_filter(&mut store, &raw.draft).await;
                    black_box(answer.unwrap().unwrap());
                }
                begun.elapsed()
            })
        });
    });
    warm.bench_function("instance", |bencher| {
        bencher.iter_custom(|rounds| {
            tokio.block_on(async {
                let begun = Instant::now();
                for _ in 0..rounds {
                    black_box(instance.filter(&draft, DEADLINE).await.unwrap());
                }
                begun.elapsed()
            })
        });
    });
    warm.finish();

    let mut fresh = criterion.benchmark_group("fresh");
    fresh.bench_function("raw", |bencher| {
        bencher.to_async(&tokio).iter(|| async {
            let (mut store, lifecycle, filter) = raw.up().await;
            let verdict = filter
                .call_filter(&mut store, &raw.draft)
                .await
                .unwrap()
                .unwrap();
            let reason = raw::mortise::plugin::types::StopReason::Idle;
            lifecycle
                .call_stop(&mut store, reason)
                .await
                .unwrap()
                .unwrap();
            black_box(verdict)
        });
    });
    fresh.bench_function("instance", |bencher| {
        bencher.to_async(&tokio).iter(|| async {
            let verdict = instance.filter(&draft, DEADLINE).await.unwrap();
            instance.stop(StopReason::Idle).await.unwrap();
            black_box(verdict)
        });
    });
    fresh.finish();
}

fn load(criterion: &mut Criterion) {
    let tokio = Runtime::new().unwrap();
    let component = guests::example("echo");
    let folder = tempfile::tempdir().unwrap();

    let mut load = criterion.benchmark_group("load");
    let raw = Raw::new(&component, &tokio);
    let code = folder.path().join("raw.cwasm");
    let bytes = std::fs::read(&component).unwrap();
    std::fs::write(&code, raw.engine.precompile_component(&bytes).unwrap()).unwrap();
    load.bench_function("raw", |bencher| {
        bencher.iter(|| {
            let digest = Digest::of(&std::fs::read(&component).unwrap());
            // SAFETY: this engine made the file a moment ago.
            #[expect(unsafe_code, reason = "it is what is measured")]
            let component = unsafe { Component::deserialize_file(&raw.engine, &code) }.unwrap();
            black_box((digest, raw.linker.instantiate_pre(&component).unwrap()))
        });
    });
    let cache = folder.path().join("cache");
    let settings = Settings {
        cache: Some(cache.clone()),
        ..Settings::default()
    };
    let backend = WasmBackend::new(&settings).unwrap();
    let known = PluginDescription::of(&*tokio.block_on(backend.load(&component)).unwrap());
    let is_marked = || {
        let mut files = cache.read_dir().unwrap().map(|file| file.unwrap().path());
        files.any(|file| file.extension().is_some_and(|ending| ending == "checked"))
    };
    // A server finds code that an earlier one made and checked, long ago.
    while !is_marked() {
        tokio
            .block_on(backend.load_again(&component, &known))
            .unwrap();
    }
    load.bench_function("plugin", |bencher| {
        bencher
            .to_async(&tokio)
            .iter(|| async { black_box(backend.load_again(&component, &known).await.unwrap()) });
    });
    load.finish();
}

criterion_group!(all, calls, load);

/// Measures the benchmarks that the command line names, or all.
pub(crate) fn measure() {
    all();
    Criterion::default().configure_from_args().final_summary();
}
