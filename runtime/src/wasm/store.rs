//! What one store holds: WASI with exactly what was granted, the bound on
//! memory, and the way to the guard.

use std::sync::Arc;

use wasmtime::{ResourceLimiter, component::ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::{outbound::Outbound, output::Output};
use crate::{Guard, Rights, log::Source};

/// The state of one store.
pub(super) struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    pub(super) guard: Arc<Guard>,
    pub(super) memory: MemoryLimiter,
    /// Whether the guest is inside its `filter`.
    pub(super) in_filter: bool,
}

impl State {
    /// What was granted and nothing else: no file, no variable, no socket.
    ///
    /// # Errors
    ///
    /// A granted directory that cannot be opened, as a sentence.
    pub(super) fn new(guard: Arc<Guard>, rights: &Rights) -> Result<Self, String> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(Output::new(guard.log().clone(), Source::Stdout))
            .stderr(Output::new(guard.log().clone(), Source::Stderr))
            .allow_tcp(false)
            .allow_udp(false);
        for (name, value) in guard.environment() {
            wasi.env(name, value);
        }
        for directory in &rights.grants.files {
            let path = &directory.path;
            let access = if directory.writable {
                FsPerms::ReadWrite
            } else {
                FsPerms::ReadOnly
            };
            wasi.preopened_dir(path, path, access).map_err(|error| {
                format!("the granted directory {path} cannot be opened: {error}; make it, or take the grant back")
            })?;
        }
        Ok(Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound: Outbound::new(guard.clone()),
            memory: MemoryLimiter::new(rights.limits.memory_bytes),
            in_filter: false,
            guard,
        })
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
    /// Whether the guest asked for more than it may have.
    pub(super) exceeded: bool,
}

/// More than any real component has; a table slot takes eight bytes.
const TABLE_ELEMENTS: usize = 100_000;

impl MemoryLimiter {
    fn new(most: u64) -> Self {
        Self {
            most,
            used: 0,
            exceeded: false,
        }
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used + desired.saturating_sub(current) as u64;
        if used > self.most {
            self.exceeded = true;
            return Ok(false);
        }
        self.used = used;
        Ok(true)
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
