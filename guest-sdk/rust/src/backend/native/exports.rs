//! Passes the protocol's calls to the plugin's traits.
//!
//! The macro `__export!` expands in the plugin's crate and names the plugin's
//! type and capabilities. All other code is here.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    Configurer, Displayer, Filter, Listener, Plugin, Timer, Webhook, config,
    types::{Draft, Message, Problem, StopReason, User, WebhookRequest},
};

/// A plugin's type and its exports.
pub trait Exported: Plugin {
    /// The names of the interfaces it exports beside `manifest`.
    const CAPABILITIES: &'static [&'static str];

    /// Calls one of its functions; none if it has no such function.
    fn call(&mut self, call: &Call) -> Option<Answer>;
}

/// A call of the host to an instance.
#[derive(Debug)]
pub struct Call {
    /// The function's name.
    pub method: String,
    /// An object.
    pub params: Value,
}

/// The result, or the failure in the protocol's form.
pub type Answer = Result<Value, Value>;

impl Call {
    fn parameter<P: DeserializeOwned>(&self, name: &str) -> Result<P, Value> {
        let value = self.params.get(name).cloned().unwrap_or_default();
        serde_json::from_value(value)
            .map_err(|error| failure("invalid", &format!("the parameter `{name}`: {error}")))
    }
}

/// A failure in the protocol's form.
pub(super) fn failure(kind: &str, text: &str) -> Value {
    json!({"kind": kind, "text": text})
}

fn value<R: Serialize>(result: &R) -> Answer {
    serde_json::to_value(result).map_err(|error| failure("crashed", &error.to_string()))
}

fn refusable<R: Serialize>(result: Result<R, String>) -> Answer {
    match result {
        Ok(result) => value(&result),
        Err(text) => Err(failure("refused", &text)),
    }
}

fn problems(problems: &[Problem]) -> Value {
    let text = problems
        .iter()
        .map(|problem| problem.text.as_str())
        .collect::<Vec<_>>()
        .join("; ");
    json!({"kind": "problems", "text": text, "problems": problems})
}

/// `lifecycle`, which every plugin has.
pub fn lifecycle<T: Plugin>(plugin: &mut T, call: &Call) -> Option<Answer> {
    Some(match call.method.as_str() {
        "lifecycle.start" => call
            .parameter::<User>("user")
            .and_then(|user| refusable(plugin.start(&user))),
        "lifecycle.stop" => call
            .parameter::<StopReason>("reason")
            .and_then(|reason| refusable(plugin.stop(reason))),
        _ => return None,
    })
}

/// `configurer`.
pub fn configurer<T: Configurer>(plugin: &mut T, call: &Call) -> Option<Answer> {
    Some(match call.method.as_str() {
        "configurer.defaults" => value(&T::default_text()),
        "configurer.schema" => value(&T::schema()),
        "configurer.apply" => call.parameter::<String>("config").and_then(|text| {
            config::from_yaml(&text)
                .and_then(|config| plugin.apply(config))
                .map(|()| Value::Null)
                .map_err(|wrong| problems(&wrong))
        }),
        _ => return None,
    })
}

/// `displayer`.
pub fn displayer<T: Displayer>(plugin: &mut T, call: &Call) -> Option<Answer> {
    (call.method == "displayer.display").then(|| {
        let base_url = call.parameter::<Option<String>>("base_url")?;
        value(&plugin.display(base_url.as_deref()))
    })
}

/// `webhook`.
pub fn webhook<T: Webhook>(plugin: &mut T, call: &Call) -> Option<Answer> {
    (call.method == "webhook.handle").then(|| {
        let request = call.parameter::<WebhookRequest>("request")?;
        value(&plugin.handle(request))
    })
}

/// `filter`.
pub fn filter<T: Filter>(plugin: &mut T, call: &Call) -> Option<Answer> {
    (call.method == "filter.filter").then(|| {
        let draft = call.parameter::<Draft>("draft")?;
        refusable(plugin.filter(draft))
    })
}

/// `listener`.
pub fn listener<T: Listener>(plugin: &mut T, call: &Call) -> Option<Answer> {
    (call.method == "listener.on_messages").then(|| {
        let messages = call.parameter::<Vec<Message>>("messages")?;
        refusable(plugin.on_messages(messages))
    })
}

/// `timer`.
pub fn timer<T: Timer>(plugin: &mut T, call: &Call) -> Option<Answer> {
    (call.method == "timer.on_timer").then(|| {
        let name = call.parameter::<String>("name")?;
        refusable(plugin.on_timer(&name))
    })
}

/// See [`crate::main`]. Serves the host that started this process.
pub fn main<T: Exported>() -> std::process::ExitCode {
    #[cfg(unix)]
    {
        super::serve::main::<T>()
    }
    #[cfg(not(unix))]
    {
        let _ = T::CAPABILITIES;
        std::process::ExitCode::from(2)
    }
}

/// See [`crate::export`].
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($plugin:ident: $($capability:ident)*) => {
        impl $crate::__exports::Exported for $plugin {
            const CAPABILITIES: &'static [&'static str] = &[
                "lifecycle",
                $($crate::__export_capability!(name $capability),)*
            ];

            fn call(
                &mut self,
                call: &$crate::__exports::Call,
            ) -> ::std::option::Option<$crate::__exports::Answer> {
                $crate::__exports::lifecycle(self, call)
                    $(.or_else(|| {
                        $crate::__export_capability!(function $capability)(self, call)
                    }))*
            }
        }
    };
}

/// See [`crate::export`].
#[doc(hidden)]
#[macro_export]
macro_rules! __export_capability {
    (name Configurer) => {
        "configurer"
    };
    (name Displayer) => {
        "displayer"
    };
    (name Webhook) => {
        "webhook"
    };
    (name Filter) => {
        "filter"
    };
    (name Listener) => {
        "listener"
    };
    (name Timer) => {
        "timer"
    };
    (function Configurer) => {
        $crate::__exports::configurer
    };
    (function Displayer) => {
        $crate::__exports::displayer
    };
    (function Webhook) => {
        $crate::__exports::webhook
    };
    (function Filter) => {
        $crate::__exports::filter
    };
    (function Listener) => {
        $crate::__exports::listener
    };
    (function Timer) => {
        $crate::__exports::timer
    };
}
