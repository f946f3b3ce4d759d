//! The process. One thread reads the host's messages. Each instance has a
//! thread in which its calls run one after another.

use std::{
    backtrace::Backtrace,
    cell::RefCell,
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::ExitCode,
    sync::{Arc, mpsc},
};

use mortise_protocol::{
    SECRET_VARIABLE, SOCKET_VARIABLE,
    message::{Failure, FailureKind},
    methods::{self, Created},
};

use super::{
    Handle,
    exports::{Asked, Exported},
    web,
    wire::{Heard, Incoming, Remote, Wire},
};
use crate::Context;

/// Serves the host that started this process, to the end.
pub(super) fn main<T: Exported>() -> ExitCode {
    let (Some(socket), Ok(secret)) = (
        std::env::var_os(SOCKET_VARIABLE),
        std::env::var(SECRET_VARIABLE),
    ) else {
        let manifest = T::manifest();
        complain(&format!(
            "{} {} is a plugin for Mortise: put it into the server's plugins folder, or attach \
             it with `mortise plugin attach`",
            manifest.name, manifest.version
        ));
        return ExitCode::from(2);
    };
    let (wire, incoming) = match Wire::connect(Path::new(&socket), &secret) {
        Ok(connected) => connected,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    remember_panics();
    Process {
        wire: Arc::new(wire),
        instances: HashMap::new(),
    }
    .serve::<T>(incoming)
}

#[expect(
    clippy::print_stderr,
    reason = "it is how a program says why it does not run"
)]
fn complain(text: &str) {
    eprintln!("{text}");
}

struct Process {
    wire: Arc<Wire>,
    /// The channels for each instance's calls.
    instances: HashMap<u64, mpsc::Sender<Asked>>,
}

impl Process {
    fn serve<T: Exported>(mut self, mut incoming: Incoming) -> ExitCode {
        loop {
            match self.wire.hear(&mut incoming) {
                Ok(Heard::Asked(call, instance)) => {
                    if self.called::<T>(call, instance) {
                        return ExitCode::SUCCESS;
                    }
                }
                Ok(Heard::Cancelled(id)) => {
                    let failure = Failure::new(FailureKind::Cancelled, "the call was cancelled");
                    self.wire.answer(id, &Err(failure));
                }
                // The host is gone or no longer usable.
                Err(_) => {
                    self.wire.close();
                    return ExitCode::SUCCESS;
                }
            }
        }
    }

    /// Answers calls for the process, and passes on the others. Returns true if
    /// the process must end.
    fn called<T: Exported>(&mut self, call: Asked, instance: Option<u64>) -> bool {
        let outcome = if call.is(methods::DESCRIBE) {
            match catch_unwind(T::manifest) {
                Ok(manifest) => call.reply(&manifest),
                Err(_) => Err(crash()),
            }
        } else if call.is(methods::PING) || call.is(methods::SHUTDOWN) {
            call.reply(&())
        } else if call.is(methods::CREATE) {
            match call.params::<methods::Create>() {
                Ok(params) => {
                    self.create::<T>(params.instance, call);
                    return false;
                }
                Err(failure) => Err(failure),
            }
        } else if call.is(methods::DROP) {
            call.params::<methods::Drop>().and_then(|params| {
                // Its thread ends after it has answered its open calls.
                self.instances.remove(&params.instance);
                call.reply(&())
            })
        } else {
            match instance.and_then(|number| self.instances.get(&number)) {
                Some(calls) => {
                    // The thread is there as long as its sender is.
                    let _ = calls.send(call);
                    return false;
                }
                None if instance.is_some() => Err(Failure::new(
                    FailureKind::UnknownInstance,
                    "there is no such instance in this process",
                )),
                None => Err(call.unknown()),
            }
        };
        self.wire.answer(call.id(), &outcome);
        call.is(methods::SHUTDOWN)
    }

    /// Starts an instance's thread, which creates the instance and answers the
    /// call that asks for it.
    fn create<T: Exported>(&mut self, number: u64, call: Asked) {
        let (calls, inbox) = mpsc::channel::<Asked>();
        self.instances.insert(number, calls);
        let wire = Arc::clone(&self.wire);
        std::thread::spawn(move || {
            let host = Remote {
                wire: Arc::clone(&wire),
                instance: number,
            };
            let handle = Handle::new(Arc::new(host));
            #[cfg(feature = "tracing")]
            super::enter(handle.clone());
            let context = Context::new(handle);
            let mut plugin = match catch_unwind(AssertUnwindSafe(|| T::new(context))) {
                Ok(plugin) => plugin,
                Err(_) => return wire.answer(call.id(), &Err(crash())),
            };
            let capabilities = T::CAPABILITIES.iter().map(|&name| name.to_owned());
            let created = Created {
                capabilities: capabilities.collect(),
                concurrent: false,
            };
            wire.answer(call.id(), &call.reply(&created));
            for call in inbox {
                if !wire.is_open(call.id()) {
                    // It was cancelled before its turn.
                    continue;
                }
                web::continue_trace(call.traceparent());
                // The host drops the instance after a panic.
                let outcome = catch_unwind(AssertUnwindSafe(|| plugin.call(&call)));
                let outcome = match outcome {
                    Ok(Some(outcome)) => outcome,
                    Ok(None) => Err(call.unknown()),
                    Err(_) => Err(crash()),
                };
                wire.answer(call.id(), &outcome);
            }
        });
    }
}

thread_local! {
    /// The message and stack of this thread's last panic.
    static PANIC: RefCell<(String, String)> = const { RefCell::new((String::new(), String::new())) };
}

/// Stores a panic's message for the answer, and prints it too.
fn remember_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or("it panicked");
        let place = panic.location().map(ToString::to_string);
        let text = format!("{text} at {}", place.as_deref().unwrap_or("?"));
        let stack = Backtrace::force_capture().to_string();
        PANIC.with_borrow_mut(|last| *last = (text, stack));
        print(panic);
    }));
}

/// The failure of a call that panicked in this thread.
fn crash() -> Failure {
    let (text, mut stack) = PANIC.take();
    stack.truncate(stack.floor_char_boundary(8 << 10));
    Failure {
        details: stack,
        ..Failure::new(FailureKind::Crashed, text)
    }
}
