//! The contract's imports, answered by the guard, and the linker that offers
//! them beside WASI and the standard's drafts.

use wasmtime::{
    Engine, StoreContextMut,
    component::{Linker, LinkerInstance},
};

#[cfg(unix)]
use super::files;
use super::{sockets, standard, store::State};
use mortise_runtime::{
    contract,
    log::Source,
    schedule::Timing,
    types::{Content, Level, Outgoing, Schedule, TimerOptions},
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
    for version in contract::VERSIONS {
        // A version adds functions to the one before, and changes none, so that each is
        // served by the same functions.
        let own = |interface: &str| format!("mortise:plugin/{interface}@{version}");
        // It has no functions.
        linker.instance(&own("types"))?;
        messages(&mut linker.instance(&own("messages"))?)?;
        storage(&mut linker.instance(&own("storage"))?)?;
        timers(&mut linker.instance(&own("timers"))?)?;
        log(&mut linker.instance(&own("log"))?)?;
    }
    standard::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// Defines asynchronous functions of an interface.
macro_rules! functions {
    ($instance:expr; $(
        $name:literal |$state:ident $(, $argument:ident: $type:ty)*| $answer:expr;
    )*) => {
        $(
            $instance.func_wrap_async(
                $name,
                |mut store: StoreContextMut<'_, State>, ($($argument,)*): ($($type,)*)| {
                    Box::new(async move {
                        let $state = store.data_mut();
                        Ok(($answer.await,))
                    })
                },
            )?;
        )*
    };
}

fn messages(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    functions! { instance;
        "send" |state, message: Outgoing| state.guard.send(message, state.origin);
        "get" |state, id: u64| state.guard.message(id);
        "sent" |state, before: Option<u64>, limit: u32| state.guard.sent(before, limit);
        "received" |state, before: Option<u64>, limit: u32| state.guard.received(before, limit);
        "remove" |state, id: u64| state.guard.remove_message(id);
        "update" |state, id: u64, content: Content| {
            state.guard.update_message(id, content, state.origin)
        };
        "expire" |state, id: u64, at_ms: Option<u64>| state.guard.expire_message(id, at_ms);
        "send-to" |state, users: Vec<String>, message: Outgoing| {
            state.guard.send_to(&users, message, state.origin)
        };
        "set-image" |state, application: Option<String>, image: Vec<u8>| {
            state.guard.set_image(application.as_deref(), image)
        };
    }
    Ok(())
}

fn storage(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    functions! { instance;
        "get" |state, key: String| state.guard.load(&key);
        "set" |state, key: String, value: Vec<u8>| state.guard.store(&key, value);
        "remove" |state, key: String| state.guard.unset(&key);
        "keys" |state, prefix: String| state.guard.keys(&prefix);
    }
    Ok(())
}

fn timers(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    functions! { instance;
        "set" |state, name: String, when: Schedule| state.guard.set_timer(&name, when.into());
        "set-with" |state, name: String, schedule: Schedule, options: TimerOptions| {
            state.guard.set_timer(&name, Timing { schedule, options })
        };
        "cancel" |state, name: String| state.guard.cancel_timer(&name);
    }
    Ok(())
}

fn log(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap(
        "write",
        |store: StoreContextMut<'_, State>, (level, text): (Level, String)| {
            store.data().guard.log().write(level, Source::Plugin, &text);
            Ok(())
        },
    )
}
