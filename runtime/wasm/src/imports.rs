//! The contract's imports, answered by the guard, and the linker that offers
//! them beside WASI and the standard's drafts.

use wasmtime::{
    Engine,
    component::{HasSelf, Linker},
};

#[cfg(unix)]
use super::files;
use super::{sockets, standard, store::State};
use crate::bindings::mortise::plugin::{log, messages, storage, timers};
use mortise_runtime::{
    log::Source,
    types::{Error, Level, Message, Outgoing, Schedule},
};

/// The contract's interfaces that a component may import.
pub(super) const PROVIDED: [&str; 5] = [
    "mortise:plugin/log",
    "mortise:plugin/messages",
    "mortise:plugin/storage",
    "mortise:plugin/timers",
    "mortise:plugin/types",
];

/// Everything a component may import.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    linker.allow_shadowing(true);
    sockets::refuse(&mut linker)?;
    #[cfg(unix)]
    files::replace(&mut linker)?;
    linker.allow_shadowing(false);
    crate::bindings::data::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    messages::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    storage::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    timers::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    log::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    standard::add_to_linker(&mut linker)?;
    Ok(linker)
}

impl messages::Host for State {
    async fn send(&mut self, message: Outgoing) -> Result<u64, Error> {
        self.guard.send(message, self.in_filter).await
    }

    async fn get(&mut self, id: u64) -> Result<Option<Message>, Error> {
        self.guard.message(id).await
    }

    async fn sent(&mut self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        self.guard.sent(before, limit).await
    }

    async fn received(&mut self, before: Option<u64>, limit: u32) -> Result<Vec<Message>, Error> {
        self.guard.received(before, limit).await
    }

    async fn remove(&mut self, id: u64) -> Result<(), Error> {
        self.guard.remove_message(id).await
    }
}

impl storage::Host for State {
    async fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, Error> {
        self.guard.load(&key).await
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), Error> {
        self.guard.store(&key, value).await
    }

    async fn remove(&mut self, key: String) -> Result<(), Error> {
        self.guard.unset(&key).await
    }

    async fn keys(&mut self, prefix: String) -> Result<Vec<String>, Error> {
        self.guard.keys(&prefix).await
    }
}

impl timers::Host for State {
    async fn set(&mut self, name: String, when: Schedule) -> Result<(), Error> {
        self.guard.set_timer(&name, when).await
    }

    async fn cancel(&mut self, name: String) -> Result<(), Error> {
        self.guard.cancel_timer(&name).await
    }
}

impl log::Host for State {
    async fn write(&mut self, level: Level, text: String) {
        self.guard.log().write(level, Source::Plugin, &text);
    }
}
