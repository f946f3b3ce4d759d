//! `wasi:logging/logging`: entries of the instance's log.

use wasmtime::{
    StoreContextMut,
    component::{ComponentType, Lift, Linker},
};

use crate::store::State;
use mortise_runtime::{log::Source, text::cut, types};

pub(super) const VERSION: &str = "0.1.0-draft";

/// The longest context of an entry, in bytes: the rest is left for its message.
const CONTEXT_BYTES: usize = 256;

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "the guest makes them")]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

impl From<Level> for types::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            // The log has no higher one.
            Level::Error | Level::Critical => Self::Error,
        }
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker
        .instance(&format!("wasi:logging/logging@{VERSION}"))?
        .func_wrap(
            "log",
            |store: StoreContextMut<'_, State>,
             (level, context, message): (Level, String, String)| {
                let text = match context.as_str() {
                    "" => message,
                    context => format!("[{}] {message}", cut(context, CONTEXT_BYTES)),
                };
                let log = store.data().guard.log();
                log.write(level.into(), Source::Plugin, &text);
                Ok(())
            },
        )
}
