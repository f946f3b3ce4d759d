//! The content of one store: WASI with exactly the granted parts, the bound on
//! memory, and the connection to the guard.

use std::sync::{Arc, Weak};

use wasmtime::{ResourceLimiter, component::ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::{
    active_config::ActiveConfig,
    budget::{Descriptors, FIELD_BYTES, OpenResources},
    outbound::Outbound,
    output::Output,
};
use mortise_runtime::{Guard, Origin, Rights, log::Source, types::Problem};

/// Random bytes that a component may take at a time. The host makes them, and no
/// deadline ends it meanwhile.
const RANDOM_BYTES: u64 = 1 << 20;

/// The state of one store.
pub(super) struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    pub(super) guard: Arc<Guard>,
    pub(super) memory: MemoryLimiter,
    /// Standard error, of which a crash report shows what one call wrote.
    pub(super) stderr: Output,
    files: OpenResources,
    descriptors: Arc<Descriptors>,
    /// That of the messages that the guest sends now.
    pub(super) origin: Origin,
    /// The configuration in force; none before one was applied.
    pub(super) configuration: Option<ActiveConfig>,
}

impl State {
    /// Creates WASI with the granted parts only: no other file, variable or
    /// socket.
    ///
    /// # Errors
    ///
    /// A granted directory that cannot be opened, as a sentence.
    pub(super) fn new(
        guard: Arc<Guard>,
        rights: &Rights,
        descriptors: &Arc<Descriptors>,
    ) -> Result<Self, String> {
        let stderr = Output::new(guard.log().clone(), Source::Stderr);
        let mut wasi = WasiCtxBuilder::new();
        wasi.max_random_size(RANDOM_BYTES);
        wasi.stdout(Output::new(guard.log().clone(), Source::Stdout))
            .stderr(stderr.clone())
            .allow_tcp(false)
            .allow_udp(false);
        for (name, value) in guard.environment() {
            wasi.env(name, value);
        }
        for directory in &rights.grants.host.files {
            let path = &directory.path;
            let access = if directory.writable {
                FsPerms::ReadWrite
            } else {
                FsPerms::ReadOnly
            };
            wasi.preopened_dir(path, path, access).map_err(|error| {
                format!("the granted directory {path} cannot be opened: {error}; create it, or revoke the grant")
            })?;
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(rights.limits.handles as usize);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELD_BYTES);
        Ok(Self {
            table,
            wasi: wasi.build(),
            http,
            outbound: Outbound::new(guard.clone(), descriptors.clone()),
            stderr,
            files: OpenResources::default(),
            descriptors: descriptors.clone(),
            memory: MemoryLimiter::new(rights.limits.memory_bytes, guard.clone()),
            origin: Origin::Plugin,
            configuration: None,
            guard,
        })
    }
}

impl State {
    /// The things of the host that the guest holds.
    pub(super) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// Checks that the configuration in force has values by name.
    pub(super) async fn check_config(&mut self) -> Result<(), Vec<Problem>> {
        let Some(configuration) = &mut self.configuration else {
            return Ok(());
        };
        let checked = configuration.check().await;
        checked.map_err(|text| {
            let path = String::new();
            vec![Problem { path, text }]
        })
    }

    /// Forgets what earlier calls did: what happens from now on is the next
    /// call's.
    pub(super) fn begin_call(&mut self) {
        self.memory.exceeded = false;
        self.stderr.begin_call();
    }
}

#[cfg(unix)]
impl State {
    /// Whether the guest may open one more file.
    pub(super) fn may_open_file(&mut self) -> bool {
        let most = self.guard.in_force().limits.open_files;
        self.files.has_room(most as usize) && self.descriptors.has_room()
    }

    /// Counts a file while it is open.
    pub(super) fn opened_file(&mut self, file: &Arc<std::fs::File>) {
        let file: Weak<std::fs::File> = Arc::downgrade(file);
        self.files.add(file.clone());
        self.descriptors.add(file);
    }
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
            hooks: &mut self.outbound,
        }
    }
}

/// Bounds all memories of a store together, and its tables.
pub(super) struct MemoryLimiter {
    most: u64,
    used: u64,
    /// The size of the growth that was allowed last, which may yet fail.
    growing: u64,
    /// Whether the guest asked for more than it may have, in this call.
    pub(super) exceeded: bool,
    /// Knows the sum, for metrics.
    guard: Arc<Guard>,
}

/// More than any real component has; a table slot takes eight bytes.
const TABLE_ELEMENTS: usize = 100_000;

impl MemoryLimiter {
    fn new(most: u64, guard: Arc<Guard>) -> Self {
        Self {
            most,
            used: 0,
            growing: 0,
            exceeded: false,
            guard,
        }
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        self.guard.memory_shrank(self.used);
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.growing = 0;
        if maximum.is_some_and(|maximum| desired > maximum) {
            // By its own bound: no business of the limit's.
            return Ok(false);
        }
        let more = desired.saturating_sub(current) as u64;
        let used = self.used + more;
        if used > self.most {
            self.exceeded = true;
            return Ok(false);
        }
        self.used = used;
        self.growing = more;
        self.guard.memory_grew(more);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        let failed = std::mem::take(&mut self.growing);
        self.used -= failed;
        self.guard.memory_shrank(failed);
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}
