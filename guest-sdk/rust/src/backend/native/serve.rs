//! The process. One thread reads the host's messages. Each instance has a
//! thread in which its calls run one after another.

use std::{
    backtrace::Backtrace,
    cell::RefCell,
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, mpsc},
};

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Handle,
    exports::{Answer, Call, Exported, failure},
    wire::{Received, Remote, Wire, lock},
};
use crate::Context;

/// Serves the host that started this process, to the end.
pub(super) fn main<T: Exported>() -> ExitCode {
    let (Some(socket), Ok(secret)) = (
        std::env::var_os("MORTISE_SOCKET"),
        std::env::var("MORTISE_SECRET"),
    ) else {
        let manifest = T::manifest();
        complain(&format!(
            "{} {} is a plugin for Mortise: put it into the server's plugins folder, or attach \
             it with `mortise plugin attach`",
            manifest.name, manifest.version
        ));
        return ExitCode::from(2);
    };
    let wire = match Wire::connect(Path::new(&socket), &secret) {
        Ok(wire) => Arc::new(wire),
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    remember_panics();
    Process {
        wire,
        open: Arc::default(),
        instances: HashMap::new(),
    }
    .serve::<T>()
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
    /// The host's calls that are not answered yet.
    open: Arc<Mutex<HashSet<u64>>>,
    /// The channels for each instance's calls.
    instances: HashMap<u64, mpsc::Sender<(u64, Call)>>,
}

impl Process {
    fn serve<T: Exported>(mut self) -> ExitCode {
        loop {
            let Ok(message) = self.wire.hear() else {
                // The host is gone or no longer usable.
                return ExitCode::SUCCESS;
            };
            match message.kind.as_str() {
                "call" => {
                    lock(&self.open).insert(message.id);
                    if self.called::<T>(message) {
                        return ExitCode::SUCCESS;
                    }
                }
                "cancel" => {
                    let error = failure("cancelled", "the call was cancelled");
                    answer(&self.wire, &self.open, message.id, &Err(error));
                }
                "reply" | "error" => self.wire.answered(message),
                _ => {}
            }
        }
    }

    /// Answers calls for the process, and passes on the others. Returns true if
    /// the process must end.
    fn called<T: Exported>(&mut self, message: Received) -> bool {
        let Received {
            id,
            method,
            instance,
            params,
            ..
        } = message;
        let number = |params: &Value| params.get("instance").and_then(Value::as_u64);
        let outcome = match method.as_str() {
            "manifest.describe" => match catch_unwind(T::manifest) {
                Ok(manifest) => json_value(&manifest),
                Err(_) => Err(crash()),
            },
            "health.ping" | "process.shutdown" => Ok(Value::Null),
            "instance.create" => match number(&params) {
                Some(number) => {
                    self.create::<T>(number, id);
                    return false;
                }
                None => Err(failure("invalid", "the parameter `instance` is missing")),
            },
            "instance.drop" => {
                // Its thread ends after it has answered its open calls.
                number(&params).map(|number| self.instances.remove(&number));
                Ok(Value::Null)
            }
            _ => match instance.and_then(|number| self.instances.get(&number)) {
                Some(calls) => {
                    // The thread is there as long as its sender is.
                    let _ = calls.send((id, Call { method, params }));
                    return false;
                }
                None if instance.is_some() => Err(failure(
                    "unknown_instance",
                    "there is no such instance in this process",
                )),
                None => Err(unknown(&method)),
            },
        };
        answer(&self.wire, &self.open, id, &outcome);
        method == "process.shutdown"
    }

    /// Starts an instance's thread, which creates the instance and answers the
    /// call `id`.
    fn create<T: Exported>(&mut self, number: u64, id: u64) {
        let (calls, inbox) = mpsc::channel::<(u64, Call)>();
        self.instances.insert(number, calls);
        let (wire, open) = (Arc::clone(&self.wire), Arc::clone(&self.open));
        std::thread::spawn(move || {
            let host = Remote {
                wire: Arc::clone(&wire),
                instance: number,
            };
            let context = Context::new(Handle::new(Arc::new(host)));
            let mut plugin = match catch_unwind(AssertUnwindSafe(|| T::new(context))) {
                Ok(plugin) => plugin,
                Err(_) => return answer(&wire, &open, id, &Err(crash())),
            };
            let made = json!({"capabilities": T::CAPABILITIES, "concurrent": false});
            answer(&wire, &open, id, &Ok(made));
            for (id, call) in inbox {
                if !lock(&open).contains(&id) {
                    // It was cancelled before its turn.
                    continue;
                }
                // The host drops the instance after a panic.
                let outcome = catch_unwind(AssertUnwindSafe(|| plugin.call(&call)));
                let outcome = match outcome {
                    Ok(Some(outcome)) => outcome,
                    Ok(None) => Err(unknown(&call.method)),
                    Err(_) => Err(crash()),
                };
                answer(&wire, &open, id, &outcome);
            }
        });
    }
}

fn unknown(method: &str) -> Value {
    failure("unknown_method", &format!("this plugin has no `{method}`"))
}

fn json_value<V: Serialize>(value: &V) -> Answer {
    serde_json::to_value(value).map_err(|error| failure("crashed", &error.to_string()))
}

/// Answers a call that was not answered by its cancellation.
fn answer(wire: &Wire, open: &Mutex<HashSet<u64>>, id: u64, outcome: &Answer) {
    if !lock(open).remove(&id) {
        return;
    }
    let said = match outcome {
        Ok(result) => wire.say(&json!({"type": "reply", "id": id, "result": result})),
        Err(error) => wire.say(&json!({"type": "error", "id": id, "error": error})),
    };
    if !said {
        let error = failure("crashed", "the answer is longer than the host takes");
        wire.say(&json!({"type": "error", "id": id, "error": error}));
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
fn crash() -> Value {
    let (text, stack) = PANIC.take();
    let most = stack.floor_char_boundary(8 << 10);
    json!({
        "kind": "crashed", "text": text, "details": stack.get(..most).unwrap_or_default(),
    })
}
