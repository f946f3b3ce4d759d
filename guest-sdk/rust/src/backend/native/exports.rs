//! Passes the protocol's calls to the plugin's traits.
//!
//! The macro `__export!` expands in the plugin's crate and names the plugin's
//! type and capabilities. All other code is here.

use mortise_protocol::{
    codec::{Codec, EncodeError, Payload},
    message::{Call, Failure, FailureKind, Outgoing},
    methods::{self, Method},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Configurer, Displayer, Filter, Listener, Plugin, Timer, Webhook, config, types::Problem,
};

/// A plugin's type and its exports.
pub trait Exported: Plugin {
    /// The names of the interfaces it exports beside `manifest`.
    const CAPABILITIES: &'static [&'static str];

    /// Calls one of its functions; none if it has no such function.
    fn call(&mut self, call: &Asked) -> Option<Answer>;
}

/// A call of the host to an instance, with the form of its reply.
#[derive(Debug)]
pub struct Asked {
    id: u64,
    method: String,
    traceparent: Option<String>,
    payload: Payload,
    codec: Codec,
    limit: usize,
}

/// The frame of the reply, or the failure.
pub type Answer = Result<Vec<u8>, Failure>;

impl Asked {
    /// A call as it arrived. The host takes frames of at most `limit` bytes.
    pub(super) fn new(call: Call, codec: Codec, limit: usize) -> Self {
        Self {
            id: call.id,
            method: call.method,
            traceparent: call.traceparent,
            payload: call.payload,
            codec,
            limit,
        }
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    /// The trace context of the call; none without a trace.
    pub(super) fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    pub(super) fn is(&self, method: Method) -> bool {
        self.method == method.wire
    }

    pub(super) fn params<P: DeserializeOwned>(&self) -> Result<P, Failure> {
        self.payload
            .params()
            .map_err(|error| methods::bad_params(&self.method, &error))
    }

    pub(super) fn reply<R: Serialize>(&self, result: &R) -> Answer {
        let mut frame = Vec::new();
        let reply = Outgoing::Reply {
            id: self.id,
            result,
        };
        match self.codec.put(&mut frame, self.limit, &reply) {
            Ok(()) => Ok(frame),
            Err(EncodeError::TooLong(_)) => Err(Failure::new(
                FailureKind::Crashed,
                "the answer is longer than the host takes",
            )),
            Err(error) => Err(Failure::new(FailureKind::Crashed, error.to_string())),
        }
    }

    pub(super) fn unknown(&self) -> Failure {
        Failure::new(
            FailureKind::UnknownMethod,
            format!("this plugin has no `{}`", self.method),
        )
    }

    fn refusable<R: Serialize>(&self, result: Result<R, String>) -> Answer {
        match result {
            Ok(result) => self.reply(&result),
            Err(text) => Err(Failure::new(FailureKind::Refused, text)),
        }
    }
}

fn problems(problems: Vec<Problem>) -> Failure {
    let texts: Vec<_> = problems.iter().map(|problem| &*problem.text).collect();
    Failure {
        problems: problems.clone(),
        ..Failure::new(FailureKind::Problems, texts.join("; "))
    }
}

/// `lifecycle`, which every plugin has.
pub fn lifecycle<T: Plugin>(plugin: &mut T, call: &Asked) -> Option<Answer> {
    if call.is(methods::START) {
        let params = call.params::<methods::Start>();
        Some(params.and_then(|params| call.refusable(plugin.start(&params.user))))
    } else if call.is(methods::STOP) {
        let params = call.params::<methods::Stop>();
        Some(params.and_then(|params| call.refusable(plugin.stop(params.reason))))
    } else {
        None
    }
}

/// `configurer`.
pub fn configurer<T: Configurer>(plugin: &mut T, call: &Asked) -> Option<Answer> {
    if call.is(methods::DEFAULTS) {
        Some(call.reply(&T::default_text()))
    } else if call.is(methods::SCHEMA) {
        Some(call.reply(&T::schema()))
    } else if call.is(methods::APPLY) {
        let params = call.params::<methods::Apply>();
        Some(params.and_then(|params| {
            config::from_yaml(&params.config)
                .and_then(|config| plugin.apply(config))
                .map_err(problems)
                .and_then(|()| call.reply(&()))
        }))
    } else {
        None
    }
}

/// `displayer`.
pub fn displayer<T: Displayer>(plugin: &mut T, call: &Asked) -> Option<Answer> {
    call.is(methods::DISPLAY).then(|| {
        let params: methods::Display = call.params()?;
        call.reply(&plugin.display(params.base_url.as_deref()))
    })
}

/// `webhook`.
pub fn webhook<T: Webhook>(plugin: &mut T, call: &Asked) -> Option<Answer> {
    call.is(methods::WEBHOOK).then(|| {
        let params: methods::Webhook = call.params()?;
        call.reply(&plugin.handle(params.request))
    })
}

/// `filter`.
pub fn filter<T: Filter>(plugin: &mut T, call: &Asked) -> Option<Answer> {
    call.is(methods::FILTER).then(|| {
        let params: methods::Filter<'_> = call.params()?;
        call.refusable(plugin.filter(params.draft.into_owned()))
    })
}

/// `listener`.
pub fn listener<T: Listener>(plugin: &mut T, call: &Asked) -> Option<Answer> {
    call.is(methods::ON_MESSAGES).then(|| {
        let params: methods::OnMessages<'_> = call.params()?;
        call.refusable(plugin.on_messages(params.messages.into_owned()))
    })
}

/// `timer`.
pub fn timer<T: Timer>(plugin: &mut T, call: &Asked) -> Option<Answer> {
    call.is(methods::ON_TIMER).then(|| {
        let params: methods::OnTimer = call.params()?;
        call.refusable(plugin.on_timer(&params.name))
    })
}

/// See [`crate::main`]. Serves the host that started this process.
pub fn main<T: Exported>() -> std::process::ExitCode {
    #[cfg(feature = "tracing")]
    crate::events::install();
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
                call: &$crate::__exports::Asked,
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
