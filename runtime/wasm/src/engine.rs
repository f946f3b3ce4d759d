//! Wasmtime's settings, and what all plugins of a backend share.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{AcqRel, Acquire, Release},
        },
    },
    thread::JoinHandle,
    time::Duration,
};

use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails, component::Linker,
};

use super::{
    budget::Descriptors,
    cache::Cache,
    imports,
    profile::{self, Profile},
    settings::Settings,
    store::State,
};
use mortise_runtime::Limits;

/// The engine could not be set up; the text names the missing feature.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Wasmtime refused.
    #[error("the WebAssembly engine could not be set up on this machine: {0:#}")]
    Engine(wasmtime::Error),
    /// The cache folder cannot be used.
    #[error(
        "the cache folder {folder} cannot be used: {error}; make it writable for this user, or choose another"
    )]
    Cache {
        /// The folder.
        folder: String,
        /// The cause.
        error: std::io::Error,
    },
}

/// The parts that all plugins of a backend share.
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) linker: Linker<State>,
    pub(super) cache: Option<Cache>,
    pub(super) ticker: Ticker,
    pub(super) component_bytes: u64,
    pub(super) describe: Limits,
    pub(super) descriptors: Arc<Descriptors>,
    pub(super) profile: Option<Arc<Profile>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Shared")
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(settings: &Settings) -> Result<Self, EngineError> {
        let engine = engine(settings.instances).map_err(EngineError::Engine)?;
        let cache = settings
            .cache
            .as_deref()
            .map(|folder| {
                Cache::open(folder, &engine, settings.cache_bytes).map_err(|error| {
                    EngineError::Cache {
                        folder: Path::display(folder).to_string(),
                        error,
                    }
                })
            })
            .transpose()?;
        Ok(Self {
            linker: imports::linker(&engine).map_err(EngineError::Engine)?,
            ticker: Ticker::start(
                engine.clone(),
                settings
                    .profile
                    .as_ref()
                    .map_or(TICK, |_| profile::INTERVAL),
            ),
            profile: settings.profile.clone(),
            cache,
            component_bytes: settings.component_bytes,
            describe: settings.describe.clone(),
            descriptors: Arc::new(Descriptors::new()),
            engine,
        })
    }
}

/// A pooling engine, or where the machine does not let that much address space
/// be reserved, one that allocates on demand: slower, not different.
fn engine(instances: u32) -> wasmtime::Result<Engine> {
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
    Engine::new(&config).or_else(|error| {
        tracing::warn!(
            "instances are allocated on demand, which is slower: {error:#}; \
             allow the process more virtual memory (`ulimit -v`) to avoid this"
        );
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        Engine::new(&config)
    })
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .cranelift_opt_level(OptLevel::Speed)
        // Guests yield at each tick, so that one that computes for long neither
        // blocks a thread of the host nor escapes its deadline.
        .epoch_interruption(true)
        .memory_init_cow(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    // A component of a scripting language is built of some twenty core
    // instances around one memory; a table's slots cost only address space.
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(32))
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(4))
        .total_stacks(instances.saturating_mul(2))
        .max_memories_per_component(8)
        .max_tables_per_component(32)
        .table_elements(100_000)
        // Clearing this much by hand is cheaper than asking the kernel to.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10);
    pool
}

/// The interval at which running guests must yield.
const TICK: Duration = Duration::from_millis(10);

/// Idle ticks before the ticker sleeps until the next call.
const IDLE_TICKS: u32 = 100;

/// Advances the engine's epoch while guests run, and sleeps while none do.
pub(super) struct Ticker {
    state: Arc<Ticking>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Ticking {
    /// True if a guest ran since the last tick.
    ran: AtomicBool,
    /// True if the thread sleeps or is about to.
    parked: AtomicBool,
    stop: AtomicBool,
}

impl Ticker {
    fn start(engine: Engine, tick: Duration) -> Self {
        let state = Arc::new(Ticking::default());
        let ticking = state.clone();
        let thread = std::thread::Builder::new()
            .name("wasm-ticker".to_owned())
            .spawn(move || ticking.run(&engine, tick))
            .inspect_err(|error| {
                tracing::error!("guests that compute for long cannot be interrupted: {error}");
            })
            .ok();
        Self { state, thread }
    }

    /// Notes that a guest runs from now until its next yield, so that the epoch
    /// advances meanwhile.
    ///
    /// This is part of each call, so it does without atomic operations other
    /// than plain loads and stores. `Ticking::run` says why they are enough.
    pub(super) fn guest_runs(&self) {
        if !self.state.ran.load(Acquire) {
            self.state.ran.store(true, Release);
        }
        if self.state.parked.load(Acquire)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.stop.store(true, Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It ends within two ticks; nothing depends on it.
        }
    }
}

impl Ticking {
    fn run(&self, engine: &Engine, interval: Duration) {
        let tick = || {
            std::thread::sleep(interval);
            engine.increment_epoch();
        };
        let mut idle = 0;
        while !self.stop.load(Acquire) {
            tick();
            idle = if self.ran.swap(false, AcqRel) {
                0
            } else {
                idle + 1
            };
            if idle > IDLE_TICKS {
                self.parked.store(true, Release);
                // A guest that began a moment ago may have read `parked` before
                // this, while its own store was still on its way. A tick is
                // more than long enough for that store to arrive.
                tick();
                if !self.ran.load(Acquire) && !self.stop.load(Acquire) {
                    std::thread::park();
                }
                self.parked.store(false, Release);
                idle = 0;
            }
        }
    }
}
