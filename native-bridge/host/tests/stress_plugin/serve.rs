//! Answers calls, each in a thread of its own. The behaviour given to the
//! process and each instance's configuration say what goes wrong.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, atomic::Ordering},
};

use serde_json::{Value, json};

use crate::{birth::forever, deeds, wire::Wire};

#[derive(Clone, Default)]
struct Instance {
    user: String,
    base_path: String,
    config: String,
}

struct Plugin {
    wire: Wire,
    behaviour: String,
    instances: Mutex<HashMap<u64, Instance>>,
    /// Calls of the host that were answered because they were cancelled.
    cancelled: Mutex<HashSet<u64>>,
}

pub(crate) fn serve(wire: Wire) {
    let behaviour = std::env::args().nth(1).unwrap_or_default();
    let plugin = Arc::new(Plugin {
        wire,
        behaviour,
        instances: Mutex::default(),
        cancelled: Mutex::default(),
    });
    while let Some(message) = plugin.wire.hear() {
        match message["type"].as_str() {
            Some("call") => plugin.called(message),
            Some("cancel") if plugin.behaviour != "ignores-cancel" => {
                let id = message["id"].as_u64().unwrap();
                plugin.cancelled.lock().unwrap().insert(id);
                plugin.wire.say(&json!({
                    "type": "error", "id": id,
                    "error": {"kind": "cancelled", "text": "cancelled"},
                }));
            }
            Some("reply" | "error") => plugin.wire.answered(message),
            _ => {}
        }
    }
    if plugin.wire.lingers.load(Ordering::Relaxed) || plugin.behaviour == "ignores-term" {
        forever();
    }
}

impl Plugin {
    fn called(self: &Arc<Self>, call: Value) {
        let method = call["method"].as_str().unwrap().to_owned();
        if self.behaviour == format!("exits-at:{method}") {
            println!("leaving at {method}");
            std::process::exit(4);
        }
        if self.behaviour == format!("hangs-at:{method}") {
            return;
        }
        let plugin = Arc::clone(self);
        std::thread::spawn(move || {
            let id = call["id"].as_u64().unwrap();
            let outcome = plugin.answer(&method, &call);
            if plugin.cancelled.lock().unwrap().remove(&id) {
                return;
            }
            plugin.wire.say(&match outcome {
                Ok(result) => json!({"type": "reply", "id": id, "result": result}),
                Err(error) => json!({"type": "error", "id": id, "error": error}),
            });
            if method == "process.shutdown" && !plugin.behaviour.starts_with("ignores") {
                std::process::exit(0);
            }
        });
    }

    fn answer(&self, method: &str, call: &Value) -> Result<Value, Value> {
        let number = call["instance"].as_u64();
        let params = &call["params"];
        let Instance {
            user,
            base_path,
            config,
        } = {
            let instances = self.instances.lock().unwrap();
            let known = number.and_then(|number| instances.get(&number));
            known.cloned().unwrap_or_default()
        };
        if !matches!(method, "health.ping" | "webhook.handle") {
            let who = params["user"]["name"].as_str().unwrap_or(&user);
            println!("call {method} {who}");
        }
        let number = number.unwrap_or_default();
        match method {
            "manifest.describe" => Ok(self.describe()),
            "instance.create" => {
                let instance = Instance {
                    user: params["user"]["name"].as_str().unwrap().to_owned(),
                    base_path: params["base_path"].as_str().unwrap().to_owned(),
                    config: String::new(),
                };
                let number = params["instance"].as_u64().unwrap();
                self.instances.lock().unwrap().insert(number, instance);
                Ok(json!({
                    "capabilities": [
                        "lifecycle", "configurer", "displayer", "webhook", "filter", "listener",
                        "timer", "something-newer",
                    ],
                    "concurrent": self.behaviour == "concurrent",
                }))
            }
            "instance.drop" => {
                let number = params["instance"].as_u64().unwrap();
                self.instances.lock().unwrap().remove(&number);
                Ok(Value::Null)
            }
            "lifecycle.start" => match config.as_str() {
                "refuse start" => Err(json!({"kind": "refused", "text": "not today"})),
                "exit at start" => std::process::exit(5),
                "panic at start" => Err(json!({
                    "kind": "crashed", "text": "index out of bounds", "details": "at line 1",
                })),
                _ => Ok(Value::Null),
            },
            "configurer.defaults" => Ok(json!("# nothing\n")),
            "configurer.schema" => Ok(Value::Null),
            "configurer.apply" => {
                let config = params["config"].as_str().unwrap();
                if config == "bad" {
                    return Err(json!({
                        "kind": "problems", "text": "1 problem",
                        "problems": [{"path": "a", "text": "is bad"}],
                    }));
                }
                let mut instances = self.instances.lock().unwrap();
                instances.get_mut(&number).unwrap().config = config.to_owned();
                Ok(Value::Null)
            }
            "displayer.display" => Ok(json!(format!(
                "{user} with `{config}` at {}{base_path}",
                params["base_url"].as_str().unwrap_or("nowhere")
            ))),
            "webhook.handle" => deeds::handle(&self.wire, call),
            "filter.filter" => filter(&params["draft"]["content"]),
            "listener.on_messages" => {
                for message in params["messages"].as_array().unwrap() {
                    println!("message {}", message["content"]["body"]);
                }
                Ok(Value::Null)
            }
            "timer.on_timer" => Err(json!({"kind": "refused", "text": params["name"]})),
            "lifecycle.stop" | "health.ping" | "process.shutdown" => Ok(Value::Null),
            other => Err(json!({"kind": "unknown_method", "text": other})),
        }
    }

    fn describe(&self) -> Value {
        let id = match self.behaviour.as_str() {
            "bad-id" => "Not An Id",
            _ => "io.mortise.stress",
        };
        if self.behaviour == "bad-manifest" {
            return json!({"name": "no id"});
        }
        json!({
            "id": id, "name": "Stress", "version": "1.0.0",
            "wants": [{"permission": "webhook", "reason": "To be told what to do."}],
        })
    }
}

fn filter(content: &Value) -> Result<Value, Value> {
    let body = content["body"].as_str().unwrap();
    match body {
        "drop me" => Ok(json!({"drop": "asked to"})),
        "refuse me" => Err(json!({"kind": "refused", "text": "cannot decide"})),
        "empty me" => Ok(json!({"replace": {"title": "", "body": "", "priority": 0}})),
        "nonsense" => Ok(json!({"shred": 1})),
        _ if body.starts_with("keep") => Ok(json!("keep")),
        _ => {
            let mut content = content.clone();
            content["body"] = json!(body.to_uppercase());
            Ok(json!({"replace": content}))
        }
    }
}
